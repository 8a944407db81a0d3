"""What all commands have: the project, `--debug`, how errors are shown and how one is stopped."""

import logging
import math
import os
import signal
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from types import FrameType
from typing import Any, Final, TypeAlias

import click

from jobledger.pipelines.errors import line_and_code
from jobledger.pipelines.exits import HANGUP, Exit
from jobledger.pipelines.project import Project

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Seconds(click.FloatRange):
    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail("nan is no length of time", param, ctx)
        return seconds


SECONDS: Final = _Seconds(min=0, min_open=True, max=threading.TIMEOUT_MAX)
"""A length of time that a thread can wait for."""
terminated: Final = threading.Event()
"""Whether SIGTERM came, or SIGHUP."""
_TOGETHER: Final = 1.0
"""Seconds within which two signals are one wish to end."""


@dataclass
class Invocation:
    """What was said before the command, or after it."""

    project: str | None = None
    is_debug: bool = False
    is_alone: bool = False
    """Nobody else shares the process."""


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        invocation = ctx.ensure_object(Invocation)
        setattr(invocation, {"project": "project", "debug": "is_debug"}[str(parameter.name)], value)
        if invocation.is_debug:
            from jobledger.sources._provider.redact import guard_logging

            guard_logging()
            logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)


_PROJECT: Final = "The folder with .dlt/ in it; JOBLEDGER_PROJECT, else the present one."


def project_option(what: str = _PROJECT) -> Decorator:
    """The option `--project`, whose folder is `what`."""
    return click.option(
        "--project",
        metavar="DIR",
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help=what,
    )


debug_option: Decorator = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remember,
    help="Show tracebacks and what libraries log, without secrets.",
)


def pass_project(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a command take `--project` and `--debug`, and gives it the `Project`."""

    @project_option()
    @debug_option
    @click.pass_context
    @wraps(function)
    def run(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
        project = Project.find(ctx.ensure_object(Invocation).project)
        try:
            return ctx.invoke(function, project, *args, **kwargs)
        except KeyboardInterrupt:
            # DuckDB looks for signals by itself, and what their handler raised is lost to it
            if terminated.is_set():
                raise SystemExit(Exit.TERMINATED) from None
            raise

    return run


class TakesSql(click.Command):
    """A command whose argument is SQL, which may begin as an option does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Says what to do about a comment that is taken for an option."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            # no option has a space in it, but a comment has
            if not any(map(str.isspace, error.option_name)):
                raise
            raise click.UsageError(
                "SQL that begins with a comment comes last, after a -- of its own, as in"
                f" {ctx.command_path} -- '-- …'",
                ctx,
            ) from None


def show_error(error: Exception, *, is_debug: bool) -> int:
    """Writes one line on stderr, and a traceback if asked for; gives the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return Exit.INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if is_debug:
        from jobledger.sources._provider.redact import for_log

        click.echo(for_log("".join(traceback.format_exception(error))).rstrip(), err=True)
    line, code = line_and_code(error)
    click.echo(f"jobledger: {line}", err=True)
    return code


@contextmanager
def until_closed() -> Iterator[None]:
    """Prints for as long as someone reads it: that they have had enough is no fault.

    What comes after goes nowhere, and the exit code is what it would have been.
    """
    try:
        yield
    except BrokenPipeError:
        if sys.stdout.closed:
            # by Arrow, which has written to it
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        out, err = sys.stdout.fileno(), sys.stderr.fileno()
        if os.path.sameopenfile(out, err):
            os.dup2(nowhere, err)
        os.dup2(nowhere, out)
        os.close(nowhere)


def give_up(error: Exception) -> None:
    """Ends the process, whose main thread is deep inside DuckDB and does not look up."""
    os._exit(show_error(error, is_debug=False))


@dataclass
class Stop:
    """Whether someone wants the command to end, and the exit code that this deserves."""

    event: threading.Event = field(default_factory=threading.Event)
    exit_code: Exit | None = None


def heeds_hangup() -> bool:
    """Whether SIGHUP ends the process: not where there is none, nor under `nohup`."""
    return HANGUP is not None and signal.getsignal(HANGUP) != signal.SIG_IGN


def _leave_terminal() -> None:
    """Writes to nowhere what would go to a terminal that is gone: that fails, and ends the work."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        with suppress(OSError):
            # one that is gone still is a device, but answers like none
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                os.dup2(nowhere, number)
    os.close(nowhere)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Ends well on Ctrl-C and SIGTERM: what was read is loaded first. A second one ends at once.

    Not one that comes with the first: `timeout` signals its command, and then the whole group.
    So does SIGHUP, however often: a terminal that is closed takes nothing with it.
    """
    stop = Stop()
    first = 0.0

    def told(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's
        nonlocal first
        code = Exit.INTERRUPTED if number == signal.SIGINT else Exit.TERMINATED
        if number == HANGUP:
            _leave_terminal()
        if stop.event.is_set():
            if number != HANGUP and time.monotonic() - first >= _TOGETHER:
                os._exit(code)
            return
        first = time.monotonic()
        stop.exit_code = code
        stop.event.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if heeds_hangup():
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, told) for number in numbers}
    try:
        yield stop
    except Exception:
        if stop.exit_code is not None:
            raise SystemExit(stop.exit_code) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def json_or(format: str | None, *, as_json: bool) -> str | None:  # noqa: A002 - the option's name
    """The format that was asked for: --json is the short word for one of them."""
    if not as_json:
        return format
    if format not in {None, "json"}:
        raise click.UsageError(f"--json and --format {format} contradict each other")
    return "json"
