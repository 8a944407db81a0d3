"""The pieces that the page is made of: HTML, in which every value from the jobs is escaped."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from jobledger.notebooks.look import STATUS
from jobledger.pipelines.report.summary import DEFINITIONS
from jobledger.pipelines.wording import UNKNOWN, ago, moment

_LOW_SAMPLE: Final = 20
_PLAIN: Final = frozenset(
    ("Source", "Kind", "Object", "Health", "Why", "Status", "Reason", "Message")
)
"""Columns whose values tell by themselves what they are."""


def heading(title: str, *notes: str) -> Markup:
    """A section's heading, with what there is to say about it."""
    said = Markup().join(note(each) for each in notes)
    return Markup('<h2 class="jl-heading">{}</h2>').format(title) + said


def note(said: str) -> Markup:
    """A remark."""
    return Markup('<p class="jl-note">{}</p>').format(said)


def definitions(*names: str) -> Markup:
    """What the numbers mean, beside them."""
    return Markup('<p class="jl-note">{}</p>').format(
        Markup("<br>").join(DEFINITIONS[name] for name in names)
    )


def chip(word: str, colours: dict[str, str]) -> Markup:
    """A word with its colour beside it."""
    return Markup('<span class="jl-chip" style="--jl-accent: {}">{}</span>').format(
        colours.get(word, STATUS["unknown"]), word
    )


def table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[Any]],
    numbers: Iterable[int] = (),
) -> Markup:
    """A table; the columns of `numbers` are set to the right. Rows are as long as the headings."""
    right = set(numbers)

    def line(tag: str, cells: Sequence[Any], more: Sequence[Markup]) -> Markup:
        return Markup("<tr>{}</tr>").format(
            Markup().join(
                Markup('<{0}{1} class="{2}">{3}</{0}>').format(
                    tag, more[at], "jl-right" if at in right else "jl-left", cell
                )
                for at, cell in enumerate(cells)
            )
        )

    # on a phone a row is a block of its own, and each number says what it is
    names = [
        Markup() if name in _PLAIN else Markup(' data-of="{}"').format(name) for name in headings
    ]
    return Markup(
        '<div class="jl-scroll" tabindex="0" role="region" aria-label="{0}">'
        '<table class="jl-table"><caption>{0}</caption><thead>{1}</thead>'
        "<tbody>{2}</tbody></table></div>"
    ).format(
        caption,
        line("th", headings, [Markup(' scope="col"')] * len(headings)),
        Markup().join(line("td", row, names) for row in rows),
    )


def sample(count: int) -> Markup:
    """How many something is of, and whether that is few."""
    low = Markup(' <span class="jl-low">low sample</span>') if count < _LOW_SAMPLE else ""
    return Markup("{}{}").format(f"{count:,}", low)


def when(at: datetime | None, now: datetime) -> Markup:
    """How long ago something was; its time is told where it is pointed at."""
    return Markup('<time title="{}">{}</time>').format(moment(at), ago(at, now))


def stamp(at: datetime) -> Markup:
    """The same, never broken across lines."""
    return Markup("<time>{}</time>").format(minute(at))


def minute(at: datetime) -> str:
    """A time, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}"


def count(count: int | None) -> str:
    """A number, or that there is none."""
    return UNKNOWN if count is None else f"{count:,}"


def written(text: str, name: str) -> Markup:
    """What a provider wrote: JSON in lines, anything else as it is."""
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return Markup('<pre class="jl-raw" tabindex="0" role="region" aria-label="{}">{}</pre>').format(
        name, text
    )
