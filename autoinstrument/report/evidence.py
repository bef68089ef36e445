"""The evidence for findings, gathered from a stream of spans in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

from .latency import Latencies
from .model import MOST_DISTINCT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from .model import Silence
    from .span import Process, Span, Value

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

MOST_TRACES = 5

_PAUSE = 100_000_000  # ns: an answer that is served later than that makes a latency untrue


class Case:
    """Spans with the same problem: how many, where, and the first of their traces."""

    def __init__(self) -> None:
        self.count = 0
        self.topics: Counter[str] = Counter()
        self.services: Counter[str] = Counter()
        self.publishers: Counter[str] = Counter()
        """Those of the application's own publishers."""
        self.traces: list[str] = []

    def add(self, span: Span) -> None:
        """Count one span."""
        self.count += 1
        count_bounded(self.topics, span.topic)
        if span.source.process.service:
            count_bounded(self.services, span.source.process.service)
        if span.publisher:
            count_bounded(self.publishers, span.publisher)
        if len(self.traces) < MOST_TRACES and span.trace_id not in self.traces:
            self.traces.append(span.trace_id)


class Sequence(Case):
    """The writes of one thread, or of one process, in order; times in nanoseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.by: Counter[str] = Counter()
        """How the application waited."""
        self.overlapping = 0
        """Writes that started before the previous one was answered."""
        self.waited = 0
        """For any answer at all: two at once are one time.

        Where nobody was seen waiting, the time in which the program let no answer come is none.
        """
        self.latencies = Latencies()
        self.first = 0
        """How long the first took, which has waited for the connection as well."""
        self._began: int | None = None
        self._last = 0

    def add(self, span: Span) -> None:
        """Count one write with a usable clock."""
        super().add(span)
        by = str(span.attributes.get("autoinstrument.waited", ""))
        self.by[by] += 1
        self.overlapping += span.started < self._last
        not_waited = 0 if by else span.unserved
        self.waited += max(0, span.ended - max(span.started, self._last) - not_waited)
        self.latencies.add(span.duration or 0)
        if self._began is None or span.started < self._began:
            self._began, self.first = span.started, span.duration or 0
        self._last = max(self._last, span.ended)

    @property
    def observed(self) -> int:
        """From the first call to the last answer."""
        return self._last - (self._began or 0)


class Keys:
    """The keys and partitions of one topic's messages."""

    def __init__(self) -> None:
        self.keyed = 0
        self.keys: Counter[str] = Counter()
        self.partitions: Counter[int] = Counter()
        self.traces: list[str] = []

    def add(self, span: Span) -> None:
        """Count one message that was written."""
        key = span.attributes.get("messaging.kafka.message.key")
        if key is None or span.partition is None:
            return
        self.keyed += 1
        count_bounded(self.keys, str(key))
        count_bounded(self.partitions, span.partition)
        if len(self.traces) < MOST_TRACES:
            self.traces.append(span.trace_id)


class Evidence:
    """What the spans of a recording show, besides counts."""

    def __init__(self) -> None:
        self.threads: dict[tuple[Process, Value | None], Sequence] = {}
        """Writes that a thread waited for one by one."""
        self.processes: dict[Process, Sequence] = {}
        """All writes of a process."""
        self.keys: dict[str, Keys] = {}
        self.failures: dict[str, Case] = defaultdict(Case)
        """Writes that have failed, by `error.type`."""
        self.unconfirmed: Counter[Silence] = Counter()
        self.unserved = Case()
        """Writes whose report has waited for the application to poll."""
        self.unserved_for: list[int] = []
        self.header_omitted = Case()
        self.header_refused = Case()
        self.without_acks = Case()
        self.uncommitted = Case()
        self.undecided = Case()
        self.consumed: Counter[str] = Counter()
        """Messages, by topic."""
        self.without_context: dict[str, Case] = {}
        """Messages that came without a trace, by topic."""

    def add(self, span: Span) -> None:
        """Add one span of any kind."""
        if span.is_write:
            self._add_write(span)
        elif span.is_process:
            count_bounded(self.consumed, span.topic)
            if not span.parent_id and not span.is_linked:
                _bounded(self.without_context, span.topic, Case).add(span)

    def _add_write(self, span: Span) -> None:
        found = span.attributes
        if span.outcome == "written":
            _bounded(self.keys, span.topic, Keys).add(span)
        if span.error_type is not None:
            _bounded(self.failures, span.error_type, Case).add(span)
        if span.silence is not None:
            self.unconfirmed[span.silence] += 1
        if span.duration is not None and _has_answer(span):
            process = span.source.process
            _bounded(self.processes, process, Sequence).add(span)
            if "autoinstrument.waited" in found:
                thread = process, found.get("thread.id")
                _bounded(self.threads, thread, Sequence).add(span)
        if span.unserved >= _PAUSE:
            self.unserved.add(span)
            self.unserved_for.append(span.unserved)
            del self.unserved_for[MOST_DISTINCT:]
        for applies, case in (
            (
                found.get("autoinstrument.header") == "omitted" and not span.error,
                self.header_omitted,
            ),
            (found.get("autoinstrument.header") == "sent" and span.error, self.header_refused),
            (found.get("autoinstrument.acks") == "0", self.without_acks),
            (found.get("autoinstrument.outcome") == "uncommitted", self.uncommitted),
            (span.outcome == "undecided", self.undecided),
        ):
            if applies:
                case.add(span)


def _has_answer(span: Span) -> bool:
    """Whether the end of a write is the answer that its client had, or somebody waited for.

    Where nobody says what the broker answered, it is often no more than the end of the call.
    """
    if "autoinstrument.waited" in span.attributes:
        return True
    return span.silence is None and span.publisher is None


def count_bounded(counter: Counter[K], key: K) -> None:
    """Count `key`; of more than `MOST_DISTINCT` the latest are not told apart."""
    if key in counter or len(counter) < MOST_DISTINCT:
        counter[key] += 1


def _bounded(known: dict[K, V], key: K, make: Callable[[], V]) -> V:
    """Return what is known of `key`; of more than `MOST_DISTINCT`, something to be forgotten."""
    found = known.get(key)
    if found is None:
        found = make()
        if len(known) < MOST_DISTINCT:
            known[key] = found
    return found
