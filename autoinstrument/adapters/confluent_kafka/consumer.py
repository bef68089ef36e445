"""confluent-kafka's consumers: C types that only a subclass can trace.

`DeserializingConsumer`, `AvroConsumer` and the consumer inside `AIOConsumer` inherit it.
"""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any

from autoinstrument.process.settings import settings
from autoinstrument.tracing.batch import Batch

from .commits import committing, methods, watch_commits
from .consumption import ConfluentConsumption, consumption_of, guard
from .statistics import watch_statistics
from .writes import CLIENT, initialize

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.tracing.consumer import Consumption
    from autoinstrument.tracing.unit import Unit
    from autoinstrument.tracing.workers import Worker

_original: Any
_original_share: Any = None


def subclass(consumer: type) -> type:
    """Return a subclass of the client's consumer whose messages are units of work."""
    global _original  # noqa: PLW0603 - the C type is one a process
    _original = consumer
    return _subclass(consumer, {**_METHODS, **methods(consumer)})


def subclass_of_share(consumer: type) -> type:
    """Return a subclass of the client's share consumer, whose polls return batches."""
    global _original_share  # noqa: PLW0603 - as above
    _original_share = consumer
    return _subclass(consumer, {**_SHARE_METHODS, **methods(consumer)})


def _subclass(consumer: type, methods: dict[str, Callable[..., Any]]) -> type:
    names: dict[str, Any] = {
        "__slots__": (CLIENT, "__weakref__"),
        "__module__": consumer.__module__,
        "__doc__": consumer.__doc__,
    }
    for name, method in methods.items():
        if hasattr(consumer, name):  # older versions have fewer
            names[name] = update_wrapper(method, getattr(consumer, name), updated=())
    return type(consumer.__name__, (consumer,), names)


def _init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    given, awaited = args, None
    with guard:
        if settings().consumers:
            args, awaited = watch_commits(args)
            args = watch_statistics(args, kwargs, guard)
    initialize(_original, self, args, kwargs)
    with guard:
        if settings().consumers:
            configuration = {**(given[0] if given else {}), **kwargs}
            consumption = _described(self, configuration)
            consumption.awaited = awaited
            object.__setattr__(self, CLIENT, consumption)


def _described(consumer: Any, configuration: dict[str, Any]) -> ConfluentConsumption:
    servers = configuration.get("bootstrap.servers") or configuration.get("metadata.broker.list")
    return ConfluentConsumption(
        consumer,
        client_id=str(configuration.get("client.id", "rdkafka")),
        servers=str(servers or ""),
        group=configuration.get("group.id"),
    )


def _poll(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    consumption = consumption_of(self)
    if consumption is None or consumption.passive:
        return _original.poll(self, *args, **kwargs)
    who = None
    try:
        who = consumption.next()
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    message = _original.poll(self, *args, **kwargs)
    if message is not None and who is not None:
        try:
            take(consumption, message, who)
        except Exception as error:  # noqa: BLE001 - the agent's own
            guard.caught(error)
    return message


def take(consumption: Consumption, message: Any, who: Worker) -> None:
    """Make the unit of work of a message current, if it is a message."""
    if message is not None and message.error() is None:
        consumption.take(
            who,
            message.topic(),
            message.partition(),
            message.offset(),
            key=message.key(),
            headers=message.headers(),
            tombstone=message.value() is None,
        )


def _consume(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    consumption = consumption_of(self)
    if consumption is None or consumption.passive:
        return _original.consume(self, *args, **kwargs)
    who = None
    with guard:
        who = consumption.next()
    messages = _original.consume(self, *args, **kwargs)
    with guard:
        if who is not None:
            return take_batch(consumption, messages, who)
    return messages


def take_batch(consumption: Consumption, messages: list[Any], who: Worker) -> list[Any]:
    """Return the messages as a list that makes the unit of work of each current in its turn."""
    if not messages:
        return messages
    kind = type(messages[0])
    records = [message for message in messages if message.error() is None]
    consumption.received(who, records, kind.topic, kind.headers)
    units: list[Unit] = []
    consumption.hold(who, units)
    held = partial(consumption.holds, who, units)
    return Batch(messages, partial(_begin, consumption), units, held, guard)


def _begin(consumption: Consumption, message: Any) -> Unit | None:
    if message.error() is not None:
        return None
    return consumption.begin(
        message.topic(),
        message.partition(),
        message.offset(),
        key=message.key(),
        headers=message.headers(),
        tombstone=message.value() is None,
    )


def _close(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    consumption = consumption_of(self)
    with guard:
        if consumption is not None:
            consumption.closed()
    result = _original.close(self, *args, **kwargs)  # which may still call `on_commit`
    with guard:
        if consumption is not None:
            consumption.answer_no_more()
    return result


def _share_init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    initialize(_original_share, self, args, kwargs)
    with guard:
        if settings().consumers:
            configuration = {**(args[0] if args else {}), **kwargs}
            object.__setattr__(self, CLIENT, _described(self, configuration))


def _share_poll(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    consumption, who = consumption_of(self), None
    with guard:
        if consumption is not None:
            who = consumption.next()
    messages = _original_share.poll(self, *args, **kwargs)
    with guard:
        if consumption is not None and who is not None and hasattr(messages, "_records"):
            # Its iterator is the list's, which has no public name.
            messages._records = take_batch(consumption, messages._records, who)  # noqa: SLF001 - see above
    return messages


def _share_close(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    with guard:
        consumption = consumption_of(self)
        if consumption is not None:
            consumption.closed()
    return _original_share.close(self, *args, **kwargs)


def watch_coroutines(consumer: Any, replace: Callable[[type, str, Any], None]) -> None:
    """Make units of work current in the coroutine that awaits, not in the client's own thread."""
    replace(consumer, "__init__", _passive(consumer.__init__))
    replace(consumer, "poll", _awaiting(consumer.poll, take))
    replace(consumer, "consume", _awaiting(consumer.consume, take_batch))
    replace(consumer, "commit", _committing(consumer.commit))
    replace(consumer, "close", _closing(consumer.close))


def _passive(init: Any) -> Any:
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        with guard:
            consumption = consumption_of(self._consumer)
            if consumption is not None:
                consumption.passive = True

    return initialize


def _awaiting(method: Any, take: Callable[[Consumption, Any, Worker], Any]) -> Any:
    async def awaiting(self: Any, *args: Any, **kwargs: Any) -> Any:
        consumption = consumption_of(self._consumer)
        if consumption is None:
            return await method(self, *args, **kwargs)
        who = None
        with guard:
            who = consumption.next()
        result = await method(self, *args, **kwargs)
        with guard:
            taken = None if who is None else take(consumption, result, who)
            return result if taken is None else taken
        return result

    return awaiting


def _committing(method: Any) -> Any:
    async def commit(self: Any, *args: Any, **kwargs: Any) -> Any:
        consumption = consumption_of(self._consumer)
        if consumption is None:
            return await method(self, *args, **kwargs)
        with committing(consumption, args, kwargs):
            return await method(self, *args, **kwargs)

    return commit


def _closing(method: Any) -> Any:
    async def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        with guard:
            consumption = consumption_of(self._consumer)
            if consumption is not None:
                consumption.closed()
        return await method(self, *args, **kwargs)

    return close


_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _init,
    "poll": _poll,
    "consume": _consume,
    "close": _close,
}
_SHARE_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _share_init,
    "poll": _share_poll,
    "close": _share_close,
}
