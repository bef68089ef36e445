"""Ids and the sampler's decision for a write and its root, without making a span."""

from __future__ import annotations

import operator
import os
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import sampling
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ._operation import Operation

_RATIO_BITS = 0xFFFF_FFFF_FFFF_FFFF  # of a trace id, that TraceIdRatioBased looks at
_OF_CHILDREN = (
    "_remote_parent_sampled",
    "_remote_parent_not_sampled",
    "_local_parent_sampled",
    "_local_parent_not_sampled",
)
_SAMPLED = int(TraceFlags.SAMPLED)
_RANDOM = 2  # W3C trace context level 2; the SDK has a name for it only since 1.41

# The SDK's generator draws from the module `random`: an application that seeds it to repeat itself
# would see other numbers under the agent.
_random = Random()  # noqa: S311 - ids must be unique, not secret
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


class Sampling:
    """A provider's sampler and id generator, asked in the order in which the SDK asks them."""

    def __init__(self, sampler: sampling.Sampler, ids: IdGenerator) -> None:
        self._sampler = sampler
        own = type(ids) is RandomIdGenerator
        # Zero is no valid id, but comes only once in 2**64.
        self._trace_id = partial(_random.getrandbits, 128) if own else ids.generate_trace_id
        self._span_id = partial(_random.getrandbits, 64) if own else ids.generate_span_id
        is_random = getattr(ids, "is_trace_id_random", None)
        self._random = _RANDOM if is_random is not None and is_random() else 0
        self._bound, self._follows_parent = _known(sampler)

    def open(self, operation: Operation) -> None:
        """Give `write`, and its root if it has one, their ids, flags and trace state."""
        parent, root = operation.parent, operation.root
        if parent is None:
            operation.trace_id = self._trace_id()
            operation.flags = self._random
            operation.trace_state = None
        else:
            operation.trace_id = parent.trace_id
            operation.flags = parent.trace_flags & _RANDOM
            operation.trace_state = parent.trace_state
        operation.span_id = self._span_id()
        if root is not None:
            root.span_id = self._span_id()
        bound = self._bound
        if bound is None:
            self._ask(operation)
        elif (
            operation.trace_id & _RATIO_BITS < bound
            if parent is None or not self._follows_parent
            else parent.trace_flags & _SAMPLED
        ):
            operation.flags |= _SAMPLED
            operation.recording = True
        elif root is not None:
            root.recording = False

    def _ask(self, operation: Operation) -> None:
        context, root = operation.parent_context, operation.root
        if root is not None:
            result: Any = self._sampler.should_sample(
                context,
                operation.trace_id,
                root.site.name,
                SpanKind.INTERNAL,
                root.site.attributes,
                (),
            )
            root.recording = result.decision.is_recording()
            root.flags = operation.flags | (_SAMPLED if result.decision.is_sampled() else 0)
            root.extra = result.attributes
            context = _inside(
                operation.trace_id, root.span_id, root.flags, result.trace_state, context
            )
        result = self._sampler.should_sample(
            context,
            operation.trace_id,
            operation.name,
            operation.kind,
            operation.attributes,
            [Link(link) for link in operation.links],
        )
        operation.recording = result.decision.is_recording()
        operation.flags |= _SAMPLED if result.decision.is_sampled() else 0
        operation.trace_state = result.trace_state
        operation.extra = result.attributes


def _known(sampler: Any) -> tuple[int | None, bool]:
    """Return what a standard sampler decides by: a bound of trace ids, and whether parents count.

    No bound: it must be asked, which takes 2 us a span. The names are the SDK's private ones.
    """
    asked = getattr(type(sampler), "should_sample", None)
    if sampler is sampling.ALWAYS_ON:
        return _RATIO_BITS + 1, False
    if sampler is sampling.ALWAYS_OFF:
        return 0, False
    if asked is sampling.TraceIdRatioBased.should_sample:
        return getattr(sampler, "bound", None), False
    if asked is sampling.ParentBased.should_sample:
        children = [getattr(sampler, name, None) for name in _OF_CHILDREN]
        standard = [sampling.ALWAYS_ON, sampling.ALWAYS_OFF] * 2
        if all(map(operator.is_, children, standard)):
            return _known(getattr(sampler, "_root", None))[0], True
    return None, False


def _inside(trace_id: int, span_id: int, flags: int, state: Any, context: Context) -> Context:
    span = SpanContext(
        trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags), trace_state=state
    )
    return set_span_in_context(NonRecordingSpan(span), context)
