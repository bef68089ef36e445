"""The operations that wait for their export, and what they are counted by meanwhile."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from autoinstrument.process.limits import QUEUE

if TYPE_CHECKING:
    from autoinstrument.metrics.meter import Meter
    from autoinstrument.process.guard import Guard
    from autoinstrument.tracing.operation import Operation

_PATIENCE = 1.0  # seconds


class Waiting(deque["Operation"]):
    """Ended operations, the oldest first, each of which `meter` counts once.

    Any thread may append, and one takes.
    """

    def __init__(self, meter: Meter | None, most: int) -> None:
        """Have room for `most` operations."""
        super().__init__()
        self.weight = 0
        """Of all; threads may add at once, which an empty queue makes good."""
        self._meter = meter
        self._most = most
        self._counting = threading.RLock()  # for who counts within the call of a signal's handler
        self._ahead = 0
        """So many, the oldest, are counted already."""

    def has_room_for(self, weight: int) -> bool:
        """Whether an operation of that weight may be appended."""
        return len(self) < self._most and self.weight + weight <= QUEUE

    def take(self, count: int) -> list[Operation]:
        """Remove and count the oldest."""
        with self._counting:
            taken = [self.popleft() for _ in range(count)]
            self.weight -= sum(operation.weight for operation in taken)
            fresh, self._ahead = taken[self._ahead :], max(0, self._ahead - count)
            if self._meter is not None:
                self._meter.count(fresh)
        if not self:
            self.weight = 0
        return taken

    def count_all(self, guard: Guard) -> None:
        """Count all in advance, for who asks for the counts now."""
        # Never for long: who counts may use a lock of the provider's that the caller has.
        if self._meter is None or not self._counting.acquire(timeout=_PATIENCE):
            return
        try:
            waiting = list(self)
            fresh, self._ahead = waiting[self._ahead :], len(waiting)
            with guard:
                self._meter.count(fresh)
        finally:
            self._counting.release()
