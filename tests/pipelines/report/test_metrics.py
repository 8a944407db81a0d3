"""Metrics, as parsers of both formats read them."""

from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from jobledger.pipelines.report.summary import SEVERITY
from tests.pipelines.report.conftest import Run, Scene
from tests.pipelines.report.story import tell
from tests.sql.worlds import NOW, ago

INGEST = {"source": "salesforce", "provider": "salesforce", "kind": "ingest"}
QUERY = {"source": "zuora", "provider": "zuora", "kind": "data_query"}


def _values(families: Any) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    return {
        family.name: {tuple(sorted(s.labels.items())): s.value for s in family.samples}
        for family in families
    }


def _key(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _of(values: dict[Any, float], labels: dict[str, str], by: str) -> dict[str, float]:
    """The samples with these labels, by the one that is left."""
    return {
        dict(key)[by]: value for key, value in values.items() if labels.items() <= dict(key).items()
    }


def test_openmetrics_say_what_the_views_say(told: Scene, run: Run) -> None:
    done = run(told, "status", "--format", "openmetrics")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("# EOF\n")
    families = list(openmetrics(done.out))
    assert {family.name: family.type for family in families} == {
        "jobledger_jobs": "gauge",
        "jobledger_health": "stateset",
        "jobledger_last_sync_outcome": "stateset",
        "jobledger_open_jobs": "gauge",
        "jobledger_stuck_jobs": "gauge",
        "jobledger_rated_jobs_7d": "gauge",
        "jobledger_job_success_ratio_7d": "gauge",
        "jobledger_record_success_ratio_7d": "gauge",
        "jobledger_last_job_finished_timestamp_seconds": "gauge",
        "jobledger_last_sync_timestamp_seconds": "gauge",
        "jobledger_last_complete_sync_timestamp_seconds": "gauge",
        "jobledger_since_complete_sync_seconds": "gauge",
        "jobledger_sync_requests_7d": "gauge",
        "jobledger_rejected_records_7d": "gauge",
        "jobledger_sync_gaps": "gauge",
    }
    values = _values(families)
    assert _of(values["jobledger_jobs"], INGEST, "status") == {
        "queued": 1,
        "running": 0,
        "succeeded": 24,
        "partial": 6,
        "failed": 0,
        "cancelled": 0,
        "vanished": 0,
        "unknown": 0,
    }
    assert _of(values["jobledger_health"], QUERY, "jobledger_health") == {
        word: float(word == "degraded") for word in SEVERITY
    }
    outcomes = _of(values["jobledger_last_sync_outcome"], QUERY, "jobledger_last_sync_outcome")
    assert outcomes == {"complete": 1, "incomplete": 0, "failed": 0}
    assert values["jobledger_stuck_jobs"][_key(**INGEST)] == 1
    assert values["jobledger_rated_jobs_7d"][_key(**QUERY)] == 28
    assert values["jobledger_job_success_ratio_7d"][_key(**QUERY)] == 22 / 28
    assert list(values["jobledger_record_success_ratio_7d"]) == [_key(**INGEST)]
    synced = ago(minutes=30).timestamp()
    assert set(values["jobledger_last_complete_sync_timestamp_seconds"].values()) == {synced}
    assert set(values["jobledger_since_complete_sync_seconds"].values()) == {1800}
    assert set(values["jobledger_sync_requests_7d"].values()) == {12}
    assert NOW.timestamp() > max(values["jobledger_last_job_finished_timestamp_seconds"].values())


def test_the_textfile_collectors_format_has_the_same_values(scene: Scene, run: Run) -> None:
    tell(scene.world)
    scene.publish()
    path = scene.project.folder / "jobledger.prom"
    path.touch()
    path.chmod(0o644)
    assert run(scene, "status", "--format", "prometheus", "-o", str(path)).out == ""
    text = path.read_text()
    # whoever could read the file still can
    assert path.stat().st_mode & 0o777 == 0o644
    families = list(prometheus(text))
    # it knows no state sets, and has no use for the time of a sample
    assert {family.type for family in families} == {"gauge"}
    assert all(sample.timestamp is None for family in families for sample in family.samples)
    assert _values(families) == _values(
        openmetrics(run(scene, "status", "--format", "openmetrics").out)
    )


def test_a_new_file_is_its_owners(scene: Scene, run: Run) -> None:
    scene.publish()
    path = scene.project.folder / "jobledger.prom"
    run(scene, "status", "--format", "openmetrics", "-o", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [family.samples for family in openmetrics(path.read_text())] == [[]] * 15


def test_a_kind_never_synced_whole_has_no_time_of_it(scene: Scene, run: Run) -> None:
    scene.world.run(outcome="failed", error_kind="server")
    scene.publish()
    values = _values(openmetrics(run(scene, "status", "--format", "openmetrics").out))
    assert values["jobledger_last_complete_sync_timestamp_seconds"] == {}
    assert values["jobledger_job_success_ratio_7d"] == {}
    assert values["jobledger_rated_jobs_7d"] == {_key(**QUERY): 0}


@pytest.mark.parametrize(
    "words",
    [("--json", "--format", "prometheus"), ("-o", "status.txt")],
)
def test_formats_that_make_no_sense_are_refused(
    scene: Scene, run: Run, words: tuple[str, ...]
) -> None:
    assert run(scene, "status", *words).code == 2
