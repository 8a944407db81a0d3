"""What any test may ask for."""

from collections.abc import Iterator

import pytest

from jobledger.emulator import Running, World, serving
from tests.emulator.running import NOW


@pytest.fixture
def emulator() -> Iterator[Running]:
    """An emulator without any jobs, whose clock stands still at `NOW`."""
    with serving(World(jobs=0, now=NOW)) as running:
        yield running


@pytest.fixture
def busy_emulator() -> Iterator[Running]:
    """An emulator with four months of made-up jobs, whose clock stands still at `NOW`."""
    with serving(World(jobs=1_500, now=NOW)) as running:
        yield running
