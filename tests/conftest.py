"""What any test may ask for, and how long properties are looked at."""

import os
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from jobledger.emulator import Running, World, serving
from tests.emulator.running import NOW

# the same in every run unless more is asked for: a red build is red again when looked at
settings.register_profile("same", derandomize=True, print_blob=True, deadline=None)
settings.register_profile("more", derandomize=False, print_blob=True, deadline=None)
settings.load_profile("more" if "JOBLEDGER_HISTORIES" in os.environ else "same")

_SETTINGS: Final = (
    *("JOBLEDGER_PROJECT", "JOBLEDGER_NOTIFY"),
    *("SOURCES__", "WAREHOUSE__", "SYNC__", "SCHEDULE__"),
)
"""How the names of settings in the environment begin."""


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """No test hears of the developer's settings, or of what another test did to them."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_SETTINGS):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


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
