"""confluent-kafka's consumers: C types that only a subclass can trace.

`DeserializingConsumer`, `AvroConsumer` and the consumer inside `AIOConsumer` inherit it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Batch, has_names, wants_consumers

from . import classes
from .classes import initialize, trace
from .commits import methods, watch_commits
from .statistics import watch_statistics
from .traced_consumer import ConfluentConsumer, guard, traced_consumer

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.adapter import TracedConsumer, Unit, Worker

    from .alive import Alive

_original: Any
_original_share: Any = None


def subclass(consumer: type) -> type:
    """Return a subclass of the client's consumer whose messages are units of work."""
    global _original  # noqa: PLW0603 - the C type is one a process
    _original = consumer
    return classes.subclass(consumer, {**_METHODS, **_ways_out(consumer), **methods(consumer)})


def subclass_of_share(consumer: type) -> type:
    """Return a subclass of the client's share consumer, whose polls return batches."""
    global _original_share  # noqa: PLW0603 - as above
    _original_share = consumer
    replacements = {**_SHARE_METHODS, **_ways_out(consumer), **methods(consumer)}
    return classes.subclass(consumer, replacements)


def _init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    given, awaited = args, None
    with guard:
        if wants_consumers():
            args, awaited = watch_commits(args)
            args = watch_statistics(args, kwargs, guard)
    initialize(_original, self, args, kwargs)
    with guard:
        if wants_consumers():
            configuration = {**(given[0] if given else {}), **kwargs}
            trace(self, partial(_described, configuration)).awaited = awaited


def _described(configuration: dict[str, Any], consumer: Alive) -> ConfluentConsumer:
    servers = configuration.get("bootstrap.servers") or configuration.get("metadata.broker.list")
    return ConfluentConsumer(
        consumer,
        client_id=str(configuration.get("client.id", "rdkafka")),
        servers=str(servers or ""),
        group=configuration.get("group.id"),
    )


def _poll(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    traced = traced_consumer(self)
    if traced is None or traced.passive:
        return _original.poll(self, *args, **kwargs)
    worker = None
    try:
        worker = traced.before_poll()
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    message = _original.poll(self, *args, **kwargs)
    if message is not None and worker is not None:
        try:
            begin_processing(traced, message, worker)
        except Exception as error:  # noqa: BLE001 - the agent's own
            guard.caught(error)
    return message


def begin_processing(traced: TracedConsumer, message: Any, worker: Worker) -> None:
    """Make the unit of work of a message current, if it is a message."""
    if message is not None and message.error() is None:
        traced.begin_processing(
            worker,
            message.topic(),
            message.partition(),
            message.offset(),
            key=message.key(),
            headers=message.headers(),
            tombstone=message.value() is None,
        )


def _consume(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    traced = traced_consumer(self)
    if traced is None or traced.passive:
        return _original.consume(self, *args, **kwargs)
    worker = None
    with guard:
        worker = traced.before_poll()
    messages = _original.consume(self, *args, **kwargs)
    with guard:
        if worker is not None:
            return begin_batch(traced, messages, worker)
    return messages


def begin_batch(traced: TracedConsumer, messages: list[Any], worker: Worker) -> list[Any]:
    """Return the messages as a list that makes the unit of work of each current in its turn."""
    if not messages:
        return messages
    kind = type(messages[0])
    records = [message for message in messages if message.error() is None]
    units = traced.received(worker, records, kind.topic, kind.headers)
    return Batch(messages, partial(_open_unit, traced), units)


def _open_unit(traced: TracedConsumer, message: Any) -> Unit | None:
    if message.error() is not None:
        return None
    return traced.open_unit(
        message.topic(),
        message.partition(),
        message.offset(),
        key=message.key(),
        headers=message.headers(),
        tombstone=message.value() is None,
    )


def _ways_out(original: Any) -> dict[str, Callable[..., Any]]:
    """Return the replacements for what closes a consumer: its `__exit__` closes it in C."""

    def closing(name: str) -> Callable[..., Any]:
        def close(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            traced = traced_consumer(self)
            with guard:
                if traced is not None:
                    traced.before_close()
            result = getattr(original, name)(self, *args, **kwargs)  # may still call `on_commit`
            with guard:
                if traced is not None:
                    traced.answer_no_more()
            return result

        return close

    return {name: closing(name) for name in ("close", "__exit__")}


def _share_init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    initialize(_original_share, self, args, kwargs)
    with guard:
        if wants_consumers():
            configuration = {**(args[0] if args else {}), **kwargs}
            trace(self, partial(_described, configuration))


def _share_poll(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    traced, worker = traced_consumer(self), None
    with guard:
        if traced is not None:
            worker = traced.before_poll()
    messages = _original_share.poll(self, *args, **kwargs)
    with guard:
        if traced is not None and worker is not None and _has_records(messages):
            # Its iterator is the list's, which has no public name.
            messages._records = begin_batch(traced, messages._records, worker)  # noqa: SLF001 - see above
    return messages


def _has_records(messages: Any) -> bool:
    otherwise = "the messages of a share group are no units of work"
    return bool(messages) and has_names(messages, "_records", otherwise=otherwise)


_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _init,
    "poll": _poll,
    "consume": _consume,
}
_SHARE_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _share_init,
    "poll": _share_poll,
}
