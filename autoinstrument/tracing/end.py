"""The end of a process, which decides on each open write and each open unit of work."""

from __future__ import annotations

from autoinstrument.process.notices import tell

from .consumer import forget_consumers, traced_consumers
from .guard import forget_dropped
from .producer import end_producers, forget_producers


def decide(error: BaseException | None) -> None:
    """End all that is open, as the program ends; `error` is the exception that ended it, if any."""
    for consumer in traced_consumers():
        with consumer.guard:
            consumer.end(error)
    lost = end_producers()
    if lost:
        messages = "1 message" if lost == 1 else f"{lost} messages"
        tell(
            "lost-at-exit",
            f"{messages} had no answer when the program ended; before it ends, call flush() or"
            " close() on the producer (aiokafka: await stop()), or wait for its futures",
        )


def forget() -> None:
    """Forget, in a forked child, what belongs to the parent."""
    forget_producers()
    forget_consumers()
    forget_dropped()
