"""Ended operations as export requests, put together from parts that are encoded only once.

What all writes to a topic have in common, and all roots of one calling line, is encoded with the
first of them. https://opentelemetry.io/docs/specs/otlp/ has both encodings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, AnyStr, Generic

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import SpanKind

from ._spans import are_limited, attributes_of, outcome_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext

    from ._operation import Operation
    from ._work import CallSite

_SAMPLED = 1
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
_MOST_KNOWN = 4096  # topics and calling lines whose parts are remembered


class Encoder(ABC, Generic[AnyStr]):
    """Encodes as one provider's tracer would: its resource, its scope, its limits."""

    def __init__(self, resource: Resource, scope: InstrumentationScope, limits: SpanLimits) -> None:
        self._limits = limits
        self._limited = are_limited(limits)
        self._resource: AnyStr = self._of_resource(resource.attributes)
        self._scope = scope
        self._known: dict[tuple[int, str, SpanKind], tuple[Any, AnyStr]] = {}

    @abstractmethod
    def request(self, spans: Iterable[AnyStr]) -> bytes:
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
    def _span(  # noqa: PLR0913, PLR0917 - the parts of a span
        self,
        trace_id: int,
        span_id: int,
        parent_id: int | None,
        flags: int,
        start: int,
        end: int,
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
        root, parent = operation.root, operation.parent
        kept = _SAMPLED if operation.kept is not None else 0
        remote = _IS_REMOTE if parent is not None and parent.is_remote else 0
        above = parent.span_id if parent is not None else None
        if root is not None:
            above = root.span_id
        end = operation.started + operation.elapsed
        common, attributes, rest = self._parts(operation)
        spans = [
            self._span(
                operation.trace_id,
                operation.span_id,
                above,
                operation.flags | kept | remote | _HAS_IS_REMOTE,
                operation.started,
                end,
                common,
                attributes,
                rest,
            )
        ]
        if root is not None and (root.recording or kept):
            flags = operation.flags if root.flags is None else root.flags
            spans.append(
                self._span(
                    operation.trace_id,
                    root.span_id,
                    None,
                    flags | kept | _HAS_IS_REMOTE,
                    operation.started,
                    end,
                    self._site(root.site, root.extra),
                    self._nothing,
                    self._trace_state(operation) if operation.trace_state else self._nothing,
                )
            )
        return spans

    def _parts(self, operation: Operation) -> tuple[AnyStr, AnyStr, AnyStr]:
        name, kind, links = operation.name, operation.kind, operation.links
        events, dropped = operation.events, 0
        if self._limited or operation.extra or operation.added:
            bounded = self._bounded(attributes_of(operation))
            common, dropped = self._common(name, kind, bounded), bounded.dropped
            attributes = self._nothing
        else:
            common = self._remembered(name, kind, operation.attributes)
            attributes = self.attributes(outcome_attributes(operation))
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

    def _site(self, site: CallSite, extra: Mapping[str, Any] | None) -> AnyStr:
        if extra or self._limited:
            bounded = self._bounded({**site.attributes, **(extra or {})})
            return self._common(site.name, SpanKind.INTERNAL, bounded)
        return self._remembered(site.name, SpanKind.INTERNAL, site.attributes)

    def _remembered(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> AnyStr:
        key = id(attributes), name, kind
        found = self._known.get(key)
        if found is not None:
            return found[1]
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        common = self._common(name, kind, attributes)
        self._known[key] = attributes, common  # kept alive, or another could get its id
        return common

    def _bounded(self, attributes: dict[str, Any]) -> BoundedAttributes:
        return BoundedAttributes(
            self._limits.max_span_attributes,
            attributes,
            immutable=False,
            max_value_len=self._limits.max_span_attribute_length,
        )


def encoded_flags(context: SpanContext) -> int:
    """Return the flags of a link: the trace flags, and whether the context came from elsewhere."""
    return int(context.trace_flags) | _HAS_IS_REMOTE | (_IS_REMOTE if context.is_remote else 0)
