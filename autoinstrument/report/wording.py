"""Formats numbers, durations, instants and text from the application."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from .model import MOST_DISTINCT

_UNITS = (
    (1_000, 1_000, "us"),
    (1_000_000, 1_000, "ms"),
    (1_000_000_000, 120, "s"),
    (60_000_000_000, 120, "min"),
    (3_600_000_000_000, 48, "h"),
    (86_400_000_000_000, math.inf, "days"),
)
_CUT = "..."
_LONGEST_LABEL = 200


def foreign(text: str) -> str:
    r"""Return text from the application as one printable line.

    What a terminal would obey, and what turns the direction of writing, comes escaped: `\x1b`.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def shortened(text: str, longest: int) -> str:
    """Return `text` in at most `longest` characters, without its middle where it is longer."""
    if len(text) <= longest:
        return text
    tail = max(0, longest - len(_CUT)) // 2
    return text[: longest - len(_CUT) - tail] + _CUT + text[len(text) - tail :]


def label(text: str) -> str:
    """Return a name from the application as it is shown where there is room, and searched for."""
    return shortened(foreign(text), _LONGEST_LABEL)


def number(count: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{count:,}"


def distinct(count: int) -> str:
    """Return a count of distinct things, with a plus where telling them apart has ended."""
    return f"{number(count)}{'+' if count >= MOST_DISTINCT else ''}"


def counted(count: int, noun: str) -> str:
    """Return `1 span`, `2 spans`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, or all digits before the point."""
    rounded = float(f"{value:.{digits}g}")
    decimals = digits - 1 - math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{value:,.{max(0, decimals)}f}"


def duration(nanoseconds: int) -> str:
    """Return a duration with three significant digits, in the unit that suits it."""
    for size, limit, unit in _UNITS:  # noqa: B007 - the last unit has no limit
        scaled = nanoseconds / size
        if float(f"{scaled:.3g}") < limit:
            break
    return f"{significant(scaled)} {unit}"


def period(started: int, ended: int) -> str:
    """Return the time between two instants, nanoseconds since 1970, to the second in UTC."""
    first = _instant(started)
    last = _instant(ended)
    if first == last:
        return f"{first} UTC"
    day, _, time = last.partition(" ")
    return f"{first} to {time if first.startswith(day) else last} UTC"


def _instant(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}"
