"""What clients tell of themselves at intervals, as gauges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoinstrument.agent import pipeline

if TYPE_CHECKING:
    from .counts import Gauges


class Statistics:
    """One client's last words on itself, which go when the client goes."""

    __slots__ = ("__weakref__", "gauges")

    def __init__(self) -> None:
        self.gauges: Gauges = {}

    def told(self, gauges: Gauges) -> None:
        """Take what the client says now in place of what it said before."""
        self.gauges = gauges
        pipeline.metrics().statistics.add(self)
