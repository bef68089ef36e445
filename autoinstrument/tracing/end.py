"""The end of a process, for what is open then: each write and each unit of work is decided on."""

from __future__ import annotations

from autoinstrument.process.notices import tell

from .consumer import forget_consumers, traced_consumers
from .guard import forget_dropped
from .producer import end_producers, forget_producers


def decide(error: BaseException | None) -> None:
    """Decide on what is open when the program ends, by `error` if that is known."""
    for consumer in traced_consumers():
        with consumer.guard:
            consumer.end(error)
    lost = end_producers()
    if lost:
        tell(
            "lost-at-exit",
            f"the program ended with {lost} written messages unanswered; "
            "call flush() or close() on the producer before",
        )


def forget() -> None:
    """Leave what a forked child has inherited to the parent."""
    forget_producers()
    forget_consumers()
    forget_dropped()
