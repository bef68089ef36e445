"""The end of a process, and of what a fork copies: nothing is lost silently.

Handlers of `atexit` run last registered first. The agent's last one is registered when the agent is
started, so that it runs after all that the application has registered, a `flush` say. What is open
by then may still be answered, while the application's objects are finalized: where there is a way
out for it, that is decided when they are gone. With a provider of the application, the decision is
made in that provider's own shutdown.

What is open then, and how that is decided, is not known here: `watch` is told.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from contextlib import suppress
from functools import partial
from mmap import mmap
from time import monotonic
from typing import TYPE_CHECKING, Any

from . import background, children, sudden_ends
from .guard import Guard
from .last_moment import call_last
from .notices import be_ready

if TYPE_CHECKING:
    from collections.abc import Callable

_guard = Guard("the end of the process")
_finishers: list[Callable[[], object]] = []
_late_finishers: list[Callable[[], object]] = []
_flushers: list[Callable[[], object]] = []
_exporting: list[Callable[[], object]] = []
_counting: list[Callable[[], int]] = []
# The process's one end. Who calls `watch` gives what stands here until then.
_watching = False
_begun = False
_decides_late = True
"""Whether what is open at an orderly end may be decided on as late as can be."""
_decide_open: Callable[[BaseException | None], object] = bool
_forget_open: Callable[[], object] = bool
_keep_open: Callable[[], object] = bool
# Seconds before an end by which nobody expects to wait: for the application's flush, which is
# its own affair, and for our export, whose beginning takes imports.
_PATIENCE_WITH_FLUSH = 1.0
_PATIENCE_WITH_EXPORT = 2.0
_PATIENCE_AGAIN = 0.5
_waited_in_vain = mmap(-1, 1)
"""Whether one of the processes that share it by a fork has, so that a hundred children do not."""


def watch(
    decide: Callable[[BaseException | None], object],
    forget: Callable[[], object],
    keep_open: Callable[[], object],
) -> None:
    """Be ready for the end of this process and of its forked children; called more than once.

    `decide` settles what is open, given the exception that has ended the program if there is one;
    `forget` leaves to the parent what a forked child has inherited. `keep_open` keeps what is open
    until `decide`, although the application's objects go, and says whether a write has no answer.
    """
    global _watching, _decide_open, _forget_open, _keep_open
    if _watching:
        return
    _watching, _decide_open, _forget_open, _keep_open = True, decide, forget, keep_open
    atexit.unregister(logging.shutdown)  # which `end` does: its warnings have a log to go to
    sudden_ends.watch(_end_at_once, _begin_again)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=children.forget)
        os.register_at_fork(after_in_child=_begin_again)


def begin_exit() -> None:
    """Note that the end has begun, where others' handlers come before the agent's."""
    global _begun  # noqa: PLW0603 - once a process
    _begun = True


def exit_has_begun() -> bool:
    """Whether the process is ending, as far as that has been noted."""
    return _begun


def at_the_end(
    finish: Callable[[], object], finish_late: Callable[[], object], *, decides_late: bool
) -> None:
    """Call `finish` at an orderly end, and `finish_late` when nothing of the application's is left.

    `decides_late` says that what is decided on only then still has a way out.
    """
    global _decides_late  # noqa: PLW0603 - the process's one end
    _finishers.append(finish)
    _late_finishers.append(finish_late)
    _decides_late = _decides_late and decides_late


def before_a_kill(export: Callable[[], object], count: Callable[[], int]) -> None:
    """Call `export` in a thread of its own before this program ends the process by a signal.

    The process goes on, if it has a handler for that signal. `count` says how many operations wait.
    """
    _exporting.append(export)
    _counting.append(count)
    children.listen(_export, _count)


def before_shutdown_of(provider: Any) -> None:
    """Decide on open writes before the application's `provider` shuts down, as late as can be."""
    if not _decide_in_shutdown_of(provider):
        atexit.register(_decide)  # its own shutdown is registered already, and comes after
    if hasattr(provider, "force_flush"):
        patience = int(_PATIENCE_WITH_FLUSH * 1000)  # milliseconds, as the SDK counts
        _flushers.append(lambda: provider.force_flush(patience))
        children.listen(_export, _count)


def _decide_in_shutdown_of(provider: Any) -> bool:
    """Decide when an exit handler of the SDK's shuts `provider` down; whether there is such a one.

    What the application has registered since it has the provider, a `flush` say, is done by then.
    """
    processor = getattr(provider, "_active_span_processor", None)
    original = getattr(processor, "shutdown", None)
    if getattr(provider, "_atexit_handler", None) is None or original is None:
        return False

    def shutdown(*args: Any, **kwargs: Any) -> Any:
        if exit_has_begun():  # else the application does so while it goes on
            _decide()
        return original(*args, **kwargs)

    try:
        processor.shutdown = shutdown  # type: ignore[union-attr] # it has one, as seen above
    except AttributeError:
        return False
    atexit.register(begin_exit)
    return True


def _end_at_once() -> None:
    """End within some seconds, whatever signal handlers raise meanwhile: nobody would catch it."""
    with suppress(BaseException):
        _decide()
    waits_again = _waited_in_vain[0]
    in_time = _run_in_time(_finishers, _PATIENCE_AGAIN if waits_again else _PATIENCE_WITH_EXPORT)
    _waited_in_vain[0] = not in_time
    with suppress(BaseException):
        _run(_late_finishers)
    _run_in_time(_flushers, _PATIENCE_WITH_FLUSH)


def _run_in_time(steps: list[Callable[[], object]], seconds: float) -> bool:
    """Run the steps, whether they respect a limit or not; whether they did."""
    if sys.is_finalizing():  # no thread can be started, or has an end
        _run(steps)
    if not steps:
        return True
    begun, finished = threading.Lock(), threading.Event()

    def run() -> None:
        if begun.acquire(blocking=False):
            _run(steps)
            finished.set()

    deadline = monotonic() + seconds
    while not finished.is_set() and monotonic() < deadline:
        try:
            if not begun.locked():
                background.start(run)
            finished.wait(deadline - monotonic())
        except RuntimeError:  # noqa: PERF203 - this is an end; the interpreter is shutting down
            break
        except BaseException:  # noqa: BLE001, S112 - a signal handler's, as often as it likes
            continue
    return finished.is_set()


def end() -> None:
    """End orderly, when all that the application has registered with `atexit` has run."""
    error = _last_error()
    if not _decides_late:
        _decide(error)
    while _finishers:
        with suppress(BaseException):  # of a second signal's handler: it ends the waiting, no more
            _run(_finishers)
    tells_late = bool(_keep_open())
    if not tells_late:
        _shut_log()
    end_late = partial(_end_late, error, tells=tells_late)
    be_ready()
    if not call_last(end_late):
        end_late()
    if isinstance(error, KeyboardInterrupt) and not hasattr(sys, "ps1"):
        # A program that Ctrl-C has ended is to end by that signal, for its shell to see. CPython
        # forgets that with any string that is executed, as in the imports that an export takes.
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102 - as above


def _end_late(error: BaseException | None, *, tells: bool) -> None:
    _decide(error)
    _run(_late_finishers)
    if tells:
        _shut_log()


def _shut_log() -> None:
    if _watching:
        logging.shutdown()


def may_be_alone() -> bool:
    """Whether this process may end without any end that is known here.

    So does a child that a thread has forked: that is its main thread, and returns.
    """
    kind = type(threading.main_thread())  # an interpreter's own has a class of `threading` alone
    return kind in {threading.Thread, threading.Timer} or kind.__module__ != threading.__name__


def is_alone() -> bool:
    """Whether the application has no thread left."""
    return not threading.enumerate()


def end_alone() -> None:
    """End where no thread is left but the agent's, which keep the process alive until they end."""
    if is_alone():
        _end_at_once()


def _last_error() -> BaseException | None:
    """Return what has ended the program, if it was an exception."""
    return getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)


def _run(steps: list[Callable[[], object]]) -> None:
    while steps:
        with _guard:
            steps.pop(0)()


def _export() -> None:
    for step in (*_exporting, *_flushers):
        with _guard:
            step()


def _count() -> int:
    return sum(each() for each in _counting)


def _decide(error: BaseException | None = None) -> None:
    with _guard:
        _decide_open(error or _last_error())


def _begin_again() -> None:
    global _decides_late  # noqa: PLW0603 - the process's one end
    _decides_late = True
    _finishers.clear()
    _late_finishers.clear()
    _flushers.clear()
    _exporting.clear()
    _counting.clear()
    _forget_open()
