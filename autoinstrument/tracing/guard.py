"""The guard of one half of a client: what fails there costs the one operation its span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoinstrument.process.guard import Guard

from .consumer import traced_consumers
from .producer import traced_producers

if TYPE_CHECKING:
    from autoinstrument.process.guard import Abandoned

    from .consumer import TracedConsumer
    from .producer import TracedProducer

_dropped = 0
"""Spans, of this process; the guards of all clients add to it."""


class TracingGuard(Guard):
    """A client's producers, or its consumers, traced as long as that does not fail repeatedly."""

    __slots__ = ()

    def caught(self, error: Exception, *abandoned: Abandoned) -> None:
        """Contain `error`, and count the operation that gets no span."""
        super().caught(error, *abandoned)
        _drop(1)

    def stand_aside(self) -> None:
        """Trace no more, and leave nothing open that nobody would close."""
        super().stand_aside()
        every: list[TracedProducer | TracedConsumer] = [*traced_producers(), *traced_consumers()]
        for each in every:
            if each.guard is self:
                _drop(each.abandon())


def dropped() -> int:
    """Return how many operations have no span because the agent failed."""
    return _dropped


def forget_dropped() -> None:
    """Begin anew, in a forked child: what was counted so far is the parent's."""
    global _dropped  # noqa: PLW0603 - see there
    _dropped = 0


def _drop(count: int) -> None:
    global _dropped  # noqa: PLW0603 - see there
    _dropped += count
