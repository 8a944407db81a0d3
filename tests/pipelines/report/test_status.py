"""Status: what a table says, what JSON says, and whether a schedule is alive."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobledger.notebooks.asking import Published
from jobledger.pipelines.errors import QueryError
from jobledger.pipelines.query import attached
from jobledger.pipelines.sync.heartbeat import Heart
from tests.pipelines.report.conftest import Run, Scene
from tests.pipelines.report.story import tell
from tests.sql.worlds import ago

STATUS = """\
                     health      last sync             complete    open  gaps  rejects
salesforce ingest    ● stuck     30 min ago            30 min ago     1     0        0
  1 of 1 open jobs stuck
zuora auto_backfill  ● healthy   incomplete 5 min ago  30 min ago     0     1        0
  none of 5 jobs failed in 7 days
zuora data_query     ● degraded  30 min ago            30 min ago     0     0        1
  6 of 28 jobs failed in 7 days (21.4 %)
"""


def _told(scene: Scene) -> None:
    tell(scene.world)
    scene.world.run(
        sync_id="s2",
        kind="auto_backfill",
        finished_at=ago(minutes=5),
        outcome="incomplete",
        gap_from=ago(days=3),
        gap_to=ago(days=1),
    )
    scene.world.reject()
    scene.publish()


def test_a_table_has_ages_and_reasons(scene: Scene, run: Run) -> None:
    _told(scene)
    done = run(scene, "status")
    assert (done.code, done.out, done.err) == (0, STATUS, "")


def test_in_little_room_names_give_way_and_nothing_else(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _told(scene)
    for width in (78, 84):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = run(scene, "status").out.splitlines()
        assert max(map(len, lines)) <= width
        assert lines[0].split() == STATUS.split("\n", maxsplit=1)[0].split()
        assert lines[3].endswith(
            "…  ● healthy   incomplete 5 min ago  30 min ago     0     1        0"
        )
    scene.world.connection.execute("delete from loaded.rejected_records")
    scene.publish()
    head = run(scene, "status").out.splitlines()[0]
    assert head.split() == ["health", "last", "sync", "complete", "open", "gaps"]


def test_json_has_exact_times(scene: Scene, run: Run) -> None:
    _told(scene)
    rows = json.loads(run(scene, "status", "--json").out)
    assert [row["kind"] for row in rows] == ["ingest", "auto_backfill", "data_query"]
    assert rows[1] == {
        "source": "zuora",
        "kind": "auto_backfill",
        "last_sync_at": "2026-03-15T11:55:00Z",
        "last_outcome": "incomplete",
        "last_error": None,
        "last_complete_at": "2026-03-15T11:30:00Z",
        "open_jobs": 0,
        "gaps": 1,
        "rejected": 0,
        "health": "healthy",
        "reason": "none of 5 jobs failed in 7 days",
    }
    assert run(scene, "status", "--format", "json").out == run(scene, "status", "--json").out
    path = scene.project.folder / "status.json"
    assert run(scene, "status", "-o", str(path)).code == 0
    assert path.read_text() == run(scene, "status", "--json").out


def test_why_a_last_sync_did_not_read_all_is_told_once(scene: Scene, run: Run) -> None:
    _told(scene)
    refused = "HTTP 401: the client id or the secret is wrong"
    for kind in ("data_query", "auto_backfill"):
        scene.world.run(
            sync_id="s3",
            kind=kind,
            finished_at=ago(minutes=2),
            outcome="failed",
            error_message=refused,
        )
    scene.world.run(
        sync_id="s3",
        source="salesforce",
        provider="salesforce",
        kind="ingest",
        finished_at=ago(minutes=1),
        outcome="incomplete",
        error_message="HTTP 503\x1b[2J",
    )
    scene.publish()
    assert run(scene, "status").err.splitlines() == [
        r"salesforce ingest: the last sync was incomplete: HTTP 503\x1b[2J",
        f"zuora auto_backfill, data_query: the last sync failed: {refused}",
    ]
    rows = json.loads(run(scene, "status", "--json").out)
    assert [row["last_error"] for row in rows] == ["HTTP 503\x1b[2J", refused, refused]


def test_sources_that_were_never_synced_are_named(scene: Scene, run: Run) -> None:
    (scene.project.folder / ".dlt").mkdir()
    config = '[sources.zuora]\nbase_url = "https://a"\n[sources.zuora_eu]\nbase_url = "https://b"\n'
    (scene.project.folder / ".dlt" / "config.toml").write_text(config)
    scene.world.run()
    scene.publish()
    assert run(scene, "status").err == "zuora_eu: never synced; run 'jobledger sync zuora_eu'\n"


def test_a_schedule_that_is_alive_is_mentioned(scene: Scene, run: Run) -> None:
    scene.publish()
    now = datetime.now(UTC)
    heart = Heart(scene.project.make_state_dir(), (), "every 1h")
    with heart.alive():
        heart.beat(now, now + timedelta(minutes=40))
        assert run(scene, "status").err.startswith("schedule (every 1h): alive, next sync in ")


@pytest.mark.parametrize(
    "words", [["status"], ["status", "--format", "openmetrics"], ["report"], ["check"]]
)
def test_nothing_heavy_is_imported(told: Scene, words: list[str]) -> None:
    script = (
        "import sys\n"
        "from jobledger.pipelines.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pandas', 'dlt', 'pyarrow', 'numpy', 'apprise', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    folder = str(told.project.folder)
    subprocess.run(
        [sys.executable, "-c", script, "--project", folder, *words],
        check=True,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize("format_", ["json", "openmetrics"])
def test_a_file_of_the_status_stays_readable_for_whoever_could_read_it(
    told: Scene, run: Run, tmp_path: Path, format_: str
) -> None:
    path = tmp_path / "status"
    path.touch(mode=0o640)
    path.chmod(0o640)
    assert run(told, "status", "--format", format_, "-o", str(path)).code == 0
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes()


def test_damage_that_only_reading_finds_is_told_with_the_next_step(scene: Scene, run: Run) -> None:
    tell(scene.world)
    scene.publish()
    path = scene.project.warehouse
    body = bytearray(path.read_bytes())
    # after the headers the first block says what there is: whoever opens the file reads that alone
    for at in range(12_288 + 262_144, len(body), 4096):
        body[at + 100] ^= 0xFF
    path.write_bytes(body)
    attached(path).close()
    for words in (["status"], ["report"], ["query", "jobs"], ["export", "jobs", "-o", "-"]):
        done = run(scene, *words)
        assert (done.code, done.out) == (1, ""), words
        assert done.err.startswith(f"jobledger: cannot read {path}: "), words
        assert "move it away, and 'jobledger sync' publishes it anew" in done.err, words
    with pytest.raises(QueryError, match=r"cannot read .*; move it away"):
        Published(path).row("select max(raw::varchar) from ledger.loaded.job_versions")
