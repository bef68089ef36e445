"""aiokafka's consumer: one record or lists of them, in the task that awaits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.adapters.patches import Patches
from autoinstrument.adapters.python_clients.errors import error_type
from autoinstrument.adapters.python_clients.records import take, take_batches
from autoinstrument.process.settings import settings
from autoinstrument.tracing.consumer import Consumption, commit
from autoinstrument.tracing.part import Part
from autoinstrument.tracing.step import Taking

if TYPE_CHECKING:
    from autoinstrument.tracing.workers import Worker

_CLIENT = "_autoinstrument"  # the one attribute of a consumer that is ours

guard = Part("the tracing of aiokafka's consumer")
patches = Patches()
_originals = patches.original


def install(consumer: Any) -> None:
    """Make the messages of the class `AIOKafkaConsumer` units of work."""
    if getattr(consumer.getone, "__wrapped__", None) is None and settings().consumers:
        for name, replacement in _METHODS.items():
            patches.replace(consumer, name, replacement)


class AiokafkaConsumption(Consumption):
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


def _consumption_of(consumer: Any) -> Consumption | None:
    if guard.broken:
        return None
    consumption: Consumption | None = consumer.__dict__.get(_CLIENT)
    if consumption is None and "_client" in consumer.__dict__:
        with guard:
            consumption = AiokafkaConsumption(consumer)
            setattr(consumer, _CLIENT, consumption)
    return consumption


def _before(consumer: Any) -> tuple[Consumption, Worker] | None:
    consumption = _consumption_of(consumer)
    try:
        if consumption is not None:
            return consumption, consumption.next()
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    return None


async def _getone(self: Any, *args: Any, **kwargs: Any) -> Any:
    traced = _before(self)
    record = await _originals["getone"](self, *args, **kwargs)
    if traced is not None:
        try:
            take(traced[0], record, traced[1])
        except Exception as error:  # noqa: BLE001 - the agent's own
            guard.caught(error)
    return record


async def _getmany(self: Any, *args: Any, **kwargs: Any) -> Any:
    traced = _before(self)
    batches = await _originals["getmany"](self, *args, **kwargs)
    with guard:
        if traced is not None and batches:
            take_batches(traced[0], batches, traced[1])
    return batches


async def _stop(self: Any, *args: Any, **kwargs: Any) -> Any:
    with guard:
        consumption: Consumption | None = self.__dict__.get(_CLIENT)
        if consumption is not None:
            consumption.closed()
    return await _originals["stop"](self, *args, **kwargs)


async def _commit(self: Any, *args: Any, **kwargs: Any) -> Any:
    with Taking(commit(_consumption_of(self)), error_type, guard):
        return await _originals["commit"](self, *args, **kwargs)


_METHODS = {"getone": _getone, "getmany": _getmany, "stop": _stop, "commit": _commit}
