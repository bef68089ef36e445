"""kafka-python's consumer: iterated, or polled for lists of records."""

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

guard = Part("the tracing of kafka-python's consumer")
patches = Patches()
_originals = patches.original


def install(consumer: Any) -> None:
    """Make the messages of the class `KafkaConsumer` units of work."""
    if getattr(consumer.poll, "__wrapped__", None) is None and settings().consumers:
        for name, replacement in _METHODS.items():
            patches.replace(consumer, name, replacement)


class KafkaPythonConsumption(Consumption):
    """A consumer, as its configuration describes it."""

    guard = guard

    def __init__(self, consumer: Any) -> None:
        config = consumer.config
        servers = config["bootstrap_servers"]
        super().__init__(
            consumer,
            client_id=str(config["client_id"]),
            servers=servers if isinstance(servers, str) else ",".join(map(str, servers)),
            group=config["group_id"],
        )


def _consumption_of(consumer: Any) -> Consumption | None:
    if guard.broken:
        return None
    consumption: Consumption | None = consumer.__dict__.get(_CLIENT)
    if consumption is None and "_fetcher" in consumer.__dict__:
        with guard:
            consumption = KafkaPythonConsumption(consumer)
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


def _next(self: Any) -> Any:
    traced = _before(self)
    record = _originals["__next__"](self)
    if traced is not None:
        try:
            take(traced[0], record, traced[1])
        except Exception as error:  # noqa: BLE001 - the agent's own
            guard.caught(error)
    return record


def _poll(self: Any, *args: Any, **kwargs: Any) -> Any:
    # Without updating offsets it is the iterator that asks.
    traced = _before(self) if kwargs.get("update_offsets", True) else None
    batches = _originals["poll"](self, *args, **kwargs)
    with guard:
        if traced is not None and batches:
            take_batches(traced[0], batches, traced[1])
    return batches


def _close(self: Any, *args: Any, **kwargs: Any) -> Any:
    with guard:
        consumption: Consumption | None = self.__dict__.get(_CLIENT)
        if consumption is not None:
            consumption.closed()
    return _originals["close"](self, *args, **kwargs)


def _commit(self: Any, *args: Any, **kwargs: Any) -> Any:
    with Taking(commit(_consumption_of(self)), error_type, guard):
        return _originals["commit"](self, *args, **kwargs)


def _commit_async(self: Any, *args: Any, **kwargs: Any) -> Any:
    taking = Taking(commit(_consumption_of(self)), error_type, guard, later=True)
    with taking:
        future = _originals["commit_async"](self, *args, **kwargs)
    with guard:
        future.add_callback(lambda _: taking.end())
        future.add_errback(taking.failed)
    return future


_METHODS = {
    "__next__": _next,
    "poll": _poll,
    "close": _close,
    "commit": _commit,
    "commit_async": _commit_async,
}
