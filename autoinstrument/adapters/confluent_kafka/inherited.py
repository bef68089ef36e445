"""Clients that a forked child has inherited: none of them is destroyed there.

Destroying one joins librdkafka's own thread, which a child does not have. Where the child has given
that thread's id to a new one, another client's say, it waits for that for ever. A child of a
program with no thread but librdkafka's has other ids left, and the agent has a thread.
"""

from __future__ import annotations

import atexit
import gc
import os
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from .alive import ALIVE, Alive

_alive: WeakSet[Alive] = WeakSet()
_kept: list[Any] = []
_pid = os.getpid()


def watch(alive: Alive) -> None:
    """Keep the client that has `alive`, made just now, in each child that inherits it."""
    _alive.add(alive)


def _clients() -> list[Any]:
    alive = list(_alive)
    holders = gc.get_referrers(*alive) if alive else []
    return [each for each in holders if hasattr(type(each), ALIVE)]


def _keep() -> None:
    global _pid  # noqa: PLW0603 - the process's one
    _pid = os.getpid()
    inherited = _clients()
    if inherited:
        _kept.extend(inherited)
        _alive.clear()
        atexit.register(_keep_for_ever, inherited)


def _keep_after_all() -> None:
    """Keep them where the fork was one from C that runs none of Python's hooks, as uWSGI's."""
    if os.getpid() != _pid:
        _keep_for_ever(_clients())


def _keep_for_ever(clients: list[Any]) -> None:
    with suppress(ImportError):
        from ctypes import py_object, pythonapi  # noqa: PLC0415 - 5 ms, for few

        for client in clients:  # the interpreter lets go of `_kept` when it ends
            pythonapi.Py_IncRef(py_object(client))


atexit.register(_keep_after_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)
