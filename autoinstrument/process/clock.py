"""One clock for the times of all spans, which are in the order in which things happened.

A span goes by `perf_counter_ns`, which nobody sets back, and `offset` makes that the time of day.
Two clocks read for each span would not do: between one and the other, the interpreter may run
another thread for milliseconds.
"""

from __future__ import annotations

from time import get_clock_info, perf_counter_ns, time_ns

_LOOKS = 5  # the tightest of them is rarely wider than 0.2 us
_RESOLUTION = int(get_clock_info("time").resolution * 1_000_000_000)  # 16 ms on Windows, to 3.12

offset = 0
"""Nanoseconds from `perf_counter_ns` to the time of day."""


def adjust() -> None:
    """Look at both clocks, and follow the time of day if it has been set.

    An offset that agrees with what is seen stays as it is, so that it changes no order.
    """
    global offset  # noqa: PLW0603 - a plain name, as each span reads it
    least, most = min(map(_look, range(_LOOKS)), key=_width)
    if not least <= offset <= most:
        offset = (least + most) // 2


def _look(_: int) -> tuple[int, int]:
    """Return the bounds of what the offset can be."""
    before, now, after = perf_counter_ns(), time_ns(), perf_counter_ns()
    return now - after, now + _RESOLUTION - before


def _width(bounds: tuple[int, int]) -> int:
    least, most = bounds
    return most - least


adjust()
