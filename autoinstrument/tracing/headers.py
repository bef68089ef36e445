"""What the headers of a message say: its creation context, its baggage, its id."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import (
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from autoinstrument.process.limits import CONTEXT, KEY, SPAN, TEXT, TRACE_STATE, cut
from autoinstrument.process.quiet import unheard
from autoinstrument.process.settings import settings

from .propagators import (
    STANDARD_FIELDS,
    context_fields,
    global_textmap,
    has_standard_propagators,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Headers: TypeAlias = "list[Any] | dict[Any, Any]"

_TRACEPARENT = re.compile(r"\s*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\s*")
FLAGS = [f"{flags:02x}" for flags in range(256)]
"""Trace flags as text, by number."""
_TRACE_FLAGS = {text: TraceFlags(flags) for flags, text in enumerate(FLAGS)}
_BAGGAGE = W3CBaggagePropagator()
_PAIR = 2
_LONGEST_CHARACTER = 4  # bytes in UTF-8
PROPAGATED = {"traceparent", "tracestate", "baggage"}
"""The headers of the standard propagators."""
_NONE: Mapping[str, list[str]] = MappingProxyType({})
_MESSAGE_UUID = "_watermill_message_uuid"  # written by every Watermill marshaler for Kafka


class MessageHeaders:
    """What a message's own headers say: its creation context, its id, the headers to capture."""

    __slots__ = ("captured", "contexts", "fields", "message_id", "size", "traceparent")

    def __init__(self, headers: Headers) -> None:
        self.message_id: str | None = None
        self.captured: Mapping[str, list[str]] = _NONE
        self.size = 0
        """How many characters are captured, of names and values."""
        self.fields: dict[str, str] = {}
        """Those that propagators may read, by name in lower case; the first of each counts."""
        contexts: tuple[Any, ...] = ()
        fields, capture, of_context = self.fields, settings().capture_headers, context_fields()
        all_matter = of_context is not STANDARD_FIELDS
        for pair in dict.items(headers) if isinstance(headers, dict) else list.copy(headers):
            if not isinstance(pair, tuple) or len(pair) != _PAIR or not isinstance(pair[0], str):
                continue  # the client will say what is wrong with it
            name, value = pair
            lower = name.lower()
            if lower in PROPAGATED or all_matter:
                text = _text(value, CONTEXT)
                fits = len(text) <= CONTEXT
                if fits and lower not in fields:
                    fields[lower] = text
                    if lower in of_context:
                        contexts += (value,)
                elif lower in of_context and (not fits or fields[lower] != text):
                    contexts += (None,)
            if name == _MESSAGE_UUID:
                self.message_id = cut(_text(value, KEY), KEY)
            if lower in capture:
                self._capture(lower, cut(_text(value, TEXT)))
        self.contexts = contexts
        """The values that give a creation context, as they came; None for one too many or long."""
        traceparent = fields.get("traceparent")
        self.traceparent: SpanContext | None = None
        if traceparent is not None:
            self.traceparent = _parse(traceparent, fields.get("tracestate"))

    @property
    def is_ambiguous(self) -> bool:
        """Whether it cannot be said which context is the message's."""
        return None in self.contexts

    def _capture(self, name: str, value: str) -> None:
        if self.size + len(name) + len(value) <= SPAN:
            self.size += len(name) + len(value)
            known = self.captured.get(name, ())
            self.captured = {**self.captured, name: [*known, value]}


def creation_context(headers: MessageHeaders) -> SpanContext | None:
    """Return the creation context that a message's own headers give, if they give one."""
    if has_standard_propagators():
        return headers.traceparent
    return extracted(headers, Context())[0]


def extracted(headers: MessageHeaders, context: Context) -> tuple[SpanContext | None, Context]:
    """Return the creation context of a consumed message, and `context` with its baggage.

    Malformed values are ignored, and so is the case of names. Without propagation
    (`AUTOINSTRUMENT_PROPAGATE`) the message's baggage stays in the message.
    """
    if has_standard_propagators():
        if "baggage" in headers.fields and settings().propagate:
            with unheard:
                context = _BAGGAGE.extract(headers.fields, context)
        return headers.traceparent, context
    with unheard:
        found = global_textmap().extract(headers.fields, context)
    incoming = get_current_span(found).get_span_context()
    own = get_current_span(context)
    if not settings().propagate:
        found = context
    if not incoming.is_valid or incoming == own.get_span_context():
        return None, found
    return incoming, set_span_in_context(own, found)


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
    if tracestate and len(tracestate) <= TRACE_STATE:
        with unheard:
            state = TraceState.from_header([tracestate])
    # By place, which takes half the time.
    return SpanContext(own, above, True, _TRACE_FLAGS[flags], state)  # noqa: FBT003 - is_remote


def _text(value: Any, most: int) -> str:
    """Return a header's value as text, not all of it if it has more than `most` characters."""
    if type(value) is bytes and len(value) <= most:  # which most are
        return value.decode("utf-8", "replace")
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(_LONGEST_CHARACTER * most + 1)).decode(
            "utf-8", "replace"
        )
    return value if isinstance(value, str) else ""  # an object's own str() may raise
