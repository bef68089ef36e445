"""Decodes spans of OTLP/JSON, with the fields that a report needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from autoinstrument.tracing import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Outcome, UnconfirmedBy

Value = str | int
"""The types of the attributes that a report needs."""

_LONGEST_TEXT = 1_000
_EARLIEST = 946_684_800_000_000_000  # 2000: a clock that was never set starts in 1970
_LATEST = 1 << 62  # 2116
_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
_LONGEST_WHOLE = 20
_NEEDED = frozenset(
    (
        "autoinstrument.acks",
        "autoinstrument.header",
        "autoinstrument.kept",
        "autoinstrument.outcome",
        "autoinstrument.publisher",
        "autoinstrument.unserved",
        "autoinstrument.waited",
        "code.function.name",
        "error.type",
        "messaging.destination.name",
        "messaging.destination.partition.id",
        "messaging.kafka.message.key",
        "messaging.kafka.offset",
        "messaging.operation.type",
        "messaging.system",
        "process.pid",
        "service.instance.id",
        "service.name",
        "thread.id",
    )
)
"""The attributes that a report needs; decoding all of them would double its time."""
_NOT_SENT = {
    errors.QUEUE_FULL,
    errors.SERIALIZATION,
    errors.CLOSED,
    errors.INVALID_ARGUMENT,
    errors.INVALID_STATE,
}
"""Errors of the call itself: the client did not accept the message."""
_ERROR = (2, "2", "STATUS_CODE_ERROR")
_NO_ERROR = (0, 1, "0", "1", "STATUS_CODE_UNSET", "STATUS_CODE_OK")


class Process(NamedTuple):
    """The identity of a process, as far as the resource has it."""

    service: str | None
    instance: str | None
    pid: int | None


class Source(NamedTuple):
    """The process and the agent that a span comes from."""

    process: Process
    ours: bool
    """Whether this agent made the span; ours say so if the broker's answer is unknown."""


class Span(NamedTuple):
    """A span; texts are cut at 1,000 characters, ids are in lower case.

    `started` and `ended` are nanoseconds since 1970, 0 if they are missing.
    """

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root."""
    name: str
    started: int
    ended: int
    error: bool
    description: str
    attributes: dict[str, Value]
    is_linked: bool
    """Whether it has a link to another span."""
    source: Source

    @property
    def duration(self) -> int | None:
        """Nanoseconds; None if the start is missing, or later than the end: a clock may be set."""
        if _EARLIEST <= self.started <= self.ended < _LATEST:
            return self.ended - self.started
        return None

    @property
    def is_write(self) -> bool:
        """Whether it is a message written to Kafka, whatever its name."""
        return (
            self.attributes.get("messaging.system") == "kafka"
            and self.attributes.get("messaging.operation.type") == "send"
        )

    @property
    def is_sent(self) -> bool:
        """Whether it is a write that the client accepted."""
        return self.is_write and self.error_type not in _NOT_SENT

    @property
    def is_process(self) -> bool:
        """Whether it is the processing of a message read from Kafka."""
        return (
            self.attributes.get("messaging.system") == "kafka"
            and self.attributes.get("messaging.operation.type") == "process"
        )

    @property
    def outcome(self) -> Outcome:
        """What became of the write; without an offset, only our spans count as acknowledged."""
        if self.error:
            return "failed"
        told = self.attributes.get("autoinstrument.outcome")
        if told == "undecided":
            return "undecided"
        if told is None and (self.source.ours or self.offset is not None):
            return "written"
        return "unconfirmed"

    @property
    def unconfirmed_by(self) -> UnconfirmedBy:
        """Why the write is unconfirmed, if it is."""
        if not self.source.ours:
            return "agent"
        return "client" if self.publisher is None else "publisher"

    @property
    def publisher(self) -> str | None:
        """The publisher that made the write, if `AUTOINSTRUMENT_TRACE` names one."""
        name = self.attributes.get("autoinstrument.publisher")
        return None if name is None else str(name)

    @property
    def error_type(self) -> str | None:
        """The error of a failed span, `_OTHER` if it has none; None if it did not fail."""
        return str(self.attributes.get("error.type") or "_OTHER") if self.error else None

    @property
    def unserved(self) -> int:
        """Nanoseconds of it during which the program did not poll for the answer."""
        return _not_negative(self.attributes.get("autoinstrument.unserved")) or 0

    @property
    def topic(self) -> str:
        """The topic."""
        return str(self.attributes.get("messaging.destination.name") or "(no topic)")

    @property
    def partition(self) -> int | None:
        """The partition, if it is known."""
        return _not_negative(self.attributes.get("messaging.destination.partition.id"))

    @property
    def offset(self) -> int | None:
        """The offset, if it is known."""
        return _not_negative(self.attributes.get("messaging.kafka.offset"))


def source(resource: object, group: object) -> Source:
    """Return the source of a group of spans, from the `resource` and `scope` of OTLP/JSON.

    Malformed parts count as missing.
    """
    scope = _member(_member(group, "scope"), "name")
    return Source(process_of(resource), scope == "autoinstrument")


def process_of(resource: object) -> Process:
    """Return the process of a `resource` of OTLP/JSON."""
    attributes = _attributes(_member(resource, "attributes"))
    service = attributes.get("service.name")
    instance = attributes.get("service.instance.id")
    pid = attributes.get("process.pid")
    return Process(
        service if isinstance(service, str) else None,
        instance if isinstance(instance, str) else None,
        pid if isinstance(pid, int) else None,
    )


def decode(span: Any, origin: Source) -> Span | None:
    """Return a span of OTLP/JSON, or None if it is malformed.

    A malformed attribute is left out.
    """
    try:
        return _decode(span, origin)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


def _decode(span: Any, origin: Source) -> Span:
    status: Mapping[str, Any] = span.get("status") or {}
    attributes = span.get("attributes") or []
    if not isinstance(attributes, list):
        raise TypeError(attributes)
    return Span(
        _identifier(_TRACE_ID, span["traceId"]),
        _identifier(_SPAN_ID, span["spanId"]),
        _identifier(_SPAN_ID, span["parentSpanId"]) if span.get("parentSpanId") else "",
        _text(span.get("name", "")),
        _instant(span.get("startTimeUnixNano", 0)),
        _instant(span.get("endTimeUnixNano", 0)),
        _is_error(status.get("code", 0)),
        _text(status.get("message", "")),
        _attributes(attributes),
        bool(span.get("links")),
        origin,
    )


def _identifier(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(value)
    return value.lower()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value[:_LONGEST_TEXT]


def _is_error(code: object) -> bool:
    if code in _ERROR or code in _NO_ERROR:
        return code in _ERROR
    raise ValueError(code)


def _instant(value: object) -> int:
    nanoseconds = _integer(value)
    if nanoseconds is None or not 0 <= nanoseconds < 1 << 64:
        raise ValueError(value)
    return nanoseconds


def _member(group: object, name: str) -> object:
    return group.get(name) if isinstance(group, dict) else None


def _attributes(described: object) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for attribute in described if isinstance(described, list) else ():
        name = attribute.get("key") if isinstance(attribute, dict) else None
        if isinstance(name, str) and name in _NEEDED:
            value = _value(attribute.get("value"))
            if value is not None:
                found[name] = value
    return found


def _value(described: object) -> Value | None:
    if not isinstance(described, dict):
        return None
    if "intValue" in described:
        return _integer(described["intValue"])
    text = described.get("stringValue")
    return text[:_LONGEST_TEXT] if isinstance(text, str) else None


def _not_negative(value: object) -> int | None:
    """Return a number from 0; clients use negative numbers for unknown, and agents copy them."""
    number = _integer(value)
    return number if number is not None and number >= 0 else None


def _integer(value: object) -> int | None:
    """Return an integer, which protobuf's JSON may write as a string."""
    if isinstance(value, str):
        digits = value[1:] if value[:1] == "-" else value
        is_whole = digits.isdecimal() and digits.isascii() and len(digits) <= _LONGEST_WHOLE
        return int(value) if is_whole else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
