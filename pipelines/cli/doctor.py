"""`jobledger doctor`."""

from typing import TYPE_CHECKING

import click

from jobledger.pipelines.cli.shared import pass_project, stopping, until_closed
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.project import Project

if TYPE_CHECKING:
    from jobledger.pipelines.doctor import Finding


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@pass_project
def command(project: Project, sources: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Try each source: can it be reached, may each kind be listed, is anything in the way?

    Asks for the first page of each listing and changes nothing.
    """
    import json
    import sys
    from dataclasses import asdict

    from jobledger.pipelines.doctor import examine
    from jobledger.pipelines.output.grid import is_styled

    def say(line: str) -> None:
        click.echo(line, err=True)

    for warning in project.warnings:
        say(f"warning: {warning}")
    findings = []
    with stopping() as stop:
        for finding in examine(project, list(sources), stop.event, say):
            findings.append(finding)
            if not as_json:
                mark, colour = ("ok ", "green") if finding.is_good else ("bad", "red")
                if is_styled(sys.stdout.buffer):
                    mark = click.style(mark, fg=colour)
                shown = f"{finding.subject:<12} {finding.what:<18} {finding.said}"
                with until_closed():
                    click.echo(f"{mark}  {shown}")
    if as_json:
        with until_closed():
            click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    raise SystemExit(stop.exit_code or _exit_of(findings))


def _exit_of(findings: "list[Finding]") -> Exit:
    if any(finding.is_setting for finding in findings):
        return Exit.USAGE
    return Exit.DONE if all(finding.is_good for finding in findings) else Exit.FAILED
