"""`jobledger report`."""

import click

from jobledger.pipelines.cli.shared import pass_project
from jobledger.pipelines.project import Project


@click.command()
@click.option("-o", "--output", metavar="FILE", help="Write a page of HTML with charts instead.")
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=30,
    show_default=True,
    metavar="N",
    help="The days that rates, durations, reasons and trends are of.",
)
@pass_project
def command(project: Project, output: str | None, days: int) -> None:
    """Show how jobs are: health and why, success rates, trends, run times, failures, stuck jobs.

    On the terminal it fits one screen. With -o it is one self-contained page: it opens offline,
    prints, and fits a phone. The definitions stand beside the numbers.
    """
    from jobledger.pipelines.report import show, write

    if output is None:
        show(project, days=days)
        return
    write(project, project.output(output), days=days)
    click.echo(f"wrote {output}", err=True)
