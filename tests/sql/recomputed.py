"""The views worked out a second time, in pandas and plain Python, from the loaded tables alone.

It shares nothing with the SQL but the words of the definitions: loops where the SQL has windows,
whole histories where the SQL has shortcuts.
"""

import calendar
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import duckdb
import pandas as pd

Rows: TypeAlias = list[dict[str, Any]]
Key: TypeAlias = tuple[str, str, str]

FINISHED = ("succeeded", "partial", "failed", "cancelled")
RATED = ("succeeded", "partial", "failed")
DAY = timedelta(days=1)
PERIODS = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "all": None}
KEY = ["source", "provider", "kind"]


def table(connection: duckdb.DuckDBPyConnection, name: str) -> Rows:
    """The rows of a loaded table, with None for what is not there."""
    found = connection.execute(f"select * from loaded.{name}")
    names = [column for column, *_ in found.description or ()]
    return [
        {
            column: value.astimezone(UTC) if isinstance(value, datetime) else value
            for column, value in zip(names, row, strict=True)
        }
        for row in found.fetchall()
    ]


def key_of(row: dict[str, Any]) -> Key:
    return row["source"], row["provider"], row["kind"]


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def quantile(values: list[float], at: float) -> float | None:
    """Linear between the two nearest."""
    return float(pd.Series(values).quantile(at)) if values else None


class Recomputed:
    """All views of a ledger at a moment."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
        self.now = now
        self.versions = table(connection, "job_versions")
        self.runs = table(connection, "sync_runs")
        self.rejects = table(connection, "rejected_records")
        self.details = table(connection, "job_details")
        histories: dict[tuple[str, str, str], Rows] = {}
        for version in sorted(self.versions, key=lambda row: row["valid_from"]):
            key = (version["source"], version["kind"], version["job_id"])
            histories.setdefault(key, []).append(version)
        self.current = []
        for history in histories.values():
            (current,) = [row for row in history if row["valid_to"] is None]
            ends = [row["valid_from"] for row in history if row["is_terminal"]]
            counted = current["finished_at"] or (min(ends) if ends else None)
            self.current.append(
                current
                | {
                    "first_seen_at": history[0]["valid_from"],
                    "last_changed_at": history[-1]["valid_from"],
                    "counted_at": counted if current["is_terminal"] else None,
                }
            )
        self.by_kind: dict[Key, Rows] = {}
        for job in self.current:
            self.by_kind.setdefault(key_of(job), []).append(job)

    def jobs(self) -> Rows:
        left_out = {"row_hash", "valid_from", "valid_to", "counted_at", "_dlt_load_id"}
        return [{k: v for k, v in job.items() if k not in left_out} for job in self.current]

    def job_history(self) -> Rows:
        names = [
            *KEY, "job_id", "status", "provider_status", "progress", "records_total",
            "records_processed", "records_succeeded", "records_failed", "valid_from", "valid_to",
        ]  # fmt: skip
        return [
            {name: row[name] for name in names}
            | {
                "seconds_in_version": (
                    (row["valid_to"] or self.now) - row["valid_from"]
                ).total_seconds()
            }
            for row in self.versions
        ]

    def job_outcomes_daily(self) -> Rows:
        rows = []
        for key, jobs in self.by_kind.items():
            first = min(
                min(
                    job["created_at"] or job["first_seen_at"],
                    job["finished_at"] or datetime.max.replace(tzinfo=UTC),
                )
                for job in jobs
            )
            for day in days(first.date(), self.now.date()):
                ended = [j for j in jobs if j["counted_at"] and j["counted_at"].date() == day]
                finished = [job for job in ended if job["status"] in FINISHED]
                rows.append(
                    {"day": day, **dict(zip(KEY, key, strict=True)), "finished": len(finished)}
                    | {"rated": sum(job["status"] in RATED for job in ended)}
                    | {
                        status: sum(job["status"] == status for job in ended)
                        for status in (*FINISHED, "vanished")
                    }
                    | {
                        name: known_sum([job[name] for job in finished])
                        for name in ("records_processed", "records_failed")
                    }
                )
        return rows

    def _periods(self, jobs: Rows) -> Iterator[tuple[str, Rows]]:
        for period, length in PERIODS.items():
            yield (
                period,
                [
                    job
                    for job in jobs
                    if job["counted_at"] and (not length or job["counted_at"] >= self.now - length)
                ],
            )

    def success_rates(self) -> Rows:
        rows: Rows = []
        for key, jobs in self.by_kind.items():
            for period, ended in self._periods(jobs):
                rated = [job for job in ended if job["status"] in RATED]
                both = [
                    (job["records_failed"], job["records_processed"])
                    for job in rated
                    if job["records_failed"] is not None and job["records_processed"] is not None
                ]
                lost = ratio(sum(f for f, _ in both), sum(p for _, p in both))
                row: dict[str, Any] = dict(zip(KEY, key, strict=True))
                rows.append(
                    row
                    | {
                        "period": period,
                        "finished": sum(job["status"] in FINISHED for job in ended),
                        "rated": len(rated),
                        "job_success_rate": ratio(
                            sum(job["status"] == "succeeded" for job in rated), len(rated)
                        ),
                        "partial_rate": ratio(
                            sum(job["status"] == "partial" for job in rated), len(rated)
                        ),
                        "record_success_rate": None if lost is None else 1 - lost,
                        "low_sample": len(rated) < 20,
                    }
                )
        return rows

    def job_durations(self) -> Rows:
        rows = []
        for key, jobs in self.by_kind.items():
            for name in {job["object"] for job in jobs}:
                mine = [job for job in jobs if job["object"] == name]
                for period, ended in self._periods(mine):
                    rated = [job for job in ended if job["status"] in RATED]
                    if not rated:
                        continue
                    row: dict[str, Any] = dict(zip(KEY, key, strict=True))
                    row |= {"object": name, "period": period, "n": len(rated)}
                    for what in ("run", "queue", "total"):
                        seconds = [
                            job[f"{what}_seconds"]
                            for job in rated
                            if job[f"{what}_seconds"] is not None
                        ]
                        for percent in (50, 90, 95, 99):
                            row[f"{what}_p{percent}"] = quantile(seconds, percent / 100)
                        row[f"{what}_max"] = max(seconds, default=None)
                    rows.append(row)
        return rows

    def failure_trends(self) -> Rows:
        daily = {
            (*key_of(row), row["day"]): (row["failed"], row["rated"])
            for row in self.job_outcomes_daily()
        }

        def window(key: Key, first: date, last: date) -> list[tuple[int, int]]:
            found = [daily.get((*key, day)) for day in days(first, last)]
            return [each for each in found if each is not None]

        rows = []
        for (*parts, day), (failed, rated) in daily.items():
            key: Key = (parts[0], parts[1], parts[2])
            week = window(key, day - 6 * DAY, day)
            before = window(key, day - 28 * DAY, day - DAY)
            rate = ratio(failed, rated)
            rate_before = ratio(sum(f for f, _ in before), sum(r for _, r in before))
            daily_rates = pd.Series([f / r for f, r in before if r], dtype=float)
            score = None
            if len(daily_rates) >= 7 and rate is not None:
                score = (rate - daily_rates.mean()) / max(daily_rates.std(), 0.01)
            rows.append(
                {"day": day, **dict(zip(KEY, key, strict=True))}
                | {
                    "failed": failed,
                    "rated": rated,
                    "failure_rate": rate,
                    "failure_rate_7d": ratio(sum(f for f, _ in week), sum(r for _, r in week)),
                    "failed_7d": sum(f for f, _ in week),
                    "rated_7d": sum(r for _, r in week),
                    "failure_rate_28d": rate_before,
                    "change": None if rate is None or rate_before is None else rate - rate_before,
                    "z_score": score,
                    "is_anomaly": score is not None and score >= 3 and failed >= 3,
                }
            )
        return rows

    def failure_reasons(self) -> Rows:
        groups: dict[tuple[str, ...], Rows] = {}
        for job in self.current:
            if job["status"] in ("failed", "partial"):
                message = job["error_message"]
                reason = fold(message) if message is not None else None
                reason = reason if reason is not None else job["error_code"] or "(no message)"
                groups.setdefault((*key_of(job), reason), []).append(job)
        rows = []
        for (*key, reason), jobs in groups.items():
            newest = max(jobs, key=lambda job: (job["counted_at"], job["job_id"]))
            rows.append(
                dict(zip(KEY, key, strict=True))
                | {
                    "fingerprint": reason,
                    "jobs": len(jobs),
                    "failed": sum(job["status"] == "failed" for job in jobs),
                    "partial": sum(job["status"] == "partial" for job in jobs),
                    "records_failed": known_sum([j["records_failed"] for j in jobs], empty=None),
                    "first_at": min(job["counted_at"] for job in jobs),
                    "last_at": max(job["counted_at"] for job in jobs),
                    "example_job_id": newest["job_id"],
                    "example_message": newest["error_message"],
                }
            )
        return rows

    def failed_jobs(self) -> Rows:
        names = [
            *KEY, "job_id", "object", "operation", "status", "finished_at", "records_failed",
            "error_code", "error_message",
        ]  # fmt: skip
        return [
            {name: job[name] for name in names}
            for job in self.current
            if job["status"] in ("failed", "partial")
        ]

    def _expected(self, job: dict[str, Any]) -> float | None:
        since = self.now - timedelta(days=90)
        alike = [
            other
            for other in self.by_kind[key_of(job)]
            if other["status"] in RATED and other["counted_at"] >= since
        ]
        tells_total = any(other["total_seconds"] is not None for other in alike)
        name = "total_seconds" if tells_total else "run_seconds"
        same = [other[name] for other in alike if other["object"] == job["object"]]
        for seconds in (same, [other[name] for other in alike]):
            known = [each for each in seconds if each is not None]
            if len(known) >= 20:
                return quantile(known, 0.95)
        return None

    def open_jobs(self) -> Rows:
        refused = {
            (row["source"], row["kind"], row["job_id"])
            for row in self.details
            if row["detail"] in {"refused", "not taken"}
        }
        rows = []
        for job in self.current:
            if job["is_terminal"]:
                continue
            age = (self.now - (job["created_at"] or job["first_seen_at"])).total_seconds()
            unchanged = (self.now - job["last_changed_at"]).total_seconds()
            expected = self._expected(job)
            word = (job["provider_status"] or "").lower()
            waits = (job["kind"], word) == ("custom_object_bulk", "pending")
            waits = waits or (job["provider"], word) == ("salesforce", "open")
            reason = None
            if waits and age > 86400:
                reason = "waiting_for_data"
            elif age > (86400 if expected is None else max(3 * expected, 3600)):
                reason = "slow"
            elif unchanged > 86400:
                reason = "no_change"
            if word == "closed" and (job["source"], job["kind"], job["job_id"]) in refused:
                reason = None
            names = (
                *KEY, "job_id", "object", "operation", "status", "provider_status", "created_at",
                "last_changed_at",
            )  # fmt: skip
            rows.append(
                {name: job[name] for name in names}
                | {
                    "age_seconds": age,
                    "seconds_since_change": unchanged,
                    "expected_seconds": expected,
                    "is_stuck": reason is not None,
                    "stuck_reason": reason,
                }
            )
        return rows

    def sync_health(self) -> Rows:
        rows = []
        week = self.now - timedelta(days=7)
        for key in dict.fromkeys(map(key_of, self.runs)):
            runs = [run for run in self.runs if key_of(run) == key]
            newest = max(runs, key=lambda run: run["started_at"])
            complete = [run["finished_at"] for run in runs if run["outcome"] == "complete"]
            last = max(complete, default=None)
            rows.append(
                dict(zip(KEY, key, strict=True))
                | {
                    "last_sync_at": newest["finished_at"],
                    "last_outcome": newest["outcome"],
                    "last_complete_at": last,
                    "hours_since_complete": last and (self.now - last) / timedelta(hours=1),
                    "open_jobs": sum(not job["is_terminal"] for job in self.by_kind.get(key, ())),
                    "rejected_7d": sum(
                        (row["source"], row["kind"]) == (key[0], key[2]) and row["seen_at"] >= week
                        for row in self.rejects
                    ),
                    "gaps": sum(run["gap_from"] is not None for run in runs),
                    "requests_7d": sum(
                        run["requests"] or 0 for run in runs if run["finished_at"] >= week
                    ),
                    "last_error": (
                        None if newest["outcome"] == "complete" else newest["error_message"]
                    ),
                }
            )
        return rows

    def provider_health(self) -> Rows:
        trends = {(*key_of(row), row["day"]): row for row in self.failure_trends()}
        opens = self.open_jobs()
        today = self.now.date()
        rows = []
        for sync in self.sync_health():
            key = key_of(sync)
            jobs = self.by_kind.get(key, [])
            ends = [job["counted_at"] for job in jobs if job["status"] in FINISHED]
            trend = trends.get((*key, today), {})
            rate, rated = trend.get("failure_rate_7d"), trend.get("rated_7d", 0)
            stuck = sum(row["is_stuck"] for row in opens if key_of(row) == key)
            newest = max(
                (run for run in self.runs if key_of(run) == key), key=lambda run: run["started_at"]
            )
            limit = 2 * newest["schedule_seconds"] / 3600 if newest["schedule_seconds"] else 24
            hours = sync["hours_since_complete"]
            is_odd = any(
                trends.get((*key, day), {}).get("is_anomaly", False) for day in (today, today - DAY)
            )
            if hours is None or hours >= limit:
                health = "stale"
            elif not jobs:
                health = "no data"
            elif rate is not None and rate >= 0.5 and rated >= 3:
                health = "failing"
            elif stuck:
                health = "stuck"
            elif (rate is not None and rate >= 0.1) or is_odd:
                health = "degraded"
            elif not ends or max(ends) < self.now - timedelta(days=30):
                health = "idle"
            else:
                health = "healthy"
            rows.append(
                dict(zip(KEY, key, strict=True))
                | {
                    "health": health,
                    "last_finished_at": max(ends, default=None),
                    "failure_rate_7d": rate,
                    "rated_7d": rated,
                    "open_jobs": sync["open_jobs"],
                    "stuck_jobs": stuck,
                    "last_complete_sync_at": sync["last_complete_at"],
                }
            )
        return rows


def days(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def known_sum(values: list[int | None], empty: int | None = 0) -> int | None:
    """The sum of what is known; None where there is something, and nothing of it is known."""
    known = [value for value in values if value is not None]
    if not values:
        return empty
    return sum(known) if known else None


def fold(message: str) -> str:
    """A message without its ids, numbers, quoted values and dates, word by word."""
    is_cut, message = len(message) > 500, message[:500]
    message = re.sub(r"\S+://\S+|\S+@\S+", "#", message, flags=re.ASCII)
    quoted = r"""'[^']*'|"[^"]*"|`[^`]*`|„[^“”]*[“”]|“[^”]*”|‘[^’]*’|«[^»]*»"""
    message = re.sub(rf"(?<![A-Za-z0-9_])({quoted})", "#", message)
    if is_cut:
        message = re.sub(r"""(?<![A-Za-z0-9_])['"`„“‘«][^'"`“”’»]*\Z""", "#", message)
    number = r"[\w+-]*\d\w*(?:[-+.,:/]\w+)*(?: ?(?:a|p)\.?m\b\.?)?"
    message = re.sub(number, "#", message, flags=re.ASCII | re.IGNORECASE)
    message = re.sub(r"\s+", " ", message, flags=re.ASCII)
    months = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in calendar.month_name[1:])
    months = months.replace("Sep(?:tember)?", "Sept?(?:ember)?")
    weekdays = "Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun"
    dated = rf"\b(?:(?:{weekdays})(?:day)?,? )?(?:# )?(?:{months})\.?,? #"
    message = re.sub(dated, "#", message, flags=re.ASCII)
    return re.sub(r"#(?:[ ,;]*#)+", "#", message).strip(" ")


def same(left: Any, right: Any) -> bool:
    """Equal, and for numbers with a fraction to the last digit but rounding."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return bool(left == right)
