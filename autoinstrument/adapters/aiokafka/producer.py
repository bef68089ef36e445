"""aiokafka: coroutines, answered through the future of the batch that a message has got into.

A message's own future may be cancelled, by `asyncio.wait_for` say, while its batch still goes out:
the batch tells the truth.
"""

from __future__ import annotations

import sys
from asyncio import current_task
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import (
    PROPAGATED,
    Client,
    Guard,
    Patches,
    TracedProducer,
    Write,
    flush_span,
    open_write,
    require_parameters,
)
from autoinstrument.adapters.python_clients.errors import error_type

from .transactions import transactions

if TYPE_CHECKING:
    from asyncio import Future, Task
    from types import FrameType

    from autoinstrument.adapter import Headers


_SEND = ("self", "topic", "value", "key", "partition", "timestamp_ms", "headers")
_SEND_BATCH = ("self", "batch", "topic")
_APPEND = ("self", "key", "value", "timestamp_ms")
_TRACED = "_autoinstrument"  # the one attribute of a producer that is ours
_ROOM = 1000  # bytes that a record takes beside key and value, ours included: only an estimate
_UNKNOWN = object()  # a value that is not None, as far as one knows

CLIENT = Client("aiokafka", "aiokafka", oldest=(0, 10))
guard = Guard("the tracing of aiokafka's producer")
patches = Patches()
_originals = patches.original
_sending: ContextVar[AiokafkaWrite | list[AiokafkaWrite] | None] = ContextVar(
    "autoinstrument", default=None
)
"""What this task is in the midst of sending: the serializers come before the headers."""


def install(module: Any) -> None:
    """Trace the producer in the module that defines it; doing it twice changes nothing."""
    producer, accumulator = module.AIOKafkaProducer, module.MessageAccumulator
    batch = sys.modules[accumulator.__module__].MessageBatch
    if getattr(producer.send, "__wrapped__", None) is not None:
        return
    for method, expected in (
        (producer.send, _SEND),
        (producer.send_batch, _SEND_BATCH),
        (batch.append, _APPEND),
        (accumulator._append_batch, ("self", "builder", "tp")),  # noqa: SLF001 - where a batch gets its future
    ):
        require_parameters(method, *expected)
    patches.replace(batch, "append", _append)
    patches.replace(accumulator, "_append_batch", _append_batch)
    for name, replacement in _METHODS.items():
        patches.replace(producer, name, replacement)


class AiokafkaProducer(TracedProducer):
    """A producer, as its own client describes it."""

    guard = guard
    client = CLIENT

    def __init__(self, producer: Any) -> None:
        servers = getattr(producer.client, "_bootstrap_servers", "")
        super().__init__(
            producer,
            client_id=str(getattr(producer.client, "_client_id", "")),
            servers=servers if isinstance(servers, str) else ",".join(map(str, servers)),
        )
        self.most_bytes: int = getattr(producer, "_max_request_size", sys.maxsize)


class AiokafkaWrite(Write):
    """The write of one message."""

    __slots__ = ("future", "index", "sent", "task")

    index: int
    """Its place in its batch."""
    sent: Headers | None
    future: Future[Any] | None
    """What the application was given, of the message alone."""
    task: Task[Any] | None
    """Where it was given that."""

    def raised(self, error: BaseException) -> None:
        """Close the write: the call itself has failed."""
        with guard.abandoning(self):
            self.failed(error_type(error), str(error))

    def answered(self, error: BaseException | None, metadata: Any) -> None:
        """Take the answer to its batch: the place in the log, or why it has none."""
        try:
            # The batch is answered before its messages: who waits for one is not awake yet.
            if self.future is not None and getattr(self.task, "_fut_waiter", None) is self.future:
                self.waited_for("await")
            if error is not None:
                self.failed(error_type(error), str(error), sent=True)
            elif metadata is None:  # acks=0: the broker does not answer
                self.unconfirmed()
            else:
                offset = metadata.offset + self.index if metadata.offset >= 0 else None
                self.acknowledged(metadata.partition, offset)
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, self)


def _close_with(batch: Any, write: AiokafkaWrite, index: int) -> None:
    """Close the write with the answer to `batch`, in which it is number `index`."""
    write.index = index
    writes: list[AiokafkaWrite] | None = batch.__dict__.get(_TRACED)
    if writes is None:
        writes = []
        setattr(batch, _TRACED, writes)
        # One for the whole batch: asyncio takes 2 us for each.
        batch.future.add_done_callback(partial(_answered, writes))
    writes.append(write)


def _answered(writes: list[AiokafkaWrite], future: Any) -> None:
    try:
        # Not exception(), which would keep asyncio from saying that nobody has looked at it.
        error = None if future.cancelled() else future._exception  # noqa: SLF001 - see above
        metadata = None if future.cancelled() or error is not None else future.result()
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, *writes)
        return
    for write in writes:
        write.answered(error, metadata)


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
        write = _open(self, topic, value, key, headers, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    if write is None:
        return await _originals["send"](self, *args, **kwargs)
    token = _sending.set(write)
    try:
        future = await _originals["send"](self, *args, **kwargs)
    except BaseException as error:
        write.raised(error)
        raise
    finally:
        _sending.reset(token)
    with guard:
        if sys._getframe(1).f_code.co_name == "send_and_wait":  # noqa: SLF001 - as above
            write.producer.waits("send_and_wait")
        else:
            write.future, write.task = future, current_task()
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


def _open(  # noqa: PLR0913, PLR0917 - what a write consists of
    producer: Any, topic: Any, value: Any, key: Any, headers: Any, frame: FrameType
) -> AiokafkaWrite | None:
    traced = _trace_producer(producer)
    if traced is None or not isinstance(topic, str):
        return None
    understood = headers if isinstance(headers, list) else None
    write = open_write(AiokafkaWrite, traced, topic, key, value, understood, frame)
    if write is not None:
        write.sent = write.future = write.task = None
    return write


def _traced_producer(producer: Any) -> AiokafkaProducer | None:
    """Return the client of a producer, from its first write on; None if it is not traced."""
    traced: AiokafkaProducer | None = None if guard.is_off else producer.__dict__.get(_TRACED)
    return traced


def _trace_producer(producer: Any) -> AiokafkaProducer | None:
    """Return the client of a producer that is about to write; None if it was never initialised."""
    traced = _traced_producer(producer)
    if traced is None and not guard.is_off and "_message_accumulator" in producer.__dict__:
        traced = AiokafkaProducer(producer)
        setattr(producer, _TRACED, traced)
    return traced


def _append(self: Any, *args: Any, **kwargs: Any) -> Any:
    write = _sending.get()
    if not isinstance(write, AiokafkaWrite):
        return _originals["append"](self, *args, **kwargs)
    try:
        kwargs = {**kwargs, "headers": _headers(write, args, kwargs.get("headers"))}
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, write)
    future = _originals["append"](self, *args, **kwargs)
    if future is not None:  # else the batch is full, and there will be another
        try:
            _close_with(self, write, self.record_count - 1)
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, write)
    return future


def _headers(write: AiokafkaWrite, args: tuple[Any, ...], headers: Any) -> Any:
    """Return what the record is to carry; the client may ask again, for another batch."""
    if write.sent is None and isinstance(headers, list):  # the client refuses anything else
        sent = write.headers(headers)
        if sent is not None and _is_too_large(write, args, sent):
            write.sent_without_header()
        else:
            write.sent = sent
    return headers if write.sent is None else write.sent


def _is_too_large(write: AiokafkaWrite, args: tuple[Any, ...], headers: Headers) -> bool:
    """Whether a record that the client has found small enough is so no longer."""
    traced: Any = write.producer
    most: int = traced.most_bytes
    key, value = args[:2]
    if len(headers) == 1 and len(key or b"") + len(value or b"") < most - _ROOM:
        return False
    from aiokafka.record.default_records import DefaultRecordBatchBuilder  # noqa: PLC0415 - the client's own rule

    try:
        size: int = DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, headers)
    except TypeError:  # the client will say what is wrong with them, as they are
        return True
    return size > most


async def _send_batch(self: Any, *args: Any, **kwargs: Any) -> Any:
    writes: list[AiokafkaWrite] = []
    try:
        batch: Any = args[0] if args else kwargs.get("batch")
        topic = args[1] if len(args) > 1 else kwargs.get("topic")
        frame = sys._getframe(1)  # noqa: SLF001 - as above
        # The records are encoded already: a span is possible, propagation is not.
        for _ in range(batch.record_count() if hasattr(batch, "record_count") else 0):
            write = _open(self, topic, _UNKNOWN, None, None, frame)
            if write is not None:
                writes.append(write)
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, *writes)
        writes = []
    token = _sending.set(writes)
    try:
        return await _originals["send_batch"](self, *args, **kwargs)
    except BaseException as error:
        for write in writes:
            write.raised(error)
        raise
    finally:
        _sending.reset(token)


def _append_batch(self: Any, *args: Any, **kwargs: Any) -> Any:
    batch = _originals["_append_batch"](self, *args, **kwargs)
    writes = _sending.get()
    if isinstance(writes, list):
        with guard.abandoning(*writes):
            for index, write in enumerate(writes):
                _close_with(batch, write, index)
    return batch


async def _flush(self: Any, *args: Any, **kwargs: Any) -> Any:
    with flush_span(guard, _traced_producer(self), error_type):
        return await _originals["flush"](self, *args, **kwargs)


_METHODS = {
    **transactions(_originals, _traced_producer, _trace_producer, guard),
    "send": _send,
    "send_batch": _send_batch,
    "flush": _flush,
}
