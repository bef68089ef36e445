"""Who works on what a consumer has returned: a thread, a job of a pool, or a task.

A worker is a weak reference, to the task or to an object that lives as long as the thread, or it is
a job. So it is a key that keeps nothing of the application alive.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from autoinstrument.process import foreign
from autoinstrument.process.notices import tell

from .unit import detach_units, unit_in, without_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from opentelemetry.context import Context

Worker: TypeAlias = "Callable[[], Any]"

_POOLS = "concurrent.futures.thread"  # whose threads have one job after the other


def this_worker() -> Worker:
    """Return the running task, else the running job of a pool, else the thread."""
    loop = asyncio._get_running_loop()  # noqa: SLF001 - in `__all__`; get_running_loop() raises where there is none
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
    alive = worker()
    return foreign.exception_of(alive) if alive is not None and alive.done() else None


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

    def done(self) -> bool:
        future = self._future()
        return future is None or future.done()

    def cancelled(self) -> bool:
        return False  # it has begun

    def exception(self) -> BaseException | None:
        future = self._future()
        return self._error if future is None else future.exception()

    def _end(self, future: Future[Any]) -> None:
        """Leave nothing to the next job; the pool calls this in the thread of the job."""
        self._error = future.exception()
        detach_units()


class _Here(threading.local):
    """The worker that the running thread is, and its job."""

    def __init__(self) -> None:
        self.thread = _Thread()
        is_a_pools = any(_frames_of_pools()) and _shows_jobs()
        self.worker: Worker | None = None if is_a_pools else ref(self.thread)
        self.job: _Job | None = None


def _job() -> _Job | None:
    job = _here.job
    if job is None or job.done():
        future = next(filter(None, map(_running_in, _frames_of_pools())), None)
        job = _here.job = None if future is None else _Job(future)
    return job


def _running_in(frame: FrameType) -> Future[Any] | None:
    """Return the future of the job that is run there, which is part of some object of the pool's.

    By no name of either, as names change: https://github.com/python/cpython/pull/124548.
    """
    for each in list(frame.f_locals.values()):
        if foreign.module_of(type(each)) == _POOLS:
            for part in list(getattr(each, "__dict__", {}).values()):
                if isinstance(part, Future) and part.running():
                    return part
    return None


@cache
def _shows_jobs() -> bool:
    """Whether the pools have a class of jobs, which is known by what a job does with its future."""
    kinds = [kind for kind in vars(sys.modules[_POOLS]).values() if isinstance(kind, type)]
    methods = [getattr(each, "__code__", None) for kind in kinds for each in vars(kind).values()]
    begins_job = Future.set_running_or_notify_cancel.__name__
    shows = any(begins_job in code.co_names for code in methods if code is not None)
    if not shows:
        words = "what a job of a pool has polled is ended by the next poll of its thread only"
        tell("part-unsupported", f"{_POOLS} has no class of jobs: {words}", about=_POOLS)
    return shows


def _frames_of_pools() -> Iterator[FrameType]:
    """Yield the frames of the module that has the pools, innermost first."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the cheapest way to the callers
    while frame is not None:
        if frame.f_globals.get("__name__") == _POOLS:
            yield frame
        frame = frame.f_back


_here = _Here()
