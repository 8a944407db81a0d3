"""The health summary as one page of HTML that needs nothing else.

Every value is escaped by Jinja, with what could hide or turn text around written out. Should that
ever fail, the page's own policy still runs no script but the one whose hash it names, and loads
nothing from anywhere.
"""

from base64 import b64encode
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from jobledger.pipelines.output.grid import printable
from jobledger.pipelines.report.charts import ranges, together, trend
from jobledger.pipelines.report.details import Details
from jobledger.pipelines.report.summary import DEFINITIONS, SEVERITY, Summary
from jobledger.pipelines.wording import (
    UNKNOWN,
    ago,
    capital,
    many,
    moment,
    share,
    span,
    unbroken,
)

_HERO: Final = (760.0, 150.0)


def page(summary: Summary, details: Details, *, name: str) -> str:
    """The page; `name` is what the ledger goes by."""
    style, script = _file("page.css"), _file("page.js")
    environment = Environment(
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "ago": partial(ago, now=summary.now),
        "capital": capital,
        "count": _number,
        "moment": moment,
        "share": share,
        "slug": lambda text: text.replace(" ", "-"),
        "span": span,
        "unbroken": lambda text: escape(unbroken(printable(text))),
    }
    since = min((days[0].day for days in details.outcomes.values()), default=None)
    words = [kind.health for kind in summary.kinds]
    return environment.from_string(_file("page.html")).render(
        name=name,
        summary=summary,
        details=details,
        # both are files of ours
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
        counts=[(word, words.count(word)) for word in SEVERITY if word in words],
        hero=trend(together(details.outcomes.values()), size=_HERO),
        charts={
            (kind.source, kind.kind): trend(
                details.outcomes.get((kind.source, kind.kind), ()),
                summary.trends.get((kind.source, kind.kind), ()),
                since=since,
            )
            for kind in summary.kinds
        },
        ranges=ranges(details.durations),
        most=max((reason.failed + reason.partial for reason in summary.reasons), default=1),
        definitions=DEFINITIONS,
        many=many,
        said=_lines,
    )


def _visible(value: Any) -> Any:
    """What to put in for a value: a dash for none, and nothing that hides itself."""
    if value is None:
        return UNKNOWN
    return value if hasattr(value, "__html__") or not isinstance(value, str) else printable(value)


def _lines(text: str) -> Markup:
    """A text of several lines, which are what it is made of and no trick of job data."""
    return Markup("\n").join(escape(printable(line)) for line in text.split("\n"))


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _file(name: str) -> str:
    return (files("jobledger.pipelines.report") / name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
