"""The spans of the calls that settle messages: commits, acknowledgements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from .attributes import Attributes
from .client_call import CallSpan, ClientCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.process.guard import Guard

    from .consumer import TracedConsumer
    from .errors import Failure


def commit_span(
    guard: Guard,
    consumer: TracedConsumer | None,
    failure: Callable[[BaseException], Failure],
    *,
    later: bool = False,
) -> CallSpan:
    """Return the span of a consumer's commit; with `later` the answer comes after the call."""
    call = None
    if consumer is not None:
        with guard:
            call = ClientCall(SpanKind.CLIENT, consumer.commit_attributes)
    return CallSpan(call, failure, guard, later=later)


def acknowledge_span(
    guard: Guard,
    consumer: TracedConsumer | None,
    failure: Callable[[BaseException], Failure],
    *,
    verb: str,
    place: tuple[Any, ...],
) -> CallSpan:
    """Return the span, named for `verb`, of a call that settles one message of a share group.

    `place` is the message's topic, partition and offset. The answer comes after the call.
    """
    call, (topic, partition, offset) = None, place
    if consumer is not None and isinstance(topic, str):
        with guard:
            of_topic = {"messaging.operation.name": verb, "messaging.destination.name": topic}
            call = ClientCall(
                SpanKind.CLIENT, Attributes({**consumer.commit_attributes, **of_topic})
            )
            call.partition, call.offset = partition, offset
    return CallSpan(call, failure, guard, later=True)
