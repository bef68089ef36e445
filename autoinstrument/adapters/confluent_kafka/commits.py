"""What settles messages in confluent-kafka: commits, sync and async, and acknowledgements."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import acknowledge_span, commit_span

from .errors import failure
from .traced_consumer import guard, traced_consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoinstrument.adapter import CallSpan

    from .traced_consumer import ConfluentConsumer

_COMMIT = ("message", "offsets", "asynchronous")
_ACKNOWLEDGE = ("message", "ack_type")
_ACKNOWLEDGE_OFFSET = ("topic", "partition", "offset", "ack_type")
# Of AcknowledgeType, by number, as the application may give it.
_VERBS = {1: "accept", 2: "release", 3: "reject"}


def watch_commits(
    args: tuple[Any, ...],
) -> tuple[tuple[Any, ...], deque[CallSpan] | None]:
    """Return a consumer's arguments with an `on_commit` that answers the commits in the queue.

    Only where the application has one, which is called as before, and no automatic commits, which
    it would be told of as well: librdkafka answers the others in order.
    """
    configuration = args[0] if args and isinstance(args[0], dict) else {}
    on_commit = configuration.get("on_commit")
    automatic = str(configuration.get("enable.auto.commit", "true")).lower() != "false"
    if automatic or not callable(on_commit):
        return args, None
    awaited: deque[CallSpan] = deque()

    def answered(error: Any, partitions: Any) -> Any:
        from confluent_kafka import KafkaException  # noqa: PLC0415 - which imports this adapter

        with guard:
            if awaited and error is None:
                awaited.popleft().end()
            elif awaited:
                awaited.popleft().failed(KafkaException(error))
        return on_commit(error, partitions)

    return ({**configuration, "on_commit": answered}, *args[1:]), awaited


@contextmanager
def committing(
    traced: ConfluentConsumer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[None]:
    """Trace the commit in this block; an asynchronous one is left to `on_commit`, if any."""
    named = {**dict(zip(_COMMIT, args, strict=False)), **kwargs}
    is_later = bool(named.get("asynchronous", named.get("async", True)))
    awaited = traced.awaited if is_later else None
    span = commit_span(guard, traced, failure, later=is_later)
    if awaited is not None:
        awaited.append(span)
    try:
        with span:
            yield
    except BaseException:
        if awaited is not None:
            with suppress(ValueError):  # none is awaited where the tracing stands aside
                awaited.remove(span)
        raise
    if is_later and awaited is None:
        span.end(outcome="unconfirmed")


def methods(original: Any) -> dict[str, Callable[..., Any]]:
    """Return the replacements for what settles messages in a consumer class."""
    from confluent_kafka.cimpl import Message  # noqa: PLC0415 - which is hooked by this adapter

    def commit_offsets(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        traced = traced_consumer(self)
        if traced is None or traced.passive:
            return original.commit(self, *args, **kwargs)
        with committing(traced, args, kwargs):
            return original.commit(self, *args, **kwargs)

    def commit_sync(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        span = commit_span(guard, traced_consumer(self), failure, later=True)
        with span:
            result = original.commit_sync(self, *args, **kwargs)
        with guard:
            errors = [error for error in result.values() if error is not None]
            if errors:
                span.failed(errors[0])
            else:
                span.end()
        return result

    def commit_async(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        span = commit_span(guard, traced_consumer(self), failure, later=True)
        with span:
            result = original.commit_async(self, *args, **kwargs)
        span.end(outcome="unconfirmed")  # the answer names partitions, not the commit
        return result

    def acknowledge(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        named = {**dict(zip(_ACKNOWLEDGE, args, strict=False)), **kwargs}
        place: tuple[Any, ...] = (None, None, None)
        with guard:
            message = named.get("message")
            if isinstance(message, Message):  # else the client will say what is wrong
                place = message.topic(), message.partition(), message.offset()
        span = _acknowledge_span(self, place, named.get("ack_type", 1))
        with span:
            result = original.acknowledge(self, *args, **kwargs)
        span.end(outcome="unconfirmed")  # the broker is told with the next poll or commit
        return result

    def acknowledge_offset(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        named = {**dict(zip(_ACKNOWLEDGE_OFFSET, args, strict=False)), **kwargs}
        place = tuple(named.get(name) for name in _ACKNOWLEDGE_OFFSET[:3])
        span = _acknowledge_span(self, place, named.get("ack_type", 1))
        with span:
            result = original.acknowledge_offset(self, *args, **kwargs)
        span.end(outcome="unconfirmed")  # as above
        return result

    return {
        "commit": commit_offsets,
        "commit_sync": commit_sync,
        "commit_async": commit_async,
        "acknowledge": acknowledge,
        "acknowledge_offset": acknowledge_offset,
    }


def _acknowledge_span(consumer: Any, place: tuple[Any, ...], kind: Any) -> CallSpan:
    verb = _VERBS.get(kind, "acknowledge") if isinstance(kind, int) else "acknowledge"
    traced = traced_consumer(consumer)
    return acknowledge_span(guard, traced, failure, verb=verb, place=place)
