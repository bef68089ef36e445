"""Counts the messages that flow from topic to topic: those written while one was processed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from .model import MOST_DISTINCT, Flow

if TYPE_CHECKING:
    from .span import Span

T = TypeVar("T")

_MOST_PENDING = 100_000  # spans whose counterpart may still come: a recording has no order


class Pipeline:
    """Joins writes with the `process` spans that are their parents, in bounded memory."""

    def __init__(self) -> None:
        self._sources: dict[tuple[str, str], str] = {}
        self._targets: dict[tuple[str, str], Counter[str]] = {}
        self._flows: Counter[tuple[str, str]] = Counter()
        self.longest: tuple[int, str] = (-1, "")
        """The longest processing of a message that led to a write, and its trace id."""

    def add(self, span: Span) -> None:
        """Add one span of any kind."""
        own = (span.trace_id, span.span_id)
        if span.is_process:
            targets = self._targets.pop(own, None)
            _remember(self._sources, own, span.topic)
            for target, count in (targets or {}).items():
                self._flow(span.topic, target, count)
            if targets:
                self.longest = max(self.longest, (span.duration or 0, span.trace_id))
        elif span.is_write and span.parent_id:
            parent = (span.trace_id, span.parent_id)
            source = self._sources.get(parent)
            if source is not None:
                self._flow(source, span.topic, 1)
            else:
                targets = self._targets.get(parent) or Counter()
                targets[span.topic] += 1
                _remember(self._targets, parent, targets)
        else:
            self._targets.pop(own, None)  # the parent is not the processing of a message

    def flows(self, observed: int) -> tuple[Flow, ...]:
        """Return the flows, most messages first; `observed` is in nanoseconds."""
        ranked = sorted(self._flows.items(), key=lambda flow: (-flow[1], flow[0]))
        return tuple(
            Flow(source, target, count, count / observed * 1e9 if observed else None)
            for (source, target), count in ranked
        )

    def _flow(self, source: str, target: str, count: int) -> None:
        if (source, target) in self._flows or len(self._flows) < MOST_DISTINCT:
            self._flows[source, target] += count


def _remember(known: dict[tuple[str, str], T], key: tuple[str, str], value: T) -> None:
    known[key] = value
    if len(known) > _MOST_PENDING:
        del known[next(iter(known))]
