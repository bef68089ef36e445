"""The promise that the agent breaks nothing, as one object."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` itself has enumerations, which take 5 ms
import os

from .notices import tell

TYPE_CHECKING = False  # `typing` takes 2 ms, in each process that imports `logging`
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any

reraise = False
"""Set by our own tests, where a failure of the agent must fail the test."""


class Guard:
    """Contain the agent's own failures: `with guard:` around our code, never around theirs.

    Catches `Exception` and never `BaseException`, so an interrupt or an exit passes through, and so
    does what a signal handler of the application raises. After the first failure `broken` is true,
    the user has been told once, and the part that this guard protects stands aside.
    """

    __slots__ = ("broken", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.broken = False

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception) or reraise or is_interruption(error):
            return False
        self.caught(error)
        return True

    def caught(self, error: Exception) -> None:
        """Stand aside after `error`: what `with` does, where its 0.2 us are too much."""
        if reraise or is_interruption(error):
            raise error
        self.broken = True
        words = f"{self.name} failed, the application goes on: {type(error).__name__}: {error}"
        # Not by way of the settings: what has failed may be any part of the agent.
        is_wanted = os.environ.get("AUTOINSTRUMENT_DEBUG", "").strip() == "1"
        tell("agent-failed", words, about=self.name, error=error if is_wanted else None)


def is_interruption(error: BaseException) -> bool:
    """Whether a signal handler has raised `error`, as a time limit does, in any line of ours.

    It is the application's then, which waits for it outside.
    """
    handlers = [_code_of(_signal.getsignal(number)) for number in range(1, _signal.NSIG)]
    traceback = error.__traceback__
    while traceback is not None:
        if any(traceback.tb_frame.f_code is code for code in handlers):
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler: Any) -> CodeType | None:
    """Return what runs when a handler is called: a function, a method, a partial, an object."""
    if not callable(handler):
        return None
    while hasattr(handler, "func"):
        handler = handler.func
    code: CodeType | None = getattr(handler, "__code__", None)
    return code or getattr(type(handler).__call__, "__code__", None)
