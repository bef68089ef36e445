"""The sampler's decision, which for the standard ones is taken without asking them."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from autoinstrument.tracing.attributes import Attributes
from autoinstrument.tracing.call_site import CallSite
from autoinstrument.tracing.operation import Operation
from autoinstrument.tracing.sampling import Sampling


class Mine(sampling.TraceIdRatioBased):
    """A sampler of the application's, which must be asked."""

    def should_sample(self, *_: object, **__: object) -> sampling.SamplingResult:
        """Sample everything."""
        return sampling.SamplingResult(sampling.Decision.RECORD_AND_SAMPLE)


SAMPLERS = {
    "always_on": sampling.ALWAYS_ON,
    "always_off": sampling.ALWAYS_OFF,
    "parentbased_always_on": sampling.DEFAULT_ON,
    "parentbased_always_off": sampling.DEFAULT_OFF,
    "traceidratio": sampling.TraceIdRatioBased(0.3),
    "parentbased_traceidratio": sampling.ParentBasedTraceIdRatio(0.3),
    "other children": sampling.ParentBased(
        sampling.ALWAYS_OFF, remote_parent_not_sampled=sampling.ALWAYS_ON
    ),
    "the application's": Mine(0),
    "the application's as root": sampling.ParentBased(Mine(0)),
}


@pytest.mark.parametrize("name", SAMPLERS)
@given(
    trace_id=st.integers(1, 2**128 - 1),
    flags=st.none() | st.integers(0, 1),
    is_remote=st.booleans(),
)
def test_the_decision_is_the_samplers(
    name: str, trace_id: int, flags: int | None, *, is_remote: bool
) -> None:
    """For any trace and parent, whether it was asked or known."""
    sampler, parent, context = SAMPLERS[name], None, Context()
    if flags is not None:
        parent = SpanContext(trace_id, 7, is_remote, TraceFlags(flags))
        context = set_span_in_context(NonRecordingSpan(parent), context)
    operation = _operation(context, parent)

    class Fixed(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return trace_id

    Sampling(sampler, Fixed()).open(operation)
    expected = sampler.should_sample(context, trace_id, "send").decision
    assert operation.recording == expected.is_recording()
    assert bool(operation.flags & TraceFlags.SAMPLED) == expected.is_sampled()


class Counting(RandomIdGenerator):
    """Generates 1, 2, 3."""

    def __init__(self) -> None:
        self._next = count(1)

    def generate_span_id(self) -> int:
        """Return the next number."""
        return next(self._next)

    generate_trace_id = generate_span_id


@pytest.mark.parametrize("has_root", [False, True])
def test_an_id_generator_is_asked_as_the_sdk_asks_it(*, has_root: bool) -> None:
    """For no more ids than there are spans, and for a root's before its child's."""
    tracer = TracerProvider(id_generator=Counting(), shutdown_on_exit=False).get_tracer("sdk")
    first = span = tracer.start_span("first")
    if has_root:
        span = tracer.start_span("own", set_span_in_context(first))
    operation = _operation()
    operation.root = CallSite("first", Attributes(), _operation.__code__) if has_root else None
    Sampling(sampling.ALWAYS_ON, Counting()).open(operation)
    own = span.get_span_context()
    assert (operation.trace_id, operation.span_id) == (own.trace_id, own.span_id)
    assert operation.root_id == (first.get_span_context().span_id if has_root else 0)


def _operation(context: Context | None = None, parent: SpanContext | None = None) -> Operation:
    operation = Operation()
    operation.attributes = Attributes({"messaging.operation.name": "send"})
    operation.outer, operation.parent, operation.root = context or Context(), parent, None
    operation.recording = False
    return operation
