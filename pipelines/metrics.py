"""Job health as metrics, for the monitoring that people already have.

All are gauges: they are what the ledger says now, and a sync may take back what another said. A
state that can be one of several words is a state set, with the word as a label and 0 or 1. Times
are given as such, so that an alert can tell how long ago they are when it looks.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TypeAlias

import duckdb
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric, StateSetMetricFamily

from jobledger.pipelines.query import asked
from jobledger.pipelines.report.summary import SEVERITY

Exposition: TypeAlias = Literal["openmetrics", "prometheus"]

STATUSES: Final = (
    *("queued", "running", "succeeded", "partial", "failed", "cancelled", "vanished", "unknown"),
)
_OUTCOMES: Final = ("complete", "incomplete", "failed")
_LABELS: Final = ("source", "provider", "kind")

_STANDINGS: Final = """
select
    provider_health.source,
    provider_health.provider,
    provider_health.kind,
    provider_health.health,
    provider_health.open_jobs,
    provider_health.stuck_jobs,
    epoch(provider_health.last_finished_at) as last_finished_at,
    sync_health.last_outcome,
    epoch(sync_health.last_sync_at) as last_sync_at,
    epoch(sync_health.last_complete_at) as last_complete_at,
    3600 * sync_health.hours_since_complete as seconds_since_complete,
    sync_health.requests_7d,
    sync_health.rejected_7d,
    sync_health.gaps,
    coalesce(success_rates.rated, 0) as rated,
    success_rates.job_success_rate,
    success_rates.record_success_rate,
from provider_health
join sync_health using (source, provider, kind)
left join (from success_rates where period = '7d') as success_rates using (source, provider, kind)
order by provider_health.source, provider_health.kind
"""

_JOBS: Final = """
select source, provider, kind, status, count(*) as jobs,
from staging.current_versions
group by source, provider, kind, status
"""

_GAUGES: Final = (
    ("open_jobs", "open_jobs", "Jobs that are not terminal."),
    ("stuck_jobs", "stuck_jobs", "Open jobs that should have moved by now."),
    ("rated_jobs_7d", "rated", "Jobs that succeeded, succeeded in part or failed in 7 days."),
    (
        "job_success_ratio_7d",
        "job_success_rate",
        "Succeeded / rated jobs of 7 days; absent where none was rated.",
    ),
    (
        "record_success_ratio_7d",
        "record_success_rate",
        "1 - failed / processed records of 7 days; absent where that is not told.",
    ),
    ("last_job_finished_timestamp_seconds", "last_finished_at", "When a job last finished."),
    ("last_sync_timestamp_seconds", "last_sync_at", "When the newest sync ended, well or not."),
    (
        "last_complete_sync_timestamp_seconds",
        "last_complete_at",
        "When the newest complete sync ended; absent where there was none.",
    ),
    (
        "since_complete_sync_seconds",
        "seconds_since_complete",
        "How long ago that was when this was written; the timestamp serves alerts better.",
    ),
    ("sync_requests_7d", "requests_7d", "Requests sent in 7 days, retries and logins included."),
    ("rejected_records_7d", "rejected_7d", "Records or fields that could not be read in 7 days."),
    ("sync_gaps", "gaps", "Syncs, ever, that may have missed jobs."),
)
"""Name, column and meaning."""


def exposed(connection: duckdb.DuckDBPyConnection, exposition: Exposition) -> bytes:
    """The metrics of the ledger, as OpenMetrics, or in the Prometheus text format of before.

    The latter is what node_exporter's textfile collector reads.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(families(connection)))
    generate: Callable[[CollectorRegistry], bytes]
    if exposition == "openmetrics":
        from prometheus_client.openmetrics.exposition import generate_latest as generate
    else:
        from prometheus_client.exposition import generate_latest as generate
    return generate(registry)


def families(connection: duckdb.DuckDBPyConnection) -> list[Metric]:
    """The metrics, each with its samples."""
    standings = asked(connection, _STANDINGS)
    counts = {(*_labels(row), row["status"]): int(row["jobs"]) for row in asked(connection, _JOBS)}
    jobs = GaugeMetricFamily("jobledger_jobs", "Jobs by status.", labels=[*_LABELS, "status"])
    health = StateSetMetricFamily("jobledger_health", "Health.", labels=_LABELS)
    outcome = StateSetMetricFamily(
        "jobledger_last_sync_outcome", "How the newest sync ended.", labels=_LABELS
    )
    for row in standings:
        labels = _labels(row)
        for status in STATUSES:
            jobs.add_metric([*labels, status], counts.get((*labels, status), 0))
        health.add_metric(labels, {word: word == row["health"] for word in SEVERITY})
        outcome.add_metric(labels, {word: word == row["last_outcome"] for word in _OUTCOMES})
    gauges = []
    for name, column, meaning in _GAUGES:
        gauge = GaugeMetricFamily(f"jobledger_{name}", meaning, labels=_LABELS)
        for row in standings:
            if row[column] is not None:
                gauge.add_metric(_labels(row), row[column])
        gauges.append(gauge)
    return [jobs, health, outcome, *gauges]


def _labels(row: dict[str, Any]) -> list[str]:
    return [row[label] for label in _LABELS]


class _Collector:
    """What the registry asks for metrics."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics
