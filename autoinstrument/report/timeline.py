"""Counts over time, in a bounded number of steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .model import Steps

if TYPE_CHECKING:
    from .model import Report, Topic

_MOST_STEPS = 48
_FINEST = 1_000_000  # ns
_ROUNDING = 1e-6  # smaller shares are rounding errors
_BARS = "▁▂▃▄▅▆▇█"


class Timeline:
    """Counts instants (nanoseconds since 1970) in steps, which double when there are too many."""

    def __init__(self) -> None:
        self._width = _FINEST
        self._counts: dict[int, int] = {}

    def add(self, instant: int) -> None:
        """Count one instant, in any order."""
        step = instant // self._width
        self._counts[step] = self._counts.get(step, 0) + 1
        while max(self._counts) - min(self._counts) >= _MOST_STEPS:
            self._widen()

    def _widen(self) -> None:
        self._width *= 2
        counts: dict[int, int] = {}
        for step, count in self._counts.items():
            counts[step // 2] = counts.get(step // 2, 0) + count
        self._counts = counts

    def steps(self) -> Steps | None:
        """Return the counts from the first instant to the last; None if there are none."""
        if not self._counts:
            return None
        first, last = min(self._counts), max(self._counts)
        counts = tuple(self._counts.get(step, 0) for step in range(first, last + 1))
        return Steps(first * self._width, self._width, counts)


def over_time(topic: Topic, report: Report, width: int) -> str:
    """Return a bar chart, one line of text, of the messages written to `topic` over time."""
    if topic.over_time is None or report.started is None or report.ended is None:
        return ""
    return _bars(topic.over_time, report.started, report.ended, width)


def _bars(steps: Steps, started: int, ended: int, width: int) -> str:
    whole = max(1, ended - started)
    counts = [0.0] * width
    for index, count in enumerate(steps.counts):
        begin = steps.started + steps.width * index - started
        first = max(0, begin) * width / whole
        last = max(first + 1e-9, min(whole, begin + steps.width) * width / whole)
        for place in range(width):
            inside = max(0.0, min(last, place + 1) - max(first, place))
            counts[place] += count * inside / (last - first)
    most = max(counts)
    return "".join(_bar(count / most) if most else " " for count in counts)


def _bar(share: float) -> str:
    return _BARS[math.ceil(share * len(_BARS)) - 1] if share > _ROUNDING else " "
