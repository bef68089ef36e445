"""Finished spans as OTLP/JSON, as an OpenTelemetry Collector's file exporter writes them.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hexadecimal, 64-bit
numbers are strings, enumerations are numbers, absent is left out.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext

_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200


def export_request(spans: Sequence[ReadableSpan]) -> str:
    """Return the spans as one export request: a line of JSON without its newline."""
    by_resource = groupby(spans, key=lambda span: span.resource)
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes(resource.attributes)},
                    "scopeSpans": _scope_spans(of_resource),
                }
                for resource, of_resource in by_resource
            ]
        },
        separators=(",", ":"),
    )


def _scope_spans(spans: Iterable[ReadableSpan]) -> list[dict[str, Any]]:
    by_scope = groupby(spans, key=lambda span: span.instrumentation_scope)
    return [
        {"scope": _scope(scope), "spans": [_span(span) for span in of_scope]}
        for scope, of_scope in by_scope
    ]


def _scope(scope: InstrumentationScope | None) -> dict[str, Any]:
    return {} if scope is None else {"name": scope.name, "version": scope.version or ""}


def _span(span: ReadableSpan) -> dict[str, Any]:
    own = span.context
    encoded: dict[str, Any] = {
        **_ids(own),
        "flags": int(own.trace_flags) | _remote(span.parent),
        "name": span.name,
        "kind": span.kind.value + 1,  # OTLP counts from 1: 0 is "unspecified"
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "status": _status(span),
    }
    if span.parent is not None:
        encoded["parentSpanId"] = f"{span.parent.span_id:016x}"
    if span.links:
        encoded["links"] = [_link(link) for link in span.links]
    if span.events:
        encoded["events"] = [_event(event) for event in span.events]
    if span.dropped_attributes:
        encoded["droppedAttributesCount"] = span.dropped_attributes
    return encoded


def _ids(context: SpanContext) -> dict[str, Any]:
    ids = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}
    if context.trace_state:
        ids["traceState"] = context.trace_state.to_header()
    return ids


def _link(link: Link) -> dict[str, Any]:
    flags = int(link.context.trace_flags) | _remote(link.context)
    return {**_ids(link.context), "flags": flags, "attributes": _attributes(link.attributes or {})}


def _event(event: Event) -> dict[str, Any]:
    return {
        "timeUnixNano": str(event.timestamp),
        "name": event.name,
        "attributes": _attributes(event.attributes or {}),
    }


def _remote(context: SpanContext | None) -> int:
    return _HAS_IS_REMOTE | (_IS_REMOTE if context is not None and context.is_remote else 0)


def _status(span: ReadableSpan) -> dict[str, Any]:
    status: dict[str, Any] = {"code": span.status.status_code.value}
    if span.status.description:
        status["message"] = span.status.description
    return status if status["code"] else {}


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": str(value)}
