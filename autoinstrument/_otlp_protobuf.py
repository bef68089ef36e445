"""Ended operations as OTLP in protobuf, which needs no protobuf package to be written.

https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto
has the numbers of the fields. A field's key is its number times 8 and the kind of its value.
"""

from __future__ import annotations

from struct import Struct, pack
from typing import TYPE_CHECKING, Any

from ._encoding import Encoder, encoded_flags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.trace import SpanContext, SpanKind

    from ._operation import Operation

_VARINT, _BYTES = 0, 2
# trace_id = 1, span_id = 2, start_time = 7, end_time = 8, flags = 16; then parent_span_id = 4.
_HEAD = Struct("<2s16s2s8scQcQ2sI")
_PARENT = Struct("<2s8s")
_SMALL = 0x80


class ProtobufEncoder(Encoder[bytes]):
    """Encodes an `ExportTraceServiceRequest`."""

    _nothing = b""

    def request(self, spans: Iterable[bytes]) -> bytes:
        """Return one export request with encoded spans in it."""
        scope = _text(1, self._scope.name) + _text(2, self._scope.version or "")
        of_scope = _field(1, scope) + b"".join(spans)
        return _field(1, _field(1, self._resource) + _field(2, of_scope))

    def attributes(self, attributes: Mapping[str, Any], number: int = 9) -> bytes:
        """Encode attributes as the field `number`; a resource has them in its first."""
        return b"".join(
            [_field(number, _name(name) + _value(2, value)) for name, value in attributes.items()]
        )

    def _of_resource(self, attributes: Mapping[str, Any]) -> bytes:
        return self.attributes(attributes, 1)

    def _common(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> bytes:
        # OTLP counts kinds from 1: 0 is "unspecified".
        return _text(5, name) + _number(6, kind.value + 1) + self.attributes(attributes)

    def _span(  # noqa: PLR0913, PLR0917 - the parts of a span
        self,
        trace_id: int,
        span_id: int,
        parent_id: int | None,
        flags: int,
        start: int,
        end: int,
        common: bytes,
        attributes: bytes,
        rest: bytes,
    ) -> bytes:
        head = _HEAD.pack(
            b"\x0a\x10",
            trace_id.to_bytes(16, "big"),
            b"\x12\x08",
            span_id.to_bytes(8, "big"),
            b"\x39",
            start,
            b"\x41",
            end,
            b"\x85\x01",
            flags,
        )
        parent = b""
        if parent_id is not None:
            parent = _PARENT.pack(b"\x22\x08", parent_id.to_bytes(8, "big"))
        return _field(2, b"".join((head, parent, common, attributes, rest)))

    def _rest(
        self,
        operation: Operation,
        links: Sequence[SpanContext],
        events: Sequence[Any],
        dropped: int,
    ) -> bytes:
        parts = [self._trace_state(operation)]
        if operation.error_type is not None:
            words = operation.description
            parts.append(_field(15, (_text(2, words) if words else b"") + _number(3, 2)))
        parts += [_field(13, _link(link)) for link in links]
        parts += [_field(11, self._event(*event)) for event in events]
        if dropped:
            parts.append(_number(10, dropped))
        return b"".join(parts)

    def _trace_state(self, operation: Operation) -> bytes:
        state = operation.trace_state
        return _text(3, state.to_header()) if state else b""

    def _event(self, name: str, attributes: Mapping[str, Any] | None, at: int) -> bytes:
        own = self.attributes(attributes or {}, 3)
        return b"\x09" + pack("<Q", at) + _text(2, name) + own


def _link(link: SpanContext) -> bytes:
    ids = _field(1, link.trace_id.to_bytes(16, "big")) + _field(2, link.span_id.to_bytes(8, "big"))
    state = _text(3, link.trace_state.to_header()) if link.trace_state else b""
    return ids + state + b"\x35" + pack("<I", encoded_flags(link))


def _value(number: int, value: Any) -> bytes:
    """Encode an `AnyValue`; what no attribute may be is written as its words."""
    if isinstance(value, str):
        content = _text(1, value)
    elif isinstance(value, bool):
        content = _number(2, value)
    elif isinstance(value, int):
        content = _number(3, value)
    elif isinstance(value, float):
        content = b"\x21" + pack("<d", value)
    elif isinstance(value, (list, tuple)):
        content = _field(5, b"".join([_value(1, item) for item in value]))
    elif isinstance(value, bytes):
        content = _field(7, value)
    else:
        content = _text(1, str(value))
    return _field(number, content)


_names: dict[str, bytes] = {}
_MOST_NAMES = 1000


def _name(name: str) -> bytes:
    known = _names.get(name)
    if known is None:
        known = _text(1, name)
        if len(_names) < _MOST_NAMES:
            _names[name] = known
    return known


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8", "replace"))


def _field(number: int, content: bytes) -> bytes:
    size = len(content)
    if size < _SMALL:
        return bytes((number << 3 | _BYTES, size)) + content
    return bytes((number << 3 | _BYTES,)) + _varint(size) + content


def _number(number: int, value: int) -> bytes:
    return bytes((number << 3 | _VARINT,)) + _varint(value)


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF  # a negative number is its two's complement
    encoded = bytearray()
    while value >= _SMALL:
        encoded.append(value & 0x7F | _SMALL)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
