"""Formats numbers, durations, times, and text from the application."""

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

    Control characters, and those that change the direction of text, are escaped: `\x1b`.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def shortened(text: str, longest: int) -> str:
    """Return `text` in at most `longest` characters; the middle of a longer one is left out."""
    if len(text) <= longest:
        return text
    tail = max(0, longest - len(_CUT)) // 2
    return text[: longest - len(_CUT) - tail] + _CUT + text[len(text) - tail :]


def label(text: str) -> str:
    """Return a name from the application as the page shows it and searches for it."""
    return shortened(foreign(text), _LONGEST_LABEL)


def number(count: int) -> str:
    """Return a count with separators for thousands."""
    return f"{count:,}"


def distinct(count: int) -> str:
    """Return a count of distinct things, with a plus if there may be more."""
    return f"{number(count)}{'+' if count >= MOST_DISTINCT else ''}"


def counted(count: int, noun: str) -> str:
    """Return `1 span`, `2 spans`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def significant(value: float, digits: int = 3) -> str:
    """Return a number with `digits` significant digits, but with all digits of its integer part."""
    rounded = float(f"{value:.{digits}g}")
    decimals = digits - 1 - math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{value:,.{max(0, decimals)}f}"


def duration(nanoseconds: int) -> str:
    """Return a duration with three significant digits, in a suitable unit."""
    for size, limit, unit in _UNITS:  # noqa: B007 - the last unit has no limit
        scaled = nanoseconds / size
        if float(f"{scaled:.3g}") < limit:
            break
    return f"{significant(scaled)} {unit}"


def period(started: int, ended: int) -> str:
    """Return a period as text, in UTC, to the second; the arguments are nanoseconds since 1970."""
    first = _instant(started)
    last = _instant(ended)
    if first == last:
        return f"{first} UTC"
    day, _, time = last.partition(" ")
    return f"{first} to {time if first.startswith(day) else last} UTC"


def _instant(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}"
