"""Looking after requests on their way: a read that blocks can only be stopped from outside."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from jobledger.sources._provider.clock import Clock

WHOLE_TIMEOUT: Final = 600.0
"""Seconds for a whole answer, however steadily it drips."""
_LOOK_EVERY: Final = 0.5
_here = threading.local()


class Exchange:
    """A request on its way, and the socket it goes through."""

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.is_cut = False
        self.socket: Any = None

    def cut(self) -> None:
        """Makes whoever waits for an answer stop waiting."""
        self.is_cut = True
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


class Watch:
    """Looks after requests on their way: cuts those that take too long, all if it is over.

    A read that blocks cannot be told to stop in any other way. The thread is there only while
    there are requests.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Condition()
        self._exchanges: set[Exchange] = set()
        self._is_looking = False

    @contextmanager
    def over(self) -> Iterator[Exchange]:
        """Looks after one request."""
        ends_at = self._clock.monotonic() + min(WHOLE_TIMEOUT, self._clock.remaining())
        exchange = _here.exchange = Exchange(ends_at)
        with self._lock:
            self._exchanges.add(exchange)
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._look, name="watch", daemon=True).start()
        try:
            yield exchange
        finally:
            _here.exchange = None
            with self._lock:
                self._exchanges.discard(exchange)

    def _look(self) -> None:
        idle = 0
        with self._lock:
            while True:
                now = self._clock.monotonic()
                for exchange in self._exchanges:
                    if self._clock.is_stopped or now >= exchange.ends_at:
                        exchange.cut()
                idle = 0 if self._exchanges else idle + 1
                if idle > 2:  # noqa: PLR2004 - a second or so, so that threads do not come and go
                    self._is_looking = False
                    return
                self._lock.wait(_LOOK_EVERY)


class _Seen:
    """A connection that shows its socket to whoever looks after the request."""

    def getresponse(self) -> Any:
        if (exchange := getattr(_here, "exchange", None)) is not None:
            exchange.socket = getattr(self, "sock", None)
        return super().getresponse()  # type: ignore[misc]


class _HTTPConnection(_Seen, HTTPConnection):
    pass


class _HTTPSConnection(_Seen, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class Adapter(HTTPAdapter):
    """Connections that can be cut."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager
