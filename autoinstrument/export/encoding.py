"""Ended operations as export requests, put together from parts that are encoded only once.

What all writes to a partition have in common, and all roots of one calling line, is encoded with
the first of them. https://opentelemetry.io/docs/specs/otlp/ has both encodings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, AnyStr, Generic

from opentelemetry.trace import SpanKind

from autoinstrument.process.limits import TRACE_STATE

from .spans import are_limited, attributes_of, bounded, outcome_attributes, partition_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, TraceState

    from autoinstrument.tracing.call_site import CallSite
    from autoinstrument.tracing.operation import Operation

_SAMPLED = 1
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
_MOST_KNOWN = 1000  # partitions of a topic, and names that the application gives


class Encoder(ABC, Generic[AnyStr]):
    """Encodes as one provider's tracer would: its resource, its scope, its limits."""

    def __init__(self, resource: Resource, scope: InstrumentationScope, limits: SpanLimits) -> None:
        self._limits = limits
        self._limited = are_limited(limits)
        self._resource: AnyStr = self._of_resource(resource.attributes)
        self._scope = scope

    @abstractmethod
    def request(self, spans: Sequence[AnyStr]) -> bytes:
        """Return one export request with encoded spans in it."""

    @abstractmethod
    def attributes(self, attributes: Mapping[str, Any]) -> AnyStr:
        """Encode attributes, as they follow one another."""

    def _of_resource(self, attributes: Mapping[str, Any]) -> AnyStr:
        return self.attributes(attributes)

    @abstractmethod
    def _common(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> AnyStr:
        """Encode what spans have in common."""

    @abstractmethod
    def _offset(self, offset: int) -> AnyStr:
        """Encode the attribute that differs from one span to the next."""

    @abstractmethod
    def _with_key(self, attributes: AnyStr, key: str | bytes) -> AnyStr:
        """Add that of a message's key, if it is to be shown."""

    @abstractmethod
    def _span(  # noqa: PLR0913, PLR0917 - the fields of a span
        self,
        trace_id: bytes,
        span_id: bytes,
        parent_id: bytes | None,
        start: int,
        end: int,
        flags: int,
        common: AnyStr,
        attributes: AnyStr,
        rest: AnyStr,
    ) -> AnyStr:
        """Put a span together."""

    @abstractmethod
    def _rest(
        self,
        operation: Operation,
        links: Sequence[SpanContext],
        events: Sequence[Any],
        dropped: int,
    ) -> AnyStr:
        """Encode what few spans have; so many attributes were `dropped`."""

    @abstractmethod
    def _trace_state(self, operation: Operation) -> AnyStr:
        """Encode the trace state alone."""

    @property
    @abstractmethod
    def _nothing(self) -> AnyStr:
        """Nothing."""

    def spans(self, operation: Operation) -> list[AnyStr]:
        """Return the operation's span, then its root's if it has one that is recorded."""
        root, parent, ids = operation.root, operation.parent, operation.ids
        flags, above = operation.flags | _HAS_IS_REMOTE, None
        if operation.kept is not None:
            flags |= _SAMPLED
        if root is not None:
            above = ids[24:]
        elif parent is not None:
            above = parent.span_id.to_bytes(8, "big")
            if parent.is_remote:
                flags |= _IS_REMOTE
        trace_id, start = ids[:16], operation.started
        end = start + operation.elapsed
        made = operation.attributes.cached.get(self)
        common = None if made is None else made.get(operation.partition)
        # What few operations have is in their own dictionary: most are put together from few parts.
        if common is None or vars(operation):
            common, attributes, rest = self._parts(operation)
        else:
            offset, key, rest = operation.offset, operation.key, self._nothing
            attributes = rest if offset is None else self._offset(offset)
            if key is not None:
                attributes = self._with_key(attributes, key)
        spans = [
            self._span(trace_id, ids[16:24], above, start, end, flags, common, attributes, rest)
        ]
        if root is not None and above is not None:
            extra, decision = None, operation.root_decision
            if decision is not None:
                if not (decision.recording or operation.kept):
                    return spans
                kept = _SAMPLED if operation.kept is not None else 0
                flags, extra = decision.flags | kept | _HAS_IS_REMOTE, decision.attributes
            rest = self._trace_state(operation) if operation.trace_state else self._nothing
            common = self._site(root, extra)
            spans.append(
                self._span(trace_id, above, None, start, end, flags, common, self._nothing, rest)
            )
        return spans

    def _parts(self, operation: Operation) -> tuple[AnyStr, AnyStr, AnyStr]:
        links, events, dropped = operation.links, operation.events, 0
        if self._limited or operation.added:
            all_of_it = bounded(attributes_of(operation), self._limits)
            common = self._common(operation.name, operation.kind, all_of_it)
            attributes, dropped = self._nothing, all_of_it.dropped
        else:
            common = self._remembered(operation)
            known = outcome_attributes(operation)
            attributes = self.attributes({**operation.extra, **known} if operation.extra else known)
        if operation.error_type is None and not (
            links or events or dropped or operation.trace_state
        ):
            return common, attributes, self._nothing
        most_links, most_events = self._limits.max_links, self._limits.max_events
        return (
            common,
            attributes,
            self._rest(operation, links[:most_links], events[:most_events], dropped),
        )

    def _remembered(self, operation: Operation) -> AnyStr:
        made = operation.attributes.cached.get(self)
        if made is None:
            made = operation.attributes.cached[self] = {}
        key: Any = operation.partition
        if operation.links or operation.renamed is not None:  # which give another kind or name
            key = key, operation.name, id(operation.kind)
        found: AnyStr | None = made.get(key)
        if found is None:
            if len(made) >= _MOST_KNOWN:
                made.clear()
            own = {**operation.attributes, **partition_attributes(operation.partition)}
            found = made[key] = self._common(operation.name, operation.kind, own)
        return found

    def _site(self, site: CallSite, extra: Mapping[str, Any] | None) -> AnyStr:
        if extra or self._limited:
            all_of_it = bounded({**site.attributes, **(extra or {})}, self._limits)
            return self._common(site.name, SpanKind.INTERNAL, all_of_it)
        made = site.attributes.cached.get(self)
        if made is None:
            common = self._common(site.name, SpanKind.INTERNAL, site.attributes)
            made = site.attributes.cached[self] = {None: common}
        own: AnyStr = made[None]
        return own


def state_of(state: TraceState) -> str:
    """Return a trace state as text, without the last of its members where they are too many."""
    text = state.to_header()
    while len(text) > TRACE_STATE:
        text = text.rpartition(",")[0]
    return text


def encoded_flags(context: SpanContext) -> int:
    """Return the flags of a link: the trace flags, and whether the context came from elsewhere."""
    return int(context.trace_flags) | _HAS_IS_REMOTE | (_IS_REMOTE if context.is_remote else 0)
