"""One trace as a waterfall: a tree of spans, each with a bar for its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Step, Trace
from .wording import duration, foreign, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .span import Span

MOST_SPANS = 200
"""How many spans of a trace are shown."""
_SHOWN = 20
_BAR = 30
_LONGEST_LABEL = 50


def trace(trace_id: str, spans: Iterable[Span]) -> Trace | None:
    """Return the trace as a tree in order of time; None if no span of it has usable timestamps."""
    found = [span for span in spans if span.trace_id == trace_id and span.duration is not None]
    if not found:
        return None
    known = {span.span_id for span in found}
    children: dict[str, list[Span]] = {}
    for span in sorted(found, key=lambda span: (span.started, -span.ended, span.span_id)):
        parent = span.parent_id if span.parent_id in known else ""
        children.setdefault(parent, []).append(span)
    started = min(span.started for span in found)
    ended = max(span.ended for span in found)
    return Trace(trace_id, ended - started, tuple(_steps(children, "", 0, started)))


def _steps(
    children: dict[str, list[Span]], parent: str, depth: int, started: int
) -> Iterator[Step]:
    # pop, not get: spans may be each other's parents.
    for span in children.pop(parent, ()):
        name = f"{span.name} {span.topic}" if span.is_write else span.name
        yield Step(
            depth,
            name,
            span.source.process.service,
            span.started - started,
            span.duration or 0,
            span.error,
        )
        yield from _steps(children, span.span_id, depth + 1, started)


def render(trace: Trace | None) -> str:
    """Return the waterfall as text, one line per span; empty without a trace."""
    if trace is None:
        return ""
    labels = [f"{'  ' * step.depth}{foreign(step.name)}" for step in trace.steps[:_SHOWN]]
    wide = min(max(map(len, labels)), _LONGEST_LABEL)
    lines = [f"Slowest trace through the pipeline: {trace.trace_id}"]
    for label, step in zip(labels, trace.steps, strict=False):
        took = f"{duration(step.duration):>8}{'  failed' if step.error else ''}"
        lines.append(f"  {shortened(label, wide):{wide}}  |{_bar(step, trace.duration)}|  {took}")
    more = len(trace.steps) - len(labels)
    return "\n".join(lines + ([f"  and {more} more"] if more else []))


def _bar(step: Step, whole: int) -> str:
    begin = min(_BAR - 1, step.after * _BAR // max(1, whole))
    length = max(1, min(_BAR - begin, round(step.duration * _BAR / max(1, whole))))
    return f"{' ' * begin}{'=' * length}".ljust(_BAR)
