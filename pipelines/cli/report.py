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
    help="Write a page of HTML with charts to this file; - is stdout. JSON to a file called .json.",
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
    """Show the health of jobs and why, success rates, trends, run times, failures, stuck jobs.

    On the terminal it fits one screen. With -o it is one self-contained page: it opens offline,
    prints, and fits a phone. The definitions stand beside the numbers. In JSON rates are 0 to 1
    and lengths of time seconds.
    """
    import sys

    from jobledger.pipelines.output.formats import chosen
    from jobledger.pipelines.report import as_json, html, show
    from jobledger.pipelines.whole_file import whole_file

    if output is None and not is_json:
        show(project, days=days)
        return
    path = project.output(output)
    said = "json" if is_json else None
    format_ = chosen(said, output, ("html", "json"), "html", option="")
    content = (as_json if format_ == "json" else html)(project, days=days)
    if path is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    with whole_file(path) as file:
        file.write(content)
    click.echo(f"wrote {output}", err=True)
