"""What any test may ask for."""

from collections.abc import Iterator

import pytest

from jobledger.emulator import Running, World, serving
from tests.emulator.running import NOW


@pytest.fixture(scope="session")
def _quiet() -> Iterator[Running]:
    with serving(World(jobs=0, now=NOW)) as running:
        yield running


@pytest.fixture(scope="session")
def _busy() -> Iterator[Running]:
    with serving(World(jobs=0, now=NOW)) as running:
        yield running


@pytest.fixture
def emulator(_quiet: Running) -> Running:
    """An emulator without any jobs, whose clock stands still at `NOW`; anew for each test."""
    _quiet.renew(World(jobs=0, now=NOW))
    return _quiet


@pytest.fixture
def busy_emulator(_busy: Running) -> Running:
    """An emulator with four months of made-up jobs, whose clock stands still at `NOW`."""
    _busy.renew(World(jobs=1_500, now=NOW))
    return _busy
