"""Answers of which the application wants no report: C notes them, and they are read after the call.

The client calls a delivery callback once for each message, from within `flush` and `poll`. If that
is Python, the handler of a signal runs in it, and the client keeps what it raises until its queue
is empty: Ctrl+C comes seconds late, or never while another thread writes. A callback that is C all
the way leaves signals to the client, which looks for them between its own steps.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from itertools import repeat, starmap
from time import sleep
from typing import TYPE_CHECKING, Any, Protocol

from autoinstrument.adapter import is_interruption

from .classes import TRACED

if TYPE_CHECKING:
    from collections.abc import Callable


class Unreported(Protocol):
    """A write of which the application wants no report."""

    def read(self, error: Any, message: Any) -> None:
        """Close it with what the client has called back with."""

    def unreadable(self, pending: BaseException) -> None:
        """Close it where that is not known, since `pending` kept the client from calling."""

    def caught(self, error: Exception) -> None:
        """Contain a failure of the agent at it."""

    def reopen(self) -> None:
        """Await its answer again, as a signal's handler has broken off the reading."""


class _Answer(Exception):  # noqa: N818 - no error, but what C lets keep its arguments
    """What the client has called back with: `args` are the error and the message."""

    __slots__ = ()

    __call__ = BaseException.__init__


unread: defaultdict[Unreported, _Answer] = defaultdict(_Answer)
MOST_UNREAD = 1000
"""More are read while the call that answers is still under way: each has a copy of its message."""
_SLICE = 256
"""The interpreter's lock is given up after so many, as the client does after each."""

noted = property(unread.__getitem__)
"""The `__call__` of such a write: to call that makes it an answer, and calls the answer.

Neither takes any Python.
"""


def serve(call: Callable[..., Any], client: Any, args: Any, kwargs: Any) -> Any:
    """Call what may answer writes, and settle them."""
    try:
        result = call(client, *args, **kwargs)
    except BaseException as error:
        raised = pending(error)
        traced = getattr(client, TRACED, None)
        if traced is not None:
            traced.note_fatal(raised or error)
        if raised is not None:
            _settle_unread(raised)
        if len(unread) <= MOST_UNREAD:  # else nothing is to hold a time limit up any longer
            read_answers()
        if raised is None:
            raise
        raise raised from None
    if unread:
        read_answers()
    return result


def read_answers() -> None:
    """Settle all writes that are answered, the oldest first."""
    newest_first: list[tuple[Unreported, _Answer]] = []
    try:
        with suppress(KeyError):  # another thread has read some
            # One step of C, so that no signal's handler makes one disappear.
            newest_first.extend(starmap(unread.popitem, repeat((), len(unread))))
        while newest_first:
            if len(newest_first) % _SLICE == 0:
                sleep(0)
            write, answer = newest_first[-1]
            try:
                if answer.args:
                    error, message = answer.args
                    write.read(error, message)
                else:
                    write.unreadable(answer)
            except BaseException as own:  # noqa: BLE001 - raised again, unless it is the agent's own
                _break_off(write, own)
            del newest_first[-1]
    finally:
        unread.update(newest_first)


def _break_off(write: Unreported, error: BaseException) -> None:
    if isinstance(error, Exception) and not is_interruption(error):
        write.caught(error)
    else:
        write.reopen()
        raise error


def pending(error: BaseException) -> BaseException | None:
    """Return the exception that was raised when C was called, for which Python raises `error`.

    A client that has one goes on calling back, and whatever it calls then fails.
    """
    found: BaseException = error
    while isinstance(found, SystemError) and found.__cause__ is not None:
        found = found.__cause__
    return None if found is error else found


def _settle_unread(raised: BaseException) -> None:
    for write, answer in list(unread.items()):
        if not answer.args and unread.pop(write, None) is not None:
            write.unreadable(raised)
