"""Traces for a page: those that a report names, then as many others as there is room for."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

from .reading import Tally, recording_files, spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Report
    from .span import Span

MOST_TRACES = 10_000
_MOST_SPANS = 200
"""Of one trace."""
_MOST_BYTES = 700_000
_SHRINK = 0.9


class Index:
    """Texts by number: each stands once in the page."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Return the number of a text."""
        return self.texts.setdefault(text, len(self.texts))


def packed(report: Report) -> tuple[str, int, int]:
    """Return traces of the recording, packed, how many they are, and how many there were in sight.

    The text is base64 of gzip of JSON: `texts`, and `traces`, of which each is its id, its start
    (microseconds after `started`), and its spans in the order of time: parent (their number; -1
    for none), name, service, topic, error, words (numbers of texts; -1 for none), start (us after
    the trace's), duration (us), partition, offset (-1 for none).
    """
    wanted = _named(report)
    found: dict[str, list[Span]] = {name: [] for name in wanted}
    seen = 0
    for span in spans(recording_files(report.path), Tally()):
        if span.duration is None:
            continue
        if span.trace_id not in found:
            if len(found) >= MOST_TRACES:
                continue
            found[span.trace_id] = []
        if len(found[span.trace_id]) < _MOST_SPANS:
            found[span.trace_id].append(span)
            seen += 1
    traces = [of_trace for of_trace in found.values() if of_trace]
    whole = len(traces)
    text = _pack(report, traces)
    while len(text) > _MOST_BYTES and len(traces) > 1:
        traces = traces[: int(len(traces) * min(_SHRINK, _MOST_BYTES / len(text)))]
        text = _pack(report, traces)
    return text, len(traces), whole


def _named(report: Report) -> list[str]:
    """Return the ids that the page itself shows."""
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
