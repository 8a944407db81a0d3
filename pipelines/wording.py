"""Numbers and times as people say them (`2m 17s`, `3 h ago`, `97.4 %`), or programs read them."""

import codecs
from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "–"
"""What stands where there is no number."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400

_PLAINLY: Final = {"●": "*", "○": "o", "÷": "/", "…": "...", UNKNOWN: "-"}
"""Signs of ours, for an encoding that has none of them."""
PLAINLY: Final = "jobledger.plainly"
"""What to do, for `errors` of a stream, about letters that its encoding lacks."""


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAINLY.get(letter, "?") for letter in lacking), error.end


codecs.register_error(PLAINLY, _plainly)


def capital(text: str) -> str:
    """The text with a capital first; the rest stays as it is written."""
    return text[:1].upper() + text[1:]


def unbroken(text: str) -> str:
    """The text for a page, in which no line shall end between a number and its percent sign."""
    return text.replace(" %", "\u00a0%")


def span(seconds: float | None) -> str:
    """How long something took, in at most two units."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 9.95:  # noqa: PLR2004 - a short one is told to a tenth
        return f"{seconds:.1f}s" if seconds else "0s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return _two(whole // _MINUTE, "m", whole % _MINUTE, "s")
    minutes = round(seconds / _MINUTE)
    if minutes < _DAY // _MINUTE:
        return _two(minutes // 60, "h", minutes % 60, "m")
    hours = round(seconds / _HOUR)
    return _two(hours // 24, "d", hours % 24, "h")


def rough(seconds: float | None) -> str:
    """How long something took, in one unit."""
    if seconds is None:
        return UNKNOWN
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= 1.95 * size or (seconds >= size and unit == "d"):
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago something was, in one unit."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    # what a clock that is behind has just seen was not in the future
    if seconds < _MINUTE:
        return "just now" if seconds > -_HOUR else f"in {span(-seconds)}"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    return f"{seconds // _DAY:.0f} days ago"


def share(rate: float | None) -> str:
    """A share of 0 to 1 in per cent; 100 and 0 are said of nothing that only comes close."""
    if rate is None:
        return UNKNOWN
    text = f"{100 * rate:.1f}"
    if text == "100.0":
        return "100 %" if rate == 1 else "99.9 %"
    if text == "0.0":
        return "0 %" if rate == 0 else "0.1 %"
    return f"{text} %"


def many(count: int, one: str, several: str | None = None) -> str:
    """`1 job`, `1,204 jobs`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def exact(at: datetime) -> str:
    """A time as programs read it: ISO 8601 in UTC, `2026-11-23T12:00:00Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment(at: datetime | None) -> str:
    """A time to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "never"


def _two(big: int, unit: str, small: int, smaller: str) -> str:
    return f"{big}{unit} {small}{smaller}" if small else f"{big}{unit}"
