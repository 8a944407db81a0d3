"""Checks as a command: problems, exit codes, and messages that are sent once, to loopback."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.report.conftest import Run, Scene
from tests.pipelines.report.story import tell
from tests.sql.worlds import ago

# apprise asks for what Python 3.13 has no more
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

SECRET = "s3cr3t-t0ken"
PROBLEMS = """\
stuck_jobs: 1 problem, one per open job that should have moved by now
  salesforce ingest 750stuck: waiting for data: Open, created 30.0 h ago
"""
CHECKS = [
    "counts_that_do_not_add_up",
    "failing_kinds",
    "finish_before_creation",
    "gaps",
    "late_syncs",
    "rejected_records",
    "stuck_jobs",
    "unknown_statuses",
]


class Hook:
    """A webhook on this machine that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.queries: list[str] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                message = json.loads(self.rfile.read(length))
                path, _, query = self.path.partition("?")
                hook.queries.append(query)
                assert path == f"/{SECRET}"
                if hook.status < 300:
                    hook.heard.append(message)
                self.send_response(hook.status)
                self.send_header("Location", f"http://127.0.0.1:{hook.port}/{SECRET}")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"json://127.0.0.1:{self.port}/{SECRET}"

    def titles(self) -> list[str]:
        """What it was told since it was last asked."""
        told = [message["title"] for message in self.heard]
        self.heard.clear()
        return told


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    thread = threading.Thread(target=hook.server.serve_forever, args=(0.01,))
    thread.start()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()
    thread.join()


def test_problems_are_printed_by_check(told: Scene, run: Run) -> None:
    done = run(told, "check")
    assert (done.code, done.out) == (4, PROBLEMS)
    good = ", ".join(name for name in CHECKS if name != "stuck_jobs")
    assert done.err == f"nothing found by {good}\n"


def test_json_has_every_check(told: Scene, run: Run) -> None:
    done = run(told, "check", "--json")
    checks = {each["check"]: each for each in json.loads(done.out)}
    assert (done.code, sorted(checks)) == (4, CHECKS)
    assert checks["stuck_jobs"] == {
        "check": "stuck_jobs",
        "title": "one row per open job that should have moved by now",
        "problems": [
            {
                "source": "salesforce",
                "kind": "ingest",
                "job_id": "750stuck",
                "object": "Account",
                "provider_status": "Open",
                "stuck_reason": "waiting_for_data",
                "problem": ("waiting for data: Open, created 30.0 h ago"),
            }
        ],
        "error": None,
    }
    assert [each["problems"] for each in checks.values()].count([]) == 7


def test_nothing_wrong_is_exit_0(scene: Scene, run: Run) -> None:
    scene.world.run()
    scene.publish()
    done = run(scene, "check")
    assert (done.code, done.out) == (0, "")


def _own(scene: Scene, name: str, sql: str) -> None:
    folder = scene.project.sql_dir / "checks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sql").write_text(sql)


def test_own_checks_run_and_one_that_cannot_is_exit_1(scene: Scene, run: Run) -> None:
    tell(scene.world)
    scene.publish()
    _own(
        scene,
        "odd",
        "-- one row per odd value\nselect 'nan'::double as number,"
        " timestamptz '2026-01-01 00:00+00'"
        " as at, {'a': [1, null]} as nested, 170141183460469231731687303715884105727 as huge",
    )
    _own(scene, "broken", "select * from nowhere")
    _own(scene, "writes", "drop view jobs")
    done = run(scene, "check", "--json")
    checks = {each["check"]: each for each in json.loads(done.out)}
    assert done.code == 1
    assert checks["odd"]["error"] is None
    assert checks["odd"]["problems"] == [
        {
            "number": None,
            "at": "2026-01-01T00:00:00Z",
            "nested": {"a": [1, None]},
            "huge": 170141183460469231731687303715884105727,
        }
    ]
    assert "nowhere" in checks["broken"]["error"]
    assert checks["writes"]["error"]
    assert len(checks["stuck_jobs"]["problems"]) == 1
    assert "broken: could not run: " in run(scene, "check").out


def test_a_code_page_without_a_letter_costs_no_exit_code(scene: Scene) -> None:
    scene.world.run()
    scene.world.job(status="unknown", provider_status="待機", created_at=ago(hours=1))
    scene.publish()
    done = subprocess.run(
        [Path(sys.executable).with_name("jobledger"), "--project", scene.project.folder, "check"],
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 4
    assert b"??" in done.stdout


def test_what_an_own_check_leaves_empty_is_not_told(scene: Scene, run: Run) -> None:
    tell(scene.world)
    scene.publish()
    rows = "('zuora', 'Account', 3), ('zuora', null, 4), (null, null, null)"
    _own(scene, "bare", f"-- one row per x\nselect * from (values {rows}) as x(source, object, n)")
    told = run(scene, "check").out.partition("bare: ")[2].splitlines()
    assert told[:4] == [
        "3 problems, one per x",
        "  zuora: object=Account, n=3",
        "  zuora: n=4",
        "  NULL",
    ]


def test_a_check_that_takes_too_long_is_exit_5(scene: Scene, run: Run) -> None:
    scene.publish()
    _own(
        scene,
        "endless",
        "select count(*) from range(1000000) as a (i), range(1000000) as b (j)"
        " where hash(i * j) = 7",
    )
    done = run(scene, "check", "--timeout", "2")
    assert done.code == 5
    assert done.out.startswith("endless: could not run: the query ran for longer than 2 s")


def test_a_check_that_takes_too_long_keeps_no_message_back(
    scene: Scene, run: Run, hook: Hook
) -> None:
    tell(scene.world)
    scene.publish()
    _own(scene, "an_endless_one", "select count(*) from range(1000000000000) as a (i)")
    assert run(scene, "check", "--timeout", "2", "--notify", hook.url).code == 5
    assert hook.titles() == [
        "acme: an endless one: the check cannot run",
        "acme: stuck jobs: 1 problem",
    ]


def test_a_message_longer_than_a_service_takes_comes_in_parts(
    scene: Scene, run: Run, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.custom_json import NotifyJSON

    monkeypatch.setattr(NotifyJSON, "body_maxlen", 60)
    tell(scene.world)
    scene.publish()
    run(scene, "check", "--notify", hook.url)
    parts = [each["message"] for each in hook.heard]
    assert len(parts) > 1
    assert max(map(len, parts)) <= 60
    said = PROBLEMS.splitlines()[1].replace("  ", "- ")
    assert "".join("".join(parts).split()) == "".join(said.split())


def test_what_cannot_be_remembered_keeps_no_message_back(
    scene: Scene, run: Run, hook: Hook
) -> None:
    tell(scene.world)
    scene.publish()
    _own(scene, "a_broken_one", "select * from nowhere")
    (scene.project.make_state_dir() / "notified.json").mkdir()
    done = run(scene, "check", "--notify", hook.url)
    assert done.code == 1
    assert hook.titles() == [
        "acme: a broken one: the check cannot run",
        "acme: stuck jobs: 1 problem",
    ]
    assert "notified.json: Is a directory" in done.err


def test_a_receiver_hears_once_until_it_changes(scene: Scene, run: Run, hook: Hook) -> None:
    tell(scene.world)
    scene.publish()
    first = run(scene, "check", "--notify", hook.url)
    assert first.code == 4
    assert [(each["title"], each["message"], each["type"]) for each in hook.heard] == [
        (
            "acme: stuck jobs: 1 problem",
            PROBLEMS.splitlines()[1].replace("  ", "- "),
            "warning",
        )
    ]
    hook.heard.clear()
    # the same job, later: its age is another, and that is no news
    scene.world.connection.execute(
        "update loaded.job_versions set valid_from = valid_from - interval 1 hour,"
        " created_at = created_at - interval 1 hour where job_id = '750stuck'"
    )
    scene.publish()
    assert run(scene, "check", "--notify", hook.url).code == 4
    assert hook.titles() == []
    scene.world.job("q-new", status="running", created_at=ago(days=3), valid_from=ago(days=3))
    scene.publish()
    run(scene, "check", "--notify", hook.url)
    assert hook.heard[0]["message"].startswith("1 new, 0 gone\n- zuora data_query q-new: slow")
    assert hook.titles() == ["acme: stuck jobs: 2 problems"]
    scene.world.connection.execute("delete from loaded.job_versions where not is_terminal")
    scene.publish()
    assert run(scene, "check", "--notify", hook.url).code == 0
    assert [each["type"] for each in hook.heard] == ["success"]
    assert hook.titles() == ["acme: stuck jobs: resolved"]
    assert run(scene, "check", "--notify", hook.url).code == 0
    assert hook.titles() == []


def test_another_gap_is_news_and_another_example_is_none(
    scene: Scene, run: Run, hook: Hook
) -> None:
    scene.world.run(gap_from=ago(days=2), gap_to=ago(days=1))
    scene.world.job("b", status="unknown", provider_status="Paused", created_at=ago(hours=1))
    scene.publish()
    run(scene, "check", "--notify", hook.url)
    assert hook.titles() == ["acme: gaps: 1 problem", "acme: unknown statuses: 1 problem"]
    scene.world.run(sync_id="s2", gap_from=ago(days=5), gap_to=ago(days=4))
    scene.world.job("a", status="unknown", provider_status="Paused", created_at=ago(hours=1))
    scene.publish()
    run(scene, "check", "--notify", hook.url)
    assert hook.heard[0]["message"].startswith("1 new, 0 gone\n")
    assert hook.titles() == ["acme: gaps: 2 problems"]


def test_an_address_of_the_web_is_a_webhook_that_takes_json(
    scene: Scene, run: Run, hook: Hook
) -> None:
    tell(scene.world)
    scene.publish()
    url = f"http://127.0.0.1:{hook.port}/{SECRET}?key=a%2Fb&method=GET"
    assert run(scene, "check", "--notify", url).code == 4
    assert hook.titles() == ["acme: stuck jobs: 1 problem"]
    assert hook.queries == ["key=a%2Fb&method=GET"]


def test_problems_that_read_alike_are_counted_one_by_one(
    scene: Scene, run: Run, hook: Hook
) -> None:
    def told(rows: str) -> str:
        _own(scene, "alike", f"select * from (values {rows}) as x (source, field)")
        run(scene, "check", "--notify", hook.url)
        (heard,) = hook.heard
        hook.heard.clear()
        return str(heard["message"]).partition("\n")[0]

    scene.publish()
    same, other = "('zuora', null)", "('sf', null)"
    assert told(same) == "- zuora"
    assert told(f"{same}, {same}, {same}") == "2 new, 0 gone"
    assert told(f"{same}, {other}, {same}") == "1 new, 1 gone"
    assert told(other) == "0 new, 2 gone"
    # that it could not run is no problem that goes, and makes none new that was there before
    _own(scene, "alike", "select * from nowhere")
    for heard in (1, 0):
        run(scene, "check", "--notify", hook.url)
        assert len(hook.heard) == heard
        hook.heard.clear()
    assert told(f"{same}, {other}") == "1 new, 0 gone"


def test_a_memory_that_is_none_is_none(scene: Scene, run: Run, hook: Hook) -> None:
    tell(scene.world)
    scene.publish()
    memory = scene.project.make_state_dir() / "notified.json"
    for content in ("[]", '{"salt": "00", "told": []}', '{"salt": "00", "told": {"a": 1}}'):
        memory.write_text(content)
        assert run(scene, "check", "--notify", hook.url).code == 4
        assert hook.titles() == ["acme: stuck jobs: 1 problem"]


def test_what_was_not_taken_is_sent_again(scene: Scene, run: Run, hook: Hook) -> None:
    tell(scene.world)
    scene.publish()
    # a redirect is not followed, since the message goes where it was sent and nowhere else
    for status in (500, 307):
        hook.status = status
        done = run(scene, "check", "--notify", hook.url)
        assert done.code == 1
        assert "--notify number 1 (JSON) did not take 'acme: stuck jobs: 1 problem'" in done.err
        assert done.err.endswith("/apprise -vv --body test ADDRESS\n")
    hook.status = 200
    assert run(scene, "check", "--notify", hook.url).code == 4
    assert hook.titles() == ["acme: stuck jobs: 1 problem"]


def test_a_dry_run_sends_nothing_and_forgets_nothing(scene: Scene, run: Run, hook: Hook) -> None:
    tell(scene.world)
    scene.publish()
    for words in (["--notify", hook.url], []):
        done = run(scene, "check", "--dry-run", *words)
        assert done.code == 4
        assert "acme: stuck jobs: 1 problem\n- salesforce ingest 750stuck: " in done.out
    assert not scene.project.state_dir.exists()
    run(scene, "check", "--notify", hook.url)
    assert hook.titles() == ["acme: stuck jobs: 1 problem"]
    assert "would send" not in run(scene, "check", "--dry-run", "--notify", hook.url).out
    # standard output stays JSON
    assert len(json.loads(run(scene, "check", "--dry-run", "--json").out)) == 8


def test_an_address_is_written_nowhere(
    scene: Scene, run: Run, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(scene.world)
    scene.publish()
    monkeypatch.setenv("JOBLEDGER_NOTIFY", f"{hook.url} json://127.0.0.1:1/{SECRET}")
    done = run(scene, "check", "--debug")
    assert done.code == 1
    assert hook.titles() == ["acme: stuck jobs: 1 problem"]
    assert "--notify number 2 (JSON) did not take" in done.err
    assert SECRET not in done.out + done.err
    kept = scene.project.state_dir / "notified.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    text = kept.read_text()
    assert SECRET not in text
    assert "stuck" not in text
    assert "750stuck" not in text
    wrong = run(scene, "check", "--debug", "--notify", f"nosuch://{SECRET}")
    assert (wrong.code, wrong.out) == (2, "")
    assert "--notify number 1 is no address" in wrong.err
    assert SECRET not in wrong.err


def test_what_jobs_say_calls_nobody(scene: Scene, run: Run, hook: Hook) -> None:
    scene.world.run()
    scene.world.job("1", status="unknown", provider_status="<!channel> @everyone\x1b[2J")
    scene.publish()
    run(scene, "check", "--notify", hook.url)
    (message,) = (each["message"] for each in hook.heard if "unknown" in each["title"])
    assert "‹!channel› @\u2060everyone\\x1b[2J" in message


def test_without_apprise_it_says_what_to_install(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    scene.publish()
    done = run(scene, "check", "--notify", "json://127.0.0.1/x")
    assert done.code == 2
    assert "pip install 'jobledger[notify]'" in done.err
