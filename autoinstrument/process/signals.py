"""Signals are for the application's threads, not for the agent's."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` itself has enumerations, which take 5 ms


def hold_signals() -> None:
    """Block every signal in this thread, which is one of the agent's.

    The system gives a process's signal to any thread that does not block it. An application that
    blocks one in all of its threads waits for it with `sigwait`, and a call of its main thread is
    interrupted only by a signal that this thread is given.
    """
    if hasattr(_signal, "pthread_sigmask"):
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
