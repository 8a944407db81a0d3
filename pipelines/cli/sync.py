"""`jobledger sync`."""

import json
import sys

import click

from jobledger.pipelines.cli.shared import pass_project, stopping, until_closed
from jobledger.pipelines.project import Project


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--kind", "kinds", multiple=True, help="Only this kind of jobs; may be repeated.")
@click.option("--full", is_flag=True, help="Walk every listing to its end.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait this long for another sync to end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the runs as one JSON array.")
@pass_project
def command(
    project: Project,
    sources: tuple[str, ...],
    kinds: tuple[str, ...],
    full: bool,  # noqa: FBT001 - click's
    wait: float,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Sync all sources, or those named, into the ledger.

    Reads what each provider lists now, adds what is new or changed to the ledger, and publishes
    it to readers. Progress goes to stderr.
    """
    from jobledger.pipelines.output.grid import is_watched
    from jobledger.pipelines.sync.progress import closing_line, plain, shown
    from jobledger.pipelines.sync.project_sync import exit_of, sync_project

    is_live = is_watched(sys.stderr) and not as_json
    with stopping() as stop, shown(sys.stderr, is_live=is_live) as watcher:
        result = sync_project(
            project,
            names=sources,
            kinds=kinds,
            is_full=full,
            wait=wait,
            watcher=watcher,
            stop=stop.event,
        )
    with until_closed():
        for note in result.notes:
            click.echo(note, err=True)
        if as_json:
            click.echo(json.dumps([plain(run) for run in result.runs], indent=2))
        else:
            click.echo(closing_line(result.runs))
    raise SystemExit(stop.exit_code or exit_of(result))
