"""Injects our trace context into a copy of a message's headers.

What the application wrote stays: a header is added where the message has none of that name. Only
the trace context that the caller finds to be none of the application's own is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.textmap import Setter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from .propagators import context_fields, global_textmap, has_standard_propagators

if TYPE_CHECKING:
    from .headers import Headers
    from .operation import Operation

_BAGGAGE = W3CBaggagePropagator()


def injected(
    headers: Headers | None, span: Operation, traceparent: bytes, *, replacing: bool = False
) -> Headers | None:
    """Return a copy of `headers` that carries the context of `span`; None to leave them alone.

    The copy has the type of the original: a list keeps its order and duplicates. `replacing` says
    that ours goes in place of the trace context in them, whatever the case of its names.
    """
    if not has_standard_propagators():
        return _with_fields(headers, _fields_of(span), replacing=replacing)
    fields = {"traceparent": traceparent}
    if span.trace_state:
        fields["tracestate"] = span.trace_state.to_header().encode()
    if span.outer and get_all(span.outer):
        _BAGGAGE.inject(fields, span.outer, _SETTER)
    return _with_fields(headers, fields, replacing=replacing)


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


def _with_fields(
    headers: Headers | None, fields: dict[str, bytes], *, replacing: bool
) -> Headers | None:
    if not fields:
        return None
    if not headers:
        return fields if isinstance(headers, dict) else list(fields.items())
    # The plain type's own methods: so a client in C reads them.
    items = [*dict.items(headers)] if isinstance(headers, dict) else list.copy(headers)
    try:
        if replacing:
            items = _without_context(items)
        names = {str.lower(name) for name, _ in items}
    except (TypeError, ValueError):  # the client will say what is wrong with them
        return None
    if not names.isdisjoint(context_fields()):  # a serializer has added one to what was read
        return None
    items += [field for field in fields.items() if field[0].lower() not in names]
    return dict(items) if isinstance(headers, dict) else items


def _without_context(items: list[Any]) -> list[Any]:
    replaced = context_fields()
    if "traceparent" in replaced:  # without which the trace state beside it is void
        replaced |= {"tracestate"}
    return [item for item in items for name, _ in [item] if str.lower(name) not in replaced]


class _BytesSetter(Setter["dict[str, bytes]"]):
    def set(self, carrier: dict[str, bytes], key: str, value: str) -> None:
        carrier[key] = value.encode()


_SETTER: Any = _BytesSetter()  # propagators are typed for text carriers; a Kafka header is bytes
