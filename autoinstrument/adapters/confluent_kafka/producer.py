"""confluent-kafka's producer: a C type that only a subclass can trace.

`SerializingProducer`, `AvroProducer` and the producer inside `AIOProducer` inherit it.
"""

from __future__ import annotations

import sys
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import (
    NO_CONTEXT,
    Transaction,
    deciding,
    flush_span,
    foreign,
    open_write,
)

from . import answers, classes
from .answers import raise_original, read_portion, read_some, serve, unread
from .batches import batches
from .classes import TRACED, initialize, trace
from .errors import failure, is_too_large
from .interrupts import is_interrupt
from .refusals import watch_errors
from .statistics import watch_statistics
from .transactions import transactions
from .writes import (
    ConfluentProducer,
    ConfluentWrite,
    UnreportedWrite,
    guard,
    traced_producer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.adapter import Headers, OpenWrite

    from .refusals import Errors


_ABSENT: Any = object()  # what the application has not given, where None is another answer
_HEADERS = (list, dict, type(None))
_original: Any  # the C type, which is one a process


def subclass(producer: type) -> type:
    """Return a subclass of the client's producer whose writes are traced."""
    global _original  # noqa: PLW0603 - see there
    _original = producer
    methods = {**_METHODS, **batches(producer), **transactions(producer)}
    return classes.subclass(producer, methods)


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    given, named = args, kwargs
    errors: Errors = deque()
    with guard:
        args = watch_statistics(args, kwargs, guard)
        args, kwargs, errors = watch_errors(args, kwargs, guard)
    initialize(_original, self, args, kwargs)
    with guard:
        configuration = {**(given[0] if given else {}), **named}
        trace(self, lambda alive: ConfluentProducer(alive, configuration, errors))


def _produce(  # noqa: C901, PLR0913, PLR0917 - in line, for speed; the order is that of Producer.c
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
        if len(unread) > answers.most_unread:
            read_portion()
        traced = None if guard.is_off else getattr(self, TRACED, None)
        if traced is not None and isinstance(topic, str) and not (more or unknown):
            understood = headers if isinstance(headers, _HEADERS) else None
            frame = sys._getframe(1)  # noqa: SLF001 - the cheapest way to the caller
            # In C `callback`, even None, wins over its alias.
            chosen = on_delivery if callback is _ABSENT else callback
            if chosen is None:
                chosen = traced.on_delivery
            kind = UnreportedWrite if chosen is None else ConfluentWrite
            write = open_write(kind, traced, topic, key, value, understood, frame)
            if write is not None:
                write.callback = chosen
                if understood is headers:  # else the client refuses them
                    sent = write.headers(headers)
                if chosen is None:
                    write.outer = NO_CONTEXT
    except BaseException as error:  # noqa: BLE001 - raised again, unless it is the agent's own
        _give_up(write, error)
        write = None
    if write is None:
        given = topic, value, key, partition, callback, on_delivery, timestamp, headers
        return _produce_untraced(self, given, more, unknown)
    produce = _original.produce
    try:
        # By place, since names take C 0.5 us to find.
        return produce(self, topic, value, key, partition, write, None, timestamp, sent or headers)
    except Exception as error:
        if not _may_fit_without(sent, write, error, headers):
            raise
    # It is not too late: the client has kept nothing.
    try:
        return produce(self, topic, value, key, partition, write, None, timestamp, headers)
    except Exception as error:
        write.raised(error)
        raise


def _give_up(write: ConfluentWrite | None, error: BaseException) -> None:
    """Contain what was raised before the client was called, if it is not a signal handler's."""
    if write is not None:
        write.given_up(error)
    elif foreign.is_a(error, Exception):
        guard.caught(error)
    else:
        raise error


def _may_fit_without(
    sent: Headers | None, write: ConfluentWrite, error: Exception, headers: Any
) -> bool:
    """Note why the client has refused the message; whether that was for our header alone."""
    if not headers and is_interrupt(error):
        interrupt = KeyboardInterrupt()
        write.not_sent(interrupt)
        raise interrupt from None
    if sent is None or not is_too_large(error):
        write.raised(error)
        return False
    with guard:
        write.sent_without_header()
    return True


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
    if traced is not None:
        traced.serves()
    try:
        result = _original.poll(self, *args, **kwargs)
        if unread:
            read_some(0 if traced is None else traced.served + traced.unserved)
    except BaseException as error:
        raise_original(self, error)
        raise
    else:
        return result
    finally:
        if traced is not None:
            traced.served = perf_counter_ns()


def _flush(self: Any, *args: Any, **kwargs: Any) -> Any:
    traced = traced_producer(self)
    if traced is None:
        return serve(_original.flush, self, args, kwargs)
    unreported = _unreported(self)
    traced.serves()
    try:
        with flush_span(guard, traced, failure):
            # Where only errors are reported, those that are not settled yet would pass for none.
            settles_all = traced.only_errors
            remaining = serve(_original.flush, self, args, kwargs, settles_all=settles_all)
    finally:
        traced.served = perf_counter_ns()
    if remaining == 0:
        _confirm_nothing(unreported)
    return remaining


def _closing(name: str) -> Callable[..., Any]:
    """Return the replacement for a method that closes a producer."""

    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        unreported = _unreported(self)
        with deciding(guard, traced_producer(self), Transaction.aborted):
            result = serve(getattr(_original, name), self, args, kwargs)
            _confirm_nothing(unreported)
        return result

    return close


def _unreported(producer: Any) -> set[OpenWrite]:
    """Return the open writes of which only an error would be reported."""
    traced = traced_producer(producer)
    return traced.open.copy() if traced is not None and traced.only_errors else set()


def _confirm_nothing(writes: set[OpenWrite]) -> None:
    for write in writes:
        with guard.abandoning(write):
            write.unconfirmed()


_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _init,
    "produce": _produce,
    "poll": _poll,
    "flush": _flush,
    "close": _closing("close"),
    "__exit__": _closing("__exit__"),
}
