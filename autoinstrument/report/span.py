"""One span of a recording, with the fields that a report needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from autoinstrument.tracing import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Outcome, Silence

Value = str | int
"""The attribute values that a report asks for; others are passed over."""

_LONGEST_TEXT = 1_000
_EARLIEST = 946_684_800_000_000_000  # 2000: a clock that nobody has set begins in 1970
_LATEST = 1 << 62  # 2116
_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
_LONGEST_WHOLE = 20
_ASKED = frozenset(
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
"""The attributes that a report goes by; to decode the others would take as long as all the rest."""
_NOT_SENT = {
    errors.QUEUE_FULL,
    errors.SERIALIZATION,
    errors.CLOSED,
    errors.INVALID_ARGUMENT,
    errors.INVALID_STATE,
}
"""What has failed before the client had taken the message."""
_ERROR = (2, "2", "STATUS_CODE_ERROR")
_NO_ERROR = (0, 1, "0", "1", "STATUS_CODE_UNSET", "STATUS_CODE_OK")


class Process(NamedTuple):
    """What tells a process from others, as far as the resource says."""

    service: str | None
    instance: str | None
    pid: int | None


class Source(NamedTuple):
    """Where spans come from."""

    process: Process
    ours: bool
    """Made by this agent, whose spans say when the broker's answer is not known."""


class Span(NamedTuple):
    """A span; texts are cut at 1,000 characters, ids are in lower case.

    `started` and `ended` are nanoseconds since 1970, 0 where the recording does not say.
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
    """Whether it has a link to any other span."""
    source: Source

    @property
    def duration(self) -> int | None:
        """Nanoseconds; None without a start, or with an end before it, where a clock was set."""
        if _EARLIEST <= self.started <= self.ended < _LATEST:
            return self.ended - self.started
        return None

    @property
    def is_write(self) -> bool:
        """One message written to Kafka, whatever the span is named."""
        return (
            self.attributes.get("messaging.system") == "kafka"
            and self.attributes.get("messaging.operation.type") == "send"
        )

    @property
    def is_sent(self) -> bool:
        """Whether it is a write that a client has taken, for a broker."""
        return self.is_write and self.error_type not in _NOT_SENT

    @property
    def is_process(self) -> bool:
        """The processing of one message that was read from Kafka."""
        return (
            self.attributes.get("messaging.system") == "kafka"
            and self.attributes.get("messaging.operation.type") == "process"
        )

    @property
    def outcome(self) -> Outcome:
        """What became of the write; only our spans are acknowledged without an offset, too."""
        if self.error:
            return "failed"
        told = self.attributes.get("autoinstrument.outcome")
        if told == "undecided":
            return "undecided"
        if told is None and (self.source.ours or self.offset is not None):
            return "written"
        return "unconfirmed"

    @property
    def silence(self) -> Silence | None:
        """Who does not say whether the message was written; None unless it is unconfirmed."""
        if self.outcome != "unconfirmed":
            return None
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
        """The cause of a failure, `_OTHER` where the span does not say, None without a failure."""
        return str(self.attributes.get("error.type") or "_OTHER") if self.error else None

    @property
    def unserved(self) -> int:
        """Of its time, the nanoseconds in which the program has let no answer be served."""
        return _known(self.attributes.get("autoinstrument.unserved")) or 0

    @property
    def topic(self) -> str:
        """Where the message was to go."""
        return str(self.attributes.get("messaging.destination.name") or "(no topic)")

    @property
    def partition(self) -> int | None:
        """A string in the conventions, a number in Kafka."""
        return _known(self.attributes.get("messaging.destination.partition.id"))

    @property
    def offset(self) -> int | None:
        """Where the broker has put the message."""
        return _known(self.attributes.get("messaging.kafka.offset"))


def source(resource: object, group: object) -> Source:
    """Return what OTLP/JSON's `resource` and the `scope` of a group of spans say.

    What cannot be understood counts as not said.
    """
    scope = _member(_member(group, "scope"), "name")
    return Source(process_of(resource), scope == "autoinstrument")


def process_of(resource: object) -> Process:
    """Return the process that OTLP/JSON's `resource` describes."""
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
    """Return the span that an OTLP/JSON object describes, None if it cannot be understood.

    An attribute that cannot be understood is left out; without anything else the span is none.
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
    nanoseconds = _whole(value)
    if nanoseconds is None or not 0 <= nanoseconds < 1 << 64:
        raise ValueError(value)
    return nanoseconds


def _member(group: object, name: str) -> object:
    return group.get(name) if isinstance(group, dict) else None


def _attributes(described: object) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for attribute in described if isinstance(described, list) else ():
        name = attribute.get("key") if isinstance(attribute, dict) else None
        if isinstance(name, str) and name in _ASKED:
            value = _value(attribute.get("value"))
            if value is not None:
                found[name] = value
    return found


def _value(described: object) -> Value | None:
    if not isinstance(described, dict):
        return None
    if "intValue" in described:
        return _whole(described["intValue"])
    text = described.get("stringValue")
    return text[:_LONGEST_TEXT] if isinstance(text, str) else None


def _known(value: object) -> int | None:
    """Clients put what they do not know below zero, and others' spans repeat it."""
    number = _whole(value)
    return number if number is not None and number >= 0 else None


def _whole(value: object) -> int | None:
    """Protobuf's JSON writes 64-bit numbers as strings, and reads both."""
    if isinstance(value, str):
        digits = value[1:] if value[:1] == "-" else value
        is_whole = digits.isdecimal() and digits.isascii() and len(digits) <= _LONGEST_WHOLE
        return int(value) if is_whole else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
