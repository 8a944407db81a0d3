"""Telling people what checks found: one message a check, and silence until it changes.

What was told to whom is kept as hashes in `.jobledger/notified.json`. A problem is known by its
texts but for the sentence `problem`: a stuck job is the same one an hour later, although its age
is another. Where a row has no other text, all of it counts.

The address of a receiver holds its token, and is written nowhere: not even to a log.
"""

import json
import logging
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b, pbkdf2_hmac
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from jobledger.pipelines.checks import Checked
from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.output.grid import printable
from jobledger.pipelines.whole_file import whole_file
from jobledger.pipelines.wording import many

_SHOWN: Final = 10
"""How many problems a message names."""
_GAP: Final = ("gap_from", "gap_to")
"""The moments that tell one problem from another; those of other checks move with each sync."""
_ROUNDS: Final = 100_000
_ERROR: Final = "error "
"""Before the hash of why a check could not run, which is no problem that comes or goes."""


@dataclass(frozen=True)
class Message:
    """What is to be said of a check."""

    check: str
    title: str
    body: str
    is_resolved: bool


class Receiver(Protocol):
    """Someone who takes messages."""

    name: str

    def send(self, message: Message) -> bool:
        """Whether it was taken."""


class Memory:
    """What was told to whom, in a file that only its owner can read, as hashes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            kept = json.loads(path.read_bytes())
            self._salt = bytes.fromhex(kept["salt"])
            self._told: dict[str, dict[str, list[str]]] = {
                address: dict(checks) for address, checks in kept["told"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # without it everything is news again, and that is all
            self._salt, self._told = secrets.token_bytes(16), {}

    def told(self, receiver: str) -> Mapping[str, Sequence[str]]:
        """What the receiver at that address was told, by check."""
        return self._told.get(self._address(receiver), {})

    def remember(self, receiver: str, check: Checked) -> None:
        """The receiver was told what the check found."""
        told = self._told.setdefault(self._address(receiver), {})
        found = self.hashes(check)
        if check.error is not None:
            # what it found before is not gone because it cannot be looked for
            found += [each for each in told.get(self.hash(check.name), ()) if not _is_error(each)]
        if found:
            told[self.hash(check.name)] = found
        else:
            told.pop(self.hash(check.name), None)

    def save(self) -> None:
        """Writes it down."""
        content = {"salt": self._salt.hex(), "told": self._told}
        with whole_file(self._path) as file:
            file.write(json.dumps(content).encode())

    def hashes(self, check: Checked) -> list[str]:
        """A hash for each problem of the check, which stays while the problem does."""
        if check.error is not None:
            return [f"{_ERROR}{self.hash(check.error)}"]
        return sorted(self.hash(repr(_identity(check, row))) for row in check.rows)

    def hash(self, text: str) -> str:
        """A hash of the text, of use in this file alone."""
        return blake2b(text.encode(), key=self._salt, digest_size=8).hexdigest()

    def _address(self, receiver: str) -> str:
        # slow to compute, since a password may be in it
        return pbkdf2_hmac("sha256", receiver.encode(), self._salt, _ROUNDS).hex()[:16]


def news(
    checked: Sequence[Checked], memory: Memory, told: Mapping[str, Sequence[str]], project: str
) -> Iterator[tuple[Checked, Message]]:
    """What is to be said to one who was `told` this much."""
    for check in checked:
        before, found = told.get(memory.hash(check.name), ()), memory.hashes(check)
        if check.error is not None:
            is_news = found != [each for each in before if _is_error(each)]
        else:
            is_news = sorted(before) != found
        if is_news:
            yield check, _message(check, before, memory, project)


def _is_error(told: str) -> bool:
    """Whether this was no problem, but that the check could not run."""
    return told.startswith(_ERROR)


def _message(check: Checked, before: Sequence[str], memory: Memory, project: str) -> Message:
    name = check.name.replace("_", " ")
    if check.is_good:
        return Message(
            check.name, f"{project}: {name}: resolved", "It finds nothing any more.", True
        )
    if check.error is not None:
        return Message(
            check.name,
            f"{project}: {name}: the check cannot run",
            _tame(f"{check.error}\njobledger check shows more"),
            is_resolved=False,
        )
    # problems may read alike: of three where there was one, two are new
    left = Counter(before)
    new: list[Sequence[Any]] = []
    known: list[Sequence[Any]] = []
    for row in check.rows:
        found = memory.hash(repr(_identity(check, row)))
        (known if left[found] else new).append(row)
        left[found] = max(left[found] - 1, 0)
    rows = [*new, *known]
    lines = [f"- {line(check, row)}" for row in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        lines.append(f"and {len(rows) - _SHOWN:,} more: 'jobledger check' lists them")
    if before:
        gone = sum(times for told, times in left.items() if not _is_error(told))
        lines.insert(0, f"{len(new):,} new, {gone:,} gone")
    title = f"{project}: {name}: {many(len(rows), 'problem')}"
    return Message(check.name, _tame(title), _tame("\n".join(lines)), is_resolved=False)


def line(check: Checked, row: Sequence[Any]) -> str:
    """A problem in a line: where it is, and the check's sentence for it."""
    said = dict(zip(check.columns, row, strict=True))
    problem = said.pop("problem", None)
    names = [name for name in ("source", "kind", "job_id") if said.get(name) is not None]
    if problem is None:
        rest = [
            f"{name}={value}"
            for name, value in said.items()
            if name not in names and value is not None
        ]
        problem = ", ".join(rest)
    where = " ".join(str(said[name]) for name in names)
    return printable(
        f"{where}: {problem}" if where and problem else where or str(problem) or "NULL"
    )


def _identity(check: Checked, row: Sequence[Any]) -> Sequence[Any]:
    """What makes it the same problem at the next check: its words, and which gap it is."""
    texts = [
        str(value)
        for name, value in zip(check.columns, row, strict=True)
        if name in _GAP
        or (name != "problem" and not name.startswith("example_") and isinstance(value, str))
    ]
    return texts or row


def _tame(text: str) -> str:
    """The text without what chats take for calling everyone: what is in it is not ours."""
    return text.replace("<", "‹").replace(">", "›").replace("@", "@\u2060")


# receivers


def receiver(url: str, number: int) -> Receiver:
    """The receiver at an address of apprise's; `number` is what it is called in errors.

    Raises `ConfigError`.
    """
    try:
        return _Apprise(url, number)
    except ModuleNotFoundError as error:
        if error.name != "apprise":
            raise
        raise ConfigError(
            "--notify needs apprise, which is not installed: run pip install 'jobledger[notify]'"
        ) from None


class _Apprise:
    """A receiver of apprise's."""

    def __init__(self, url: str, number: int) -> None:
        with _silence():
            from apprise import Apprise, AppriseAsset, OverflowMode

            # a message goes where it is sent and nowhere else, and says what we said
            asset = AppriseAsset(app_id="jobledger", app_desc="jobledger", http_redirects=False)
            self._apprise = Apprise(asset=asset)
            is_known = self._apprise.add(url) or self._apprise.add(_as_webhook(url))
            for service in self._apprise:
                if service.overflow_mode is OverflowMode.UPSTREAM:
                    # what is longer than a service takes, it would refuse at each check anew
                    service.overflow_mode = OverflowMode.SPLIT
        if not (is_known and len(self._apprise)):
            raise ConfigError(
                f"--notify number {number} is no address that apprise knows (it is not shown, since"
                " it may hold a secret): expected one such as slack://TOKEN, mailto://… or"
                " https://HOST/PATH; https://appriseit.com/services lists all"
            )
        self.name = f"--notify number {number} ({self._apprise[0].service_name})"

    def send(self, message: Message) -> bool:
        from apprise import NotifyFormat, NotifyType

        with _silence():
            try:
                return bool(
                    self._apprise.notify(
                        title=message.title,
                        body=message.body,
                        body_format=NotifyFormat.TEXT,
                        notify_type=(
                            NotifyType.SUCCESS if message.is_resolved else NotifyType.WARNING
                        ),
                    )
                )
            except Exception:  # noqa: BLE001 - whatever it says may name the address
                return False


def _as_webhook(url: str) -> str:
    """The address of a web page as that of a webhook which takes JSON, its query kept."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return url
    # apprise passes on what a hyphen marks, and takes other words for its own settings
    query = "&".join(f"-{each}" for each in parts.query.split("&") if each)
    return urlunsplit((parts.scheme.replace("http", "json"), *parts[1:3], query, ""))


@contextmanager
def _silence() -> Iterator[None]:
    """No log at all: paths of addresses are tokens, and HTTP libraries log them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
