"""Asking the published ledger: reading only, whatever the SQL says.

Two walls stand behind each other. Before it runs, a statement must be one of those that only read,
which gives a clear refusal. And the connection could do nothing else if it ran: the ledger is
attached read-only, every query runs in a read-only transaction, and files, the network,
extensions, settings and Python's variables are out of reach, with the configuration locked.

DuckDB's parameters (`?`) are not used here: they import pandas, which takes longer than a query.
"""

import os
import re
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from jobledger.pipelines.errors import QueryError, QueryTimeout
from jobledger.pipelines.exits import HANGUP
from jobledger.pipelines.quoting import literal
from jobledger.sources._provider.redact import one_line

CATALOG: Final = "ledger"
"""The published file's name on our connections."""

_CLOSED: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    # nothing is written, not even what would not fit into memory
    "temp_directory": "",
}
_LOCKS: Final = (
    # it would be drawn on stdout, among the data
    "set enable_progress_bar = false",
    "set python_enable_replacements = false",
    "set enable_external_access = false",
    # DuckDB 1.5 could still be told to write its log into a file
    "set disabled_filesystems = 'LocalFileSystem'",
    "set lock_configuration = true",
)

_OF_NO_USE: Final = re.compile(
    r' Did you mean "(?:pg_|sqlite_|duckdb_|pragma_|information_schema)[^"]*"\??'
)
"""DuckDB's own tables, offered in place of a view that is not there."""
_NAME: Final = re.compile(r"\s*((?:\w+\.)?\w+)\s*;?\s*")
_BEGINS: Final = re.compile(r"\s*((?:\w+\.)?\w+)\s")
_PLACE: Final = re.compile(r"\n+LINE (\d+): (.*)\n( *)(\^+)\s*\Z", re.DOTALL)
_DAMAGE: Final = (
    *("not a valid DuckDB", "Corrupt database file", "Could not read enough bytes"),
    *("Failed to load metadata pointer", "failed to deserialize", "Failed to deserialize"),
    *("while replaying WAL", "WAL does not match"),
)
"""What DuckDB says of a file that does not hold together; other errors may pass."""
_READS: Final = "select, from, with, values, describe, summarize, show, pivot or explain"
_GRACE: Final = 3.0
_ROLLBACKS: Final = 5
"""How often to take back what was interrupted, at the most."""


@contextmanager
def open_published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A closed connection to the published ledger, in UTC; views are found without a prefix.

    Sees what was published last when it opens, and keeps seeing that. Raises `QueryError`.
    """
    connection = attached(path, _CLOSED)
    try:
        for lock in _LOCKS:
            connection.execute(lock)
        with _heeding_signals(connection):
            yield connection
    except duckdb.Error as error:
        if is_damage(error):
            # found only once that part was read
            raise unreadable(path, error) from error
        raise
    finally:
        connection.close()


@contextmanager
def _heeding_signals(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Tells DuckDB of Ctrl-C, SIGTERM and SIGHUP.

    Python does not hear them before a batch of rows is there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        while number := heard.recv(1):
            if number[0] in (signal.SIGINT, signal.SIGTERM, HANGUP):
                connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()
        watcher.join()
        heard.close()


def attached(path: Path, config: dict[str, str] | None = None) -> duckdb.DuckDBPyConnection:
    """A connection in UTC that reads the published ledger; else it may do what it likes.

    It is a fresh in-memory one that attaches the file: `duckdb.connect(path)` gives the file of
    before for as long as anyone in the process has that open. Raises `QueryError`.
    """
    if not path.exists():
        raise QueryError(
            f"there is no ledger at {path} yet: run 'jobledger sync' to make it, or name another"
            " project"
        )
    connection = duckdb.connect(config=dict(config or {}))
    try:
        connection.execute("set TimeZone = 'UTC'")
        try:
            _attach(connection, path)
        except duckdb.Error as refusal:
            # another process has it open for writing, or left a log beside it that belongs to
            # another publication: DuckDB then refuses readers. What was published is in the file
            # itself, so a copy of it without that log is as good
            try:
                _attach_copy(connection, path)
            except (duckdb.Error, OSError):
                # what is wrong with the file itself says more
                raise refusal from None
        connection.execute(f"use {CATALOG}")
    except duckdb.Error as error:
        connection.close()
        raise unreadable(path, error) from error
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    # without its type DuckDB 2.0 opens a file twice, first for its header: what is published in
    # between would be read by the header of what was there before
    connection.execute(f"attach {literal(path)} as {CATALOG} (read_only, type duckdb)")


def _attach_copy(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    ours = path.parent / ".jobledger"
    is_ours = os.access(ours, os.W_OK | os.X_OK)
    # a folder for its owner only, removed at once: DuckDB holds on to the file, and nothing is
    # left behind however we end. Where an open file cannot be removed, it stays for the system
    # to clear away
    folder = tempfile.mkdtemp(prefix="reading-", dir=ours if is_ours else None)
    try:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        _attach(connection, copy)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def asked(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """The rows of a query of our own, by column. Raises `QueryError`."""
    try:
        result = connection.execute(sql)
        rows = result.fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise QueryError(
            "the ledger lacks what this version of jobledger reads"
            f" ({said(str(error), lines_before=None)}); 'jobledger sync' publishes it anew, unless"
            " a view in sql/ takes the place of what is read: give that one the columns it lacks"
        ) from error
    names = [name for name, *_ in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def present(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The moment that views count back from, in UTC. Raises `QueryError`."""
    now: datetime = asked(connection, "select now from staging.clock")[0]["now"]
    return now


@dataclass(frozen=True)
class Question:
    """One statement that reads."""

    sql: str
    """Without a semicolon; on lines of its own within another statement it stays as it is."""
    is_plan: bool
    """EXPLAIN, which does not stand within another statement."""


def question(connection: duckdb.DuckDBPyConnection, text: str) -> Question:
    """The SQL, or the view of that name, as a question. Raises `QueryError` if it is none."""
    name = _NAME.fullmatch(text)
    if name:
        parts = name[1].split(".")
        text = "from " + ".".join(f'"{part}"' for part in parts)
    try:
        with in_one_line():
            statements = connection.extract_statements(text)
    except QueryError as error:
        raise QueryError(f"{error}{_told_from(connection, text)}") from error
    kinds = [str(statement.type).rpartition(".")[2] for statement in statements]
    if not kinds:
        raise QueryError("there is no SQL to run: expected one statement, or the name of a view")
    # a PIVOT whose columns depend on the data is two statements to DuckDB: one of which the user
    # wrote nothing (1.5), or one of a kind of its own (2.0)
    is_pivot = kinds == ["MULTI"] or (
        kinds == ["CREATE", "SELECT"] and not statements[0].query.strip()
    )
    if len(kinds) > 1 and not is_pivot:
        raise QueryError(f"expected one statement, not {len(kinds)}: run them one by one")
    if not is_pivot and kinds[0] not in {"SELECT", "EXPLAIN"}:
        raise QueryError(
            f"this only reads, so {kinds[0].replace('_', ' ')} is refused: expected {_READS};"
            " 'jobledger export' writes files"
        )
    sql = text if is_pivot else statements[0].query
    return Question(_without_semicolon(sql), is_plan=kinds == ["EXPLAIN"])


def _told_from(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """What helps someone who began with a view's name, and went on."""
    view = _BEGINS.match(text)
    if not view or ";" in text:
        return ""
    try:
        connection.execute(f"explain from {text}")
    except duckdb.Error:
        return ""
    return f"; SQL that begins with a view begins with from: 'from {view[1]} …'"


def _without_semicolon(sql: str) -> str:
    # a comment may follow the semicolon; within a statement there is none but in quotes
    raw = sql.encode()
    ends = [at for at, _ in duckdb.tokenize(sql) if raw[at : at + 1] == b";"]
    for at in reversed(ends):
        raw = raw[:at] + raw[at + 1 :]
    return raw.decode()


@contextmanager
def read_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction that can only read, whatever the statement turns out to be."""
    connection.execute("begin transaction read only")
    try:
        yield
    finally:
        # it may have failed, or been cut short; an interrupt that comes late hits this instead
        for _ in range(_ROLLBACKS):
            try:
                connection.execute("rollback")
            except duckdb.InterruptException:
                continue
            except duckdb.Error:
                pass
            break


@contextmanager
def in_one_line(lines_before: int = 0) -> Iterator[None]:
    """Turns DuckDB's errors into one line: what is wrong, and where in the SQL.

    `lines_before` is the number of lines that we have put before the user's.
    """
    try:
        yield
    except (duckdb.Error, RuntimeError) as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        if not isinstance(error, duckdb.Error) or is_damage(error):
            raise
        raise QueryError(said(str(error), lines_before=lines_before)) from error


def is_damage(error: duckdb.Error) -> bool:
    """Whether an error says that the file is no database, or one that does not hold together."""
    return any(sign in str(error) for sign in _DAMAGE)


def unreadable(path: Path, error: duckdb.Error) -> QueryError:
    """What to do about a published file that DuckDB cannot read."""
    if not os.access(path, os.R_OK):
        return QueryError(
            f"{path} may not be read: ask whose it is to share it, as with chgrp and chmod 640"
            " (syncs leave its group and mode alone)"
        )
    if not is_damage(error):
        # its path has letters that the locale has no bytes for, or the disk fails: not the ledger
        return QueryError(f"cannot read {path}: {one_line(str(error), 200)}")
    return QueryError(
        f"cannot read {path}: {one_line(str(error), 200)}; move it away, and 'jobledger sync'"
        " publishes it anew from .jobledger/, or begins a new one where there is none; else"
        " restore it from a backup"
    )


def is_interrupt(error: Exception) -> bool:
    """Whether DuckDB, or Arrow in its words, says that it was told to stop."""
    return str(error).startswith(("INTERRUPT Error", "Query interrupted"))


def said(text: str, *, lines_before: int | None) -> str:
    """DuckDB's words in one line, with the place in the user's SQL where that is known."""
    place = _PLACE.search(text)
    where = ""
    if place:
        text = text[: place.start()]
        where = _where(place, lines_before) if lines_before is not None else ""
    said_ = one_line(text.partition("\tCandidate functions:")[0], 400)
    said_ = _OF_NO_USE.sub("", said_).rstrip(".!")
    if said_.startswith("Catalog Error: Table with name"):
        where += (
            "; 'jobledger views' lists what there is, and one of your own is there from the next"
            " sync"
        )
    return said_ + where


def _where(place: re.Match[str], lines_before: int) -> str:
    line = int(place[1]) - lines_before
    start = len(place[3]) - len(f"LINE {place[1]}: ")
    # DuckDB 2.0 marks the whole word, 1.5 its first letter
    word = re.match(r"\w+|.", place[2][max(start, 0) :])
    marked = place[2][start : start + len(place[4])] if len(place[4]) > 1 else word and word[0]
    if line < 1 or start < 0 or not marked:
        return ""
    return f" (line {line}, at {one_line(marked, 60)})"


@contextmanager
def time_limit(
    connection: duckdb.DuckDBPyConnection,
    seconds: float | None,
    give_up: Callable[[QueryTimeout], None] | None = None,
) -> Iterator[None]:
    """Stops what runs on the connection after so many seconds. Raises `QueryTimeout`.

    Within some functions DuckDB does not look whether it should stop, for minutes on end: a few
    seconds later `give_up` is called, in another thread.
    """
    if seconds is None:
        yield
        return
    timeout = QueryTimeout(
        f"the query ran for longer than {seconds:g} s and was stopped; give it more time with"
        " --timeout, or ask for less"
    )
    is_done, is_late = threading.Event(), threading.Event()

    def watch() -> None:
        if is_done.wait(seconds):
            return
        is_late.set()
        waited = 0.0
        # more than once, since one that comes between two queries is lost
        while not is_done.wait(0.05):
            connection.interrupt()
            waited += 0.05
            if give_up and waited > _GRACE:
                give_up(timeout)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if is_late.is_set():
            raise timeout from error
        raise
    finally:
        is_done.set()
        watcher.join()
