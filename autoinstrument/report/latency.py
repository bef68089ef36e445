"""Percentiles of durations in bounded memory, like DDSketch (https://arxiv.org/abs/1908.10693)."""

from __future__ import annotations

import math

from .model import Percentiles

_GROWTH = math.log(1.01)


class Latencies:
    """Durations in nanoseconds, counted in buckets that are 1 % wide.

    Each bucket knows the longest duration in it, so a percentile is a duration that did occur: the
    exact one (nearest rank) or one that is at most 1 % longer, and the maximum is exact. 64-bit
    durations fill at most 4,500 buckets; one microsecond to one minute fills 1,800.
    """

    def __init__(self) -> None:
        self.count = 0
        self._buckets: dict[int, tuple[int, int]] = {}

    def add(self, nanoseconds: int) -> None:
        """Count one duration, 0 or more."""
        bucket = math.floor(math.log(nanoseconds) / _GROWTH) if nanoseconds else -1
        count, longest = self._buckets.get(bucket, (0, 0))
        self._buckets[bucket] = count + 1, max(longest, nanoseconds)
        self.count += 1

    def percentile(self, percent: int) -> int:
        """Return the duration that `percent` of all durations do not exceed; 0 if there is none."""
        wanted = -(-self.count * percent // 100)
        for bucket in sorted(self._buckets):
            count, longest = self._buckets[bucket]
            wanted -= count
            if wanted <= 0:
                return longest
        return 0

    def percentiles(self) -> Percentiles | None:
        """Return the percentiles of a report; None if there is no duration."""
        if not self.count:
            return None
        return Percentiles(*map(self.percentile, (50, 90, 99, 100)))

    def counts(self) -> tuple[tuple[int, int], ...]:
        """Return the buckets in order: the longest duration in each, and its count."""
        found = (self._buckets[bucket] for bucket in sorted(self._buckets))
        return tuple((longest, count) for count, longest in found)
