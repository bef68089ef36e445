"""The end of a process, for what is open then: each write and each unit of work is decided on."""

from __future__ import annotations

from autoinstrument.process.notices import tell

from .consumer import consumptions, forget_consumptions
from .part import forget_dropped
from .producer import end_clients, forget_clients


def decide(error: BaseException | None) -> None:
    """Decide on what is open when the program ends, by `error` if that is known."""
    for consumption in consumptions():
        with consumption.guard:
            consumption.end(error)
    lost = end_clients()
    if lost:
        tell(
            "lost-at-exit",
            f"the program ended with {lost} written messages unanswered; "
            "call flush() or close() on the producer before",
        )


def forget() -> None:
    """Leave what a forked child has inherited to the parent."""
    forget_clients()
    forget_consumptions()
    forget_dropped()
