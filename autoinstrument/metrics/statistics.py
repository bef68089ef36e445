"""Statistics that clients publish at intervals, as gauges."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .kinds import Gauges


class Statistics:
    """One client's latest statistics, dropped together with the client."""

    __slots__ = ("__weakref__", "gauges")

    def __init__(self) -> None:
        self.gauges: Gauges = {}
