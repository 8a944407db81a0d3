"""`jobledger check`."""

import math
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, Final

import click

from jobledger.pipelines.cli.shared import SECONDS, give_up, pass_project, until_closed
from jobledger.pipelines.errors import JobledgerError
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.project import Project
from jobledger.pipelines.wording import exact

if TYPE_CHECKING:
    from jobledger.pipelines.checks import Checked
    from jobledger.pipelines.notify import Receiver

_SHOWN: Final = 20


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, an object a check.")
@click.option(
    "--notify",
    "urls",
    multiple=True,
    metavar="URL",
    envvar="JOBLEDGER_NOTIFY",
    show_envvar=True,
    help="Send what changed there: an address of apprise's, such as slack://… or mailto://…, or"
    " an https://… that takes JSON; may be repeated. It holds a secret: the environment is the"
    " better place.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option(
    "--timeout",
    type=SECONDS,
    metavar="SECONDS",
    help="Stop a check that takes longer, with exit code 5; the others run.",
)
@pass_project
def command(
    project: Project,
    as_json: bool,  # noqa: FBT001 - click's
    urls: tuple[str, ...],
    dry_run: bool,  # noqa: FBT001
    timeout: float | None,
) -> None:
    """Look for problems: jobs that are stuck, kinds that fail, syncs that are late, and more.

    A check is a query under sql/checks/ that must give no rows; a project has its own there. Exit
    code 4 says that there are problems, 1 that a check could not run or a message not be sent.

    A receiver hears of a check once, and again when what it finds has changed or is resolved.
    """
    import json

    from jobledger.pipelines.checks import run
    from jobledger.pipelines.notify import receiver
    from jobledger.pipelines.query import in_one_line, open_published

    # what is wrong with an address is said before anything is done
    receivers = [(url, receiver(url, number)) for number, url in enumerate(urls, 1)]
    with open_published(project.warehouse) as connection, in_one_line():
        checked = run(connection, project.sql_dir, timeout, give_up)
    with until_closed():
        if as_json:
            click.echo(json.dumps([_plain(check) for check in checked], indent=2))
        else:
            for shown in _lines(checked):
                click.echo(shown)
            good = [check.name for check in checked if check.is_good]
            if good:
                click.echo(f"nothing found by {', '.join(good)}", err=True)
    if dry_run:
        is_sent = True
        for text in _would_send(project, checked, receivers):
            click.echo(f"\n{text}", err=as_json)
    else:
        is_sent = _send(project, checked, receivers)
    if any(check.is_late for check in checked):
        raise SystemExit(Exit.TIME_LIMIT)
    if not is_sent or any(check.error is not None for check in checked):
        raise SystemExit(Exit.FAILED)
    raise SystemExit(Exit.PROBLEMS if any(check.rows for check in checked) else Exit.DONE)


def _lines(checked: Sequence["Checked"]) -> Iterator[str]:
    """The problems, by check."""
    from jobledger.pipelines.notify import line
    from jobledger.pipelines.output.grid import is_styled, printable
    from jobledger.pipelines.wording import many

    def styled(text: str, **style: Any) -> str:
        return click.style(text, **style) if is_styled(sys.stdout.buffer) else text

    bad = [check for check in checked if not check.is_good]
    for number, check in enumerate(bad):
        if number:
            yield ""
        name = styled(printable(check.name), bold=True)
        if check.error is not None:
            yield f"{name}: {styled('could not run', fg='red')}: {printable(check.error)}"
            continue
        count = styled(many(len(check.rows), "problem"), fg="red")
        meaning = printable(check.title).replace("one row per ", "one per ", 1)
        yield f"{name}: {count}, {styled(meaning, dim=True)}"
        for row in check.rows[:_SHOWN]:
            yield f"  {line(check, row)}"
        if len(check.rows) > _SHOWN:
            yield f"  and {len(check.rows) - _SHOWN:,} more: --json shows all"


def _would_send(
    project: Project, checked: Sequence["Checked"], receivers: Sequence[tuple[str, "Receiver"]]
) -> Iterator[str]:
    """What is news to each receiver; to one who has heard nothing yet, if there is none."""
    from jobledger.pipelines.notify import Memory, news

    memory = Memory(project.state_dir / "notified.json")
    told = [(each.name, memory.told(url)) for url, each in receivers]
    for name, known in told or [("whom you name with --notify", {})]:
        for _, message in news(checked, memory, known, project.folder.name):
            yield f"would send to {name}: {message.title}\n{message.body}"


def _send(
    project: Project, checked: Sequence["Checked"], receivers: Sequence[tuple[str, "Receiver"]]
) -> bool:
    """Sends each receiver what is news to it; False if a message was not taken, or not kept."""
    from jobledger.pipelines.notify import Memory, news

    if not receivers:
        return True
    memory = Memory(project.make_state_dir() / "notified.json")
    is_sent = is_taken = True
    for url, each in receivers:
        for check, message in news(checked, memory, memory.told(url), project.folder.name):
            if each.send(message):
                click.echo(f"sent to {each.name}: {message.title}", err=True)
                memory.remember(url, check)
                try:
                    # at once, since the next may take long, and be cut short
                    memory.save()
                except JobledgerError as error:
                    is_sent = False
                    click.echo(f"jobledger: {error}; the next check sends it again", err=True)
            else:
                is_sent = is_taken = False
                click.echo(
                    f"jobledger: {each.name} did not take '{message.title}'; the next check sends"
                    " it again",
                    err=True,
                )
    if not is_taken:
        # what a service says may quote its address, and so is not shown
        program = which("apprise") or Path(sys.executable).with_name("apprise")
        click.echo(f"jobledger: to see why, run: {program} -vv --body test ADDRESS", err=True)
    return is_sent


def _plain(check: "Checked") -> dict[str, Any]:
    rows = [
        {name: _value(value) for name, value in zip(check.columns, row, strict=True)}
        for row in check.rows
    ]
    return {"check": check.name, "title": check.title, "problems": rows, "error": check.error}


def _value(value: Any) -> Any:
    """What JSON can hold of a value of DuckDB's."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime) and value.tzinfo:
        return exact(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _value(each) for name, each in value.items()}
    return str(value)
