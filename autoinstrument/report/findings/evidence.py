"""The evidence for findings, collected from a stream of spans in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from autoinstrument.report.bounded import count_bounded, get_bounded
from autoinstrument.report.latency import Latencies
from autoinstrument.report.model import MOST_DISTINCT

if TYPE_CHECKING:
    from autoinstrument.report.model import Outcome, UnconfirmedBy
    from autoinstrument.report.span import Process, Span, Value

MOST_TRACES = 5

_PAUSE = 100_000_000  # ns: an answer that waits longer for a poll distorts the latency


class Case:
    """Spans with the same problem: their number, topics, services and first traces."""

    def __init__(self) -> None:
        self.count = 0
        self.topics: Counter[str] = Counter()
        self.services: Counter[str] = Counter()
        self.publishers: Counter[str] = Counter()
        """The application's own publishers among them."""
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
    """The writes of one thread or process, in order; times in nanoseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.by: Counter[str] = Counter()
        """The calls that waited; empty if none was seen."""
        self.overlapping = 0
        """The number of writes that started before the previous one was answered."""
        self.waited = 0
        """The time during which at least one write was waiting for its answer.

        If no call was seen waiting, it does not include the time when the program did not poll.
        """
        self.latencies = Latencies()
        self.first = 0
        """The duration of the first write, which also waited for the connection."""
        self._began: int | None = None
        self._last = 0

    def add(self, span: Span) -> None:
        """Count one write with usable timestamps."""
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
        """The time from the first call to the last answer."""
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
    """What the spans of a recording show."""

    def __init__(self) -> None:
        self.threads: dict[tuple[Process, Value | None], Sequence] = {}
        """By thread, the writes that it was seen waiting for."""
        self.processes: dict[Process, Sequence] = {}
        """By process, all writes that were answered."""
        self.keys: dict[str, Keys] = {}
        self.failures: dict[str, Case] = defaultdict(Case)
        """Failed writes, by `error.type`."""
        self.unconfirmed: Counter[UnconfirmedBy] = Counter()
        self.unserved = Case()
        """Writes whose delivery report waited for the application to poll."""
        self.unserved_for: list[int] = []
        self.header_omitted = Case()
        self.header_refused = Case()
        self.without_acks = Case()
        self.uncommitted = Case()
        self.undecided = Case()
        self.consumed: Counter[str] = Counter()
        """Consumed messages, by topic."""
        self.unprocessed: dict[str, Case] = {}
        """Consumed messages whose processing has failed, by `error.type`."""
        self.without_context: dict[str, Case] = {}
        """Consumed messages without trace context, by topic."""

    def add(self, span: Span) -> None:
        """Add one span of any kind."""
        if span.is_write:
            self._add_write(span)
        elif span.is_process:
            count_bounded(self.consumed, span.topic)
            if span.error_type is not None:
                get_bounded(self.unprocessed, span.error_type, Case).add(span)
            if not span.parent_id and not span.is_linked:
                get_bounded(self.without_context, span.topic, Case).add(span)

    def _add_write(self, span: Span) -> None:
        found, outcome = span.attributes, span.outcome
        if outcome == "written":
            get_bounded(self.keys, span.topic, Keys).add(span)
        if span.error_type is not None:
            get_bounded(self.failures, span.error_type, Case).add(span)
        elif outcome == "unconfirmed":
            self.unconfirmed[span.unconfirmed_by] += 1
        # One that failed is waited for in any case, such as for a topic that does not exist.
        if span.duration is not None and not span.error and _is_answered(span, outcome):
            process = span.source.process
            get_bounded(self.processes, process, Sequence).add(span)
            if "autoinstrument.waited" in found:
                thread = process, found.get("thread.id")
                get_bounded(self.threads, thread, Sequence).add(span)
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
            (outcome == "undecided", self.undecided),
        ):
            if applies:
                case.add(span)


def _is_answered(span: Span, outcome: Outcome) -> bool:
    """Whether a write ends with its answer: otherwise it may end with the call."""
    if "autoinstrument.waited" in span.attributes:
        return True
    return outcome != "unconfirmed" and span.publisher is None
