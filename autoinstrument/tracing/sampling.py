"""Ids and the sampler's decision for a write and its root, without making a span."""

from __future__ import annotations

import operator
import os
from random import Random
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import sampling
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    DEFAULT_TRACE_STATE,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from .operation import RootDecision

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from .operation import Operation

_ALL = 1 << 64  # a bound that is above the low bits of all trace ids, which it is compared with
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
_bits = _random.getrandbits
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


class Sampling:
    """A provider's sampler and id generator, asked in the order in which the SDK asks them."""

    def __init__(self, sampler: sampling.Sampler, ids: IdGenerator) -> None:
        self._sampler = sampler
        self._ids = None if type(ids) is RandomIdGenerator else ids
        is_random = getattr(ids, "is_trace_id_random", None)
        self._random = _RANDOM if is_random is not None and is_random() else 0
        self._bound, self._follows_parent = _known(sampler)
        self._new_trace: tuple[int, bool] | None = None
        """Flags and decision, if they are the same for all new traces."""
        if self._ids is None and self._bound in (0, _ALL):
            is_sampled = self._bound == _ALL
            self._new_trace = self._random | (_SAMPLED if is_sampled else 0), is_sampled

    def open(self, operation: Operation) -> None:
        """Give `operation`, and its root if it has one, their ids, flags and trace state."""
        parent = operation.parent
        if parent is None and self._new_trace is not None:
            # Zero is no valid id, but comes only once in 2**64.
            operation.ids = _bits(256).to_bytes(32, "big")
            operation.flags, operation.recording = self._new_trace
            return
        flags, ids = self._random, self._ids
        if ids is not None:
            operation.ids = _asked(ids, operation)
        elif parent is None:
            operation.ids = _bits(256).to_bytes(32, "big")
        else:
            operation.ids = parent.trace_id.to_bytes(16, "big") + _bits(64).to_bytes(8, "big")
        is_sampled = 0
        if parent is not None:
            flags = parent.trace_flags & _RANDOM
            is_sampled = parent.trace_flags & _SAMPLED
            state = parent.trace_state
            if state is not DEFAULT_TRACE_STATE and state:
                operation.trace_state = state
        operation.flags = flags
        if self._bound is None:
            self._ask(operation)
            return
        if parent is None or not self._follows_parent:
            is_sampled = int.from_bytes(operation.ids[8:16], "big") < self._bound
        if is_sampled:
            operation.flags = flags | _SAMPLED
            operation.recording = True

    def _ask(self, operation: Operation) -> None:
        context, root = operation.parent_context, operation.root
        if root is not None:
            result: Any = self._sampler.should_sample(
                context,
                operation.trace_id,
                root.name,
                SpanKind.INTERNAL,
                root.attributes,
                (),
            )
            flags = operation.flags | (_SAMPLED if result.decision.is_sampled() else 0)
            recording = result.decision.is_recording()
            operation.root_decision = RootDecision(recording, flags, result.attributes)
            context = _inside(
                operation.trace_id, operation.root_id, flags, result.trace_state, context
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
        if result.attributes:
            operation.added = result.attributes


def _asked(ids: IdGenerator, operation: Operation) -> bytes:
    """Return the ids in the order in which the SDK would ask for them: the root's come first."""
    parent = operation.parent
    trace_id = ids.generate_trace_id() if parent is None else parent.trace_id
    root = 0 if operation.root is None else ids.generate_span_id()
    return (trace_id << 128 | ids.generate_span_id() << 64 | root).to_bytes(32, "big")


def _known(sampler: Any) -> tuple[int | None, bool]:
    """Return by what a standard sampler decides: a bound of trace ids, and whether parents count.

    Without a bound the sampler must be asked, which takes 2 us a span. The SDK's names are private.
    """
    asked = getattr(type(sampler), "should_sample", None)
    if sampler is sampling.ALWAYS_ON:
        return _ALL, False
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
