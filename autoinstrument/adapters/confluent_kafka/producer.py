"""confluent-kafka's producer: a C type that only a subclass can trace.

`SerializingProducer`, `AvroProducer` and the producer inside `AIOProducer` inherit it.
"""

from __future__ import annotations

import sys
from functools import update_wrapper
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Transaction, deciding, flush_span, open_write

from .batches import batches
from .errors import exception_type, is_too_large
from .statistics import watch_statistics
from .transactions import transactions
from .writes import TRACED, ConfluentProducer, ConfluentWrite, guard, initialize, traced_producer

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.adapter import OpenWrite


_ABSENT: Any = object()  # what the application has not given, where None is another answer
_HEADERS = (list, dict, type(None))
_original: Any  # the C type, which is one a process


def subclass(producer: type) -> type:
    """Return a subclass of the client's producer whose writes are traced."""
    global _original  # noqa: PLW0603 - see there
    _original = producer
    # The C type has neither a __dict__ nor weak references: a slot adds only what is needed.
    names: dict[str, Any] = {
        "__slots__": (TRACED, "__weakref__"),
        "__module__": producer.__module__,
        "__doc__": producer.__doc__,
    }
    for name, method in {**_METHODS, **batches(producer), **transactions(producer)}.items():
        if hasattr(producer, name):  # older versions have fewer
            names[name] = update_wrapper(method, getattr(producer, name), updated=())
    return type("Producer", (producer,), names)


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    given = args
    with guard:
        args = watch_statistics(args, kwargs, guard)
    initialize(_original, self, args, kwargs)
    with guard:
        configuration = {**(given[0] if given else {}), **kwargs}
        # A subclass's own __setattr__ need not know of it.
        object.__setattr__(self, TRACED, ConfluentProducer(self, configuration))


def _produce(  # noqa: PLR0913, PLR0917 - the client's own, in the order of Producer.c
    self: Any,
    topic: Any = _ABSENT,
    value: Any = None,
    key: Any = None,
    partition: Any = -1,
    callback: Any = _ABSENT,
    on_delivery: Any = None,
    timestamp: Any = 0,
    headers: Any = None,
    *more: Any,
    **unknown: Any,
) -> Any:
    write = sent = None
    try:
        traced = None if guard.is_off else getattr(self, TRACED, None)
        if traced is not None and isinstance(topic, str) and not (more or unknown):
            understood = headers if isinstance(headers, _HEADERS) else None
            frame = sys._getframe(1)  # noqa: SLF001 - the cheapest way to the caller
            write = open_write(ConfluentWrite, traced, topic, key, value, understood, frame)
            if write is not None:
                # In C `callback`, even None, wins over its alias.
                chosen = on_delivery if callback is _ABSENT else callback
                write.callback = traced.on_delivery if chosen is None else chosen
                if understood is headers:  # else the client refuses them
                    sent = write.headers(headers)
    except Exception as error:  # noqa: BLE001 - the agent's own
        if write is None:
            guard.caught(error)
        else:
            write.given_up(error)
            write = None
    if write is None:
        given = topic, value, key, partition, callback, on_delivery, timestamp, headers
        return _produce_untraced(self, given, more, unknown)
    produce = _original.produce
    try:
        # By place, since names take C 0.5 us to find.
        return produce(self, topic, value, key, partition, write, None, timestamp, sent or headers)
    except Exception as error:
        if sent is None or not is_too_large(error):
            write.raised(error)
            raise
    # Without our header it may fit. It is not too late: the client has kept nothing.
    with guard:
        write.sent_without_header()
    try:
        return produce(self, topic, value, key, partition, write, None, timestamp, headers)
    except Exception as error:
        write.raised(error)
        raise


def _produce_untraced(
    producer: Any, given: tuple[Any, ...], more: tuple[Any, ...], unknown: dict[str, Any]
) -> Any:
    """Leave the call to the client, which will say what is wrong with it."""
    if more:
        return _original.produce(producer, *given, *more, **unknown)
    names, defaults = _produce.__code__.co_varnames[1:], _produce.__defaults__ or ()
    every = zip(names, given, defaults, strict=False)  # the names of variables follow
    named = {name: value for name, value, default in every if value is not default}
    return _original.produce(producer, **named, **unknown)


def _poll(self: Any, *args: Any, **kwargs: Any) -> Any:
    traced = traced_producer(self)
    if traced is None:
        return _original.poll(self, *args, **kwargs)
    traced.serves()
    try:
        return _original.poll(self, *args, **kwargs)
    finally:
        traced.served = perf_counter_ns()


def _flush(self: Any, *args: Any, **kwargs: Any) -> Any:
    traced = traced_producer(self)
    if traced is None:
        return _original.flush(self, *args, **kwargs)
    unreported = _unreported(self)
    traced.serves()
    try:
        with flush_span(guard, traced, exception_type):
            remaining = _original.flush(self, *args, **kwargs)
    finally:
        traced.served = perf_counter_ns()
    if remaining == 0:
        _confirm_nothing(unreported)
    return remaining


def _close(self: Any, *args: Any, **kwargs: Any) -> Any:
    unreported = _unreported(self)
    with deciding(guard, traced_producer(self), Transaction.aborted):
        result = _original.close(self, *args, **kwargs)
        _confirm_nothing(unreported)
    return result


def _leave(self: Any, *args: Any) -> Any:
    unreported = _unreported(self)
    with deciding(guard, traced_producer(self), Transaction.aborted):
        result = _original.__exit__(self, *args)
        _confirm_nothing(unreported)
    return result


def _unreported(producer: Any) -> set[OpenWrite]:
    """Return the open writes of which only an error would be reported."""
    traced = traced_producer(producer)
    return traced.open.copy() if traced is not None and traced.only_errors else set()


def _confirm_nothing(writes: set[OpenWrite]) -> None:
    for write in writes:
        with guard.abandoning(write):
            write.unconfirmed()


def _reduce(self: Any, protocol: Any) -> Any:
    """Refuse in the words of the C type, whose name a subclass cannot have."""
    try:
        return object.__reduce_ex__(self, protocol)
    except TypeError:
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        raise TypeError(f"cannot pickle {name!r} object") from None


_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _init,
    "produce": _produce,
    "poll": _poll,
    "flush": _flush,
    "close": _close,
    "__exit__": _leave,
    "__reduce_ex__": _reduce,
}
