"""`jobledger report`."""

import click

from jobledger.pipelines.cli.shared import pass_project
from jobledger.pipelines.project import Project


@click.command()
@click.option("--json", "is_json", is_flag=True, help="A JSON object, for programs.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write a page of HTML with charts to this file, or the JSON; - is stdout.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=30,
    show_default=True,
    metavar="N",
    help="The days that rates, durations, reasons and trends are of.",
)
@pass_project
def command(
    project: Project,
    output: str | None,
    days: int,
    is_json: bool,  # noqa: FBT001 - click's
) -> None:
    """Show how jobs are: health and why, success rates, trends, run times, failures, stuck jobs.

    On the terminal it fits one screen. With -o it is one self-contained page: it opens offline,
    prints, and fits a phone. The definitions stand beside the numbers. In JSON rates are 0 to 1
    and lengths of time seconds.
    """
    import sys

    from jobledger.pipelines.formats import STDOUT
    from jobledger.pipelines.report import as_json, html, show
    from jobledger.pipelines.whole_file import whole_file

    if output is None and not is_json:
        show(project, days=days)
        return
    made = as_json if is_json else html
    if output is None or output == STDOUT:
        sys.stdout.buffer.write(made(project, days=days))
        sys.stdout.flush()
        return
    path = project.output(output)
    content = made(project, days=days)
    with whole_file(path) as file:
        file.write(content)
    click.echo(f"wrote {output}", err=True)
