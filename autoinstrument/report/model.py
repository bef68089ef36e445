"""A report as plain data; durations in nanoseconds, instants in nanoseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

MOST_DISTINCT = 1_000
"""How many topics, causes, processes, and partitions of a topic are counted separately."""
MOST_WRITES = 10
"""How many of the slowest and of the failed writes a report has."""

# A process that is still running records its spans and its counts one after the other.
_LATE_SHARE = 0.05
_LATE_SPANS = 100

Outcome = Literal["written", "failed", "unconfirmed", "undecided"]
"""What became of a message: acknowledged by the broker; an error; nobody knows; in a transaction
that may or may not have been committed."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

UnconfirmedBy = Literal["client", "publisher", "agent"]
"""Why a message is unconfirmed: its client gives no answer, with these settings; the application's
own publisher tells none; its span is another agent's, which tells none."""
UNCONFIRMED_BY: tuple[UnconfirmedBy, ...] = get_args(UnconfirmedBy)


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
    """Spans that were never exported."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How many messages were sent, by the processes that have metrics in the recording."""

    recorded: int
    """Messages with a span in the recording."""
    counted: int
    """All messages, according to the metrics."""

    @property
    def is_complete(self) -> bool:
        """Whether every message has a span, but for those that are still to be recorded."""
        return self.counted - self.recorded <= max(_LATE_SHARE * self.counted, _LATE_SPANS)


@dataclass(frozen=True, slots=True)
class Partition:
    """What was written to one partition."""

    number: int
    written: int
    latency: Percentiles | None
    """None if no write has usable timestamps."""


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
    """Messages written, divided by the time that the recording covers; None if that is 0."""
    latency: Percentiles | None
    """Of the messages written; None if none has usable timestamps."""
    over_time: Steps | None
    """The messages written, by the time of the call; None if none has usable timestamps."""
    by_partition: tuple[Partition, ...]
    """By number, up to `MOST_DISTINCT`."""

    @property
    def messages(self) -> int:
        """All messages that the application wrote, or tried to write, to this topic."""
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
    """None without usable timestamps."""
    error_type: str | None
    description: str
    called_from: str | None
    """The `code.function.name` of the parent span, or else its name; None if it is not recorded."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the plots show: writes as pairs of a start and a duration, and all durations."""

    written: tuple[tuple[int, int], ...]
    """A random sample of the messages written."""
    failed: tuple[tuple[int, int], ...]
    """A random sample of the failed writes."""
    durations: tuple[tuple[int, int], ...]
    """A histogram of all messages written, in steps of 1 %: the longest duration in each, and a
    count."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Messages written to one topic while messages of another were processed."""

    source: str
    target: str
    messages: int
    per_second: float | None
    """Messages divided by the time that the recording covers; None if that is 0."""


@dataclass(frozen=True, slots=True)
class Step:
    """One span of a trace; it starts `after` the trace, and `depth` is 0 without a parent in it."""

    depth: int
    name: str
    service: str | None
    after: int
    duration: int
    error: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace; each step comes after its parent, up to 200 of them."""

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
    """Ids of up to 5 traces that show it."""
    numbers: dict[str, int]
    """Numbers from the evidence that a program may want, by name."""


@dataclass(frozen=True, slots=True)
class Report:
    """The report on a recording."""

    path: str
    files: int
    spans: int
    services: tuple[str, ...]
    processes: int
    """Distinct processes, by service, instance and pid, counted up to `MOST_DISTINCT`."""
    started: int | None
    ended: int | None
    """The first start and last end of any span; None if none has usable timestamps."""
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
    """The trace with the longest processing of a message that led to a write."""
    slowest: tuple[Write, ...]
    """The slowest of the messages written, slowest first."""
    failed: tuple[Write, ...]
    """The last of the failed writes, last first."""
    cost: Cost | None
    """None if the recording has no metrics."""
    sent: Sent | None
    """None if the recording has no metrics."""
    unconfirmed: dict[UnconfirmedBy, int]
    """How many messages are unconfirmed, by the reason."""
    kept: int
    """Spans that the sampler dropped but the agent kept; the other dropped ones are not counted."""
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
        """The time that the recording covers; 0 if no span has usable timestamps."""
        return (self.ended or 0) - (self.started or 0)
