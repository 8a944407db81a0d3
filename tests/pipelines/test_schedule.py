"""Syncs on a rhythm: when they are due, and when nothing is made up for."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobledger.emulator import Running
from jobledger.pipelines.errors import ConfigError
from jobledger.pipelines.project import Project
from jobledger.pipelines.sync.heartbeat import BEAT, Heartbeat, heartbeats
from jobledger.pipelines.sync.project_sync import sync_project
from jobledger.pipelines.sync.rhythm import Every, Rhythm, configured, rhythm
from jobledger.pipelines.sync.schedule import Schedule
from tests.faults.provider import project, rows_of
from tests.pipelines.scripted_sync import Quiet
from tests.sources._provider.accounts import FakeClock

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Time(threading.Event):
    """A clock that only waiting moves; `asleep` makes one wait last longer than it should."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.asleep: dict[datetime, timedelta] = {}

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        for at in [at for at in self.asleep if at <= self.now]:
            self.now += self.asleep.pop(at)
        return self.is_set()


def starts(
    tmp_path: Path,
    chosen: Rhythm,
    *,
    count: int,
    takes: timedelta = timedelta(0),
    time: Time | None = None,
    jitter: float = 0.0,
) -> list[datetime]:
    """When the first syncs of a schedule start."""
    clock, found = time or Time(), list[datetime]()

    def sync() -> None:
        found.append(clock.now)
        clock.now += takes
        if len(found) == count:
            clock.set()

    Schedule(chosen, sync, tmp_path, lambda: clock.now, clock, jitter).run()
    return found


def at(*minutes: float) -> list[datetime]:
    return [START + timedelta(minutes=minute) for minute in minutes]


def test_every_starts_at_once_and_counts_from_start_to_start(tmp_path: Path) -> None:
    every = rhythm("15m", None)
    assert starts(tmp_path, every, count=3, takes=timedelta(minutes=4)) == at(0, 15, 30)


def test_a_sync_longer_than_the_span_is_followed_by_one_at_once(tmp_path: Path) -> None:
    every = Every(timedelta(minutes=15))
    assert starts(tmp_path, every, count=3, takes=timedelta(minutes=20)) == at(0, 20, 40)


def test_what_was_slept_through_is_caught_up_once(tmp_path: Path) -> None:
    clock = Time()
    clock.asleep[START + timedelta(minutes=20)] = timedelta(hours=5)
    found = starts(tmp_path, Every(timedelta(minutes=15)), count=4, time=clock)
    woke = START + timedelta(hours=5, minutes=20)
    assert found[:2] == at(0, 15)
    assert woke <= found[2] <= woke + timedelta(seconds=BEAT)
    assert found[3] == found[2] + timedelta(minutes=15)


def test_cron_waits_for_its_time_and_catches_up_once(tmp_path: Path) -> None:
    clock = Time()
    clock.asleep[START + timedelta(minutes=20)] = timedelta(hours=3)
    found = starts(tmp_path, rhythm(None, "10 * * * *"), count=3, time=clock)
    woke = START + timedelta(hours=3, minutes=20)
    assert found[0] == START + timedelta(minutes=10)
    assert woke <= found[1] <= woke + timedelta(seconds=BEAT)
    assert found[2] == START + timedelta(hours=4, minutes=10)


@pytest.mark.parametrize("chosen", [rhythm("15m", None), rhythm(None, "*/15 * * * *")], ids=str)
def test_a_clock_that_is_put_back_stops_no_schedule(tmp_path: Path, chosen: Rhythm) -> None:
    clock, year = Time(), timedelta(days=365)
    clock.asleep[START + timedelta(minutes=20)] = -year
    found = starts(tmp_path, chosen, count=5, time=clock)
    first = found.index(next(at for at in found if at < START))
    assert found[first - 1] <= START + timedelta(minutes=15)
    expected = [START - year + timedelta(minutes=15 * n) for n in range(2, 7 - first)]
    late = [at - due for at, due in zip(found[first:], expected, strict=True)]
    assert all(timedelta(0) <= each <= timedelta(seconds=BEAT) for each in late)


def test_a_clock_that_is_put_back_during_a_sync_stops_no_schedule(tmp_path: Path) -> None:
    year = timedelta(days=365)
    found = starts(tmp_path, Every(timedelta(minutes=15)), count=3, takes=-year)
    quarter = timedelta(minutes=15)
    assert found == [START, START - year + quarter, START - 2 * year + 2 * quarter]


def test_jitter_is_later_never_earlier_and_does_not_add_up(tmp_path: Path) -> None:
    found = starts(tmp_path, Every(timedelta(minutes=15)), count=5, jitter=40.0)
    late = [(a - b).total_seconds() for a, b in zip(found, at(0, 15, 30, 45, 60), strict=True)]
    assert all(0 <= seconds <= 40 for seconds in late)
    assert any(late)


@pytest.mark.parametrize(
    ("every", "cron", "seconds"),
    [
        ("90s", None, 90),
        (None, "*/5 * * * *", 300),
        (None, "0 7 * * 1-5", 72 * 3600),
        (None, "*/10 9-17 * * 1-5", 63.0 * 3600 + 600),
        (None, "0 3 * * 0", 7 * 86400),
        (None, "0 3 1 * *", 31 * 86400),
        (None, "0 3 31 * *", 61 * 86400),
        (None, "*/15 6-8 1,15 * *", 17 * 86400 - 9900),
        (None, "0 0 1 1 *", 366 * 86400),
        (None, "0 0 29 2 *", 1461 * 86400),
        (None, "0 0 * 2 1#5", 10227 * 86400),
        (None, "30 2 * * *", 86400),
    ],
)
def test_freshness_is_measured_by_the_longest_gap(
    every: str | None, cron: str | None, seconds: float
) -> None:
    assert rhythm(every, cron).seconds == seconds


def test_sunday_is_0_as_in_cron() -> None:
    first = rhythm(None, "0 3 * * 0").first(START)
    assert (first - timedelta(0)).astimezone().strftime("%a") == "Sun"


@pytest.mark.parametrize(
    ("every", "cron"), [("soon", None), ("0m", None), (None, "* * *"), (None, "* * * * * *")]
)
def test_what_is_no_rhythm(every: str | None, cron: str | None) -> None:
    with pytest.raises(ConfigError, match="expected"):
        rhythm(every, cron)


def test_two_rhythms_in_the_settings_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    said = '[schedule]\nevery = "1h"\ncron = "0 7 * * *"\n'
    (tmp_path / ".dlt" / "config.toml").write_text(said)
    with pytest.raises(ConfigError, match="has every and cron: expected one of them"):
        configured(Project(tmp_path))


def test_a_sign_of_life_tells_when_the_next_sync_is_due(tmp_path: Path) -> None:
    assert heartbeats(tmp_path) == []
    clock, beats = Time(), list[Heartbeat]()

    def sync() -> None:
        beats.extend(heartbeats(tmp_path))
        if len(beats) == 2:
            clock.set()

    every = Every(timedelta(minutes=15))
    waits: list[datetime] = []
    Schedule(every, sync, tmp_path, lambda: clock.now, clock, on_wait=waits.append).run()
    # the first sync starts at once
    assert waits == at(15)
    beat = beats[1]
    heart = tmp_path / "schedule.json"
    [then] = at(15)
    assert beat == Heartbeat(os.getpid(), "every 15m", then, then, heart, is_alive=True)
    # one that ended well is not one that died
    assert heartbeats(tmp_path) == []


def test_schedules_of_other_sources_give_their_own_signs_of_life(tmp_path: Path) -> None:
    clock, beats = Time(), list[Heartbeat]()
    every = Every(timedelta(minutes=15))

    def inner() -> None:
        beats.extend(heartbeats(tmp_path))
        clock.set()

    def outer() -> None:
        Schedule(every, inner, tmp_path, lambda: clock.now, clock, sources=["zuora", "sf"]).run()
        beats.extend(heartbeats(tmp_path))

    Schedule(every, outer, tmp_path, lambda: clock.now, clock, sources=["zuora_eu"]).run()
    assert [beat.rhythm for beat in beats] == [
        "zuora, sf every 15m",
        "zuora_eu every 15m",
        "zuora_eu every 15m",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone cannot be set here")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def following(expression: str, now: datetime, count: int) -> list[datetime]:
    """When syncs of this rhythm are due, from then on."""
    cron, found = rhythm(None, expression), [now]
    for _ in range(count):
        found.append(cron.next(found[-1], found[-1]))
    return found[1:]


@pytest.mark.usefixtures("berlin")
def test_the_hour_that_comes_twice_in_autumn_has_its_syncs_twice() -> None:
    found = following("30 * * * *", datetime(2026, 10, 24, 23, 45, tzinfo=UTC), 4)
    assert found == [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in range(4)]


@pytest.mark.usefixtures("berlin")
def test_the_hour_that_spring_leaves_out_has_its_sync_once() -> None:
    found = following("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=UTC), 2)
    # half past two of that night is half past three
    assert found == [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize(("said", "seconds"), [(None, 900.0), (3600.0, 3600.0)])
def test_a_sync_tells_the_rhythm_of_the_settings_unless_it_belongs_to_another(
    tmp_path: Path, emulator: Running, said: float | None, seconds: float
) -> None:
    ours = project(tmp_path / "ours", emulator.base_url, "zuora")
    config = ours.folder / ".dlt" / "config.toml"
    config.write_text(f'{config.read_text()}[schedule]\nevery = "15m"\n')
    result = sync_project(
        Project(ours.folder, {}), watcher=Quiet(), clock=FakeClock(), schedule=said
    )
    assert result.load_errors == {}
    assert rows_of(
        ours.warehouse, "select kind, schedule_seconds from loaded.sync_runs order by kind"
    ) == [
        (kind, seconds)
        for kind in ("auto_backfill", "custom_object_bulk", "data_backfill", "data_query")
    ]
