"""A table of text: columns that fit the terminal, numbers to the right, nothing that moves it."""

import operator
import os
import shutil
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

from rich.cells import cell_len, chop_cells, set_cell_size

_GAP: Final = "  "
_LEAST: Final = 10
"""How narrow a column gets before others give way."""
_LEAST_WRAPPED: Final = 24
"""How narrow one that goes on in more lines gets before it is cut instead."""

NULL: Final = "NULL"


@dataclass(frozen=True)
class Grid:
    """Rows of cells under their names; None is NULL."""

    names: Sequence[str]
    are_numbers: Sequence[bool]
    rows: Sequence[Sequence[str | None]]
    is_wrapped: bool = False
    """What does not fit of the last column goes on in the lines below."""

    def turned(self) -> "Grid":
        """The first row as a column: a line for each name, its text whole."""
        pairs = list(zip(self.names, self.rows[0], strict=True))
        return Grid(("column", "value"), (False, False), pairs, is_wrapped=True)

    def lines(self, width: int | None, *, is_styled: bool) -> tuple[list[str], int, bool]:
        """The lines within that width, how many columns they show, and if any text is cut."""
        natural = [
            max(cell_len(name), *(cell_len(_shown(row[at])) for row in self.rows), 1)
            if self.rows
            else max(cell_len(name), 1)
            for at, name in enumerate(self.names)
        ]
        rows = self.rows
        left = natural[-1] if width is None else width - _total([*natural[:-1], 0])
        if self.is_wrapped and _LEAST_WRAPPED <= left < natural[-1]:
            natural[-1] = left
            rows = [line for row in self.rows for line in _wrapped(row, left)]
        widths = natural if width is None else _fitted(natural, width)
        rules = ["─" * width for width in widths]
        lines = [
            _line(widths, self.are_numbers, self.names, "1" if is_styled else None),
            _line(widths, self.are_numbers, rules, "2" if is_styled else None),
        ]
        lines += [_line(widths, self.are_numbers, row, None, is_styled=is_styled) for row in rows]
        is_cut = any(map(operator.lt, widths, natural))
        return lines, len(widths), is_cut


def terminal_width(stream: IO[bytes]) -> int | None:
    """How wide the terminal is that is written to; None where it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def is_styled(stream: IO[bytes]) -> bool:
    """Whether bold and dim are wanted there."""
    return (
        stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") != "dumb"
    )


def is_watched(stream: IO[Any]) -> bool:
    """Whether someone looks on: a terminal, unless it is a CI's, whose log keeps every redraw."""
    return stream.isatty() and os.environ.get("CI", "").lower() in {"", "0", "false"}


def printable(text: str) -> str:
    r"""The text with whatever could move a cursor or hide itself written out: `\n`, `\x1b`."""
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        # a space that French or Japanese are written with
        return " "
    return character.encode("unicode_escape").decode("ascii")


def _shown(cell: str | None) -> str:
    return NULL if cell is None else cell


def _wrapped(row: Sequence[str | None], width: int) -> Iterator[Sequence[str | None]]:
    """The row, and below it what of its last cell does not fit."""
    lines = textwrap.wrap(_shown(row[-1]), width, break_on_hyphens=False)
    # a letter of Chinese takes the room of two
    first, *more = [piece for line in lines for piece in chop_cells(line, width)] or [""]
    yield [*row[:-1], None if row[-1] is None else first]
    for line in more:
        yield [*[""] * (len(row) - 1), line]


def _fitted(natural: Sequence[int], width: int) -> list[int]:
    """Widths that fit: the widest columns give way first, then the last ones are left out."""
    count = len(natural)
    while count > 1 and _total([min(w, _LEAST) for w in natural[:count]]) > width:
        count -= 1
    shown = list(natural[:count])
    cap = max(shown)
    while cap > 1 and _total([min(w, cap) for w in shown]) > width:
        cap -= 1
    fitted = [min(w, cap) for w in shown]
    spare = width - _total(fitted)
    for at, wanted in enumerate(shown):
        more = max(0, min(spare, wanted - fitted[at]))
        fitted[at] += more
        spare -= more
    return fitted


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _line(
    widths: Sequence[int],
    are_numbers: Sequence[bool],
    cells: Sequence[str | None],
    style: str | None,
    *,
    is_styled: bool = False,
) -> str:
    placed = []
    for width, is_number, cell in zip(widths, are_numbers, cells, strict=False):
        text = _sized(_shown(cell), width, to_right=is_number)
        placed.append(f"\x1b[2m{text}\x1b[0m" if cell is None and is_styled else text)
    line = _GAP.join(placed).rstrip()
    return f"\x1b[{style}m{line}\x1b[0m" if style else line


def _sized(text: str, width: int, *, to_right: bool) -> str:
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"
    padding = " " * (width - length)
    return padding + text if to_right else text + padding
