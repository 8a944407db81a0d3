"""Requests on their way, over real connections."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from jobledger.sources._provider.errors import TimeLimitReached
from jobledger.sources._provider.reply import chunks
from jobledger.sources._provider.transport import Transport

from .accounts import FakeClock

LIMIT = 300.0
"""Less than what a whole answer may take, and than the time between two bytes."""


class Dripping:
    """Sends a byte now and then; when some have come, the time limit has passed."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for sent in range(100):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                if sent == 5:
                    self._clock.passed = LIMIT
                time.sleep(0.02)

    def end(self) -> None:
        self._thread.join()
        self._listening.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(deadline=LIMIT)


@pytest.fixture
def dripping(clock: FakeClock) -> Iterator[Dripping]:
    server = Dripping(clock)
    yield server
    server.end()


def test_an_answer_that_drips_ends_with_the_time_limit(
    clock: FakeClock, dripping: Dripping
) -> None:
    transport = Transport(dripping.url, clock, 2)
    with (
        pytest.raises(TimeLimitReached, match="the time limit of the sync is reached"),
        transport.send(f"{dripping.url}/objects/jobs", {}) as response,
    ):
        list(chunks(response, 1 << 30))
