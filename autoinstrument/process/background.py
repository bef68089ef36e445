"""Threads of the agent's own, of which the application sees nothing.

`threading` does not list them: a program may wait until it alone is listed, or join whatever else
is. They are given no signal.

`multiprocessing` imports this module, so it imports nothing that an interpreter has not loaded.
"""

from __future__ import annotations

import _thread
import sys

from .private_names import has_names
from .signals import bare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def start(work: Callable[[], object]) -> None:
    """Do `work` in a thread; raise RuntimeError where the interpreter is shutting down.

    The system gives a process's signal to any thread that does not block it. An application that
    blocks one in all of its threads waits for it with `sigwait`, and a call of its main thread is
    interrupted only by a signal that this thread is given. A thread inherits what is blocked.
    """
    if not hasattr(bare, "pthread_sigmask"):
        _thread.start_new_thread(_do, (work,))
        return
    blocked = bare.pthread_sigmask(bare.SIG_BLOCK, [])
    try:
        bare.pthread_sigmask(bare.SIG_BLOCK, bare.valid_signals())
        _thread.start_new_thread(_do, (work,))
    finally:
        bare.pthread_sigmask(bare.SIG_SETMASK, blocked)


def hide() -> None:
    """Take this thread off the list of `threading`, which it is on as soon as something logs."""
    threading = sys.modules.get("threading")
    listed = "threading.enumerate() lists threads of the agent's that have ended"
    if threading is not None and has_names(threading, "_active", otherwise=listed):
        threading._active.pop(_thread.get_ident(), None)  # noqa: SLF001 - nothing else removes it


def _do(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        hide()
