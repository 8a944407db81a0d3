"""`jobledger schedule`."""

import sys

import click

from jobledger.pipelines.cli.shared import pass_project, stopping
from jobledger.pipelines.errors import ConfigError, line_and_code
from jobledger.pipelines.project import Project


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--every", metavar="SPAN", help="From one start to the next: 15m, 1h, 1d.")
@click.option("--cron", metavar="EXPRESSION", help="Five fields, in local time: '15 * * * *'.")
@click.option(
    "--jitter",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Start up to so much later, at random; a twentieth of the span and 60 s at the most"
    " unless told.",
)
@click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Log as plain text or as JSON lines, on stderr.",
)
@pass_project
def command(
    project: Project,
    sources: tuple[str, ...],
    every: str | None,
    cron: str | None,
    jitter: float | None,
    log: str,
) -> None:
    """Sync again and again, until stopped with Ctrl-C or SIGTERM.

    Without --every or --cron, as [schedule] in .dlt/config.toml says. A sync that was slept
    through is caught up once. A sync that fails is logged, and the next one comes all the same.
    'jobledger status' shows whether the schedule is alive.
    """
    from datetime import UTC, datetime

    from jobledger.pipelines.sync.assignments import assignments
    from jobledger.pipelines.sync.progress import JsonLines, Lines
    from jobledger.pipelines.sync.project_sync import sync_project
    from jobledger.pipelines.sync.rhythm import configured, rhythm
    from jobledger.pipelines.sync.schedule import Schedule

    if every and cron:
        raise ConfigError("--every and --cron contradict each other: expected one of them")
    chosen = rhythm(every, cron) if every or cron else configured(project)
    if chosen is None:
        raise ConfigError(
            "no rhythm is set: expected --every 1h, --cron '15 * * * *', or every = \"1h\" under"
            " [schedule] in .dlt/config.toml"
        )
    # what is wrong with the settings now is better heard now
    assignments(project, sources)
    watcher = JsonLines(sys.stderr) if log == "json" else Lines(sys.stderr, is_timed=True)
    with stopping() as stop:

        def sync() -> None:
            try:
                result = sync_project(
                    Project(project.folder),
                    names=sources,
                    # whoever holds the ledger is done before long; a day is long to be skipped
                    wait=chosen.seconds / 2,
                    watcher=watcher,
                    stop=stop.event,
                    schedule=chosen.seconds,
                )
            except Exception as error:  # noqa: BLE001 - the next sync may well go better
                watcher.failed(line_and_code(error)[0])
            else:
                watcher.finished(result.runs, result.notes)

        Schedule(
            rhythm=chosen,
            sync=sync,
            folder=project.make_state_dir(),
            now=lambda: datetime.now(UTC),
            stop=stop.event,
            jitter=min(60.0, chosen.seconds / 20) if jitter is None else jitter,
            on_wait=lambda at: watcher.due(at, str(chosen)),
            sources=sources,
        ).run()
        watcher.stopped()
    raise SystemExit(stop.exit_code)
