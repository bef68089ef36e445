"""An answered write as finished OpenTelemetry spans: WriteKafka, then its root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from autoinstrument.process.limits import KEY, cut
from autoinstrument.process.quiet import unheard
from autoinstrument.process.settings import settings
from autoinstrument.tracing.operation import RootDecision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Tracer
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from autoinstrument.tracing.headers import MessageHeaders
    from autoinstrument.tracing.operation import Operation

KEY_NAME = "messaging.kafka.message.key"
_UNSET = Status(StatusCode.UNSET)
# More attributes than a write can have: only a limit below this one needs the SDK's own counting.
_MANY = 64


def outcome_attributes(operation: Operation) -> dict[str, Any]:
    """Return what is known only since the operation has ended, and what is worked out late.

    Attributes of the OpenTelemetry messaging conventions v1.44.0 for Kafka; absent where unknown.
    The partition is apart: see `partition_attributes`.
    """
    found: dict[str, Any] = {}
    if operation.offset is not None:
        found["messaging.kafka.offset"] = operation.offset
    if operation.key is not None:
        found.update(key_attributes(operation.key))
    if operation.tombstone:
        found["messaging.kafka.message.tombstone"] = True
    if operation.message_headers is not None:
        found.update(_of_headers(operation.message_headers))
    if operation.error_type is not None:
        found["error.type"] = operation.error_type
    if operation.outcome is not None:
        found["autoinstrument.outcome"] = operation.outcome
    if operation.kept is not None:
        found["autoinstrument.kept"] = operation.kept
    return found


def key_attributes(key: Any) -> dict[str, Any]:
    """Return the attribute of a key that is to be shown, and has an unambiguous text form."""
    if not settings().keys:
        return {}
    if isinstance(key, bytes):
        try:
            key = key.decode()
        except UnicodeDecodeError:
            return {}
    return {KEY_NAME: cut(key, KEY)} if isinstance(key, str) else {}


def partition_attributes(partition: int | None) -> dict[str, Any]:
    """Return the attribute of a partition, which many spans have in common."""
    return {} if partition is None else {"messaging.destination.partition.id": str(partition)}


def attributes_of(operation: Operation) -> dict[str, Any]:
    """Return all attributes of the operation's span; where names meet, the latest has the word."""
    return {
        **operation.attributes,
        **(operation.extra or {}),
        **partition_attributes(operation.partition),
        **outcome_attributes(operation),
        **operation.added,
    }


def status(operation: Operation) -> Status:
    """Return ERROR with the client's words for a failed operation, unset for any other."""
    if operation.error_type is None:
        return _UNSET
    return Status(StatusCode.ERROR, operation.description)


def root_decision(operation: Operation) -> RootDecision:
    """Return what was decided on the operation's root, by itself or with the operation."""
    return operation.root_decision or RootDecision(operation.recording, operation.flags, None)


class Parts(NamedTuple):
    """What all spans of one tracer have in common."""

    resource: Resource
    scope: InstrumentationScope
    limits: SpanLimits


def parts_of(tracer: Tracer) -> Parts:
    """Return the parts of somebody else's tracer."""
    return Parts(tracer.resource, tracer._instrumentation_scope, tracer._span_limits)  # noqa: SLF001 - no public names; a pipeline has checked that they are there


def are_limited(limits: SpanLimits) -> bool:
    """Whether a span of ours could have more, or longer, attributes than its provider allows."""
    most = limits.max_span_attributes
    return limits.max_span_attribute_length is not None or (most is not None and most < _MANY)


def bounded(attributes: dict[str, Any], limits: SpanLimits) -> BoundedAttributes:
    """Return what the SDK would keep of attributes within `limits`; it says nothing of the rest."""
    with unheard:
        return BoundedAttributes(
            limits.max_span_attributes,
            attributes,
            immutable=False,
            max_value_len=limits.max_span_attribute_length,
        )


class SpanBuilder:
    """Makes spans as one provider's tracer would: its resource, its scope, its limits."""

    def __init__(self, resource: Resource, scope: InstrumentationScope, limits: SpanLimits) -> None:
        self._resource = resource
        self._scope = scope
        self._limits = limits
        self._limited = are_limited(limits)

    def spans(self, operation: Operation) -> list[ReadableSpan]:
        """Return the operation's span, then its root's if it has one that is recorded."""
        root, kept = operation.root, operation.kept is not None
        if root is None:
            return [self._own_span(operation, operation.parent)]
        decision = root_decision(operation)
        above = _context(operation, operation.root_id, decision.flags, kept=kept)
        spans = [self._own_span(operation, above)]
        if decision.recording or kept:
            own = {**root.attributes, **(decision.attributes or {})}
            spans.append(self._root_span(operation, root.name, above, own))
        return spans

    def _own_span(self, operation: Operation, parent: SpanContext | None) -> ReadableSpan:
        links = [Link(link) for link in operation.links][: self._limits.max_links]
        return ReadableSpan(
            name=operation.name,
            context=_context(
                operation, operation.span_id, operation.flags, kept=operation.kept is not None
            ),
            parent=parent,
            resource=self._resource,
            attributes=self._bounded(attributes_of(operation), foreign=bool(operation.added)),
            links=links,
            events=[Event(*event) for event in operation.events[: self._limits.max_events]],
            kind=operation.kind,
            status=status(operation),
            start_time=operation.started,
            end_time=operation.started + operation.elapsed,
            instrumentation_scope=self._scope,
        )

    def _root_span(
        self, operation: Operation, name: str, context: SpanContext, attributes: dict[str, Any]
    ) -> ReadableSpan:
        return ReadableSpan(
            name=name,
            context=context,
            resource=self._resource,
            attributes=self._bounded(attributes),
            kind=SpanKind.INTERNAL,
            status=_UNSET,
            start_time=operation.started,
            end_time=operation.started + operation.elapsed,
            instrumentation_scope=self._scope,
        )

    def _bounded(self, attributes: dict[str, Any], *, foreign: bool = False) -> Mapping[str, Any]:
        if not (self._limited or foreign):
            return attributes
        return bounded(attributes, self._limits)


def _context(operation: Operation, span_id: int, flags: int, *, kept: bool) -> SpanContext:
    flags = flags | TraceFlags.SAMPLED if kept else flags
    return SpanContext(
        operation.trace_id,
        span_id,
        is_remote=False,
        trace_flags=TraceFlags(flags),
        trace_state=operation.trace_state,
    )


def _of_headers(headers: MessageHeaders) -> dict[str, Any]:
    found: dict[str, Any] = {"messaging.message.id": headers.message_id}
    found = found if headers.message_id else {}
    return found | {f"messaging.header.{name}": of for name, of in headers.captured.items()}
