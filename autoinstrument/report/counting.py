"""Counts of the writes to one topic, and of the failures with one cause."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .latency import Latencies
from .model import MOST_DISTINCT, Cause, Outcome, Partition, Topic
from .timeline import Timeline

if TYPE_CHECKING:
    from .span import Span


class TopicCounts:
    """The writes to one topic."""

    def __init__(self) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._partitions: dict[int, Latencies] = {}
        self._latencies = Latencies()
        self._timeline = Timeline()

    def add(self, span: Span) -> None:
        """Count one write."""
        self._outcomes[span.outcome] += 1
        if span.outcome != "written":
            return
        partition = span.partition
        if partition is not None and len(self._partitions) < MOST_DISTINCT:
            self._partitions.setdefault(partition, Latencies())
        if span.duration is not None:
            self._latencies.add(span.duration)
            self._timeline.add(span.started)
            if partition in self._partitions:
                self._partitions[partition].add(span.duration)

    def topic(self, name: str, observed: int) -> Topic:
        """Return what was counted; `observed` is how long the recording is, in nanoseconds."""
        of, latencies = self._outcomes, self._latencies
        return Topic(
            name=name,
            written=of["written"],
            failed=of["failed"],
            unconfirmed=of["unconfirmed"],
            undecided=of["undecided"],
            partitions=len(self._partitions),
            per_second=of["written"] / observed * 1e9 if observed else None,
            latency=latencies.percentiles(),
            over_time=self._timeline.steps(),
            by_partition=tuple(
                Partition(number, found.count, found.percentiles())
                for number, found in sorted(self._partitions.items())
            ),
        )


class FailureCounts:
    """The failed writes to one topic with the same cause."""

    def __init__(self) -> None:
        self._count = 0
        self._last: tuple[int, str, str, str] = (-1, "", "", "")

    def add(self, span: Span) -> None:
        """Count one failed write."""
        self._count += 1
        self._last = max(self._last, (span.ended, span.trace_id, span.span_id, span.description))

    def cause(self, error_type: str, topic: str) -> Cause:
        """Return what was counted."""
        _, trace_id, _, description = self._last
        return Cause(error_type, topic, self._count, description, trace_id)
