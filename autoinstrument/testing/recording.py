"""The spans of a recording, with all that a claim looks at.

Only the agent's own recordings are read here: anything else raises some exception.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUS_CODES = ("UNSET", "OK", "ERROR")


@dataclass(frozen=True)
class Span:
    """A span as it was exported: ids in hex, times in ns, `kind` and `status_code` by name.

    `kind` is "PRODUCER", "INTERNAL" and so on, `status_code` "UNSET", "OK" or "ERROR"; `links` are
    pairs of trace id and span id. A span without a parent has the `parent_id` "".
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: int
    end: int
    attributes: dict[str, Any]
    status_code: str
    status_message: str
    links: list[tuple[str, str]]
    resource: dict[str, Any]
    scope: str
    flags: int


def read(recording: Path) -> Iterator[Span]:
    """Yield the spans of all processes that have written to `recording`; none if it is missing."""
    for file in sorted(recording.parent.glob(f"{recording.name}*")):
        # A process that sees another one's line half written leaves an empty one after it.
        for line in filter(None, file.read_bytes().splitlines()):
            for of_resource in json.loads(line).get("resourceSpans", []):
                resource = _attributes(of_resource["resource"])
                for of_scope in of_resource["scopeSpans"]:
                    for span in of_scope["spans"]:
                        yield _span(span, resource, of_scope["scope"]["name"])


def _span(span: dict[str, Any], resource: dict[str, Any], scope: str) -> Span:
    status = span.get("status", {})
    return Span(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        name=span["name"],
        kind=_KINDS[span["kind"]],
        start=int(span["startTimeUnixNano"]),
        end=int(span["endTimeUnixNano"]),
        attributes=_attributes(span),
        status_code=_STATUS_CODES[status.get("code", 0)],
        status_message=status.get("message", ""),
        links=[(link["traceId"], link["spanId"]) for link in span.get("links", [])],
        resource=resource,
        scope=scope,
        flags=span.get("flags", 0),
    )


def _attributes(described: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: _value(each["value"]) for each in described.get("attributes", [])}


def _value(described: dict[str, Any]) -> Any:
    value: Any
    kind, value = next(iter(described.items()), ("", None))
    if kind == "intValue":  # 64 bits, which JSON has as text
        return int(value)
    if kind == "arrayValue":
        return [_value(each) for each in value.get("values", [])]
    return value
