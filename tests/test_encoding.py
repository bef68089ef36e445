"""What is encoded without the SDK, against what the SDK encodes for the same operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from otlp import request_of_line

from autoinstrument.export.otlp_json import JsonEncoder
from autoinstrument.export.otlp_protobuf import ProtobufEncoder
from autoinstrument.export.spans import SpanBuilder
from autoinstrument.tracing.attributes import Attributes
from autoinstrument.tracing.call_site import call_site
from autoinstrument.tracing.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_IS_REMOTE = 0x300  # the SDK leaves out the trace flags, in the low bits
_words = st.text(max_size=200)
_names = st.text(min_size=1, max_size=90)
_plain = _words | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
_values = _plain | st.lists(_words, max_size=3)
_attributes = st.dictionaries(_names, _values, max_size=5)
_contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.builds(TraceFlags, st.integers(0, 3)),
    st.sampled_from([None, TraceState([("vendor", "state")])]),
)
_times = st.integers(0, 2**62)
_ours = st.fixed_dictionaries({"autoinstrument.unserved": _times, "autoinstrument.waited": _words})


@st.composite
def _operations(draw: Callable[..., Any]) -> Operation:
    named = {"messaging.operation.name": draw(_names), **draw(_attributes)}
    operation = Operation()
    operation.attributes, operation.outer = Attributes(named), Context()
    operation.parent, operation.root = draw(st.none() | _contexts), None
    unusual = {
        "links": tuple(draw(st.lists(_contexts, max_size=3))),
        "events": draw(st.lists(st.tuples(_names, _attributes, _times), max_size=3)),
        "added": draw(_attributes),
        "extra": draw(st.none() | _ours),
        "trace_state": draw(st.sampled_from([None, TraceState([("vendor", "state")])])),
        "tombstone": draw(st.booleans()),
        "error_type": draw(st.none() | _words),
        "description": draw(st.none() | _words),
    }
    for name, value in unusual.items() if draw(st.booleans()) else ():
        setattr(operation, name, value)
    operation.ids = draw(st.binary(min_size=32, max_size=32).filter(all))
    operation.flags = draw(st.integers(0, 3))
    operation.started, operation.elapsed = draw(_times), draw(_times)
    operation.partition = draw(st.none() | st.integers(0, 300))
    operation.offset = draw(st.none() | st.integers(0, 2**63 - 1))
    operation.key = draw(st.none() | st.binary(max_size=300) | _words)
    operation.recording = True
    if draw(st.booleans()):
        operation.root = call_site(_frame(), "")
    return operation


@pytest.mark.parametrize(
    "limits",
    [
        SpanLimits(),
        SpanLimits(max_span_attributes=3, max_span_attribute_length=5),
        SpanLimits(max_links=1, max_events=1),
    ],
    ids=["no limits", "limited attributes", "limited links and events"],
)
@given(operation=_operations())
def test_both_encodings_say_what_the_sdk_would(operation: Operation, limits: SpanLimits) -> None:
    """Field by field; only the order of attributes is our own, and the trace flags are there."""
    parts = (
        Resource({"service.name": "s", "process.pid": 7}),
        InstrumentationScope("a", "1"),
        limits,
    )
    expected = encode_spans(SpanBuilder(*parts).spans(operation))
    binary, lines = ProtobufEncoder(*parts), JsonEncoder(*parts)
    for _ in range(2):  # the second time from what is remembered
        sent = binary.request(binary.spans(operation))
        assert _comparable(ExportTraceServiceRequest.FromString(sent)) == _comparable(expected)
        line = lines.request(lines.spans(operation))
        assert line.count(b"\n") == 1
        assert _comparable(request_of_line(line)) == _comparable(expected)


def _frame() -> FrameType:
    import sys

    return sys._getframe()


def _comparable(request: Any) -> list[Any]:
    (resource_spans,) = request.resource_spans
    (scope_spans,) = resource_spans.scope_spans
    scope = scope_spans.scope.name, scope_spans.scope.version
    resource = _by_key(resource_spans.resource.attributes)
    return [scope, resource, *map(_fields, scope_spans.spans)]


def _fields(span: Span) -> list[Any]:
    return [
        (span.trace_id, span.span_id, span.parent_span_id, span.trace_state),
        (span.name, span.kind, span.start_time_unix_nano, span.end_time_unix_nano),
        span.flags & _IS_REMOTE,
        _by_key(span.attributes),
        span.dropped_attributes_count,
        (span.status.code, span.status.message),
        [(event.name, event.time_unix_nano, _by_key(event.attributes)) for event in span.events],
        [
            (link.trace_id, link.span_id, link.flags & _IS_REMOTE)  # nor has it their trace state
            for link in span.links
        ],
    ]


def _by_key(attributes: Any) -> list[Any]:
    return sorted((pair.key, str(pair.value)) for pair in attributes)
