"""Trace context in message headers: what the application's hold, and ours on a copy of them."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Setter, TextMapPropagator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from autoinstrument.process.notices import tell
from autoinstrument.process.quiet import unheard
from autoinstrument.process.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from .operation import Operation

try:
    from opentelemetry import propagate
except ValueError as error:  # OTEL_PROPAGATORS, read by that import, names what is not installed
    tell(
        "bad-setting",
        f"{str(error).rstrip('.')}; trace context and baggage are propagated",
        "OTEL_PROPAGATORS",
    )
    _stand_in = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])

    def global_textmap() -> TextMapPropagator:
        """Return the standard two."""
        return _stand_in

else:
    global_textmap = propagate.get_global_textmap


Headers: TypeAlias = "list[Any] | dict[Any, Any]"

_TRACEPARENT = re.compile(r"\s*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\s*")
_LONGEST_STATE = 512  # characters; it goes out again with each write
_LONGEST_ID = 256
FLAGS = [f"{flags:02x}" for flags in range(256)]
"""Trace flags as text, by number."""
_TRACE_FLAGS = {text: TraceFlags(flags) for flags, text in enumerate(FLAGS)}
_PAIR = 2
PROPAGATED = {"traceparent", "tracestate", "baggage"}
"""The headers of the standard propagators."""
_NONE: Mapping[str, list[str]] = MappingProxyType({})
_MESSAGE_UUID = "_watermill_message_uuid"  # written by every Watermill marshaler for Kafka


class Carried:
    """What a message's own headers say: its creation context, its id, the headers to capture."""

    __slots__ = ("captured", "fields", "message_id", "traceparent")

    def __init__(self, headers: Headers) -> None:
        self.message_id: str | None = None
        self.captured: Mapping[str, list[str]] = _NONE
        self.fields: dict[str, str] = {}
        """What may be read of them, by their names in lower case; the first of each counts."""
        fields, capture = self.fields, settings().capture_headers
        all_matter = not has_standard_propagators()
        for pair in headers.items() if isinstance(headers, dict) else list.copy(headers):
            if not isinstance(pair, tuple) or len(pair) != _PAIR or not isinstance(pair[0], str):
                continue  # the client judges what cannot be understood
            name, value = pair
            lower = name.lower()
            if (lower in PROPAGATED or all_matter) and lower not in fields:
                fields[lower] = _text(value)
            if name == _MESSAGE_UUID:
                self.message_id = _text(value)[:_LONGEST_ID]
            if lower in capture:
                known = self.captured.get(lower, ())
                self.captured = {**self.captured, lower: [*known, _text(value)]}
        traceparent = self.fields.get("traceparent")
        self.traceparent: SpanContext | None = None
        if traceparent is not None:
            self.traceparent = _parse(traceparent, self.fields.get("tracestate"))


def extracted(carried: Carried, context: Context) -> tuple[SpanContext | None, Context]:
    """Return the span that a consumed message was made in, and `context` with its baggage.

    Malformed values are ignored; names are read in any case of letters.
    """
    if has_standard_propagators():
        if "baggage" in carried.fields:
            with unheard:
                context = _BAGGAGE.extract(carried.fields, context)
        return carried.traceparent, context
    with unheard:
        found = global_textmap().extract(carried.fields, context)
    incoming = get_current_span(found).get_span_context()
    own = get_current_span(context)
    if not incoming.is_valid or incoming == own.get_span_context():
        return None, found
    return incoming, set_span_in_context(own, found)


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
_BAGGAGE = W3CBaggagePropagator()
standard: TextMapPropagator | None = None
"""The global propagator, where that was found to do what `tracecontext,baggage` does."""


def has_standard_propagators() -> bool:
    """Whether what `tracecontext,baggage` does is asked for, so that we may do it faster."""
    textmap = global_textmap()
    return textmap is standard or _is_standard(textmap)


def _is_standard(textmap: TextMapPropagator) -> bool:
    global standard  # noqa: PLW0603 - remembers the one propagator that was checked
    parts = getattr(textmap, "_propagators", None)
    if isinstance(textmap, CompositePropagator) and parts is not None:
        kinds = {type(part) for part in parts}
        if kinds == {TraceContextTextMapPropagator, W3CBaggagePropagator}:
            standard = textmap
            return True
    return False


def _parse(traceparent: str, tracestate: str | None = None) -> SpanContext | None:
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    # There is no version ff, and 00 has these fields only; a later one may have more.
    if version == "ff" or (more is not None and version == "00"):
        return None
    own, above = int(trace_id, 16), int(span_id, 16)
    if not own or not above:
        return None
    state = None
    if tracestate and len(tracestate) <= _LONGEST_STATE:
        with unheard:
            state = TraceState.from_header([tracestate])
    # By place, which takes half the time.
    return SpanContext(own, above, True, _TRACE_FLAGS[flags], state)  # noqa: FBT003 - is_remote


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == _PAIR


def _is_one_of(name: Any, fields: set[str]) -> bool:
    return isinstance(name, str) and name.lower() in fields


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""  # an object's own str() may raise
