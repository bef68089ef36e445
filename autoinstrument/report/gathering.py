"""Builds the report on a recording, which it reads twice.

The first pass counts everything. The second one finds the callers of the writes that are shown, and
the spans of the longest trace: both may be anywhere in the recording.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from . import waterfall
from .bounded import count_bounded, known_or_other
from .counting import FailureCounts, TopicCounts
from .findings import findings
from .findings.evidence import Evidence
from .findings.facts import Facts
from .latency import Latencies
from .model import MOST_DISTINCT, Report, Sample, Trace, Write
from .pipeline import Pipeline
from .reading import NotARecording, Tally, recording_files, spans
from .samples import HighestSpans, RandomPoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .span import Process, Span

_Callers = dict[tuple[str, str], str]
"""Names of functions or spans, by trace and span id."""


def report(path: str, watch: Callable[[int], None] = lambda _: None) -> Report:
    """Return the report on the recording at `path`; raises `NotARecording`.

    `watch` is called with the number of bytes of each line.
    """
    files = recording_files(path)
    tally = Tally()
    first = _FirstPass()
    for span in spans(files, tally, watch=watch):
        first.add(span)
    if not tally.lines:
        raise NotARecording(_nothing_readable(path, files, tally))
    callers, longest = _second_pass(files, first)
    return first.report(path, len(files), tally, callers, longest)


def _nothing_readable(path: str, files: tuple[Path, ...], tally: Tally) -> str:
    if tally.files_not_read == len(files):
        return f"`{path}` cannot be read: {tally.reason}"
    if not tally.lines_not_understood:
        return f"the recording at `{path}` is empty"
    return (
        f'`{path}` is not a recording: expected OTLP/JSON, one object with "resourceSpans" per line'
    )


def _second_pass(files: tuple[Path, ...], first: _FirstPass) -> tuple[_Callers, Trace | None]:
    """Return the names of the parents of the writes that are shown, and the longest trace."""
    writes = first.slowest.spans + first.failed.spans
    parents = {(write.trace_id, write.parent_id) for write in writes if write.parent_id}
    _, longest = first.pipeline.longest
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


class _FirstPass:
    """What is collected from the spans of a recording, in bounded memory."""

    def __init__(self) -> None:
        self.slowest = HighestSpans()
        self.failed = HighestSpans()
        self.pipeline = Pipeline()
        self._evidence = Evidence()
        self._written = RandomPoints()
        self._failed = RandomPoints()
        self._durations = Latencies()
        self._topics: dict[str, TopicCounts] = {}
        self._causes: dict[tuple[str, str], FailureCounts] = {}
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
        topic = known_or_other(span.topic, self._topics, "(other topics)")
        counts = self._topics.get(topic)
        if counts is None:
            counts = self._topics[topic] = TopicCounts()
        counts.add(span)
        if span.duration is not None:
            self._sample(span, span.duration)
        if span.outcome == "written" and span.duration is not None:
            self.slowest.offer(span.duration, span)
        if span.error_type is not None:
            self.failed.offer(span.ended, span)
            cause = known_or_other(
                (span.error_type, topic), self._causes, ("(other causes)", topic)
            )
            self._causes.setdefault(cause, FailureCounts()).add(span)

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
