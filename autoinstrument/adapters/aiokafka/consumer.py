"""aiokafka's consumer: one record or lists of them, in the task that awaits."""

from __future__ import annotations

from typing import Any

from autoinstrument.adapter import Guard, Patches, TracedConsumer, has_names, wants_consumers
from autoinstrument.adapters.python_clients.calls import enclose
from autoinstrument.adapters.python_clients.consumers import Consumers
from autoinstrument.adapters.python_clients.traced_objects import server_list

guard = Guard("the tracing of aiokafka's consumer")
patches = Patches()
_originals = patches.original
_UNTRACED = "its messages are no units of work"


def install(consumer: Any) -> None:
    """Make the messages of the class `AIOKafkaConsumer` units of work."""
    if wants_consumers() and has_names(consumer, "_client", otherwise=_UNTRACED):
        has_names(consumer, "_group_id", otherwise="its units of work have no consumer group")
        patches.replace(consumer, "getone", _getone)
        patches.replace(consumer, "getmany", _getmany)
        enclose(patches, consumer, {"commit": _consumers.commit, "stop": _consumers.closing})


class AiokafkaConsumer(TracedConsumer):
    """A consumer, as its own client describes it."""

    guard = guard

    def __init__(self, consumer: Any) -> None:
        client = consumer._client  # noqa: SLF001 - where the consumer keeps what it was told
        super().__init__(
            consumer,
            client_id=str(getattr(client, "_client_id", "")),
            servers=server_list(getattr(client, "_bootstrap_servers", "")),
            group=getattr(consumer, "_group_id", None),
        )


_consumers = Consumers(guard, AiokafkaConsumer, initialised_by="_client")


async def _getone(self: Any, *args: Any, **kwargs: Any) -> Any:
    poll = _consumers.begin_poll(self)
    record = await _originals["AIOKafkaConsumer.getone"](self, *args, **kwargs)
    if poll is not None:
        _consumers.begin_processing(poll, record)
    return record


async def _getmany(self: Any, *args: Any, **kwargs: Any) -> Any:
    poll = _consumers.begin_poll(self)
    batches = await _originals["AIOKafkaConsumer.getmany"](self, *args, **kwargs)
    if poll is not None and batches:
        _consumers.begin_batches(poll, batches)
    return batches
