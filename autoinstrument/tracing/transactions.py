"""Writes of a transaction: acknowledged is not written before the commit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoinstrument.process.guard import Guard

    from .producer import Client
    from .write import Write

_MOST_HELD = 100_000


class Transaction:
    """One transaction of a producer: it holds what was answered until its outcome is known."""

    def __init__(self) -> None:
        self.committing = False
        """Set when the commit is asked for: from then on only its answer tells."""
        self._held: list[Write] = []
        self._resolve: Callable[[Write], None] | None = None

    def resolve(self, write: Write) -> bool:
        """Apply the outcome to `write`, answered just now; False if it is held until then."""
        if self._resolve is None and len(self._held) < _MOST_HELD:
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
        """Release what is held at the end of the process; the broker aborts what is uncommitted."""
        self._decide(_undecided if self.committing else _forget)

    def _decide(self, resolve: Callable[[Write], None]) -> None:
        self._resolve = resolve
        held, self._held = self._held, []
        for write in held:
            resolve(write)
            write.emit()


@contextmanager
def deciding(
    guard: Guard, client: Client | None, outcome: Callable[[Transaction], None]
) -> Iterator[None]:
    """Enclose a client's call that decides on its transaction by `outcome`, if it succeeds."""
    yield
    with guard:
        if client is not None:
            client.decide(outcome)


@contextmanager
def committing(
    guard: Guard, client: Client | None, can_abort: Callable[[Exception], bool]
) -> Iterator[None]:
    """Enclose the call that commits; until it is answered nothing is known.

    `can_abort` says of an exception whether the client can still abort the transaction.
    """
    transaction = None if client is None else client.transaction
    if transaction is not None:
        transaction.committing = True
    try:
        with deciding(guard, client, Transaction.committed):
            yield
    except Exception as error:
        with guard:
            if transaction is not None:
                transaction.committing = not can_abort(error)
        raise


def _keep(_: Write) -> None:
    pass


def _abort(write: Write) -> None:
    write.abort()


def _forget(write: Write) -> None:
    write.abort(at_the_end=True)


def _undecided(write: Write) -> None:
    if write.error_type is None:
        write.outcome = "undecided"
