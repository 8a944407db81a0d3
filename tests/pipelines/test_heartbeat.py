"""Whether a schedule is alive, however it ended and wherever one asks."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from jobledger.pipelines.cli import main
from jobledger.pipelines.errors import ConfigError, JobledgerError
from jobledger.pipelines.sync.heartbeat import Heart, Heartbeat, heartbeats, pulse
from tests.sql.worlds import NOW

AGAIN = (
    "start it again with 'jobledger schedule', or remove state/schedule.json if something else"
    " syncs now"
)
LIVES = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from jobledger.pipelines.sync.heartbeat import Heart
heart = Heart(Path(sys.argv[1]), ["zuora"], "every 1h")
with heart.alive():
    heart.beat(datetime.now(UTC), datetime.now(UTC))
    print("lives", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("silent", "due_in", "is_alive", "said"),
    [
        (10, 720, True, "alive, next sync in 12m"),
        (10, -1, True, "alive, next sync now"),
        (600, -590, True, "alive, syncing since 10 min ago"),
        # one that waits gives a sign every fifteen seconds
        (7200, 1800, True, f"silent since 2 h ago (PID 42); {AGAIN}"),
        # one that reached its time limit loads what it has read
        (7500, -7490, True, "alive, syncing since 2 h ago"),
        # no sync takes that long
        (
            9000,
            -8990,
            True,
            f"silent since 2 h ago (PID 42), and a sync was due 2 h ago; {AGAIN}",
        ),
        (10, 720, False, f"dead: its process, 42, ended after its last sign just now; {AGAIN}"),
        (
            600,
            -590,
            False,
            (
                "dead: its process, 42, ended after its last sign 10 min ago,"
                f" and a sync was due 9 min ago; {AGAIN}"
            ),
        ),
    ],
)
def test_what_a_sign_of_life_says(silent: float, due_in: float, is_alive: bool, said: str) -> None:
    at, next_at = NOW - timedelta(seconds=silent), NOW + timedelta(seconds=due_in)
    heart = Heartbeat(42, "every 1h", at, next_at, Path("state/schedule.json"), is_alive)
    assert pulse(heart, NOW, timedelta(hours=2)) == f"schedule (every 1h): {said}"


def test_a_schedule_that_was_killed_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LIVES, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as schedule:
        assert schedule.stdout is not None
        assert schedule.stdout.readline() == "lives\n"
        assert [beat.is_alive for beat in heartbeats(tmp_path)] == [True]
        schedule.kill()
        schedule.wait(timeout=60)
    [beat] = heartbeats(tmp_path)
    assert (beat.pid, beat.rhythm, beat.is_alive) == (schedule.pid, "zuora every 1h", False)
    # and the next one takes its place
    with Heart(tmp_path, ["zuora"], "every 2h").alive():
        assert [beat.is_alive for beat in heartbeats(tmp_path)] == [True]
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_has_the_number_of_a_dead_schedule_does_not_make_it_live(
    tmp_path: Path,
) -> None:
    heart = {
        "pid": os.getpid(),
        "rhythm": "every 1h",
        "at": NOW.isoformat(),
        "next_at": NOW.isoformat(),
    }
    (tmp_path / "schedule.json").write_text(json.dumps(heart))
    assert [beat.is_alive for beat in heartbeats(tmp_path)] == [False]
    # whoever only asks leaves nothing behind
    assert list(tmp_path.iterdir()) == [tmp_path / "schedule.json"]


def test_a_lock_that_cannot_be_asked_for_leaves_it_to_the_sign_of_life(tmp_path: Path) -> None:
    heart = Heart(tmp_path, (), "every 1h")
    heart.beat(NOW, NOW)
    (tmp_path / "schedule.lock").mkdir()
    assert [beat.is_alive for beat in heartbeats(tmp_path)] == [True]
    with pytest.raises(ConfigError, match="cannot write to"), heart.alive():
        pass


def test_a_sign_of_life_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "schedule.json").write_text("{")
    with pytest.raises(JobledgerError, match="cannot be read"):
        heartbeats(tmp_path)


def test_a_second_schedule_of_the_same_sources_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[sources.zuora]\nbase_url = "https://a"\n')
    heart = Heart(tmp_path / ".jobledger", (), "every 1h")
    (tmp_path / ".jobledger").mkdir()
    heart.beat(NOW, NOW)
    with heart.alive(), pytest.raises(SystemExit) as ended:
        main(["--project", str(tmp_path), "schedule", "--every", "15m"])
    assert ended.value.code == 3
    assert capsys.readouterr().err == (
        "jobledger: another schedule of the same sources runs in this project (every 1h, PID"
        f" {os.getpid()}); stop it first, or let it do the work\n"
    )
