"""Builds a report from a recording in two passes: first what happened, then who called."""

from __future__ import annotations

import heapq
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, TypeVar

from . import waterfall
from .evidence import Evidence, count_bounded
from .findings import Facts, findings
from .latency import Latencies
from .model import (
    MOST_DISTINCT,
    MOST_WRITES,
    Cause,
    Outcome,
    Partition,
    Report,
    Sample,
    Topic,
    Trace,
    Write,
)
from .pipeline import Pipeline
from .reading import NotARecording, Tally, recording_files, spans
from .timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .span import Process, Span

K = TypeVar("K")
_Callers = dict[tuple[str, str], str]
"""Names of functions or spans, by trace and span id."""

_MOST_POINTS = 1_000


def report(path: str, watch: Callable[[int], None] = lambda _: None) -> Report:
    """Return the report on the recording at `path`; raises `NotARecording`.

    `watch` is called with the number of bytes of each line.
    """
    files = recording_files(path)
    tally = Tally()
    gathered = _Gathered()
    for span in spans(files, tally, watch=watch):
        gathered.add(span)
    if not tally.lines:
        raise NotARecording(_nothing_readable(path, files, tally))
    callers, longest = _looked_up(files, gathered)
    return gathered.report(path, len(files), tally, callers, longest)


def _nothing_readable(path: str, files: tuple[Path, ...], tally: Tally) -> str:
    if tally.files_not_read == len(files):
        return f"`{path}` cannot be read: {tally.reason}"
    if not tally.lines_not_understood:
        return f"the recording at `{path}` is empty"
    return (
        f'`{path}` is not a recording: expected OTLP/JSON, one object with "resourceSpans" per line'
    )


def _looked_up(files: tuple[Path, ...], gathered: _Gathered) -> tuple[_Callers, Trace | None]:
    """Return names for the parents of the writes that are shown, and the longest trace.

    Either may stand anywhere in the recording, which is therefore read again.
    """
    writes = gathered.slowest.spans + gathered.failed.spans
    parents = {(write.trace_id, write.parent_id) for write in writes if write.parent_id}
    _, longest = gathered.pipeline.longest
    mentioned = frozenset({span_id for _, span_id in parents} | ({longest} if longest else set()))
    callers: _Callers = {}
    steps: list[Span] = []
    if mentioned:
        for span in spans(
            files,
            Tally(),
            mentioning=mentioned,
            only=lambda trace_id, span_id: trace_id == longest or span_id in mentioned,
        ):
            own = (span.trace_id, span.span_id)
            if own in parents:
                callers[own] = str(span.attributes.get("code.function.name", span.name))
            if span.trace_id == longest and len(steps) < waterfall.MOST_SPANS:
                steps.append(span)
    return callers, waterfall.trace(longest, steps)


class _Gathered:
    def __init__(self) -> None:
        self.slowest = _Top()
        self.failed = _Top()
        self.pipeline = Pipeline()
        self._evidence = Evidence()
        self._written = _Choice()
        self._failed = _Choice()
        self._durations = Latencies()
        self._topics: dict[str, _TopicCounts] = {}
        self._causes: dict[tuple[str, str], _Failures] = {}
        self._processes: set[Process] = set()
        self._sent: Counter[Process] = Counter()
        self._started: int | None = None
        self._ended: int | None = None
        self._untimed = 0
        self._kept = 0

    def add(self, span: Span) -> None:
        if len(self._processes) < MOST_DISTINCT:
            self._processes.add(span.source.process)
        if span.duration is None:
            self._untimed += 1
        else:
            self._started = min(span.started, self._started or span.started)
            self._ended = max(span.ended, self._ended or span.ended)
        if span.is_sent:
            count_bounded(self._sent, span.source.process)
        self._kept += "autoinstrument.kept" in span.attributes
        self.pipeline.add(span)
        self._evidence.add(span)
        if span.is_write:
            self._add_write(span)

    def _add_write(self, span: Span) -> None:
        topic = _known(span.topic, self._topics, "(other topics)")
        counts = self._topics.get(topic)
        if counts is None:
            counts = self._topics[topic] = _TopicCounts()
        counts.add(span)
        if span.duration is not None:
            self._sample(span, span.duration)
        if span.outcome == "written" and span.duration is not None:
            self.slowest.offer(span.duration, span)
        if span.error_type is not None:
            self.failed.offer(span.ended, span)
            cause = _known((span.error_type, topic), self._causes, ("(other causes)", topic))
            self._causes.setdefault(cause, _Failures()).add(span)

    def _sample(self, span: Span, duration: int) -> None:
        if span.outcome == "written":
            self._durations.add(duration)
            self._written.offer((span.started, duration))
        elif span.error:
            self._failed.offer((span.started, duration))

    def report(
        self,
        path: str,
        files: int,
        tally: Tally,
        callers: _Callers,
        longest: Trace | None,
    ) -> Report:
        observed = (self._ended or 0) - (self._started or 0)
        topics = tuple(
            sorted(
                (counts.topic(name, observed) for name, counts in self._topics.items()),
                key=lambda topic: (-topic.messages, topic.name),
            )
        )
        causes = tuple(
            sorted(
                (failures.cause(*key) for key, failures in self._causes.items()),
                key=lambda cause: (-cause.count, cause.error_type, cause.topic),
            )
        )
        services = tuple(
            sorted({process.service for process in self._processes if process.service})
        )
        return Report(
            path=path,
            files=files,
            spans=tally.spans,
            services=services,
            processes=len(self._processes),
            started=self._started,
            ended=self._ended,
            findings=findings(Facts(services, topics, causes, self._evidence)),
            topics=topics,
            causes=causes,
            sample=Sample(
                tuple(self._written.chosen),
                tuple(self._failed.chosen),
                self._durations.counts(),
            ),
            flows=self.pipeline.flows(observed),
            longest=longest,
            slowest=tuple(_write(span, callers) for span in self.slowest.spans),
            failed=tuple(_write(span, callers) for span in self.failed.spans),
            cost=tally.costs.cost(),
            sent=tally.costs.sent(self._sent),
            unconfirmed=dict(self._evidence.unconfirmed),
            kept=self._kept,
            untimed=self._untimed,
            lines_not_understood=tally.lines_not_understood,
            spans_not_understood=tally.spans_not_understood,
            files_not_read=tally.files_not_read,
        )


class _Choice:
    """A random choice, each with the same chance, and the same for the same recording."""

    def __init__(self) -> None:
        self.chosen: list[tuple[int, int]] = []
        self._random = Random(0)  # noqa: S311 - no secret
        self._offered = 0

    def offer(self, point: tuple[int, int]) -> None:
        self._offered += 1
        if len(self.chosen) < _MOST_POINTS:
            self.chosen.append(point)
        elif (place := int(self._random.random() * self._offered)) < _MOST_POINTS:
            self.chosen[place] = point


class _Top:
    """The spans with the highest rank, highest first; ties do not depend on the order of files."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str, int, Span]] = []
        self._offered = 0

    def offer(self, rank: int, span: Span) -> None:
        self._offered += 1
        entry = (rank, span.trace_id, span.span_id, self._offered, span)
        if len(self._heap) < MOST_WRITES:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    @property
    def spans(self) -> list[Span]:
        return [entry[-1] for entry in sorted(self._heap, reverse=True)]


class _TopicCounts:
    def __init__(self) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._partitions: dict[int, Latencies] = {}
        self._latencies = Latencies()
        self._timeline = Timeline()

    def add(self, span: Span) -> None:
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


class _Failures:
    def __init__(self) -> None:
        self._count = 0
        self._last: tuple[int, str, str, str] = (-1, "", "", "")

    def add(self, span: Span) -> None:
        self._count += 1
        self._last = max(self._last, (span.ended, span.trace_id, span.span_id, span.description))

    def cause(self, error_type: str, topic: str) -> Cause:
        _, trace_id, _, description = self._last
        return Cause(error_type, topic, self._count, description, trace_id)


def _known(key: K, counted: Mapping[K, object], other: K) -> K:
    return key if key in counted or len(counted) < MOST_DISTINCT else other


def _write(span: Span, callers: _Callers) -> Write:
    return Write(
        trace_id=span.trace_id,
        span_id=span.span_id,
        topic=span.topic,
        partition=span.partition,
        offset=span.offset,
        duration=span.duration,
        error_type=span.error_type,
        description=span.description,
        called_from=callers.get((span.trace_id, span.parent_id)),
    )
