"""`jobledger status`."""

from typing import Any, Final

import click

from jobledger.pipelines.cli.shared import json_or, pass_project
from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.project import Project

_FORMATS: Final = ("table", "json", "openmetrics", "prometheus")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    help="A table for people unless told, or FILE is called .json: JSON with exact times, or"
    " metrics for monitoring;"
    " prometheus is the older text format, which node_exporter's textfile collector reads.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write JSON or metrics to this file, whole or not at all. A file that is there keeps its"
    " permissions; a new one is its owner's.",
)
@pass_project
def command(
    project: Project,
    as_json: bool,  # noqa: FBT001 - click's
    format: Any,  # noqa: A002 - the option's name
    output: str | None,
) -> None:
    """Show when each kind was last synced, and the health of its jobs.

    One row a source and kind: last sync and its outcome if not complete, last complete sync, open
    jobs, syncs that may have missed jobs, rejected records of the last 7 days, health and its
    reason. Where there is little room, what is missed or rejected nowhere is left out. Lines on
    stderr say why a last sync did not read all, and whether each schedule is alive.
    """
    import sys

    from jobledger.pipelines.output.formats import chosen
    from jobledger.pipelines.output.grid import printable
    from jobledger.pipelines.output.writing import write_result
    from jobledger.pipelines.query import open_published
    from jobledger.pipelines.status import STATUS, draw, faults, standings
    from jobledger.pipelines.whole_file import whole_file

    path = project.output(output)
    asked = json_or(format, as_json=as_json)
    format = chosen(asked, output, _FORMATS, "table")  # noqa: A001 - the option's name
    if path and format == "table":
        raise ConfigError(
            f"a table is for the terminal: expected --format {', '.join(_FORMATS[1:-1])} or"
            f" {_FORMATS[-1]} with -o {output}"
        )
    with open_published(project.warehouse) as connection:
        if format == "json":
            write_result(connection, STATUS, format="json", output=path, is_shared=True)
        elif format == "table":
            rows, now = standings(connection)
            draw(rows, now, sys.stdout)
            sys.stdout.flush()
            for line in faults(rows):
                click.echo(printable(line), err=True)
            _narrate(project, {row.source for row in rows})
        else:
            from jobledger.pipelines.metrics import exposed

            metrics = exposed(connection, format)
            if path:
                with whole_file(path, is_shared=True) as file:
                    file.write(metrics)
            else:
                sys.stdout.buffer.write(metrics)
                sys.stdout.buffer.flush()


def _narrate(project: Project, synced: set[str]) -> None:
    """Says what no row does: sources without any sync, and the schedules' pulse."""
    from datetime import UTC, datetime

    from jobledger.pipelines.sync.heartbeat import heartbeats, pulse

    # whoever may only read the ledger hears of what is in it
    for name in project.source_names() if project.may_read_sources else ():
        if name not in synced:
            click.echo(f"{name}: never synced; run 'jobledger sync {name}'", err=True)
    for heart in heartbeats(project.state_dir):
        click.echo(pulse(heart, datetime.now(UTC), project.time_limit), err=True)
