"""kafka-python's consumer: iterated, or polled for lists of records."""

from __future__ import annotations

from typing import Any

from autoinstrument.adapter import Guard, Patches, TracedConsumer, wants_consumers
from autoinstrument.adapters.python_clients.calls import enclose
from autoinstrument.adapters.python_clients.consumers import Consumers
from autoinstrument.adapters.python_clients.traced_objects import server_list

guard = Guard("the tracing of kafka-python's consumer")
patches = Patches()
_originals = patches.original


def install(consumer: Any) -> None:
    """Make the messages of the class `KafkaConsumer` units of work."""
    if wants_consumers():
        for name, replacement in _METHODS.items():
            patches.replace(consumer, name, replacement)
        enclose(patches, consumer, {"commit": _consumers.commit, "close": _consumers.closing})


class KafkaPythonConsumer(TracedConsumer):
    """A consumer, as its configuration describes it."""

    guard = guard

    def __init__(self, consumer: Any) -> None:
        config = consumer.config
        super().__init__(
            consumer,
            client_id=str(config["client_id"]),
            servers=server_list(config["bootstrap_servers"]),
            group=config["group_id"],
        )


_consumers = Consumers(guard, KafkaPythonConsumer, initialised_by="config")


def _next(self: Any) -> Any:
    poll = _consumers.begin_poll(self)
    record = _originals["KafkaConsumer.__next__"](self)
    if poll is not None:
        _consumers.begin_processing(poll, record)
    return record


def _poll(self: Any, *args: Any, **kwargs: Any) -> Any:
    # Without updating offsets it is the iterator that asks.
    poll = _consumers.begin_poll(self) if kwargs.get("update_offsets", True) else None
    batches = _originals["KafkaConsumer.poll"](self, *args, **kwargs)
    if poll is not None and batches:
        _consumers.begin_batches(poll, batches)
    return batches


def _commit_async(self: Any, *args: Any, **kwargs: Any) -> Any:
    span = _consumers.commit(self, later=True)
    with span:
        future = _originals["KafkaConsumer.commit_async"](self, *args, **kwargs)
    with guard:
        future.add_callback(lambda _: span.end())
        future.add_errback(span.failed)
    return future


_METHODS = {"__next__": _next, "poll": _poll, "commit_async": _commit_async}
