"""The pipeline, as far as tracing knows it: where an operation goes, and what counts it.

The composition root gives both, before it calls the first adapter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .operation import Pipeline


class Cost(Protocol):
    """Where the time is added that the agent takes for itself, in nanoseconds."""

    def add(self, elapsed: int) -> None:
        """Add what was measured of one call."""


class Count(Protocol):
    """A number to which any thread may add."""

    def add(self, more: int) -> None:
        """Add `more`."""


class Metrics(Protocol):
    """What is counted while an operation runs; how it has ended is counted where it goes."""

    @property
    def call(self) -> Cost:
        """What a write takes before the client is called."""

    def received(self, attributes: Mapping[str, Any]) -> Count:
        """Return where the messages of one topic are counted that a consumer is given."""


# Plain names of this module, although they are set once: each write reads them, and an object
# around them would cost it another look-up.
current: Callable[[], Pipeline]
"""Returns where an operation goes that begins now."""
metrics: Callable[[], Metrics]
"""Returns the counts of this process."""
