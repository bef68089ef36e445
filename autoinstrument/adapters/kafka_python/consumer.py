"""kafka-python's consumer: iterated, or polled for lists of records."""

from __future__ import annotations

from typing import Any

from autoinstrument.adapters.patches import Patches
from autoinstrument.adapters.python_clients.errors import error_type
from autoinstrument.adapters.python_clients.records import take, take_batches
from autoinstrument.process.guard import Guard
from autoinstrument.process.settings import settings
from autoinstrument.tracing.consumer import Consumption, commit
from autoinstrument.tracing.step import Taking
from autoinstrument.tracing.workers import this_worker

_CLIENT = "_autoinstrument"  # the one attribute of a consumer that is ours

guard = Guard("the tracing of kafka-python's consumer")
patches = Patches()
_originals = patches.original


def install(consumer: Any) -> None:
    """Make the messages of the class `KafkaConsumer` units of work."""
    if getattr(consumer.poll, "__wrapped__", None) is None and settings().consumers:
        for name, replacement in _METHODS.items():
            patches.replace(consumer, name, replacement)


def _consumption_of(consumer: Any) -> Consumption | None:
    consumption: Consumption | None = consumer.__dict__.get(_CLIENT)
    if consumption is None and not guard.broken and "_fetcher" in consumer.__dict__:
        config = consumer.config
        servers = config["bootstrap_servers"]
        consumption = Consumption(
            consumer,
            client_id=str(config["client_id"]),
            servers=servers if isinstance(servers, str) else ",".join(map(str, servers)),
            group=config["group_id"],
        )
        setattr(consumer, _CLIENT, consumption)
    return None if guard.broken else consumption


def _next(self: Any) -> Any:
    consumption = None
    try:
        consumption = self.__dict__.get(_CLIENT) or _consumption_of(self)
        if consumption is not None and not guard.broken:
            who = this_worker()
            consumption.next(who)
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    record = _originals["__next__"](self)
    if consumption is not None and not guard.broken:
        try:
            take(consumption, record, who)
        except Exception as error:  # noqa: BLE001 - the agent's own
            guard.caught(error)
    return record


def _poll(self: Any, *args: Any, **kwargs: Any) -> Any:
    consumption = None
    if kwargs.get("update_offsets", True):  # else it is the iterator that asks
        with guard:
            consumption = _consumption_of(self)
            if consumption is not None:
                who = this_worker()
                consumption.next(who)
    batches = _originals["poll"](self, *args, **kwargs)
    with guard:
        if consumption is not None and batches:
            take_batches(consumption, batches, who, guard)
    return batches


def _close(self: Any, *args: Any, **kwargs: Any) -> Any:
    with guard:
        consumption: Consumption | None = self.__dict__.get(_CLIENT)
        if consumption is not None:
            consumption.closed()
    return _originals["close"](self, *args, **kwargs)


def _commit(self: Any, *args: Any, **kwargs: Any) -> Any:
    with Taking(commit(_consumption_of(self)), error_type):
        return _originals["commit"](self, *args, **kwargs)


def _commit_async(self: Any, *args: Any, **kwargs: Any) -> Any:
    taking = Taking(commit(_consumption_of(self)), error_type, later=True)
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
