"""Packs traces for the page: those that the report mentions, and as many others as fit."""

from __future__ import annotations

import base64
import gzip
import heapq
import json
from typing import TYPE_CHECKING, Any
from zlib import crc32

from .reading import Tally, recording_files, spans
from .waterfall import MOST_SPANS
from .wording import label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Report
    from .span import Span

MOST_TRACES = 10_000
_MOST_SPANS_HELD = 100_000  # more than a page has room for
_SHRINK = 0.9


class _TraceSample:
    """Traces with all of their spans: those named, and a random sample of the others.

    A hash of its id decides whether a trace is chosen. So all of its spans are, wherever they are,
    and no part of the recording is preferred.
    """

    def __init__(self, named: Iterable[str]) -> None:
        self.traces: dict[str, list[Span]] = {name: [] for name in named}
        self._named = frozenset(self.traces)
        self._others: list[tuple[int, str]] = []
        self._limit = 1 << 32
        self._spans = 0
        self.is_whole = True
        """Whether no span was left out."""

    def ranked(self) -> list[list[Span]]:
        """Return the traces that have spans, those named first, then the others in random order."""
        others = [trace_id for _, trace_id in sorted(self._others, reverse=True)]
        named = [trace_id for trace_id in self.traces if trace_id in self._named]
        found = (self.traces[trace_id] for trace_id in (*named, *others))
        return [of_trace for of_trace in found if of_trace]

    def wants(self, trace_id: str, _: str) -> bool:
        """Whether a trace is chosen, so far."""
        wanted = trace_id in self._named or _number(trace_id) < self._limit
        self.is_whole &= wanted
        return wanted

    def add(self, span: Span) -> None:
        """Add a span of a chosen trace."""
        if span.duration is None:
            return
        if span.trace_id not in self.traces:
            self.traces[span.trace_id] = []
            heapq.heappush(self._others, (-_number(span.trace_id), span.trace_id))
        of_trace = self.traces[span.trace_id]
        if len(of_trace) < MOST_SPANS:
            of_trace.append(span)
            self._spans += 1
        else:
            self.is_whole = False
        while self._others and (len(self.traces) > MOST_TRACES or self._spans > _MOST_SPANS_HELD):
            number, leaving = heapq.heappop(self._others)
            self._limit = -number
            self.is_whole = False
            self._spans -= len(self.traces.pop(leaving))


def _number(trace_id: str) -> int:
    return crc32(trace_id.encode(errors="surrogatepass"))  # the id may be any text


class Index:
    """Numbers the texts of a page, so that each is in it only once, as it is shown."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Return the number of a text."""
        if text not in self._known:
            self._known[text] = self.texts.setdefault(label(text), len(self.texts))
        return self._known[text]


def packed(report: Report, most_bytes: int) -> tuple[str, int, bool]:
    """Return packed traces of the recording, their number, and whether they are all of them.

    The text is base64 of gzip of JSON: `texts`, `started` (microseconds since 1970), and `traces`.
    Each trace is its id, its start (us after `started`), and its spans in order of time. Each span
    is its parent (an index of a span), its name, service, topic, error and description (indices of
    `texts`), its start (us after the trace's), its duration (us), its partition and its offset. A
    parent, partition or offset of -1 means none.
    """
    chosen = _TraceSample(_named(report))
    for span in spans(recording_files(report.path), Tally(), only=chosen.wants):
        chosen.add(span)
    traces = chosen.ranked()
    whole = len(traces)
    text = _pack(report, traces)
    while len(text) > most_bytes and len(traces) > 1:
        traces = traces[: int(len(traces) * min(_SHRINK, most_bytes / len(text)))]
        text = _pack(report, traces)
    return text, len(traces), chosen.is_whole and len(traces) == whole


def _named(report: Report) -> list[str]:
    """Return the trace ids that the page mentions."""
    named = [
        *(trace for finding in report.findings for trace in finding.traces),
        *(write.trace_id for write in (*report.failed, *report.slowest)),
        *(cause.trace_id for cause in report.causes),
    ]
    if report.longest is not None:
        named.append(report.longest.trace_id)
    return list(dict.fromkeys(named))


def _pack(report: Report, traces: Iterable[list[Span]]) -> str:
    index = Index()
    index("")
    rows = [_trace(of_trace, report.started or 0, index) for of_trace in traces]
    rows.sort(key=lambda row: row[1])
    data = {"texts": list(index.texts), "started": (report.started or 0) // 1000, "traces": rows}
    compact = json.dumps(data, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(compact, 9, mtime=0)).decode()


def _trace(of_trace: list[Span], started: int, index: Index) -> list[Any]:
    ordered = sorted(of_trace, key=lambda span: (span.started, -span.ended, span.parent_id != ""))
    place = {span.span_id: at for at, span in enumerate(ordered)}
    first = ordered[0].started
    rows = [
        [
            place.get(span.parent_id, -1) if span.parent_id != span.span_id else -1,
            index(span.name),
            index(span.source.process.service or ""),
            index(span.topic if "messaging.destination.name" in span.attributes else ""),
            index(span.error_type or ""),
            index(span.description),
            (span.started - first) // 1000,
            (span.ended - span.started) // 1000,
            -1 if span.partition is None else span.partition,
            -1 if span.offset is None else span.offset,
        ]
        for span in ordered
    ]
    return [ordered[0].trace_id, (first - started) // 1000, rows]
