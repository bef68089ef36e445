"""confluent-kafka's Python layers: what fails, or waits, before a message reaches the C producer.

`SerializingProducer` and `AvroProducer` may fail to serialize; `AIOProducer` buffers and hands over
batches from a worker thread, where neither the caller nor its context is known any more.
"""

from __future__ import annotations

import sys
from functools import wraps
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import PURGED, Patches, foreign, has_names

from . import producer as c_layer
from .coroutines import watch_coroutines, watch_lists
from .errors import layer_failure
from .writes import OPENED, ConfluentWrite, guard, open_confluent_write, traced_producer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, ModuleType

_BUFFER = ("_kafka_executor", "_message_buffer", "add_message", "cancel_pending_futures")
_OURS = {__name__, c_layer.__name__}


def watch(module: ModuleType) -> None:
    """Trace the classes of a module above the C producer."""
    for name in ("SerializingProducer", "AvroProducer"):
        if hasattr(module, name):
            _wrap(getattr(module, name), "produce", _watched)
    for name in ("AIOProducer", "AsyncSerializingProducer"):
        if hasattr(module, name):
            _watch_coroutine(getattr(module, name))
    if hasattr(module, "AIOProducer"):
        _watch_buffer(sys.modules[module.AIOProducer.__module__])
    if hasattr(module, "AIOConsumer"):
        watch_coroutines(module.AIOConsumer, patches.replace)
    if hasattr(module, "AsyncDeserializingConsumer"):
        watch_lists(module.AsyncDeserializingConsumer, patches.replace)


def _watch_coroutine(kind: type) -> None:
    if has_names(kind, "_producer", otherwise="what it fails to serialize has no span"):
        _wrap(kind, "produce", _watched_coroutine)


def _watch_buffer(module: ModuleType) -> None:
    """Trace what `AIOProducer` buffers; else it has spans only when it leaves the buffer."""
    otherwise = "the writes of AIOProducer have roots, not the spans that were current"
    if (
        has_names(module, "ProducerBatchManager", "ProducerBatchExecutor", otherwise=otherwise)
        and has_names(module.ProducerBatchManager, *_BUFFER, otherwise=otherwise)
        and has_names(module.ProducerBatchExecutor, "_producer", otherwise=otherwise)
    ):
        _wrap(module.ProducerBatchManager, "add_message", _opening)
        _wrap(module.ProducerBatchManager, "cancel_pending_futures", _purging)


patches = Patches()


def _wrap(kind: type, name: str, wrapper: Callable[[Any], Any]) -> None:
    method = vars(kind).get(name)
    if method is not None and method.__globals__["__name__"] not in _OURS:
        patches.replace(kind, name, wrapper(method))


def _watched(produce: Any) -> Any:
    @wraps(produce)
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        begun = perf_counter_ns()
        try:
            return produce(self, *args, **kwargs)
        except Exception as error:
            with guard:
                _record_failure(self, args, kwargs, error, begun, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
            raise

    return watched


def _watched_coroutine(produce: Any) -> Any:
    @wraps(produce)
    async def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        begun = perf_counter_ns()
        try:
            return await produce(self, *args, **kwargs)
        except Exception as error:
            with guard:
                _record_failure(self._producer, args, kwargs, error, begun, sys._getframe(1))  # noqa: SLF001 - as above
            raise

    return watched


def _record_failure(  # noqa: PLR0913, PLR0917 - one call, looked back at
    producer: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    error: Exception,
    begun: int,
    frame: FrameType,
) -> None:
    """Open and close the write of a message that never reached the layer below."""
    traced, topic = traced_producer(producer), args[0] if args else kwargs.get("topic")
    if traced is None or not isinstance(topic, str) or _recorded_below(error):
        return
    value = kwargs.get("value", OPENED)  # its place among the arguments differs by class
    headers = kwargs.get("headers")
    write = open_confluent_write(ConfluentWrite, traced, topic, value, None, headers, frame)
    if write is None:
        return
    write.ticks = begun
    write.failed(*layer_failure(error))


def _recorded_below(error: Exception) -> bool:
    """Whether the error has come through another of our layers, which has recorded it."""
    return sum(module in _OURS for module, _ in foreign.places_of(error)) > 1


def _opening(add_message: Any) -> Any:
    @wraps(add_message)
    def opening(self: Any, msg_data: dict[str, Any], future: Any) -> Any:
        with guard:
            # The buffer refuses headers: a span is possible, propagation is not.
            traced = traced_producer(self._kafka_executor._producer)  # noqa: SLF001 - the buffer's producer has no public name
            write = None
            if traced is not None and isinstance(msg_data.get("topic"), str):
                value, key = msg_data.get("value"), msg_data.get("key")
                frame = sys._getframe(1)  # noqa: SLF001 - the cheapest way to the caller
                write = open_confluent_write(
                    ConfluentWrite, traced, msg_data["topic"], value, key, None, frame
                )
            if write is not None:
                msg_data[OPENED] = write
        return add_message(self, msg_data, future)

    return opening


def _purging(cancel_pending_futures: Any) -> Any:
    """Close what `purge` throws away before it has left the buffer."""

    @wraps(cancel_pending_futures)
    def purging(self: Any) -> Any:
        with guard:
            for message in self._message_buffer:
                if OPENED in message:
                    message[OPENED].failed(PURGED, "purged from the buffer of AIOProducer")
        return cancel_pending_futures(self)

    return purging
