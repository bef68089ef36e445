"""Injects our trace context into a copy of a message's headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.textmap import Setter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from .propagators import global_textmap, has_standard_propagators

if TYPE_CHECKING:
    from .headers import Headers
    from .operation import Operation

_BAGGAGE = W3CBaggagePropagator()
_PAIR = 2


def injected(headers: Headers | None, span: Operation, traceparent: bytes) -> Headers | None:
    """Return a copy of `headers` that carries the context of `span`; None to leave them alone.

    The copy has the type of the original: a list keeps its order and duplicates. The fields that
    are injected replace those that are there, in any case of letters, as `Setter.set` must.
    """
    if not has_standard_propagators():
        return _with_fields(headers, _fields_of(span))
    fields = {"traceparent": traceparent}
    if span.trace_state:
        fields["tracestate"] = span.trace_state.to_header().encode()
    if span.outer and get_all(span.outer):
        _BAGGAGE.inject(fields, span.outer, _SETTER)
    return _with_fields(headers, fields)


def _fields_of(span: Operation) -> dict[str, bytes]:
    own = SpanContext(
        span.trace_id,
        span.span_id,
        is_remote=False,
        trace_flags=TraceFlags(span.flags),
        trace_state=span.trace_state,
    )
    fields: dict[str, bytes] = {}
    context = set_span_in_context(NonRecordingSpan(own), span.outer)
    global_textmap().inject(fields, context, _SETTER)
    return fields


def _with_fields(headers: Headers | None, fields: dict[str, bytes]) -> Headers | None:
    if not fields:
        return None
    if not headers:
        return fields if isinstance(headers, dict) else list(fields.items())
    # A trace state is void without the trace parent that it came with.
    replaced = {*fields, "tracestate"} if "traceparent" in fields else set(fields)
    if isinstance(headers, dict):
        return {**{k: v for k, v in headers.items() if not _is_one_of(k, replaced)}, **fields}
    kept = [
        item
        for item in list.copy(headers)
        if not (_is_pair(item) and _is_one_of(item[0], replaced))
    ]
    return [*kept, *fields.items()]


class _BytesSetter(Setter["dict[str, bytes]"]):
    def set(self, carrier: dict[str, bytes], key: str, value: str) -> None:
        carrier[key] = value.encode()


_SETTER: Any = _BytesSetter()  # propagators are typed for text carriers; a Kafka header is bytes


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == _PAIR


def _is_one_of(name: Any, fields: set[str]) -> bool:
    return isinstance(name, str) and name.lower() in fields
