"""Who works on what a consumer has returned: a thread, a job of a pool, or a task.

A worker is a weak reference, to the task or to an object that lives as long as the thread, or it is
a job. So it is a key that keeps nothing of the application alive.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from .unit import detach_units, unit_in, without_ended

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import FrameType

    from opentelemetry.context import Context

Worker: TypeAlias = "Callable[[], Any]"

_POOLS = "concurrent.futures.thread"  # whose threads have one job after the other


def this_worker() -> Worker:
    """Return the running task, else the running job of a pool, else the thread."""
    loop = asyncio._get_running_loop()  # noqa: SLF001 - get_running_loop() raises where there is none
    task = None if loop is None else asyncio.current_task(loop)
    if task is not None:
        return ref(task)
    return _here.worker or _job() or ref(_here.thread)


def without_stale(context: Context) -> Context:
    """Return `context` without units that the running worker has ended.

    A block that was entered before a poll puts such a unit back at its end. Other workers keep the
    unit: a task that began within it may outlive it.
    """
    unit = unit_in(context)
    if unit is None or not unit.is_ended or unit.worker != this_worker():
        return context
    return without_ended(context)


def is_gone(worker: Worker) -> bool:
    """Whether the worker has ended, and so polls no more."""
    alive = worker()
    return alive is None or alive.done()


def error_of(worker: Worker) -> BaseException | None:
    """Return the exception that ended the worker, if that is known."""
    return getattr(worker(), "_exception", None)  # a task's own method would mark it as retrieved


class _Thread:
    """Lives as long as its thread, and is never done before."""

    def done(self) -> bool:
        return False


class _Job:
    """A job of a pool, which a future stands for, and how it has ended."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = ref(future)
        self._error: BaseException | None = None
        future.add_done_callback(self._end)

    def __call__(self) -> _Job:
        return self

    def is_of(self, future: Future[Any]) -> bool:
        return self._future() is future

    def done(self) -> bool:
        future = self._future()
        return future is None or future.done()

    @property
    def _exception(self) -> BaseException | None:
        future = self._future()
        return future.exception() if future is not None and future.done() else self._error

    def _end(self, future: Future[Any]) -> None:
        """Leave nothing to the next job; the pool calls this in the thread of the job."""
        self._error = future.exception()
        detach_units()


class _Here(threading.local):
    """The worker that the running thread is, and its job."""

    def __init__(self) -> None:
        self.thread = _Thread()
        is_a_pools = _frame("_worker") is not None
        self.worker: Worker | None = None if is_a_pools else ref(self.thread)
        self.job: _Job | None = None


def _job() -> _Job | None:
    frame = _frame("run")
    if frame is None:
        return None
    future = frame.f_locals["self"].future
    if _here.job is None or not _here.job.is_of(future):
        _here.job = _Job(future)
    return _here.job


def _frame(function: str) -> FrameType | None:
    """Return the innermost frame of `function` of the module that has the pools."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the cheapest way to the callers
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__") == _POOLS:
            return frame
        frame = frame.f_back
    return None


_here = _Here()
