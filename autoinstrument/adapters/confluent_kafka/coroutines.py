"""confluent-kafka's consumers for coroutines, which work in threads of the client's own.

Units of work are current in the task that awaits. `AsyncDeserializingConsumer` inherits that.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import has_names

from .commits import committing
from .consumer import begin_batch, begin_processing
from .traced_consumer import guard, traced_consumer

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.adapter import TracedConsumer, Worker

    from .traced_consumer import ConfluentConsumer

_collected: ContextVar[tuple[TracedConsumer | None, list[list[Any]]] | None] = ContextVar(
    "autoinstrument", default=None
)
"""A consumer that makes lists of its own in this task, and the batches that it makes them of."""


def watch_coroutines(consumer: Any, replace: Callable[[type, str, Any], None]) -> None:
    """Make units of work current in the coroutine that awaits, not in the client's own thread."""
    if not has_names(consumer, "_consumer", otherwise="its messages are no units of work"):
        return
    replace(consumer, "__init__", _passive(consumer.__init__))
    replace(consumer, "poll", _awaiting(consumer.poll, begin_processing))
    replace(consumer, "consume", _awaiting(consumer.consume, _begin_batch))
    replace(consumer, "commit", _committing(consumer.commit))
    replace(consumer, "close", _closing(consumer.close))


def watch_lists(consumer: Any, replace: Callable[[type, str, Any], None]) -> None:
    """Make units of work current in the application's loop, not in the one of a class above."""
    replace(consumer, "consume", _returning(consumer.consume))


def _traced(consumer: Any) -> ConfluentConsumer | None:
    # One that was never initialised has none, as the client itself will say.
    return traced_consumer(getattr(consumer, "_consumer", None))


def _passive(init: Any) -> Any:
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        with guard:
            traced = _traced(self)
            if traced is not None:
                traced.passive = True

    return initialize


def _awaiting(method: Any, begin_processing: Callable[[TracedConsumer, Any, Worker], Any]) -> Any:
    async def awaiting(self: Any, *args: Any, **kwargs: Any) -> Any:
        traced = _traced(self)
        if traced is None:
            return await method(self, *args, **kwargs)
        worker = None
        with guard:
            worker = traced.before_poll()
        result = await method(self, *args, **kwargs)
        with guard:
            taken = None if worker is None else begin_processing(traced, result, worker)
            return result if taken is None else taken
        return result

    return awaiting


def _begin_batch(traced: TracedConsumer, messages: list[Any], worker: Worker) -> list[Any]:
    batch = begin_batch(traced, messages, worker)
    collected = _collected.get()
    if collected is None or collected[0] is not traced:
        return batch
    collected[1].append(batch)
    return messages


def _returning(consume: Any) -> Any:
    """Have a batch returned that the client would only iterate over, to make another list of it."""

    async def returning(self: Any, *args: Any, **kwargs: Any) -> Any:
        batches: list[list[Any]] = []
        token = _collected.set((_traced(self), batches))
        try:
            result = await consume(self, *args, **kwargs)
        finally:
            _collected.reset(token)
        with guard:
            if batches:
                (batch,) = batches
                batch[:] = result
                return batch
        return result

    return returning


def _committing(method: Any) -> Any:
    async def commit(self: Any, *args: Any, **kwargs: Any) -> Any:
        traced = _traced(self)
        if traced is None:
            return await method(self, *args, **kwargs)
        with committing(traced, args, kwargs):
            return await method(self, *args, **kwargs)

    return commit


def _closing(method: Any) -> Any:
    async def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        with guard:
            traced = _traced(self)
            if traced is not None:
                traced.before_close()
        return await method(self, *args, **kwargs)

    return close
