"""How many there were when: counts over time in few steps, however long it has taken."""

from __future__ import annotations

from .model import Steps

_MOST_STEPS = 48
_FINEST = 1_000_000  # ns
_BARS = "▁▂▃▄▅▆▇█"


class Timeline:
    """Counts instants, nanoseconds since 1970, in steps that double as the time gets longer."""

    def __init__(self) -> None:
        self._width = _FINEST
        self._counts: dict[int, int] = {}

    def add(self, instant: int) -> None:
        """Count one; the order does not matter."""
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
        """Return the counts from the first to the last; None if there are none."""
        if not self._counts:
            return None
        first, last = min(self._counts), max(self._counts)
        counts = tuple(self._counts.get(step, 0) for step in range(first, last + 1))
        return Steps(first * self._width, self._width, counts)


def sparkline(steps: Steps, started: int, ended: int, width: int) -> str:
    """Return bars for the time from `started` to `ended`, the highest for the most in one."""
    counts = [0] * width
    for index, count in enumerate(steps.counts):
        middle = steps.started + steps.width * index + steps.width // 2
        place = (middle - started) * width // max(1, ended - started)
        counts[min(width - 1, max(0, place))] += count
    most = max(counts)
    bars = (_BARS[-(-count * len(_BARS) // most) - 1] if count else " " for count in counts)
    return "".join(bars)
