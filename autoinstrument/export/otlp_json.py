"""Ended operations as OTLP/JSON, as an OpenTelemetry Collector's file exporter writes them.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hexadecimal, 64-bit
numbers are strings, enumerations are numbers, absent is left out.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import TYPE_CHECKING, Any

from autoinstrument.process.limits import LINE

from .encoding import Encoder, encoded_flags, state_of
from .spans import key_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.trace import SpanContext, SpanKind

    from autoinstrument.tracing.operation import Operation


class JsonEncoder(Encoder[str]):
    """Encodes a line of JSON."""

    _nothing = ""

    def request(self, spans: Sequence[str]) -> bytes:
        """Return one export request with encoded spans in it, and its newline."""
        scope = (
            f'{{"name":{quoted(self._scope.name)},"version":{quoted(self._scope.version or "")}}}'
        )
        of_scope = f'{{"scope":{scope},"spans":[{",".join(spans)}]}}'
        return (
            f'{{"resourceSpans":[{{"resource":{{"attributes":[{self._resource}]}},'
            f'"scopeSpans":[{of_scope}]}}]}}\n'
        ).encode()

    def attributes(self, attributes: Mapping[str, Any]) -> str:
        """Encode attributes, as they follow one another."""
        return ",".join(
            [
                f'{{"key":{quoted(name)},"value":{_value(value)}}}'
                for name, value in attributes.items()
            ]
        )

    def _common(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> str:
        # OTLP counts kinds from 1: 0 is "unspecified".
        encoded = self.attributes(attributes)
        return f'"name":{quoted(name)},"kind":{kind.value + 1},"attributes":[{encoded}'

    def _offset(self, offset: int) -> str:
        return f'{{"key":"messaging.kafka.offset","value":{{"intValue":"{offset}"}}}}'

    def _with_key(self, attributes: str, key: str | bytes) -> str:
        own = self.attributes(key_attributes(key))
        return f"{attributes},{own}" if attributes and own else attributes or own

    def _span(  # noqa: PLR0913, PLR0917 - the fields of a span
        self,
        trace_id: bytes,
        span_id: bytes,
        parent_id: bytes | None,
        start: int,
        end: int,
        flags: int,
        common: str,
        attributes: str,
        rest: str,
    ) -> str:
        parent = f'"parentSpanId":"{parent_id.hex()}",' if parent_id else ""
        comma = "," if attributes else ""
        return (
            f'{{"traceId":"{trace_id.hex()}","spanId":"{span_id.hex()}",{parent}'
            f'"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","flags":{flags},'
            f"{common}{comma}{attributes}]{rest}}}"
        )

    def _rest(
        self,
        operation: Operation,
        links: Sequence[SpanContext],
        events: Sequence[Any],
        dropped: int,
    ) -> str:
        parts = [self._trace_state(operation)]
        if operation.error_type is not None:
            words = operation.description
            message = f',"message":{quoted(words)}' if words else ""
            parts.append(f',"status":{{"code":2{message}}}')
        if links:
            parts.append(f',"links":[{",".join(map(_link, links))}]')
        if events:
            parts.append(f',"events":[{",".join(self._event(*event) for event in events)}]')
        if dropped:
            parts.append(f',"droppedAttributesCount":{dropped}')
        return "".join(parts)

    def _trace_state(self, operation: Operation) -> str:
        state = operation.trace_state
        return f',"traceState":{quoted(state_of(state))}' if state else ""

    def _event(self, name: str, attributes: Mapping[str, Any] | None, at: int) -> str:
        own = self.attributes(attributes or {})
        return f'{{"timeUnixNano":"{at}","name":{quoted(name)},"attributes":[{own}]}}'


def _link(link: SpanContext) -> str:
    state = f',"traceState":{quoted(state_of(link.trace_state))}' if link.trace_state else ""
    ids = f'"traceId":"{link.trace_id:032x}","spanId":"{link.span_id:016x}"{state}'
    return f'{{{ids},"flags":{encoded_flags(link)}}}'


def _value(value: Any) -> str:
    """Encode an `AnyValue`; what no attribute may be is written as its words."""
    if isinstance(value, str):
        return f'{{"stringValue":{quoted(value)}}}'
    if isinstance(value, bool):
        return f'{{"boolValue":{"true" if value else "false"}}}'
    if isinstance(value, int):
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{value if isfinite(value) else quoted(str(value))}}}'
    if isinstance(value, (list, tuple)):
        return f'{{"arrayValue":{{"values":[{",".join(map(_value, value))}]}}}}'
    return f'{{"stringValue":{quoted(str(value))}}}'


def metrics_requests(data: Any) -> list[bytes]:
    """Return the SDK's `MetricsData` as export requests, each a line of JSON with its newline."""
    (resource_metrics,) = data.resource_metrics
    (scope_metrics,) = resource_metrics.scope_metrics
    resource = {"attributes": _pairs(resource_metrics.resource.attributes)}
    scope = {"name": scope_metrics.scope.name, "version": scope_metrics.scope.version or ""}
    head = f'{{"resourceMetrics":[{{"resource":{_json(resource)},"scopeMetrics":[{{"scope":'
    head, tail = f'{head}{_json(scope)},"metrics":[', "]}]}]}\n"
    most = LINE - len(head) - len(tail)
    metrics = [part for metric in scope_metrics.metrics for part in _metrics(metric, most)]
    return [f"{head}{line}{tail}".encode() for line in _lines(metrics, most)]


def _lines(parts: Iterable[str], most: int) -> list[str]:
    """Return parts with commas between them, in lines of at most `most` characters."""
    lines: list[list[str]] = [[]]
    size = 0
    for part in parts:
        size += len(part) + 1
        if lines[-1] and size > most:
            lines.append([])
            size = len(part) + 1
        lines[-1].append(part)
    return list(map(",".join, lines))


def _metrics(metric: Any, most: int) -> list[str]:
    """Return a metric with its points, or several with a part of them each."""
    data, kind = metric.data, type(metric.data).__name__.lower()
    named = {"name": metric.name, "description": metric.description, "unit": metric.unit}
    rest: dict[str, Any] = {}
    if kind != "gauge":
        rest["aggregationTemporality"] = data.aggregation_temporality.value
    if kind == "sum":
        rest["isMonotonic"] = data.is_monotonic
    points = [_json(_point(point)) for point in data.data_points]
    begun = f'{_json(named)[:-1]},"{kind}":{_json({**rest, "dataPoints": []})[:-2]}'
    return [f"{begun}{line}]}}}}" for line in _lines(points, most - len(begun) - 3)]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _point(point: Any) -> dict[str, Any]:
    common = {
        "attributes": _pairs(point.attributes),
        "startTimeUnixNano": str(point.start_time_unix_nano),
        "timeUnixNano": str(point.time_unix_nano),
    }
    if not hasattr(point, "bucket_counts"):
        value = point.value
        own = {"asInt": str(value)} if isinstance(value, int) else {"asDouble": value}
        return {**common, **own}
    return {
        **common,
        "count": str(point.count),
        "sum": point.sum,
        "bucketCounts": [str(count) for count in point.bucket_counts],
        "explicitBounds": list(point.explicit_bounds),
        "min": point.min,
        "max": point.max,
    }


def _pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": json.loads(_value(value))} for name, value in attributes.items()]
