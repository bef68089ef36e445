"""What is traced of a consumer of confluent-kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Guard, TracedConsumer

from .classes import TRACED

if TYPE_CHECKING:
    from collections import deque

    from autoinstrument.adapter import CallSpan


guard = Guard("the tracing of confluent-kafka's consumer")


class ConfluentConsumer(TracedConsumer):
    """A consumer; `passive` where a class above it knows the coroutine that works.

    `awaited` are the commits that the application's `on_commit` has yet to be told of, in order.
    """

    guard = guard
    passive = False
    awaited: deque[CallSpan] | None = None

    def end(self, error: BaseException | None = None) -> None:
        """End all that is open, and the commits that will have no answer."""
        super().end(error)
        self.answer_no_more()

    def answer_no_more(self) -> None:
        """End the commits that will have no answer."""
        while self.awaited:
            self.awaited.popleft().end(outcome="unconfirmed")

    def abandon(self) -> int:
        """Leave all that is open without a span."""
        count = super().abandon()
        if self.awaited:
            self.awaited.clear()
        return count

    def forget(self) -> None:
        """Leave what a forked child has inherited to the parent."""
        super().forget()
        if self.awaited:
            self.awaited.clear()


def traced_consumer(consumer: Any) -> ConfluentConsumer | None:
    """Return what is traced of a consumer; None for one that is not traced."""
    return None if guard.is_off else getattr(consumer, TRACED, None)
