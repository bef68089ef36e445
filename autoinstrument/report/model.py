"""A report as plain data; durations in nanoseconds, instants in nanoseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

MOST_DISTINCT = 1_000
"""Topics, causes, processes and the partitions of a topic are told apart up to this number."""
MOST_WRITES = 10
"""So many of the slowest and of the failed writes are kept."""

_YET_TO_COME = 0.05  # a process that runs records its spans and its counts one after the other
_FEW_TO_COME = 100

Outcome = Literal["written", "failed", "unconfirmed", "undecided"]
"""Acknowledged by the broker; an error; the client itself cannot know; a transaction whose end is
not known."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Silence = Literal["client", "publisher", "agent"]
"""Who does not say whether a message was written: its client, by its settings; a publisher of the
application's own; the other agent whose span it is."""
SILENCES: tuple[Silence, ...] = get_args(Silence)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Acknowledgement latency: each is a latency that occurred, at most 1 % above the exact one."""

    p50: int
    p90: int
    p99: int
    max: int
    """Exact."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Counts over time: step i begins `width * i` after `started`."""

    started: int
    width: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """The agent's overhead per operation; None if nothing was measured."""

    call: int | None
    """In the application's call."""
    background: int | None
    dropped: int
    """Spans that no exporter has taken."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The messages that went to a broker, of the processes whose metrics the recording has."""

    recorded: int
    """Those that it has a span of."""
    counted: int
    """All of them, by the metrics."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing but what a process may have yet to record."""
        return self.counted - self.recorded <= max(_YET_TO_COME * self.counted, _FEW_TO_COME)


@dataclass(frozen=True, slots=True)
class Partition:
    """What was written to one partition."""

    number: int
    written: int
    latency: Percentiles | None
    """None if there is no write with a usable clock."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What was written to one topic."""

    name: str
    written: int
    failed: int
    unconfirmed: int
    undecided: int
    partitions: int
    """Distinct partitions that messages were written to, counted up to `MOST_DISTINCT`."""
    per_second: float | None
    """Messages written, over the time that the whole recording observed; None if it is nothing."""
    latency: Percentiles | None
    """Of the messages written; None if there is none with a usable clock."""
    over_time: Steps | None
    """The messages written, by the time of the call; None likewise."""
    by_partition: tuple[Partition, ...]
    """By number, up to `MOST_DISTINCT`."""

    @property
    def messages(self) -> int:
        """Every message that the application handed over for this topic."""
        return self.written + self.failed + self.unconfirmed + self.undecided


@dataclass(frozen=True, slots=True)
class Cause:
    """Failed writes of one topic with the same `error.type`."""

    error_type: str
    topic: str
    count: int
    description: str
    """The client's error message for the last of them."""
    trace_id: str
    """The last of them."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write that the report shows."""

    trace_id: str
    span_id: str
    topic: str
    partition: int | None
    offset: int | None
    duration: int | None
    """None where the clock of the span is not usable."""
    error_type: str | None
    description: str
    called_from: str | None
    """The root's `code.function.name`, or the name of whatever span is the parent, if recorded."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Writes as points in time: nanoseconds since 1970, and how long the answer took."""

    written: tuple[tuple[int, int], ...]
    """A random choice of those that were acknowledged."""
    failed: tuple[tuple[int, int], ...]
    """Likewise of those that failed."""
    durations: tuple[tuple[int, int], ...]
    """How many took up to so many nanoseconds, in steps of 1 %, over all that were written."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Messages written to one topic while messages of another were processed."""

    source: str
    target: str
    messages: int
    per_second: float | None
    """Over the time that the whole recording observed; None if it is nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One span of a trace, `after` the trace's start; `depth` is 0 for what has no parent here."""

    depth: int
    name: str
    service: str | None
    after: int
    duration: int
    error: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace; each step stands behind its parent, up to 200 of them."""

    trace_id: str
    duration: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that the user should know about and can fix."""

    slug: str
    headline: str
    """The problem, in one sentence."""
    evidence: str
    """The numbers that show it."""
    remedy: str
    traces: tuple[str, ...]
    """Ids of traces that show it, up to 5."""
    numbers: dict[str, int]
    """The numbers behind the evidence, if it is more than counts."""


@dataclass(frozen=True, slots=True)
class Report:
    """The report on a recording."""

    path: str
    files: int
    spans: int
    services: tuple[str, ...]
    processes: int
    """Distinct service, instance and pid, counted up to `MOST_DISTINCT`."""
    started: int | None
    ended: int | None
    """First start and last end of any span; None if no span has a usable clock."""
    findings: tuple[Finding, ...]
    """Most severe first."""
    topics: tuple[Topic, ...]
    """Most messages first."""
    causes: tuple[Cause, ...]
    """Most failures first."""
    sample: Sample
    flows: tuple[Flow, ...]
    """From topic to topic, most messages first."""
    longest: Trace | None
    """The trace with the longest processing of a message that has led to a write."""
    slowest: tuple[Write, ...]
    """The slowest of the messages written, slowest first."""
    failed: tuple[Write, ...]
    """The last of the failed writes, last first."""
    cost: Cost | None
    """None if the recording has no metrics."""
    sent: Sent | None
    """None if the recording has no metrics."""
    unconfirmed: dict[Silence, int]
    """How many messages are unconfirmed, by who does not say more."""
    kept: int
    """Spans that a sampler had dropped and the agent kept: others are missing in every count."""
    untimed: int
    """Spans with no start, a start before 2000, or an end before the start: counted, not timed."""
    lines_not_understood: int
    spans_not_understood: int
    files_not_read: int

    def count(self, outcome: Outcome) -> int:
        """Return the number of messages with this outcome, over all topics."""
        return sum(int(getattr(topic, outcome)) for topic in self.topics)

    @property
    def duration(self) -> int:
        """The time observed, 0 if no span has a usable clock."""
        return (self.ended or 0) - (self.started or 0)
