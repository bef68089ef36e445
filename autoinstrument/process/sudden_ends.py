"""The ends that a program makes itself, at which no handler of `atexit` runs.

`os._exit` is how children of multiprocessing end. A signal whose handler is the default one is how
uvicorn ends: it puts that handler back and raises the signal again. `os.exec...` puts another
program in this one's place. What is done before leaves all of that as it is: the function is called
once, with its own arguments, and if the process goes on after all, its result is returned.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .signals import bare

if TYPE_CHECKING:
    from collections.abc import Callable

_TASKS = "/proc/self/task"
# Signals whose default action leaves the process running, or only stops it.
_HARMLESS = {
    getattr(bare, f"SIG{name}", 0)
    for name in ("CHLD", "CLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH", "INFO")
} | {0}


def watch(end: Callable[[], object], go_on: Callable[[], object]) -> None:
    """Call `end` before this process ends so, and `go_on` if it has not; called once a process."""
    for module, name, is_end in (
        (os, "_exit", _always),
        (os, "abort", _always),
        (os, "execv", _can_be_executed),
        (os, "execve", _can_be_executed),
        (os, "kill", _kills),
        (os, "killpg", _kills_group),
        (bare, "raise_signal", _ends_here),
        (bare, "pthread_kill", _kills_thread),
    ):
        original = getattr(module, name, None)
        if original is not None:
            _replace(module, name, original, _ending(original, is_end, end, go_on))


def _replace(module: Any, name: str, original: Any, replacement: Any) -> None:
    setattr(module, name, replacement)
    public = sys.modules.get("signal")  # which has taken over all that it is made of
    if module is bare and getattr(public, name, None) is original:
        setattr(public, name, replacement)


def _ending(
    original: Callable[..., Any],
    is_end: Callable[..., bool],
    end: Callable[[], object],
    go_on: Callable[[], object],
) -> Callable[..., Any]:
    @wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            if not is_end(*args, **kwargs):
                return original(*args, **kwargs)
        except (TypeError, ValueError, OSError):  # wrong arguments, as the function itself will say
            return original(*args, **kwargs)
        try:
            try:
                end()
            finally:  # a handler's exception must not come out where the process was to end
                result = original(*args, **kwargs)
        finally:
            go_on()
        return result

    return called


def _always(*_: Any, **__: Any) -> bool:
    return True


def _can_be_executed(path: Any, *_: Any, **__: Any) -> bool:
    return isinstance(path, int) or os.access(path, os.X_OK)  # an open file, or a path


def _kills(pid: int, signal: int) -> bool:
    return (pid in {0, -1, os.getpid()} or pid == -_group()) and _ends_somewhere(signal)


def _kills_group(pgid: int, signal: int) -> bool:
    return pgid in {0, _group()} and _ends_somewhere(signal)


def _kills_thread(thread: int, signal: int) -> bool:
    native = [each.native_id for each in threading.enumerate() if each.ident == thread]
    if thread == threading.get_ident() or not native:
        return _ends_here(signal)
    return _is_fatal(signal) and not _blocks(native[0], signal)


def _ends_somewhere(signal: int) -> bool:
    """Whether a signal to this process ends it: in any thread that does not block it."""
    return _ends_here(signal) or (
        _is_fatal(signal) and not all(_blocks(each, signal) for each in _threads())
    )


def _ends_here(signalnum: int) -> bool:
    """Whether a signal to this thread ends the process."""
    mask = getattr(bare, "pthread_sigmask", None)
    is_blocked = mask is not None and signalnum in mask(bare.SIG_BLOCK, [])
    return _is_fatal(signalnum) and not is_blocked


def _is_fatal(signalnum: int) -> bool:
    return signalnum not in _HARMLESS and bare.getsignal(signalnum) == bare.SIG_DFL


def _threads() -> list[str]:
    """Return the system's ids of all threads, the clients' own included; none but on Linux."""
    with suppress(OSError):
        return os.listdir(_TASKS)  # noqa: PTH208 - names are what is wanted
    return []


def _blocks(thread: int | str | None, signalnum: int) -> bool:
    with suppress(OSError):  # it has ended, or this is no Linux
        status = Path(_TASKS, str(thread), "status").read_bytes()
        mask = int(status.partition(b"SigBlk:")[2].split()[0], 16)
        return bool(mask >> (signalnum - 1) & 1)
    return True


def _group() -> int:
    return os.getpgrp() if hasattr(os, "getpgrp") else 0
