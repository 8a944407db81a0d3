"""The health summary for programs: one JSON object, times in UTC."""

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from jobledger.pipelines.report.summary import Summary
from jobledger.pipelines.wording import exact


def plain(summary: Summary) -> str:
    """The summary as JSON: `kinds`, the worst first, their `trends` by day, `reasons`, `stuck`.

    The trends are of the summary's days. Rates are 0 to 1, lengths of time seconds;
    `more_reasons` are beyond those listed, and `stuck_jobs` counts also what is not.
    """
    reasons = [asdict(reason) for reason in summary.reasons]
    for reason in reasons:
        # told once, as `more_reasons`
        del reason["among"]
    told = {
        "now": summary.now,
        "days": summary.days,
        "freshness": summary.freshness,
        "rated": summary.rated,
        "success_rate": summary.success_rate,
        "open_jobs": summary.open,
        "stuck_jobs": summary.stuck_jobs,
        "kinds": [asdict(kind) for kind in summary.worst_first],
        "trends": [
            asdict(day) for days in summary.trends.values() for day in days[-summary.days :]
        ],
        "reasons": reasons,
        "more_reasons": summary.more_reasons,
        "stuck": [asdict(job) for job in summary.stuck],
    }
    return json.dumps(told, indent=2, default=_written)


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return exact(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")
