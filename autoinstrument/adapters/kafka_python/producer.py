"""kafka-python: one Python class, answered through futures by its sender thread.

`KafkaProducer.send` is replaced on the class, so that a name that was bound earlier, and a subclass
of the application, are traced as well.
"""

from __future__ import annotations

import atexit
import sys
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, detach, get_current

from autoinstrument.adapter import (
    CLOSED,
    Client,
    Guard,
    Patches,
    TracedProducer,
    Write,
    begin_exit,
    exit_has_begun,
    flush_span,
    open_write,
    require_parameters,
)
from autoinstrument.adapters.python_clients.errors import error_type

from .transactions import transactions

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from opentelemetry.context import Context

    from autoinstrument.adapter import Headers


_SEND = ("self", "topic", "value", "key", "headers", "partition", "timestamp_ms")
_APPEND = ("self", "tp", "timestamp_ms", "key", "value", "headers")
_HEADERS = _APPEND.index("headers") - 1  # among the arguments, without self
_WITH_HEADERS = (0, 11)  # of the broker
_TRACED = "_autoinstrument"  # the one attribute of a producer that is ours
_ROOM = 1000  # bytes that a record takes beside key and value, ours included: only an estimate

CLIENT = Client("kafka-python", "kafka", oldest=(2, 0, 2))
guard = Guard("the tracing of kafka-python's producer")
patches = Patches()
_originals = patches.original


class _Sending(threading.local):
    """What this thread is in the midst of sending: the serializers come before the headers."""

    write: KafkaPythonWrite | None = None
    producer: Any = None


_sending = _Sending()


def install(module: Any) -> None:
    """Trace the producer in the module that defines it; doing it twice changes nothing."""
    producer, accumulator = module.KafkaProducer, module.RecordAccumulator
    if getattr(producer.send, "__wrapped__", None) is not None:
        return
    for method, expected in (producer.send, _SEND), (accumulator.append, _APPEND):
        require_parameters(method, *expected)
    patches.replace(accumulator, "append", _append)
    for name, replacement in _METHODS.items():
        if hasattr(producer, name):  # transactions from version 2.1 on
            patches.replace(producer, name, replacement)
    future = module.FutureRecordMetadata
    for name, replacement in _FUTURE.items():
        patches.replace(future, name, replacement)
    patches.replace(producer, "send", _send)


class KafkaPythonProducer(TracedProducer):
    """A producer, as its configuration describes it."""

    guard = guard
    client = CLIENT

    def __init__(self, producer: Any) -> None:
        config = producer.config
        servers = config["bootstrap_servers"]
        super().__init__(
            producer,
            client_id=str(config["client_id"]),
            servers=servers if isinstance(servers, str) else ",".join(map(str, servers)),
            unconfirmed=config["acks"] == 0,
        )
        if (config["api_version"] or _WITH_HEADERS) < _WITH_HEADERS:
            self.propagates = False
        # The producer closes itself at exit, by force after a second, which is registered with its
        # construction: what comes before that is registered anew after each.
        atexit.unregister(begin_exit)
        atexit.register(begin_exit)


class KafkaPythonWrite(Write):
    """The write of one message, which follows the future that the client gives for it."""

    __slots__ = ("sent",)

    sent: Headers | None

    def follow(self, future: Any) -> None:
        """Close the write with what the future is given, now or later."""
        if hasattr(future, "_add_cb_eb"):  # both under one lock, from version 3.0 on
            future._add_cb_eb(self.succeeded, self.broke)  # noqa: SLF001 - see above
        else:
            _originals["add_callback"](future, self.succeeded)
            _originals["add_errback"](future, self.broke)
        # Up to version 2.3 a callback is lost if the answer comes while it is added.
        if future.is_done:
            (self.succeeded if future.exception is None else self.broke)(
                future.exception or future.value
            )

    def succeeded(self, metadata: Any) -> None:
        """Take the record's place in the log."""
        try:
            self.acknowledged(metadata.partition, metadata.offset if metadata.offset >= 0 else None)
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, self)

    def broke(self, error: BaseException) -> None:
        """Take the reason why there is no record, or none that is known of."""
        with guard.abandoning(self):
            cause = error_type(error)
            # By force, which nobody but the end has wanted.
            if cause == CLOSED and exit_has_begun():
                self.lost()
            else:
                self.failed(cause, str(error), sent=True)

    def raised(self, error: BaseException) -> None:
        """Close the write: the call itself has failed."""
        with guard.abandoning(self):
            self.failed(error_type(error), str(error))


def _send(self: Any, *args: Any, **kwargs: Any) -> Any:
    write = None
    try:
        topic, value, key, headers = _bound(*args, **kwargs)
    except TypeError:  # one is given twice, as the client will say
        topic, value, key, headers = args[0], None, None, None
    try:
        write = _open(self, topic, value, key, headers, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    if write is None:
        return _originals["send"](self, *args, **kwargs)
    outer = _sending.write, _sending.producer  # a serializer may send, too
    _sending.write, _sending.producer = write, self
    try:
        future = _originals["send"](self, *args, **kwargs)
    except BaseException as error:
        write.raised(error)
        raise
    finally:
        _sending.write, _sending.producer = outer
    with guard.abandoning(write):
        write.follow(future)
    return future


def _bound(
    topic: Any = None,
    value: Any = None,
    key: Any = None,
    headers: Any = None,
    *_: Any,  # what follows does not matter here
    **__: Any,
) -> tuple[Any, Any, Any, Any]:
    return topic, value, key, headers


def _open(  # noqa: PLR0913, PLR0917 - what a write consists of
    producer: Any, topic: Any, value: Any, key: Any, headers: Any, frame: FrameType
) -> KafkaPythonWrite | None:
    traced = _trace_producer(producer)
    if traced is None or not isinstance(topic, str):
        return None
    understood = headers if isinstance(headers, list) else None
    write = open_write(KafkaPythonWrite, traced, topic, key, value, understood, frame)
    if write is not None:
        write.sent = None
    return write


def _traced_producer(producer: Any) -> KafkaPythonProducer | None:
    """Return the client of a producer, from its first write on; None if it is not traced."""
    traced: KafkaPythonProducer | None = None if guard.is_off else producer.__dict__.get(_TRACED)
    return traced


def _trace_producer(producer: Any) -> KafkaPythonProducer | None:
    """Return the client of a producer that is about to write; None if it was never initialised."""
    traced = _traced_producer(producer)
    if traced is None and not guard.is_off and "_accumulator" in producer.__dict__:
        traced = KafkaPythonProducer(producer)
        setattr(producer, _TRACED, traced)
    return traced


def _append(self: Any, *args: Any, **kwargs: Any) -> Any:
    write = _sending.write
    if write is not None and len(args) > _HEADERS:
        try:
            args = (*args[:_HEADERS], _headers(write, args), *args[_HEADERS + 1 :])
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, write)
    return _originals["append"](self, *args, **kwargs)


def _headers(write: KafkaPythonWrite, args: tuple[Any, ...]) -> Headers:
    """Return what the record is to carry, which the serializers may have had a hand in."""
    *_, key, value, headers = args[: _HEADERS + 1]
    if write.sent is None:  # the client may ask twice, for another batch
        sent = write.headers(headers)
        if sent is not None and _is_too_large(key, value, sent):
            write.sent_without_header()
            sent = None
        write.sent = headers if sent is None else sent
    return write.sent


def _is_too_large(key: bytes | None, value: bytes | None, headers: Headers) -> bool:
    """Whether a record that the client has found small enough is so no longer."""
    producer = _sending.producer
    most: int = producer.config["max_request_size"]
    if len(key or b"") + len(value or b"") < most - _ROOM and len(headers) == 1:
        return False
    size: int = producer._estimate_size_in_bytes(key, value, headers)  # noqa: SLF001 - the client's own rule
    return size > most


class _InContext:
    """A callback of the application, in the context in which it was given to the future."""

    __slots__ = ("_callback", "_context")

    def __init__(self, callback: Callable[..., Any], context: Context) -> None:
        self._callback = callback
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = attach(self._context)
        try:
            return self._callback(*args, **kwargs)
        finally:
            detach(token)


def _add_callback(self: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
    context = get_current()
    return _originals["add_callback"](
        self, _InContext(f, context) if context else f, *args, **kwargs
    )


def _add_errback(self: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
    context = get_current()
    return _originals["add_errback"](
        self, _InContext(f, context) if context else f, *args, **kwargs
    )


def _get(self: Any, *args: Any, **kwargs: Any) -> Any:
    with guard:
        for callback in self._callbacks or () if not self.is_done else ():
            write = getattr(callback, "__self__", None)
            if isinstance(write, KafkaPythonWrite):
                write.producer.waits("get")
    return _originals["get"](self, *args, **kwargs)


def _flush(self: Any, *args: Any, **kwargs: Any) -> Any:
    with flush_span(guard, _traced_producer(self), error_type):
        return _originals["flush"](self, *args, **kwargs)


_FUTURE = {"add_callback": _add_callback, "add_errback": _add_errback, "get": _get}
_METHODS = {
    **transactions(_originals, _traced_producer, _trace_producer, guard),
    "flush": _flush,
}
