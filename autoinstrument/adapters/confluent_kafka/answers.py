"""Answers of which the application wants no report: C notes them, and they are read after the call.

The client calls a delivery callback once for each message, from within `flush` and `poll`. If that
is Python, a signal's handler may run in it, even before its first line. The client keeps what the
handler raises until its queue is empty: Ctrl+C comes seconds late, or never while another thread
writes. A callback that is C all the way leaves signals to the client, which looks for them between
its own steps.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from itertools import islice
from time import perf_counter_ns, sleep
from typing import TYPE_CHECKING, Any, Protocol

from .classes import TRACED

if TYPE_CHECKING:
    from collections.abc import Callable


class Unreported(Protocol):
    """A write of which the application wants no report."""

    def read(self, error: Any, message: Any, come_now: bool) -> None:  # noqa: FBT001 - for speed
        """Close it with what the client has called back with, just now or some time ago."""

    def unreadable(self, raised: BaseException) -> None:
        """Close it where `raised` has kept the client from calling back."""


class _Noted(Exception):  # noqa: N818 - no error, but what C lets keep its arguments
    """What the client has called back with: `args` are the error and the message."""

    __slots__ = ()

    __call__ = BaseException.__init__


unread: defaultdict[Unreported, _Noted] = defaultdict(_Noted)
"""What is noted, the oldest first."""
_SLICE = 256
"""The interpreter's lock is given up after so many, as the client does after each."""
_PORTION = 1000
"""So many are read at a time, where more than a call reads have come."""
_MOST_OF_A_CALL = 10_000
"""So many a call reads, and the background the rest: it exports what it has read in between."""
_MOST_UNREAD = 2**16
"""A call reads more rather than leave more: each has a copy of its message."""
_PATIENCE = 0.5  # seconds in which the background exports a portion
most_unread = _PORTION
"""Whoever writes reads what has come beyond this, in a call that is still under way."""

_AT_ONCE = 200_000  # ns: what a call brings that took no longer has come now

noting = property(unread.__getitem__)
"""The `__call__` of such a write, which notes the answer.

Neither to find it nor to call it takes any Python.
"""


def serve(
    call: Callable[..., Any], client: Any, args: Any, kwargs: Any, *, settles_all: bool = True
) -> Any:
    """Make a call that may answer writes, and settle them: not all, where many may wait."""
    try:
        result = call(client, *args, **kwargs)
    except BaseException as error:
        raise_original(client, error)
        raise
    if unread:
        read_answers() if settles_all else read_some()
    return result


def read_answers(since: int = 0, most: int | None = None) -> int:
    """Settle the writes whose answers are noted, or the oldest; what is broken off is read again.

    Return how many were settled. `since` is when the call began that they came in, by
    `perf_counter_ns`, where that is known.
    """
    global most_unread  # noqa: PLW0603 - the process's one
    come_now = perf_counter_ns() - since < _AT_ONCE
    settled = 0
    for count, (write, noted) in enumerate(list(islice(unread.items(), most)), 1):
        if noted.args:  # else the client is just calling, or could not
            error, message = noted.args
            write.read(error, message, come_now)
            unread.pop(write, None)  # another thread may have read it as well
            settled += 1
        if count % _SLICE == 0:
            sleep(0)
    most_unread = len(unread) + _PORTION
    return settled


def read_some(since: int = 0) -> None:
    """Settle as many as a call may, and leave the rest to the background."""
    read_answers(since, max(_MOST_OF_A_CALL, len(unread) - _MOST_UNREAD))


def read_portion() -> bool:
    """Settle the oldest; return whether there are more that can be."""
    return read_answers(most=_PORTION) > 0 and len(unread) > _PORTION


def read_last() -> None:
    """Settle all, but leave as many to the background as it takes without a pause."""
    left = len(unread) + 1
    while _PORTION < len(unread) < left and not sys.is_finalizing():
        left = len(unread)
        sleep(_PATIENCE)
    read_answers()


def raise_original(client: Any, error: BaseException) -> None:
    """Settle what a call that has failed leaves noted, and raise what `error` hides, if it does."""
    raised = original(error)
    traced = getattr(client, TRACED, None)
    if traced is not None:
        traced.note_fatal(raised)
    for write, noted in list(unread.items()):
        if not noted.args:
            write.unreadable(raised)
            unread.pop(write, None)
    if len(unread) <= _PORTION:  # else nothing is to hold a time limit up any longer
        read_answers()
    if raised is not error:
        raise raised from None


def original(error: BaseException) -> BaseException:
    """Return the exception that was pending when C was called, for which Python raises `error`.

    A client that has one goes on calling back, and whatever it calls then fails.
    """
    while type(error) is SystemError and error.__cause__ is not None:
        error = error.__cause__
    return error
