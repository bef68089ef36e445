"""One span of a recording, as far as a report needs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Outcome

Value = str | int
"""The attribute values that a report asks for; others are passed over."""

_LONGEST_TEXT = 1_000
_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
_WHOLE = re.compile(r"-?[0-9]{1,20}")
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
        return self.ended - self.started if 0 < self.started <= self.ended else None

    @property
    def is_write(self) -> bool:
        """One message written to Kafka, whatever the span is named."""
        return (
            self.attributes.get("messaging.system") == "kafka"
            and self.attributes.get("messaging.operation.type") == "send"
        )

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
    def error_type(self) -> str | None:
        """The cause of a failure, `_OTHER` where the span does not say, None without a failure."""
        return str(self.attributes.get("error.type") or "_OTHER") if self.error else None

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
    attributes = _attributes(_member(resource, "attributes"))
    service = attributes.get("service.name")
    instance = attributes.get("service.instance.id")
    pid = attributes.get("process.pid")
    process = Process(
        service if isinstance(service, str) else None,
        instance if isinstance(instance, str) else None,
        pid if isinstance(pid, int) else None,
    )
    return Source(process, _member(_member(group, "scope"), "name") == "autoinstrument")


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
    if not isinstance(described, list):
        return {}
    return dict(found for attribute in described if (found := _attribute(attribute)))


def _attribute(described: Any) -> tuple[str, Value] | None:
    try:
        value = described["value"]
        found = _whole(value["intValue"]) if "intValue" in value else value["stringValue"]
        return _text(described["key"]), found if isinstance(found, int) else _text(found)
    except (KeyError, TypeError):
        return None


def _known(value: object) -> int | None:
    """Clients put what they do not know below zero, and others' spans repeat it."""
    number = _whole(value)
    return number if number is not None and number >= 0 else None


def _whole(value: object) -> int | None:
    """Protobuf's JSON writes 64-bit numbers as strings, and reads both."""
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
