"""Writes of a transaction: until the commit, an acknowledged message is not yet written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_HELD = 100_000


class Answered(Protocol):
    """A write that has its answer, and waits for that of the transaction."""

    error_type: str | None
    outcome: str | None
    taken: bool

    def abort(self, *, at_the_end: bool = False) -> None:
        """Turn the answer into a failure."""

    def emit(self) -> None:
        """Hand the write over to the pipeline."""


class Transaction:
    """One transaction of a producer, which holds answered writes until its outcome is known."""

    def __init__(self) -> None:
        self.committing = False
        """Set when the application commits: from then on only the answer decides."""
        self._held: list[Answered] = []
        self._resolve: Callable[[Answered], None] | None = None

    def resolve(self, write: Answered) -> bool:
        """Apply the outcome to `write`, just answered; False if it must wait for the outcome."""
        if self._resolve is None and len(self._held) < _MOST_HELD:
            write.taken = True
            self._held.append(write)
            return False
        (self._resolve or _undecided)(write)
        return True

    def committed(self) -> None:
        """Release what is held as it was answered."""
        self._decide(_keep)

    def aborted(self) -> None:
        """Release what is held as aborted, acknowledged or not."""
        self._decide(_abort)

    def end(self) -> None:
        """Release what is held at the end of the process: the broker aborts what is uncommitted."""
        self._decide(_undecided if self.committing else _forget)

    def abandon(self) -> int:
        """Drop what is held without a span; return how many writes."""
        held, self._held = self._held, []
        return len(held)

    def _decide(self, resolve: Callable[[Answered], None]) -> None:
        self._resolve = resolve
        held, self._held = self._held, []
        for write in held:
            resolve(write)
            write.emit()


def _keep(_: Answered) -> None:
    pass


def _abort(write: Answered) -> None:
    write.abort()


def _forget(write: Answered) -> None:
    write.abort(at_the_end=True)


def _undecided(write: Answered) -> None:
    if write.error_type is None:
        write.outcome = "undecided"
