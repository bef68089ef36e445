"""Plain counters and histograms of all operations, filled off the hot path.

These are the metrics of the OpenTelemetry messaging conventions v1.44.0, and the agent's own. They
include what the sampler drops.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from time import time_ns
from typing import TYPE_CHECKING
from weakref import WeakSet

from autoinstrument.process.limits import cut
from autoinstrument.tracing import errors, guard

from .kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from autoinstrument.tracing.operation import Operation

    from .kinds import Gauges, Labels
    from .statistics import Statistics

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The upper bounds of the buckets in seconds, as the conventions advise."""

DURATIONS = {
    "messaging.client.operation.duration": "Duration of an operation that a client initiated.",
    "messaging.process.duration": "Duration of the processing of a message.",
}
"""The histograms, with their descriptions."""
NANO = 1e9

_BOUNDS = [int(bound * 1_000_000_000) for bound in BOUNDS]
_COMMON = (
    "messaging.system",
    "messaging.operation.name",
    "messaging.destination.name",
    "messaging.consumer.group.name",
    "server.address",
    "server.port",
)
_MOST_SERIES = 2000  # the SDK's limit, beyond which it counts under one attribute as well
_OVERFLOW: Labels = (("otel.metric.overflow", True),)
_MESSAGE = "{message}"
# What has failed in the process, before the client had taken the message.
_NOT_SENT = {
    errors.QUEUE_FULL,
    errors.SERIALIZATION,
    errors.CLOSED,
    errors.INVALID_ARGUMENT,
    errors.INVALID_STATE,
}


_SENT = Kind("messaging.client.sent.messages", _MESSAGE, "Sent to a broker.")
_CONSUMED = Kind("messaging.client.consumed.messages", _MESSAGE, "Delivered to the application.")
_REFUSED = Kind("autoinstrument.messages.refused", _MESSAGE, "Rejected by a full client queue.")
_LOST = Kind("autoinstrument.messages.lost", _MESSAGE, "Unanswered when the program ended.")
_DROPPED = Kind("autoinstrument.spans.dropped", "{span}", "Spans that no exporter took.")
IN_FLIGHT = Kind("autoinstrument.messages.in_flight", _MESSAGE, "Messages without an answer yet.")
_COST = Kind("autoinstrument.cost", "s", "Agent overhead per operation.")


class Cost:
    """The overhead of one part of the agent: `total` nanoseconds in `calls` measured calls."""

    __slots__ = ("calls", "total")

    def __init__(self) -> None:
        self.calls = 0
        self.total = 0

    def add(self, elapsed: int, calls: int = 1) -> None:
        """Add one measurement."""
        self.calls += calls
        self.total += elapsed


class Count:
    """A number to which any thread may add."""

    __slots__ = ("_lock", "value")

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def add(self, more: int) -> None:
        """Add `more`."""
        with self._lock:
            self.value += more


class Durations:
    """A histogram of one kind of operation with one outcome; times in nanoseconds."""

    __slots__ = ("buckets", "labels", "least", "most", "operation_type", "outcome", "total")

    def __init__(self, labels: Labels, operation_type: str, outcome: str | None) -> None:
        self.labels = labels
        self.operation_type = operation_type
        self.outcome = outcome
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.total = 0
        self.least = 1 << 63
        self.most = 0

    def add(self, elapsed: int) -> None:
        """Count an operation by its duration."""
        self.buckets[bisect_left(_BOUNDS, elapsed)] += 1
        self.total += elapsed
        self.least = min(self.least, elapsed)
        self.most = max(self.most, elapsed)

    @property
    def name(self) -> str:
        """The metric that it belongs to."""
        if self.operation_type == "process":
            return "messaging.process.duration"
        return "messaging.client.operation.duration"

    @property
    def attributes(self) -> dict[str, str | int]:
        """The attributes of its points."""
        found = dict(self.labels)
        if self.operation_type != "process":
            found["messaging.operation.type"] = self.operation_type
        return found if self.outcome is None else {**found, "error.type": self.outcome}

    @property
    def count(self) -> int:
        """How many operations it holds."""
        return sum(self.buckets)


class Metrics:
    """The counts of this process; one thread collects, any may count."""

    def __init__(self, in_flight: Callable[[], int]) -> None:
        """`in_flight` counts the writes that have no answer yet."""
        self.started = time_ns()
        self.call = Cost()
        """Before the client is called; measured on one call in 256."""
        self.background = Cost()
        """In the background thread, which ends each operation."""
        self.in_flight = in_flight
        self.dropped: Callable[[], int] = int
        """Counts the spans that no exporter took."""
        self.statistics: WeakSet[Statistics] = WeakSet()
        self.waiting: list[Callable[[], object]] = []
        """Each counts what has ended and waits to be counted."""
        self._received: dict[Labels, Count] = {}
        self.series: dict[tuple[Labels, str, str | None], Durations] = {}
        self._lock = threading.Lock()

    def count(self, operations: Iterable[Operation]) -> None:
        """Add ended operations; one without a type of the conventions is left out."""
        with self._lock:
            for operation in operations:
                series = self._series(operation)
                if series is not None:
                    series.add(operation.elapsed)

    def count_at_once(self, operation: Operation) -> bool:
        """Add one ended operation, unless somebody is counting just now; whether it was added.

        Never waits: who holds the lock may be waiting for the interpreter's, or may be what this
        very thread was called out of, by the collector or by a signal.
        """
        if self._lock.locked():
            return False
        with self._lock:  # no handler of a signal comes between taking it and giving it back
            series = self._series(operation)
            if series is not None:
                series.add(operation.elapsed)
        return True

    def series_of(self, operation: Operation) -> Durations | None:
        """Return where an operation is counted, if it is."""
        with self._lock:
            return self._series(operation)

    def _series(self, operation: Operation) -> Durations | None:
        known = operation.attributes.cached.get(self)
        found = known.get(operation.error_type) if known is not None else None
        return found or self._find(operation)

    def _find(self, operation: Operation) -> Durations | None:
        attributes, outcome = operation.attributes, operation.error_type
        operation_type = attributes.get("messaging.operation.type")
        if operation_type is None:
            return None
        labels = _labels_of(attributes)
        key = labels, operation_type, outcome
        if key not in self.series and len(self.series) >= _MOST_SERIES:
            key = _OVERFLOW, operation_type, None
        series = self.series.get(key)
        if series is None:
            series = self.series[key] = Durations(*key)
        attributes.cached.setdefault(self, {})[outcome] = series
        return series

    def catch_up(self) -> None:
        """Count what has ended, without waiting for the background to do so."""
        for count in self.waiting:
            count()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted yet."""
        return not (self.series or self._received or self.statistics or guard.dropped())

    def received(self, attributes: Mapping[str, str | int]) -> Count:
        """Return where the messages of one topic are counted that a consumer is given."""
        with self._lock:
            labels = _labels_of(attributes)
            if labels not in self._received and len(self._received) >= _MOST_SERIES:
                labels = _OVERFLOW
            return self._received.setdefault(labels, Count())

    def counters(self) -> dict[Kind, dict[Labels, int]]:
        """Return the sums: messages received, and what follows from the durations."""
        sent: dict[Labels, int] = {}
        refused: dict[Labels, int] = {}
        lost: dict[Labels, int] = {}
        for series in list(self.series.values()):
            if series.operation_type != "send":
                continue
            labels, outcome = series.labels, series.outcome
            if outcome == errors.QUEUE_FULL:
                refused[labels] = refused.get(labels, 0) + series.count
            if outcome == errors.LOST_AT_EXIT:
                lost[labels] = lost.get(labels, 0) + series.count
            if outcome not in _NOT_SENT:
                failed = () if outcome is None else (("error.type", outcome),)
                sent[labels + failed] = sent.get(labels + failed, 0) + series.count
        return {
            _SENT: sent,
            _CONSUMED: {labels: count.value for labels, count in list(self._received.items())},
            _REFUSED: refused,
            _LOST: lost,
            _DROPPED: {(): self.dropped() + guard.dropped()},
        }

    def gauges(self) -> Gauges:
        """Return what is so now: in flight, the agent's cost, and the clients' statistics."""
        costs = {"call": self.call, "background": self.background}
        found: Gauges = {
            IN_FLIGHT: {(): self.in_flight()},
            _COST: {
                (("autoinstrument.part", part),): cost.total / cost.calls / NANO
                for part, cost in costs.items()
                if cost.calls
            },
        }
        for statistics in list(self.statistics):
            for kind, points in statistics.gauges.items():
                _add(points, found.setdefault(kind, {}))
        return found


def _add(points: Mapping[Labels, float], found: dict[Labels, float]) -> None:
    """Add what a client says of itself, within the limits of texts and of series."""
    for labels, value in points.items():
        if len(found) >= _MOST_SERIES:
            break
        fitting = [(name, cut(of) if isinstance(of, str) else of) for name, of in labels]
        found[tuple(fitting)] = value


def _labels_of(attributes: Mapping[str, str | int]) -> Labels:
    """Return the attributes of a span that metrics have too: those with few distinct values."""
    return tuple((name, attributes[name]) for name in _COMMON if name in attributes)
