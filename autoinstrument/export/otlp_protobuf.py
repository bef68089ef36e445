"""Ended operations as OTLP in protobuf, which needs no protobuf package to be written.

https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto
has the numbers of the fields. A field's key is its number times 8 and the kind of its value.
"""

from __future__ import annotations

from struct import Struct, pack
from typing import TYPE_CHECKING, Any

from autoinstrument.process.settings import settings

from .encoding import Encoder, encoded_flags, state_of
from .spans import KEY_NAME, key_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import SpanContext, SpanKind

    from autoinstrument.tracing.operation import Operation

_VARINT, _BYTES = 0, 2
_FIXED = Struct("<2s16s2s8scQcQ2sI")
# The keys in it, and the sizes: trace_id = 1, span_id = 2, times = 7 and 8, flags = 16.
_ID, _OWN, _START, _END, _FLAGS = b"\x0a\x10", b"\x12\x08", b"\x39", b"\x41", b"\x85\x01"
_PARENT = b"\x22\x08"  # parent_span_id = 4
_SMALL = 0x80
# How a field of bytes begins, by its number and its size as long as one byte holds that; last
# without a size.
_HEADS = [
    [
        *(bytes((number << 3 | _BYTES, size)) for size in range(_SMALL)),
        bytes((number << 3 | _BYTES,)),
    ]
    for number in range(16)
]
_SMALL_NUMBERS = [bytes((number,)) for number in range(_SMALL)]
_TWO, _THREE, _FOUR = Struct("2B"), Struct("3B"), Struct("4B")
# How a field that is a number begins.
_NUMBERS = [bytes((number << 3 | _VARINT,)) for number in range(16)]


class ProtobufEncoder(Encoder[bytes]):
    """Encodes an `ExportTraceServiceRequest`."""

    _nothing = b""

    def request(self, spans: Sequence[bytes]) -> bytes:
        """Return one export request with encoded spans in it."""
        scope = _field(1, _text(1, self._scope.name) + _text(2, self._scope.version or ""))
        resource = _field(1, self._resource)
        of_scope = len(scope) + sum(map(len, spans))
        of_resource = _HEADS[2][-1] + _varint(of_scope)
        size = len(resource) + len(of_resource) + of_scope
        # Joined once, since a request is long.
        return b"".join((_HEADS[1][-1], _varint(size), resource, of_resource, scope, *spans))

    def attributes(self, attributes: Mapping[str, Any], number: int = 9) -> bytes:
        """Encode attributes as the field `number`; a resource has them in its first."""
        parts: list[bytes] = []
        for name, value in attributes.items():
            key = _names.get(name) or _name(name)
            content = b"\x18" + _varint(value) if type(value) is int else _value(value)
            size = len(key) + len(content) + 2
            if size < _SMALL:
                parts += (_HEADS[number][size], key, _HEADS[2][len(content)], content)
            else:
                parts.append(_field(number, key + _field(2, content)))
        return b"".join(parts)

    def _of_resource(self, attributes: Mapping[str, Any]) -> bytes:
        return self.attributes(attributes, 1)

    def _common(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> bytes:
        # OTLP counts kinds from 1: 0 is "unspecified".
        return _text(5, name) + _number(6, kind.value + 1) + self.attributes(attributes)

    def _offset(self, offset: int) -> bytes:
        value = _varint(offset)
        return _OFFSETS[len(value)] + value

    def _with_key(self, attributes: bytes, key: str | bytes) -> bytes:
        if len(key) < len(_KEYS) and key.isascii() and settings().keys:
            return attributes + _KEYS[len(key)] + (key.encode() if isinstance(key, str) else key)
        return attributes + self.attributes(key_attributes(key))

    def _span(  # noqa: PLR0913, PLR0917 - the fields of a span
        self,
        trace_id: bytes,
        span_id: bytes,
        parent_id: bytes | None,
        start: int,
        end: int,
        flags: int,
        common: bytes,
        attributes: bytes,
        rest: bytes,
    ) -> bytes:
        fixed = _FIXED.pack(_ID, trace_id, _OWN, span_id, _START, start, _END, end, _FLAGS, flags)
        parent = _PARENT + parent_id if parent_id else b""
        size = _FIXED.size + len(parent) + len(common) + len(attributes) + len(rest)
        head = _SPAN_HEADS[size] if size < _USUAL_SIZE else _HEADS[2][-1] + _varint(size)
        return b"".join((head, fixed, parent, common, attributes, rest))

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
        return _text(3, state_of(state)) if state else b""

    def _event(self, name: str, attributes: Mapping[str, Any] | None, at: int) -> bytes:
        own = self.attributes(attributes or {}, 3)
        return b"\x09" + pack("<Q", at) + _text(2, name) + own


def _link(link: SpanContext) -> bytes:
    ids = _field(1, link.trace_id.to_bytes(16, "big")) + _field(2, link.span_id.to_bytes(8, "big"))
    state = _text(3, state_of(link.trace_state)) if link.trace_state else b""
    return ids + state + b"\x35" + pack("<I", encoded_flags(link))


def _value(value: Any) -> bytes:  # noqa: PLR0911 - a kind a line
    """Encode an `AnyValue`; what no attribute may be is written as its words."""
    if isinstance(value, str):
        text = value.encode("utf-8", "replace")
        size = len(text)
        return _HEADS[1][size] + text if size < _SMALL else _field(1, text)
    if isinstance(value, bool):
        return _number(2, value)
    if isinstance(value, int):
        return _number(3, value)
    if isinstance(value, float):
        return b"\x21" + pack("<d", value)
    if isinstance(value, (list, tuple)):
        return _field(5, b"".join([_field(1, _value(item)) for item in value]))
    if isinstance(value, bytes):
        return _field(7, value)
    return _text(1, str(value))


_names: dict[str, bytes] = {}
_MOST_NAMES = 1000


def _name(name: str) -> bytes:
    encoded = _text(1, name)
    if len(_names) < _MOST_NAMES:
        _names[name] = encoded
    return encoded


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8", "replace"))


def _field(number: int, content: bytes) -> bytes:
    size = len(content)
    head = _HEADS[number]
    return (head[size] if size < _SMALL else head[-1] + _varint(size)) + content


def _number(number: int, value: int) -> bytes:
    return _NUMBERS[number] + _varint(value)


def _varint(value: int) -> bytes:
    if 0 <= value < 1 << 28:
        if value < _SMALL:
            return _SMALL_NUMBERS[value]
        low, rest = value & 0x7F | _SMALL, value >> 7
        if rest < _SMALL:
            return _TWO.pack(low, rest)
        second, rest = rest & 0x7F | _SMALL, rest >> 7
        if rest < _SMALL:
            return _THREE.pack(low, second, rest)
        return _FOUR.pack(low, second, rest & 0x7F | _SMALL, rest >> 7)
    value &= 0xFFFF_FFFF_FFFF_FFFF  # a negative number is its two's complement
    encoded = bytearray()
    while value >= _SMALL:
        encoded.append(value & 0x7F | _SMALL)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_USUAL_SIZE = 1024  # of a span
_SPAN_HEADS = [_HEADS[2][-1] + _varint(size) for size in range(_USUAL_SIZE)]
_OFFSET = _name("messaging.kafka.offset")
_OFFSETS = [
    _HEADS[9][len(_OFFSET) + 3 + size] + _OFFSET + _HEADS[2][size + 1] + b"\x18"
    for size in range(11)
]
"""How the attribute begins, by the size of its value."""
_KEY = _name(KEY_NAME)
_KEYS = [
    _HEADS[9][len(_KEY) + 4 + size] + _KEY + _HEADS[2][size + 2] + _HEADS[1][size]
    for size in range(_SMALL - len(_KEY) - 4)
]
"""How the attribute begins, by the size of the key, up to where a size takes two bytes."""
