"""kafka-python: one Python class, answered through futures by its sender thread.

`KafkaProducer.send` is replaced on the class, so that a name that was bound earlier, and a subclass
of the application, are traced as well.
"""

from __future__ import annotations

import atexit
import sys
import threading
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Client, Patches, begin_exit, has_names, require_parameters
from autoinstrument.adapters.python_clients.errors import expect_serializer
from autoinstrument.adapters.python_clients.producers import Producers, RecordProducer
from autoinstrument.adapters.python_clients.traced_objects import server_list

from . import futures
from .futures import KafkaPythonWrite, guard

if TYPE_CHECKING:
    from autoinstrument.adapter import Headers


_SEND = ("self", "topic", "value", "key", "headers", "partition", "timestamp_ms")
_APPEND = ("self", "tp", "timestamp_ms", "key", "value", "headers")
_HEADERS = _APPEND.index("headers") - 1  # among the arguments, without self
_WITH_HEADERS = (0, 11)  # of the broker
_ROOM = 1000  # bytes that a record takes beside key and value, ours included: only an estimate

CLIENT = Client("kafka-python", "kafka", oldest=(2, 0, 2))
patches = Patches()
_originals = patches.original


class _Sending(threading.local):
    """What this thread is in the midst of sending: the serializers come before the headers."""

    call: tuple[KafkaPythonWrite, Any] | None = None
    """The write, and its producer."""


_sending = _Sending()


def install(module: Any) -> None:
    """Trace the producer in the module that defines it; doing it twice changes nothing."""
    producer, accumulator = module.KafkaProducer, module.RecordAccumulator
    for method, expected in (producer.send, _SEND), (accumulator.append, _APPEND):
        require_parameters(method, *expected)
    patches.replace(accumulator, "append", _append)
    patches.replace(producer, "send", _send)
    _producers.enclose_calls(patches, producer, close="close", can_abort=_can_abort)
    expect_serializer(producer)
    futures.install(module.FutureRecordMetadata)


class KafkaPythonProducer(RecordProducer):
    """A producer, as its configuration describes it."""

    guard = guard
    client = CLIENT

    def __init__(self, producer: Any) -> None:
        config = producer.config
        super().__init__(
            producer,
            client_id=str(config["client_id"]),
            servers=server_list(config["bootstrap_servers"]),
            unconfirmed=config["acks"] == 0,
        )
        if (config["api_version"] or _WITH_HEADERS) < _WITH_HEADERS:
            self.propagates = False
        # The producer closes itself at exit, by force after a second, which is registered with its
        # construction: what comes before that is registered anew after each.
        atexit.unregister(begin_exit)
        atexit.register(begin_exit)


_producers = Producers(guard, KafkaPythonProducer, KafkaPythonWrite, initialised_by="config")


def _can_abort(producer: Any) -> bool:
    otherwise = "a transaction whose commit has failed is undecided"
    if not has_names(producer, "_transaction_manager", otherwise=otherwise):
        return False
    return bool(producer._transaction_manager.has_abortable_error())  # noqa: SLF001 - the client's own rule


def _send(self: Any, *args: Any, **kwargs: Any) -> Any:
    write = None
    try:
        topic, value, key, headers = _bound(*args, **kwargs)
    except TypeError:  # one is given twice, as the client will say
        topic, value, key, headers = args[0], None, None, None
    try:
        write = _producers.open_write(self, topic, value, key, headers, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
    except Exception as error:  # noqa: BLE001 - the agent's own
        guard.caught(error)
    if write is None:
        return _originals["KafkaProducer.send"](self, *args, **kwargs)
    outer = _sending.call  # a serializer may send, too
    _sending.call = write, self
    try:
        future = _originals["KafkaProducer.send"](self, *args, **kwargs)
        if write.stage != "appended":  # the topic's metadata could not be had
            with guard.abandoning(write):
                write.follow(future)
    except BaseException as error:
        write.raised(error)
        raise
    finally:
        _sending.call = outer
        write.call_ended()
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


def _append(self: Any, *args: Any, **kwargs: Any) -> Any:
    if _sending.call is None or len(args) <= _HEADERS:
        return _originals["RecordAccumulator.append"](self, *args, **kwargs)
    write, producer = _sending.call
    try:
        args = (*args[:_HEADERS], _headers(write, producer, args), *args[_HEADERS + 1 :])
    except Exception as own:  # noqa: BLE001 - the agent's own
        guard.caught(own, write)
    write.stage = "appending"
    appended = _originals["RecordAccumulator.append"](self, *args, **kwargs)
    if appended[0] is not None:  # else the client will ask again, for another batch
        with guard.abandoning(write):
            write.follow(appended[0])
    return appended


def _headers(write: KafkaPythonWrite, producer: Any, args: tuple[Any, ...]) -> Headers:
    """Return what the record is to carry, which the serializers may have had a hand in."""
    *_, key, value, headers = args[: _HEADERS + 1]
    if write.sent is None:  # the client may ask twice, for another batch
        sent = write.headers(headers)
        if sent is not None and _is_too_large(producer, key, value, sent):
            write.sent_without_header()
            sent = None
        write.sent = headers if sent is None else sent
    return write.sent


def _is_too_large(producer: Any, key: bytes | None, value: bytes | None, headers: Headers) -> bool:
    """Whether a record that the client has found small enough is so no longer."""
    most: int = producer.config["max_request_size"]
    if len(key or b"") + len(value or b"") < most - _ROOM and len(headers) == 1:
        return False
    otherwise = "large messages carry no trace context"
    if not has_names(producer, "_estimate_size_in_bytes", otherwise=otherwise):
        return True
    size: int = producer._estimate_size_in_bytes(key, value, headers)  # noqa: SLF001 - the client's own rule
    return size > most
