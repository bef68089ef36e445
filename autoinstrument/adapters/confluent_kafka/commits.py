"""What settles messages in confluent-kafka: commits, sync and async, and acknowledgements."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from autoinstrument.tracing.attributes import Common
from autoinstrument.tracing.consumer import commit
from autoinstrument.tracing.step import Step, Taking

from .consumption import consumption_of, guard
from .errors import exception_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .consumption import ConfluentConsumption

_COMMIT = ("message", "offsets", "asynchronous")
_ACKNOWLEDGE = ("message", "ack_type")
_ACKNOWLEDGE_OFFSET = ("topic", "partition", "offset", "ack_type")
# Of AcknowledgeType, by number, as the application may give it.
_VERBS = {1: "accept", 2: "release", 3: "reject"}


def watch_commits(
    args: tuple[Any, ...],
) -> tuple[tuple[Any, ...], deque[Taking] | None]:
    """Return a consumer's arguments with an `on_commit` that answers the commits in the queue.

    Only where the application has one, which is called as before, and no automatic commits, which
    it would be told of as well: librdkafka answers the others in order.
    """
    configuration = args[0] if args and isinstance(args[0], dict) else {}
    on_commit = configuration.get("on_commit")
    automatic = str(configuration.get("enable.auto.commit", "true")).lower() != "false"
    if automatic or not callable(on_commit):
        return args, None
    awaited: deque[Taking] = deque()

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
    consumption: ConfluentConsumption, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[None]:
    """Trace the commit in this block; an asynchronous one is left to `on_commit`, if any."""
    named = {**dict(zip(_COMMIT, args, strict=False)), **kwargs}
    is_later = bool(named.get("asynchronous", named.get("async", True)))
    awaited = consumption.awaited if is_later else None
    taking = Taking(commit(consumption), exception_type, guard, later=is_later)
    if awaited is not None:
        awaited.append(taking)
    try:
        with taking:
            yield
    except BaseException:
        if awaited is not None:
            with suppress(ValueError):  # none is awaited where the tracing stands aside
                awaited.remove(taking)
        raise
    if is_later and awaited is None:
        taking.end(outcome="unconfirmed")


def methods(original: Any) -> dict[str, Callable[..., Any]]:
    """Return the replacements for what settles messages in a consumer class."""
    from confluent_kafka.cimpl import Message  # noqa: PLC0415 - which is hooked by this adapter

    def commit_offsets(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        consumption = consumption_of(self)
        if consumption is None or consumption.passive:
            return original.commit(self, *args, **kwargs)
        with committing(consumption, args, kwargs):
            return original.commit(self, *args, **kwargs)

    def commit_sync(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        taking = Taking(commit(consumption_of(self)), exception_type, guard, later=True)
        with taking:
            result = original.commit_sync(self, *args, **kwargs)
        with guard:
            errors = [error for error in result.values() if error is not None]
            if errors:
                taking.failed(errors[0])
            else:
                taking.end()
        return result

    def commit_async(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        taking = Taking(commit(consumption_of(self)), exception_type, guard, later=True)
        with taking:
            result = original.commit_async(self, *args, **kwargs)
        taking.end(outcome="unconfirmed")  # the answer names partitions, not the commit
        return result

    def acknowledge(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        step = None
        with guard:
            named = {**dict(zip(_ACKNOWLEDGE, args, strict=False)), **kwargs}
            message = named.get("message")
            if isinstance(message, Message):  # else the client will say what is wrong
                step = _settle(self, message.topic(), message.partition(), message.offset(), named)
        return _acknowledged(step, original.acknowledge, self, args, kwargs)

    def acknowledge_offset(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        step = None
        with guard:
            named = {**dict(zip(_ACKNOWLEDGE_OFFSET, args, strict=False)), **kwargs}
            topic, partition, offset = (named.get(name) for name in _ACKNOWLEDGE_OFFSET[:3])
            step = _settle(self, topic, partition, offset, named)
        return _acknowledged(step, original.acknowledge_offset, self, args, kwargs)

    return {
        "commit": commit_offsets,
        "commit_sync": commit_sync,
        "commit_async": commit_async,
        "acknowledge": acknowledge,
        "acknowledge_offset": acknowledge_offset,
    }


def _settle(
    consumer: Any, topic: Any, partition: Any, offset: Any, named: Mapping[str, Any]
) -> Step | None:
    consumption = consumption_of(consumer)
    if consumption is None or not isinstance(topic, str):
        return None
    kind = named.get("ack_type", 1)
    verb = _VERBS.get(kind, "acknowledge") if isinstance(kind, int) else "acknowledge"
    of_topic = {"messaging.operation.name": verb, "messaging.destination.name": topic}
    step = Step(SpanKind.CLIENT, Common({**consumption.settling, **of_topic}))
    step.partition, step.offset = partition, offset
    return step


def _acknowledged(
    step: Step | None, original: Any, consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    taking = Taking(step, exception_type, guard, later=True)
    with taking:
        result = original(consumer, *args, **kwargs)
    taking.end(outcome="unconfirmed")  # the broker is told with the next poll or commit
    return result
