"""Exported spans as plain data, read by OpenTelemetry's own protobuf definitions."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from autoinstrument.testing import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

REQUESTS: dict[str, type[Message]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
_BY_FIELD: dict[str, type[Message]] = {
    "resourceSpans": ExportTraceServiceRequest,
    "resourceMetrics": ExportMetricsServiceRequest,
    "resourceLogs": ExportLogsServiceRequest,
}
_ID_DIGITS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


@dataclass(frozen=True)
class Point:
    """A metric's value for one set of attributes as it was exported.

    `value` is a sum's or a gauge's, or how many measurements a histogram has in its `buckets`.
    """

    name: str
    unit: str
    attributes: dict[str, Any]
    value: float
    buckets: list[int]
    is_delta: bool


def points_of_recording(path: Path) -> list[Point]:
    """Return what the metrics of a recording were at the end."""
    metrics = [each for each in _requests(path) if isinstance(each, ExportMetricsServiceRequest)]
    return list(points_of(metrics[-1])) if metrics else []


def points_of(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    """Yield the points of one export request, in its order."""
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                data = getattr(metric, metric.WhichOneof("data"))
                delta = getattr(data, "aggregation_temporality", 0) == 1
                for point in data.data_points:
                    is_histogram = hasattr(point, "bucket_counts")
                    value = point.count if is_histogram else getattr(point, _kind_of(point))
                    buckets = list(point.bucket_counts) if is_histogram else []
                    attributes = _attributes(point.attributes)
                    yield Point(metric.name, metric.unit, attributes, value, buckets, delta)


def _kind_of(point: Any) -> str:
    return str(point.WhichOneof("value"))


def spans_of_recording(path: Path) -> list[Span]:
    """Return the spans of a recording and its rotated parts, or of all in a folder.

    Metrics and logs are only checked.

    Raises ValueError for what is not OTLP/JSON.
    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    traces = (each for each in _requests(path) if isinstance(each, ExportTraceServiceRequest))
    return [span for request in traces for span in spans_of(request)]


def _requests(path: Path) -> list[Message]:
    files = sorted(path.iterdir() if path.is_dir() else path.parent.glob(f"{path.name}*"))
    lines = (line for file in files for line in file.read_bytes().splitlines())
    return [request_of_line(line) for line in lines if line]


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Yield the spans of one export request, in its order."""
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _span(span, resource, scope_spans.scope.name)


def _span(span: WireSpan, resource: dict[str, Any], scope: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        status_code=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_message=span.status.message,
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        resource=resource,
        scope=scope,
        flags=span.flags,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for pair in pairs:
        assert pair.key not in attributes, f"attribute {pair.key} twice"
        attributes[pair.key] = _value(pair.value)
    return attributes


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def request_of_line(line: bytes) -> Message:
    """Return one line of a recording, decoded by protobuf's own JSON rules where they agree."""
    content = json.loads(line)
    (field,) = content
    message = _BY_FIELD[field]()
    try:
        return json_format.ParseDict(_proto_json(content), message, ignore_unknown_fields=False)
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error


def _proto_json(value: Any, name: str = "") -> Any:
    """Return OTLP/JSON as protobuf's JSON, which has ids in base64 and is less strict."""
    if isinstance(value, dict):
        return {key: _proto_json(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_proto_json(each, name) for each in value]
    if "_" in name:
        raise ValueError(f"{name} is not in lowerCamelCase")
    if name in ("kind", "code") and not isinstance(value, int):
        raise ValueError(f"{name} is {value!r}; OTLP/JSON has integers for enumerations")
    if name.endswith("UnixNano") and not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}; protobuf's JSON has strings for 64-bit integers")
    if name in _ID_DIGITS:
        if not re.fullmatch(f"[0-9a-f]{{{_ID_DIGITS[name]}}}", value):
            raise ValueError(f"{name} is {value!r}; OTLP/JSON has {_ID_DIGITS[name]} hex digits")
        return base64.urlsafe_b64encode(bytes.fromhex(value)).decode()  # it reads either
    return value
