"""Who works on what a consumer has returned, and for how long: a thread, a pool's job, or a task.

A worker is a weak reference, to the job's future or to the task, or to what lives as long as the
thread: it can be a key, and keeps nothing alive.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ReferenceType, ref

from ._unit import leave_all

if TYPE_CHECKING:
    from types import FrameType

Worker: TypeAlias = "ReferenceType[Any]"

_POOLS = "concurrent.futures.thread"  # whose threads have one job after the other


def this_thread() -> Worker:
    """Return the thread that is running, or the job that it does for a pool."""
    return (_job() if _here.is_a_pools else None) or _here.worker


def this_task() -> Worker:
    """Return the task that is running."""
    return ref(asyncio.current_task() or _here.thread)


def is_gone(worker: Worker) -> bool:
    """Whether the worker has come to its end, and will ask for no more."""
    alive = worker()
    return alive is None or alive.done()


def error_of(worker: Worker) -> BaseException | None:
    """Return the exception that the worker has ended by, if that is known."""
    return getattr(worker(), "_exception", None)  # by a task's method it would count as retrieved


class _Thread:
    """What lives as long as a thread, and is never done before."""

    def done(self) -> bool:
        return False


class _Here(threading.local):
    """What is known of the running thread."""

    def __init__(self) -> None:
        self.thread = _Thread()
        self.worker: Worker = ref(self.thread)
        self.is_a_pools = _frame("_worker") is not None
        self.job: Worker | None = None


def _job() -> Worker | None:
    frame = _frame("run")
    if frame is None:
        return None
    future = frame.f_locals["self"].future
    job = ref(future)
    if _here.job != job:
        _here.job = job
        future.add_done_callback(lambda _: leave_all())  # in this thread, as the job's last act
    return job


def _frame(function: str) -> FrameType | None:
    """Return the innermost frame of one of the functions that make a pool's threads work."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the cheapest way to the callers
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__") == _POOLS:
            return frame
        frame = frame.f_back
    return None


_here = _Here()
