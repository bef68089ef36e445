"""The pipeline and the counts, as tracing knows them.

The composition root sets both before it calls the first adapter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .operation import Pipeline


class Cost(Protocol):
    """A sum of the time that the agent itself takes, in nanoseconds."""

    def add(self, elapsed: int) -> None:
        """Add the time of one call."""


class Count(Protocol):
    """A number to which any thread may add."""

    def add(self, more: int) -> None:
        """Add `more`."""


class Metrics(Protocol):
    """The counts that are kept while an operation runs; the pipeline counts how it ends."""

    @property
    def call(self) -> Cost:
        """The time that a write takes before the client is called."""

    def received(self, attributes: Mapping[str, Any]) -> Count:
        """Return the count of the messages that a consumer has been given of one topic."""


# Names of this module, although they are set only once: each write reads them, and an object around
# them would cost another look-up.
current: Callable[[], Pipeline]
"""Returns the pipeline for an operation that begins now."""
metrics: Callable[[], Metrics]
"""Returns the counts of this process."""
