"""`jobledger demo`."""

import click

from jobledger.pipelines.cli.shared import Invocation, debug_option, project_option


@click.command()
@project_option("The folder to make the demo in; ./jobledger-demo if not told.")
@debug_option
@click.option("--now", hidden=True, help="The demo's present moment, for output that stays.")
@click.pass_context
def command(ctx: click.Context, now: str | None) -> None:
    """Sync a made-up world of jobs twice, and show their health. Needs no account or network.

    Starts the bundled provider emulator, syncs six kinds of jobs from it as they were six days
    ago and as they are now, and shows the health summary. The ledger stays in ./jobledger-demo to
    be queried; the next demo replaces it. A sync that fails ends it, with the sync's exit code.
    """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path

    from jobledger.pipelines.demo import BETWEEN, FOLDER, demo_project, stand_still, synced_twice
    from jobledger.pipelines.output.grid import is_watched
    from jobledger.pipelines.report import show
    from jobledger.pipelines.sync.progress import closing_line, shown
    from jobledger.pipelines.sync.project_sync import exit_of, sync_project
    from jobledger.sources._provider.clock import Clock

    present = datetime.fromisoformat(now) if now else datetime.now(UTC)
    folder = Path(ctx.ensure_object(Invocation).project or FOLDER).absolute()
    project = demo_project(folder)

    def sync(clock: Clock) -> None:
        at = clock.now()
        click.echo(f"syncing the world as it was on {at:%A %d %B, %H:%M} UTC", err=True)
        with shown(sys.stderr, is_live=is_watched(sys.stderr)) as watcher:
            result = sync_project(project, watcher=watcher, clock=clock)
        for note in result.notes:
            click.echo(note, err=True)
        click.echo(closing_line(result.runs), err=True)
        if code := exit_of(result):
            click.echo("jobledger: a sync of the demo failed, as it says above", err=True)
            raise SystemExit(code)
        if at < present - BETWEEN / 2:
            click.echo(f"\n{BETWEEN.days} days pass there …\n", err=True)

    synced_twice(project, present, sync)
    if now:
        stand_still(project, present)
    click.echo(err=True)
    show(project)
    # as it was typed, since a clone's command is not on the path
    typed = (
        sys.argv[0] if "/" in sys.argv[0] and not Path(sys.argv[0]).is_absolute() else "jobledger"
    )
    shown_folder = FOLDER if folder == Path(FOLDER).absolute() else folder
    click.echo(
        f"\nThe ledger is {shown_folder}/jobs.duckdb. Ask it anything:\n"
        f"  {typed} --project {shown_folder} query success_rates\n"
        f"  {typed} --project {shown_folder} report -o report.html",
        err=True,
    )
