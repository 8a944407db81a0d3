"""The charts, of rows that were asked for: drawn as SVG, and saying in words what they show."""

from datetime import date, timedelta
from typing import Any, Final, TypeAlias

import altair as alt

from jobledger.notebooks.asking import Row
from jobledger.notebooks.look import STATUS
from jobledger.pipelines.wording import UNKNOWN, many, share, span

Drawn: TypeAlias = alt.Chart | alt.LayerChart
_EMBED: Final = {"embedOptions": {"renderer": "svg", "actions": False}}
_DAY: Final = "utcyearmonthdate(day):T"
"""Days are in UTC, wherever the reader is."""
_AXIS: Final = alt.Axis(format="%-d %b", title=None, grid=False, labelOverlap=True, tickCount=6)
_DURATIONS_SHOWN: Final = 16
RATES_SHOWN: Final = 24
"""Kinds whose failure rates are drawn: of more nobody reads, and marimo takes no page so large."""
_RATES: Final = ("failure_rate", "failure_rate_7d", "failure_rate_28d")
_TICKS: Final = (
    *(0.1, 0.3, 1, 3, 10, 30),
    *(60, 180, 600, 1800, 3600, 10800, 36000, 86400, 259200, 604800),
)
_SECONDS: Final = (
    "datum.value < 60 ? format(datum.value, '~r') + 's'"
    " : datum.value < 3600 ? format(datum.value / 60, '~r') + 'm'"
    " : datum.value < 86400 ? format(datum.value / 3600, '~r') + 'h'"
    " : format(datum.value / 86400, '~r') + 'd'"
)


def outcomes(rows: list[Row]) -> Drawn | None:
    """How many jobs ended each day, and how. None where none did."""
    ended = [row for row in rows if row["jobs"]]
    if not ended:
        return None
    statuses = [status for status in STATUS if status in {row["status"] for row in ended}]
    total = sum(row["jobs"] for row in ended)
    said = ", ".join(
        f"{sum(row['jobs'] for row in ended if row['status'] == status):,} {status}"
        for status in statuses
    )
    order = "indexof(" + str(list(STATUS)) + ", datum.status)"
    chart = (
        _chart(rows)
        .transform_calculate(order=order)
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X(_DAY, axis=_AXIS, scale=alt.Scale(type="utc")),
            y=alt.Y("jobs", type="quantitative", title="jobs", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "status",
                type="nominal",
                scale=alt.Scale(domain=statuses, range=[STATUS[each] for each in statuses]),
                legend=alt.Legend(orient="top", title=None),
            ),
            order=alt.Order("order", type="quantitative"),
            tooltip=[
                alt.Tooltip(_DAY, title="day"),
                alt.Tooltip("status", type="nominal"),
                alt.Tooltip("jobs", type="quantitative", format=","),
            ],
        )
        .properties(width="container", height=220)
    )
    return _dressed(chart, f"Outcomes per day: {many(total, 'job')} ended: {said}.")


def failure_rate(rows: list[Row], since: date, width: int | str = "container") -> Drawn:
    """One kind's failure rate: of 7 days as a line, of each day as a dot, anomalies as diamonds.

    `since` is the first day shown, so that charts beside each other show the same.
    """
    newest = rows[-1]
    name = f"{newest['source']} {newest['kind']}"
    anomalies = sum(row["is_anomaly"] for row in rows)
    said = (
        f"Failure rate of {name}: {share(newest['failure_rate_7d'])} in the last 7 days,"
        f" of {many(newest['rated_7d'], 'rated job')}; {many(anomalies, 'anomaly', 'anomalies')}."
    )
    # on the first day of a ledger too there must be something to draw along
    first = min(since, newest["day"] - timedelta(days=1))
    shown = alt.Scale(type="utc", domain=[_day(first), _day(newest["day"])])
    # of fifty kinds over two years, whatever else a row has would be ten megabytes
    needed = ("day", "failed", "rated", *_RATES, "z_score", "is_anomaly")
    base = _chart([{name: row[name] for name in needed} for row in rows]).encode(
        x=alt.X(_DAY, axis=_AXIS, scale=shown),
        tooltip=[
            alt.Tooltip(_DAY, title="day"),
            alt.Tooltip("failed", type="quantitative", format=",", title="failed"),
            alt.Tooltip("rated", type="quantitative", format=",", title="of rated (n)"),
            alt.Tooltip("failure_rate", type="quantitative", format=".1%", title="that day"),
            alt.Tooltip("failure_rate_7d", type="quantitative", format=".1%", title="7 days"),
            alt.Tooltip("failure_rate_28d", type="quantitative", format=".1%", title="28 before"),
            alt.Tooltip("z_score", type="quantitative", format=".1f", title="z-score"),
        ],
    )
    top = max((row[rate] or 0 for row in rows for rate in _RATES), default=0)
    scale = alt.Scale(domain=[0, max(top, 0.1)], nice=True)
    axis = alt.Axis(format="%", title=None, tickCount=4)

    def rate(column: str) -> alt.Y:
        return alt.Y(column, type="quantitative", scale=scale, axis=axis)

    line = base.mark_line(color=STATUS["failed"], strokeWidth=2).encode(y=rate("failure_rate_7d"))
    before = base.mark_line(color=STATUS["cancelled"], strokeDash=[4, 3], strokeWidth=1.2).encode(
        y=rate("failure_rate_28d")
    )
    days = (
        base.transform_filter("datum.rated > 0")
        .mark_circle(color=STATUS["failed"], opacity=0.35)
        .encode(
            y=rate("failure_rate"),
            size=alt.Size(
                "rated", type="quantitative", legend=None, scale=alt.Scale(range=[8, 60])
            ),
        )
    )
    layers = [before, line, days]
    if anomalies:
        odd = base.transform_filter("datum.is_anomaly").mark_point(
            color=STATUS["failed"], shape="diamond", size=130, filled=True, opacity=1
        )
        layers.append(odd.encode(y=rate("failure_rate")))
    layered = alt.layer(*layers).properties(width=width, height=120)
    return _dressed(layered, said)


def durations(rows: list[Row]) -> Drawn | None:
    """How long jobs take: from half of them to 95 % of them, on a scale of powers of ten.

    A kind that tells no run time is shown by its total time. None where nothing tells any.
    """
    shown: list[Row] = []
    accounts = {(row["source"], row["kind"]) for row in rows}
    # on a phone a label takes half of the width: sources stand where one tells apart, and then all
    has_source = len(accounts) > len({kind for _, kind in accounts})
    for row in rows:
        source = [row["source"]] if has_source else []
        measure = "run" if row["run_p50"] is not None else "total"
        low, high = row[f"{measure}_p50"], row[f"{measure}_p95"]
        if low is None or high is None or len(shown) == _DURATIONS_SHOWN:
            continue
        shown.append(
            {
                "job": " · ".join([*source, row["kind"], row["object"] or UNKNOWN]),
                "n": row["n"],
                "measure": measure,
                # there is no place for 0 on such a scale
                "p50": max(low, 0.1),
                "p95": max(high, 0.1),
                "half": span(low),
                "most": span(high),
            }
        )
    if not shown:
        return None
    slowest = max(shown, key=lambda row: row["p95"])
    said = f"Durations: the slowest is {slowest['job']}, 95 % within {slowest['most']}."
    base = _chart(shown).encode(
        y=alt.Y("job", type="nominal", sort=None, axis=alt.Axis(title=None, labelLimit=330)),
        tooltip=[
            alt.Tooltip("job", type="nominal"),
            alt.Tooltip("half", type="nominal", title="p50"),
            alt.Tooltip("most", type="nominal", title="p95"),
            alt.Tooltip("n", type="quantitative", format=",", title="n"),
            alt.Tooltip("measure", type="nominal", title="time"),
        ],
    )
    axis = alt.Axis(title=None, labelExpr=_SECONDS, values=_TICKS, gridOpacity=0.4)
    reached = [row["p50"] for row in shown] + [row["p95"] for row in shown]
    log = alt.Scale(type="log", nice=False, domain=[min(reached) * 0.8, max(reached) * 1.25])
    reach = base.mark_rule(strokeWidth=5, opacity=0.35, color=STATUS["running"], strokeCap="round")
    half = base.mark_circle(size=75, color=STATUS["running"], opacity=1)
    most = base.mark_tick(thickness=3, height=13, color=STATUS["running"])
    layered = alt.layer(
        reach.encode(x=alt.X("p50", type="quantitative", scale=log, axis=axis), x2="p95"),
        half.encode(x=alt.X("p50", type="quantitative", scale=log, axis=axis)),
        most.encode(x=alt.X("p95", type="quantitative", scale=log, axis=axis)),
    )
    return _dressed(layered.properties(width="container", height=22 * len(shown)), said)


def _day(day: date) -> alt.DateTime:
    return alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True)


def _chart(rows: list[Row]) -> alt.Chart:
    values = [
        {
            key: value.isoformat() if hasattr(value, "isoformat") else value
            for key, value in row.items()
        }
        for row in rows
    ]
    return alt.Chart(alt.InlineData(values=values))


def _dressed(chart: Any, said: str) -> Drawn:
    font = "system-ui, sans-serif"
    dressed: Drawn = (
        chart.properties(description=said, usermeta=_EMBED)
        .configure(font=font, background="transparent")
        .configure_view(stroke="transparent")
        .configure_axis(labelFontSize=11, gridOpacity=0.25, domain=False, ticks=False)
        .configure_legend(labelFontSize=12, symbolType="square")
    )
    return dressed
