"""A few writes of a recording, chosen while it is read."""

from __future__ import annotations

import heapq
from random import Random
from typing import TYPE_CHECKING

from .model import MOST_WRITES

if TYPE_CHECKING:
    from .span import Span

_MOST_POINTS = 1_000


class RandomPoints:
    """A random sample of points, the same for the same recording."""

    def __init__(self) -> None:
        self.chosen: list[tuple[int, int]] = []
        self._random = Random(0)  # noqa: S311 - no secret
        self._offered = 0

    def offer(self, point: tuple[int, int]) -> None:
        """Add a point, or put it in the place of another, so that each has the same chance."""
        self._offered += 1
        if len(self.chosen) < _MOST_POINTS:
            self.chosen.append(point)
        elif (place := int(self._random.random() * self._offered)) < _MOST_POINTS:
            self.chosen[place] = point


class HighestSpans:
    """The spans with the highest rank; ties do not depend on the order of files."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str, int, Span]] = []
        self._offered = 0

    def offer(self, rank: int, span: Span) -> None:
        """Keep a span if it is among the highest so far."""
        self._offered += 1
        entry = (rank, span.trace_id, span.span_id, self._offered, span)
        if len(self._heap) < MOST_WRITES:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    @property
    def spans(self) -> list[Span]:
        """The spans, highest rank first."""
        return [entry[-1] for entry in sorted(self._heap, reverse=True)]
