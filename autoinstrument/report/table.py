"""Formats a plain-text table within a given width."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = "  "


@dataclass
class Column:
    """A column: its title, its cells, and what becomes of it if the table is too wide."""

    title: str
    cells: Sequence[str]
    right: bool = True
    least: int | None = None
    """Its cells may be shortened to this width; None: never."""
    leaves: int = 0
    """If that is not enough, the column with the highest number is dropped; 0: never."""

    @property
    def width(self) -> int:
        """The width without shortening."""
        return max(map(len, (self.title, *self.cells)))


def table(columns: Sequence[Column], width: int) -> str:
    """Return the table, indented, in lines of at most `width` characters if possible."""
    shown = list(columns)
    widths = _fitted(shown, width)
    while _total(widths) > width:
        leaving = max(shown, key=lambda column: column.leaves)
        if not leaving.leaves:
            widths = _fitted([_yielding(column) for column in shown], width)
            break
        shown.remove(leaving)
        widths = _fitted(shown, width)
    rows = zip(*((column.title, *column.cells) for column in shown), strict=True)
    return "\n".join(_line(row, shown, widths) for row in rows)


def _fitted(columns: list[Column], width: int) -> list[int]:
    """Return widths that fit, if possible: the widest column that may be shortened gives first."""
    widths = [column.width for column in columns]
    floors = [
        column.width if column.least is None else max(column.least, len(column.title))
        for column in columns
    ]
    while _total(widths) > width:
        spare, at = max(
            (widths[at] if widths[at] > floors[at] else 0, at) for at in range(len(widths))
        )
        if not spare:
            break
        widths[at] -= 1
    return widths


def _yielding(column: Column) -> Column:
    return column if column.least is None else replace(column, least=0)


def _total(widths: list[int]) -> int:
    return sum(widths) + len(_GAP) * len(widths)


def _line(row: Sequence[str], columns: list[Column], widths: list[int]) -> str:
    cells = (
        (str.rjust if column.right else str.ljust)(shortened(cell, wide), wide)
        for cell, column, wide in zip(row, columns, widths, strict=True)
    )
    return (_GAP + _GAP.join(cells)).rstrip()
