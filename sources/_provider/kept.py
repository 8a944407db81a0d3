"""`.dlt/kept.toml`: the secrets that jobledger itself has to remember.

A provider that rotates refresh tokens gives a new one with each login and takes no older one
again; who loses it has to ask the user to log in anew. So it is on the disk, file and folder both
synced, before the access token that came with it is used. A kept token holds until the configured
one changes, of which only a fingerprint is kept.
"""

import hashlib
import os
import secrets
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import tomlkit
from filelock import FileLock, Timeout

from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import KeptFileBroken, NotKept
from jobledger.sources._provider.on_disk import sync_folder

_TITLE: Final = "written by jobledger: secrets it has to remember; not to be edited or committed"
_LOCK_TIMEOUT: Final = 300.0
"""Seconds to wait for another process that is logging in."""
_LOOK_EVERY: Final = 0.2
"""Seconds between two tries, and looks whether someone wants to stop meanwhile."""


class Kept:
    """What is kept of all sources. Threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        """`path` is the file's; it need not be there."""
        self.path = path
        self._threads = threading.RLock()
        self._locks = self.project / ".jobledger" / "locks"

    @property
    def project(self) -> Path:
        """The project's folder, which relative paths in the settings start from."""
        return self.path.parent.parent

    @contextmanager
    def turn(self, name: str, clock: Clock | None = None) -> Iterator[None]:
        """No other process does the same thing meanwhile.

        Held over a login that may rotate the refresh token, one source apart from the other: using
        the old token twice would make the provider revoke both. The wait for it ends with the
        `clock`: raises `Interrupted` or `TimeLimitReached`; else `NotKept` if it takes too long.
        """

        def is_over() -> bool:
            if clock is not None:
                clock.check()
            return False

        try:
            self._locks.parent.mkdir(mode=0o700, exist_ok=True)
            self._locks.mkdir(mode=0o700, exist_ok=True)
            lock = FileLock(self._locks / f"{name}.lock", mode=0o600)
            lock.acquire(timeout=_LOCK_TIMEOUT, poll_interval=_LOOK_EVERY, cancel_check=is_over)
        except Timeout:
            raise NotKept(f"another jobledger has been logging in for too long ({name})") from None
        except OSError:
            # a folder that cannot be written: fine as long as there is nothing to keep
            yield
            return
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The content, to be changed and written by nobody else meanwhile."""
        with self._threads, self.turn("kept"):
            yield self._read()

    def refresh_token(self, source: str, configured: str) -> str:
        """The refresh token to log in with: the kept one if it came from the configured one.

        Raises `KeptFileBroken`.
        """
        entry = self._table(self._read(), "refresh_tokens").get(source)
        if isinstance(entry, dict) and entry.get("configured") == _fingerprint(configured):
            token = entry.get("token")
            if isinstance(token, str) and token:
                return token
        return configured

    def keep_refresh_token(self, source: str, configured: str, token: str) -> None:
        """Keeps a new refresh token; it is on the disk when this returns.

        Raises `NotKept` if it cannot be written, `KeptFileBroken` if the file is broken.
        """
        with self._changing() as content:
            entry = {"token": token, "configured": _fingerprint(configured)}
            content["refresh_tokens"] = {**self._table(content, "refresh_tokens"), source: entry}
            self._write(
                content,
                "the provider has replaced the refresh token, and the new one is lost: make the"
                " file writable, log in anew and set the new refresh_token",
            )

    def rehearse(self, source: str) -> None:
        """Raises `NotKept` if a source could not keep its next refresh token.

        One whose token was never seen to rotate may log in from a folder that cannot be written.
        """
        with self._changing() as content:
            if source in self._table(content, "refresh_tokens"):
                self._write(content)

    def forget(self, source: str) -> None:
        """Keeps nothing of that source any more."""
        with self._changing() as content:
            tokens = self._table(content, "refresh_tokens")
            if source in tokens:
                content["refresh_tokens"] = {k: v for k, v in tokens.items() if k != source}
                self._write(content)

    def user_key(self, is_used: Callable[[], bool]) -> bytes:
        """The project's key for hashing the names of users; made when first asked for.

        Not where names were hashed with one before (`is_used`): by a new one they all would be
        other users. An empty one in the file asks for a new one nonetheless. Raises `NotKept` if
        it cannot be written, `KeptFileBroken` if the file is broken or that key is gone.
        """
        with self._changing() as content:
            key = content.get("user_key")
            if key is None and is_used():
                raise KeptFileBroken(
                    f"{self.path} has no key for redact_users, though the ledger has users hashed"
                    ' with one: put the file back from a backup, or write user_key = "" into it'
                    " for a new key, by which every user has another name"
                )
            if not key:
                key = content["user_key"] = secrets.token_hex(32)
                self._write(content)
            try:
                return bytes.fromhex(key)
            except (TypeError, ValueError):
                raise KeptFileBroken(f"{self.path}: user_key is not a hexadecimal text") from None

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            # neither kind of message quotes the file, which is full of secrets
            said = error.strerror if isinstance(error, OSError) else "it is not TOML"
            raise KeptFileBroken(
                f"{self.path} cannot be read: {said}. It holds rotated refresh tokens and the"
                " key of redact_users: restore it from a backup, or remove it and set a new"
                " refresh token"
            ) from None

    def _table(self, content: dict[str, Any], name: str) -> dict[str, Any]:
        table = content.get(name, {})
        if not isinstance(table, dict):
            raise KeptFileBroken(f"{self.path}: {name} is not a table")
        return table

    def _write(
        self,
        content: dict[str, Any],
        consequence: str = "nothing was used that would have to be kept",
    ) -> None:
        document = tomlkit.document()
        document.add(tomlkit.comment(_TITLE))
        document.update(content)
        try:
            _write_durably(Path(os.path.realpath(self.path)), tomlkit.dumps(document).encode())
        except OSError as error:
            raise NotKept(
                f"{self.path} cannot be written ({error.strerror}); {consequence}"
            ) from None


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _write_durably(path: Path, content: bytes) -> None:
    """Replaces the file as a whole, and returns when it would outlive a power cut."""
    # settings that come from the environment alone need no folder
    path.parent.mkdir(mode=0o700, exist_ok=True)
    # mkstemp makes it readable by its owner only
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)
