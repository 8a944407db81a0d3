"""The command line: a module here is a command, but for `shared`.

A module is imported when its command is asked for, and imports what is heavy when it runs.
"""

import gc
import os
import signal
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click

from jobledger.pipelines.cli.shared import (
    Invocation,
    debug_option,
    heeds_hangup,
    project_option,
    show_error,
    terminated,
    until_closed,
)
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.wording import PLAINLY

COMMANDS: Final = (
    *("init", "demo", "doctor", "sync", "schedule", "status", "query", "export", "views"),
    *("report", "dashboard", "check", "state", "errors"),
)
"""In the order in which one needs them."""
_SYNCING: Final = frozenset({"demo", "sync", "schedule"})
_WRITING: Final = _SYNCING | {"state"}
"""Those that change the ledger."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return found

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        # a closed pipe, as of a help page: click itself would exit with 1
        with until_closed():
            return super().make_context(*args, **kwargs)
        raise click.exceptions.Exit(Exit.DONE)

    def invoke(self, ctx: click.Context) -> Any:
        with until_closed():
            try:
                return super().invoke(ctx)
            finally:
                if not sys.stdout.closed:
                    with until_closed():
                        sys.stdout.flush()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from jobledger.pipelines.errors import choices

            ctx.fail(f"no command '{args[0]}'{choices(args[0], COMMANDS)}")
        name, command, rest = super().resolve_command(ctx, args)
        if ctx.ensure_object(Invocation).is_alone:
            if name in _WRITING:
                # dlt's files too are their owner's alone
                os.umask(0o077)
            if name in _SYNCING:
                _prepare_process()
        return name, command, rest


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="jobledger", message="%(prog)s %(version)s")
@project_option()
@debug_option
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Keep a permanent, queryable ledger of the bulk jobs that SaaS providers run and forget.

    Start with 'jobledger demo', which needs no account; then 'jobledger init', fill in
    .dlt/config.toml and .dlt/secrets.toml, 'jobledger doctor' and 'jobledger sync'.
    """
    ctx.ensure_object(Invocation)


def main(args: list[str] | None = None, *, is_alone: bool = False) -> NoReturn:
    """Runs a command and exits with its code (`Exit`)."""
    invocation = Invocation(is_alone=is_alone)
    try:
        code: Any = cli.main(args, prog_name="jobledger", obj=invocation, standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - whatever it is, people read one line of it
        code = show_error(error, is_debug=invocation.is_debug)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    sys.exit(code if isinstance(code, int) else Exit.DONE)


def program() -> NoReturn:
    """The command `jobledger`, in a process that nobody else shares."""
    # from what is closed there is nothing to read, and what is written to it is for nobody
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nothing)
    if isinstance(sys.stdout, TextIOWrapper):
        # what a code page has no letter for costs a letter, not the command
        sys.stdout.reconfigure(errors=PLAINLY)
    # what is half written goes, as it does on Ctrl-C
    signal.signal(signal.SIGTERM, _terminated)
    if heeds_hangup():
        signal.signal(signal.SIGHUP, _terminated)
    try:
        main(is_alone=True)
    finally:
        # what is left goes with the process; looking through it first takes a quarter of a second
        gc.freeze()


def _terminated(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - signal's
    terminated.set()
    raise SystemExit(Exit.TERMINATED)


def _prepare_process() -> None:
    """Spares the process what a sync has no use for."""
    # Arrow and DuckDB look for pandas as soon as they are shown a list or a table, which takes a
    # quarter of a second
    sys.meta_path.insert(0, _WithoutPandas())
    # Arrow's own allocator keeps a hundred megabytes more of what it has used, and is no faster
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


class _WithoutPandas:
    """Says that there is no pandas."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("a sync does without pandas", name=name)
