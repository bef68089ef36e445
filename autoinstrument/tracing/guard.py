"""The guard of a client's producers or consumers: a failure costs one operation its span."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from autoinstrument.process.guard import Guard

from . import pipeline
from .consumer import traced_consumers
from .producer import traced_producers

if TYPE_CHECKING:
    from autoinstrument.process.guard import Abandoned

    from .consumer import TracedConsumer
    from .producer import TracedProducer

_dropped = 0
"""Operations of this process without a span; all guards add to it."""


class TracingGuard(Guard):
    """Guards the tracing of one client's producers, or of its consumers."""

    __slots__ = ()

    def caught(self, error: BaseException, *abandoned: Abandoned) -> None:
        """Contain `error`, and count the operation that gets no span."""
        super().caught(error, *abandoned)
        _drop(1)

    def stand_aside(self) -> None:
        """Stop tracing, and drop what is open, which nothing would close."""
        super().stand_aside()
        every: list[TracedProducer | TracedConsumer] = [*traced_producers(), *traced_consumers()]
        for each in every:
            if each.guard is self:
                _drop(each.abandon())


def dropped() -> int:
    """Return how many operations have no span because the agent failed."""
    return _dropped


def forget_dropped() -> None:
    """Count from zero in a forked child: the count so far belongs to the parent."""
    global _dropped  # noqa: PLW0603 - see there
    _dropped = 0


def _drop(count: int) -> None:
    global _dropped  # noqa: PLW0603 - see there
    _dropped += count
    with suppress(Exception):  # it may be what has failed
        pipeline.current()  # which exports the count, also if there has never been a span
