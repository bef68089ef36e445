"""kafka-python's consumer: iterated, or polled for lists of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Guard, Patches, TracedConsumer, commit_span, wants_consumers
from autoinstrument.adapters.python_clients.errors import error_type
from autoinstrument.adapters.python_clients.records import begin_batches, begin_processing

if TYPE_CHECKING:
    from autoinstrument.adapter import Worker

_TRACED = "_autoinstrument"  # the one attribute of a consumer that is ours

guard = Guard("the tracing of kafka-python's consumer")
patches = Patches()
_originals = patches.original


def install(consumer: Any) -> None:
    """Make the messages of the class `KafkaConsumer` units of work."""
    if getattr(consumer.poll, "__wrapped__", None) is None and wants_consumers():
        for name, replacement in _METHODS.items():
            patches.replace(consumer, name, replacement)


class KafkaPythonConsumer(TracedConsumer):
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


def _traced_consumer(consumer: Any) -> TracedConsumer | None:
    if guard.is_off:
        return None
    traced: TracedConsumer | None = consumer.__dict__.get(_TRACED)
    if traced is None and "_fetcher" in consumer.__dict__:
        with guard:
            traced = KafkaPythonConsumer(consumer)
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


def _next(self: Any) -> Any:
    traced = _before(self)
    record = _originals["__next__"](self)
    if traced is not None:
        try:
            begin_processing(traced[0], record, traced[1])
        except Exception as error:  # noqa: BLE001 - the agent's own
            guard.caught(error)
    return record


def _poll(self: Any, *args: Any, **kwargs: Any) -> Any:
    # Without updating offsets it is the iterator that asks.
    traced = _before(self) if kwargs.get("update_offsets", True) else None
    batches = _originals["poll"](self, *args, **kwargs)
    with guard:
        if traced is not None and batches:
            begin_batches(traced[0], batches, traced[1])
    return batches


def _close(self: Any, *args: Any, **kwargs: Any) -> Any:
    with guard:
        traced: TracedConsumer | None = self.__dict__.get(_TRACED)
        if traced is not None:
            traced.before_close()
    return _originals["close"](self, *args, **kwargs)


def _commit(self: Any, *args: Any, **kwargs: Any) -> Any:
    with commit_span(guard, _traced_consumer(self), error_type):
        return _originals["commit"](self, *args, **kwargs)


def _commit_async(self: Any, *args: Any, **kwargs: Any) -> Any:
    span = commit_span(guard, _traced_consumer(self), error_type, later=True)
    with span:
        future = _originals["commit_async"](self, *args, **kwargs)
    with guard:
        future.add_callback(lambda _: span.end())
        future.add_errback(span.failed)
    return future


_METHODS = {
    "__next__": _next,
    "poll": _poll,
    "close": _close,
    "commit": _commit,
    "commit_async": _commit_async,
}
