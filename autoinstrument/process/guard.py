"""The promise that the agent breaks nothing, as one object."""

from __future__ import annotations

from collections import deque
from time import monotonic

from autoinstrument.start import switched

from .notices import tell

TYPE_CHECKING = False  # `typing` takes 2 ms, in each process that imports `logging`
if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Protocol

    class Abandoned(Protocol):
        """What the agent has begun, and can no longer bring to its end."""

        def abandon(self) -> object:
            """Leave nothing of it open, and make it no span."""


reraise = False
"""Set by our own tests, where a failure of the agent must fail the test."""


_PERIOD = 60.0  # seconds


class Guard:
    """Contain the agent's own failures: `with guard:` around our code, never around theirs.

    Catches `Exception` and never `BaseException`, so an interrupt or an exit passes through, and so
    does what a signal handler of the application raises. The first failure is told. After ten
    within a minute, or as many as `most` says, the part that this guard protects stands aside:
    `is_off` is true, and that is told as well.
    """

    __slots__ = ("_failures", "is_off", "name")

    slug = "agent-failed"
    """What its warnings are known by."""

    def __init__(self, name: str, most: int = 10) -> None:
        self.name = name
        self.is_off = False
        self._failures: deque[float] = deque(maxlen=most)
        """When the last of them have happened."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or not issubclass(type(error), Exception) or reraise:
            return False
        self.caught(error)
        return True

    def caught(self, error: BaseException, *abandoned: Abandoned) -> None:
        """Contain `error`: what `with` does, where its 0.2 us are too much.

        What it has happened to is `abandoned`, whoever the error belongs to. Raises what a signal
        handler has raised.
        """
        for each in abandoned:
            _abandon(each)
        raised = interruption(error)
        if raised is not None:
            raise raised
        if reraise:
            raise error
        last = self._failures
        last.append(monotonic())
        if len(last) < (last.maxlen or 1) or last[-1] - last[0] > _PERIOD:
            self._tell(error, "failed", self.name)
        elif not self.is_off:
            self.stand_aside()
            often = f" {len(last)} times within a minute" if len(last) > 1 else ""
            self._tell(error, f"failed{often} and stands aside", f"{self.name} aside")

    def abandoning(self, *abandoned: Abandoned) -> _Abandoning:
        """Return what contains failures as `with guard:` does, and abandons what they happen to."""
        return _Abandoning(self, abandoned)

    def stand_aside(self) -> None:
        """Let the part that is protected do nothing more."""
        self.is_off = True

    def _tell(self, error: BaseException, what: str, about: str) -> None:
        words = f"{self.name} {what}: {self._described(error)}; the application goes on"
        # Not by way of the settings: what has failed may be any part of the agent.
        is_wanted = switched("AUTOINSTRUMENT_DEBUG")
        tell(self.slug, words, about=about, more=_lines(error) if is_wanted else "")

    def _described(self, error: BaseException) -> str:
        """Return what may be said of `error`, whose words may quote what was handed over."""
        from .foreign import description_of  # noqa: PLC0415 - not in each process that logs

        return description_of(error)


def _lines(error: BaseException) -> str:
    """Return an exception's traceback: places alone, of no words, values or lines of source."""
    from .foreign import steps_of  # noqa: PLC0415 - not in each process that logs

    lines = ["\nTraceback (most recent call last):"]
    for step in steps_of(error):
        code = step.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {step.tb_lineno}, in {code.co_name}')
    return "\n".join(lines)


class _Abandoning:
    __slots__ = ("_abandoned", "_guard")

    def __init__(self, guard: Guard, abandoned: tuple[Abandoned, ...]) -> None:
        self._guard = guard
        self._abandoned = abandoned

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or not issubclass(type(error), Exception):
            return False
        self._guard.caught(error, *self._abandoned)
        return True


def _abandon(operation: Abandoned) -> None:
    try:  # noqa: SIM105 - `logging` does not import contextlib on 3.10
        operation.abandon()
    except Exception:  # noqa: BLE001, S110 - one failure is told, not what follows from it
        pass


def is_interruption(error: BaseException) -> bool:
    """Whether a signal handler raised `error`, or what has led to it."""
    return interruption(error) is not None


def interruption(error: BaseException) -> BaseException | None:
    """Return what a signal handler raised, as one does that enforces a time limit; None if none.

    Such a handler may run at any line of ours. What it raises is for the application to catch. That
    is not always `error` itself: interrupted while it cleans up, other code may fail for another
    reason, as `Thread.start` does, by a KeyError. An exception that the application was handling
    when it called is no reason, and has not come through any frame of this call.
    """
    from .foreign import classes_of, context_of  # noqa: PLC0415 - not in each process that logs
    from .signals import bare  # noqa: PLC0415 - as above

    handlers = [_code_of(bare.getsignal(number)) for number in range(1, bare.NSIG)]
    frames = passed = _frames_of(error)
    cause: BaseException | None = error
    while cause is not None:
        is_raised = any(frame.f_code is code for frame in frames for code in handlers)
        if is_raised or KeyboardInterrupt in classes_of(cause):  # whose own handler is C
            return cause
        cause = context_of(cause)
        frames = set() if cause is None else _frames_of(cause)
        if passed.isdisjoint(frames):
            return None
    return None


def _frames_of(error: BaseException) -> set[FrameType]:
    from .foreign import steps_of  # noqa: PLC0415 - not in each process that logs

    return {step.tb_frame for step in steps_of(error)}


def _code_of(handler: Any) -> CodeType | None:
    """Return what runs when a handler is called: a function, a method, a partial, an object."""
    if not callable(handler):
        return None
    while hasattr(handler, "func"):
        handler = handler.func
    code: CodeType | None = getattr(handler, "__code__", None)
    return code or getattr(type(handler).__call__, "__code__", None)
