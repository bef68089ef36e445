"""aiokafka's producer: coroutines that hand over one message, or a batch of them."""

from __future__ import annotations

import sys
from asyncio import current_task
from typing import Any
from weakref import ref

from autoinstrument.adapter import PROPAGATED, Client, Patches, has_names, require_parameters
from autoinstrument.adapters.python_clients.errors import expect_serializer
from autoinstrument.adapters.python_clients.producers import Producers, RecordProducer
from autoinstrument.adapters.python_clients.traced_objects import server_list

from . import batches
from .batches import AiokafkaWrite, guard, sending

_SEND = ("self", "topic", "value", "key", "partition", "timestamp_ms", "headers")
_SEND_BATCH = ("self", "batch", "topic")
_IDENTITY = ("_client_id", "_bootstrap_servers")
_UNKNOWN = object()  # a value that is not None, as far as one knows

CLIENT = Client("aiokafka", "aiokafka", oldest=(0, 10))
patches = Patches()
_originals = patches.original


def install(module: Any) -> None:
    """Trace the producer in the module that defines it; doing it twice changes nothing."""
    producer, accumulator = module.AIOKafkaProducer, module.MessageAccumulator
    batch = sys.modules[accumulator.__module__].MessageBatch
    require_parameters(producer.send, *_SEND)
    require_parameters(producer.send_batch, *_SEND_BATCH)
    batches.check(batch)
    expect_serializer(producer)
    has_names(module.AIOKafkaClient, *_IDENTITY, otherwise="spans do not name client and server")
    has_names(producer, "_max_request_size", otherwise="its messages carry no trace context")
    patches.replace(producer, "send", _send)
    if batches.install(batch, accumulator):
        patches.replace(producer, "send_batch", _send_batch)
    _producers.enclose_calls(patches, producer, close="stop", can_abort=_can_abort)


class AiokafkaProducer(RecordProducer):
    """A producer, as its own client describes it."""

    guard = guard
    client = CLIENT

    def __init__(self, producer: Any) -> None:
        super().__init__(
            producer,
            client_id=str(getattr(producer.client, "_client_id", "")),
            servers=server_list(getattr(producer.client, "_bootstrap_servers", "")),
        )
        self.most_bytes: int = getattr(producer, "_max_request_size", 0)


def _can_abort(producer: Any) -> bool:
    otherwise = "a transaction whose commit has failed is undecided"
    if not has_names(producer, "_txn_manager", otherwise=otherwise):
        return False
    return not producer._txn_manager.is_fatal_error()  # noqa: SLF001 - the client's own rule


_producers = Producers(guard, AiokafkaProducer, AiokafkaWrite, initialised_by="client")


async def _send(self: Any, *args: Any, **kwargs: Any) -> Any:
    write = None
    try:
        topic, value, key, headers = _bound(*args, **kwargs)
    except TypeError:  # one is given twice, as the client will say
        topic, value, key, headers = args[0], None, None, None
    if isinstance(headers, tuple) and headers:
        with guard:
            args, kwargs, headers = _forwarding(args, kwargs, headers)
    try:
        write = _producers.open_write(self, topic, value, key, headers, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    if write is None:
        return await _originals["AIOKafkaProducer.send"](self, *args, **kwargs)
    token = sending.set(write)
    try:
        future = await _originals["AIOKafkaProducer.send"](self, *args, **kwargs)
    except BaseException as error:
        write.raised(error)
        raise
    finally:
        sending.reset(token)
        write.call_ended()
    with guard:
        if sys._getframe(1).f_code.co_name == "send_and_wait":  # noqa: SLF001 - as above
            write.producer.waits("send_and_wait")
        else:
            task = current_task()  # None where somebody else than asyncio drives the coroutine
            write.future, write.task = ref(future), None if task is None else ref(task)
    return future


def _bound(  # noqa: PLR0913, PLR0917 - the client's own
    topic: Any = None,
    value: Any = None,
    key: Any = None,
    partition: Any = None,  # noqa: ARG001 - known with the answer
    timestamp_ms: Any = None,  # noqa: ARG001 - the broker's matter
    headers: Any = None,
    *_: Any,  # what follows does not matter here
    **__: Any,
) -> tuple[Any, Any, Any, Any]:
    return topic, value, key, headers


def _forwarding(
    args: tuple[Any, ...], kwargs: dict[str, Any], headers: tuple[Any, ...]
) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """Return a call's arguments and headers, where those are a record's own, handed on.

    A record has a tuple, which the client takes only if it is empty: as it would be without ours.
    """
    if not all(name in PROPAGATED for name, _ in headers):
        return args, kwargs, headers
    ours = list(headers)
    if "headers" in kwargs:
        return args, {**kwargs, "headers": ours}, ours
    place = _SEND.index("headers") - 1
    return (*args[:place], ours, *args[place + 1 :]), kwargs, ours


async def _send_batch(self: Any, *args: Any, **kwargs: Any) -> Any:
    writes: list[AiokafkaWrite] = []
    try:
        batch: Any = args[0] if args else kwargs.get("batch")
        topic = args[1] if len(args) > 1 else kwargs.get("topic")
        frame = sys._getframe(1)  # noqa: SLF001 - as above
        # The records are encoded already: a span is possible, propagation is not.
        for _ in range(batch.record_count() if hasattr(batch, "record_count") else 0):
            write = _producers.open_write(self, topic, _UNKNOWN, None, None, frame)
            if write is not None:
                writes.append(write)
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, *writes)
        writes = []
    token = sending.set(writes)
    try:
        return await _originals["AIOKafkaProducer.send_batch"](self, *args, **kwargs)
    except BaseException as error:
        for write in writes:
            write.raised(error)
        raise
    finally:
        sending.reset(token)
        for write in writes:
            write.call_ended()
