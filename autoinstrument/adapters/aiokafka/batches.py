"""aiokafka's batches of messages, whose futures tell what the broker has answered.

A message's own future may be cancelled, by `asyncio.wait_for` say, while its batch still goes out:
the batch tells the truth.
"""

from __future__ import annotations

from asyncio import Task
from contextvars import Context, ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Guard, Patches, foreign, has_names, require_parameters
from autoinstrument.adapters.python_clients.errors import failure
from autoinstrument.adapters.python_clients.producers import RecordWrite

if TYPE_CHECKING:
    from asyncio import Future
    from weakref import ReferenceType

    from autoinstrument.adapter import Headers

_APPEND = ("self", "key", "value", "timestamp_ms")
_APPEND_BATCH = ("self", "builder", "tp")
_WRITES = "_autoinstrument"  # the one attribute of a batch that is ours
_ROOM = 1000  # bytes that a record takes beside key and value, ours included: only an estimate

guard = Guard("the tracing of aiokafka's producer")
patches = Patches()
_originals = patches.original
sending: ContextVar[AiokafkaWrite | list[AiokafkaWrite] | None] = ContextVar(
    "autoinstrument", default=None
)
"""What this task is in the midst of sending: the serializers come before the headers."""


def check(batch: Any) -> None:
    """Raise `Unsupported` unless the class `MessageBatch` has what is needed for each message."""
    require_parameters(batch.append, *_APPEND)


def install(batch: Any, accumulator: Any) -> bool:
    """Trace what gets into a batch, by the classes `MessageBatch` and `MessageAccumulator`.

    Return whether batches of the application's own can be traced as well.
    """
    has_names(Task, "_fut_waiter", otherwise="the report does not see who waits for one answer")
    patches.replace(batch, "append", _append)
    if not has_names(accumulator, "_append_batch", otherwise="send_batch() is not traced"):
        return False
    require_parameters(accumulator._append_batch, *_APPEND_BATCH)  # noqa: SLF001 - checked just now
    patches.replace(accumulator, "_append_batch", _append_batch)
    return True


class AiokafkaWrite(RecordWrite):
    """The write of one message."""

    __slots__ = ("future", "index", "task")

    index: int
    """Its place in its batch."""
    future: ReferenceType[Future[Any]] | None
    """What the application was given for this message alone, and may have dropped."""
    task: ReferenceType[Task[Any]] | None
    """The task that was given the future."""

    def answered(self, error: BaseException | None, metadata: Any) -> None:
        """Take the answer to its batch: the place in the log, or why it has none."""
        try:
            # The batch is answered before its messages: who waits for one is not awake yet.
            if self.future is not None and self._is_awaited(self.future()):
                self.waited_for("await")
            if error is not None:
                self.failed(*failure(error), sent=True)
            elif metadata is None:  # acks=0: the broker does not answer
                self.unconfirmed()
            else:
                offset = metadata.offset + self.index if metadata.offset >= 0 else None
                self.acknowledged(metadata.partition, offset)
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, self)

    def _is_awaited(self, future: Future[Any] | None) -> bool:
        task = None if self.task is None else self.task()
        return future is not None and getattr(task, "_fut_waiter", None) is future


def _append(self: Any, *args: Any, **kwargs: Any) -> Any:
    write = sending.get()
    if not isinstance(write, AiokafkaWrite):
        return _originals["MessageBatch.append"](self, *args, **kwargs)
    try:
        kwargs = {**kwargs, "headers": _headers(write, args, kwargs.get("headers"))}
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, write)
    write.stage = "appending"
    future = _originals["MessageBatch.append"](self, *args, **kwargs)
    if future is not None:  # else the batch is full, and there will be another
        try:
            _close_with(self, write, self.record_count - 1)
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, write)
    return future


def _append_batch(self: Any, *args: Any, **kwargs: Any) -> Any:
    batch = _originals["MessageAccumulator._append_batch"](self, *args, **kwargs)
    writes = sending.get()
    if isinstance(writes, list):
        with guard.abandoning(*writes):
            for index, write in enumerate(writes):
                _close_with(batch, write, index)
    return batch


def _close_with(batch: Any, write: AiokafkaWrite, index: int) -> None:
    """Close the write with the answer to `batch`, in which it is number `index`."""
    write.index, write.future, write.task = index, None, None
    writes: list[AiokafkaWrite] | None = batch.__dict__.get(_WRITES)
    if writes is None:
        writes = []
        setattr(batch, _WRITES, writes)
        # One for the whole batch: asyncio takes 2 us for each. Not in the application's context,
        # which would live as long as the batch.
        batch.future.add_done_callback(partial(_answered, writes), context=Context())
    writes.append(write)
    write.stage = "appended"


def _answered(writes: list[AiokafkaWrite], future: Any) -> None:
    try:
        error = foreign.exception_of(future)
        metadata = None if future.cancelled() or error is not None else future.result()
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, *writes)
        return
    for write in writes:
        write.answered(error, metadata)


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
