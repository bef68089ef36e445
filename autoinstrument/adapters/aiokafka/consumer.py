"""aiokafka's consumer: one record or lists of them, in the task that awaits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Guard, Patches, TracedConsumer, commit_span, wants_consumers
from autoinstrument.adapters.python_clients.errors import error_type
from autoinstrument.adapters.python_clients.records import begin_batches, begin_processing

if TYPE_CHECKING:
    from autoinstrument.adapter import Worker

_TRACED = "_autoinstrument"  # the one attribute of a consumer that is ours

guard = Guard("the tracing of aiokafka's consumer")
patches = Patches()
_originals = patches.original


def install(consumer: Any) -> None:
    """Make the messages of the class `AIOKafkaConsumer` units of work."""
    if getattr(consumer.getone, "__wrapped__", None) is None and wants_consumers():
        for name, replacement in _METHODS.items():
            patches.replace(consumer, name, replacement)


class AiokafkaConsumer(TracedConsumer):
    """A consumer, as its own client describes it."""

    guard = guard

    def __init__(self, consumer: Any) -> None:
        client = consumer._client  # noqa: SLF001 - where the consumer keeps what it was told
        servers = getattr(client, "_bootstrap_servers", "")
        super().__init__(
            consumer,
            client_id=str(getattr(client, "_client_id", "")),
            servers=servers if isinstance(servers, str) else ",".join(map(str, servers)),
            group=getattr(consumer, "_group_id", None),
        )


def _traced_consumer(consumer: Any) -> TracedConsumer | None:
    if guard.is_off:
        return None
    traced: TracedConsumer | None = consumer.__dict__.get(_TRACED)
    if traced is None and "_client" in consumer.__dict__:
        with guard:
            traced = AiokafkaConsumer(consumer)
            setattr(consumer, _TRACED, traced)
    return traced


def _before(consumer: Any) -> tuple[TracedConsumer, Worker] | None:
    traced = _traced_consumer(consumer)
    try:
        if traced is not None:
            return traced, traced.before_poll()
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    return None


async def _getone(self: Any, *args: Any, **kwargs: Any) -> Any:
    traced = _before(self)
    record = await _originals["getone"](self, *args, **kwargs)
    if traced is not None:
        try:
            begin_processing(traced[0], record, traced[1])
        except Exception as error:  # noqa: BLE001 - the agent's own
            guard.caught(error)
    return record


async def _getmany(self: Any, *args: Any, **kwargs: Any) -> Any:
    traced = _before(self)
    batches = await _originals["getmany"](self, *args, **kwargs)
    with guard:
        if traced is not None and batches:
            begin_batches(traced[0], batches, traced[1])
    return batches


async def _stop(self: Any, *args: Any, **kwargs: Any) -> Any:
    with guard:
        traced: TracedConsumer | None = self.__dict__.get(_TRACED)
        if traced is not None:
            traced.before_close()
    return await _originals["stop"](self, *args, **kwargs)


async def _commit(self: Any, *args: Any, **kwargs: Any) -> Any:
    with commit_span(guard, _traced_consumer(self), error_type):
        return await _originals["commit"](self, *args, **kwargs)


_METHODS = {"getone": _getone, "getmany": _getmany, "stop": _stop, "commit": _commit}
