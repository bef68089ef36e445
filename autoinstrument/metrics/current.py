"""The counts of this process, be they for nobody."""

from __future__ import annotations

from autoinstrument.tracing.producer import in_flight

from .counts import Metrics

_metrics: Metrics | None = None
"""There is one a process: all producers and consumers count here, and one thread exports it."""


def metrics() -> Metrics:
    """Return the counts of this process."""
    global _metrics  # noqa: PLW0603 - see there
    if _metrics is None:
        _metrics = Metrics(in_flight)
    return _metrics


def forget() -> None:
    """Begin anew, in a forked child: what was counted so far is the parent's."""
    global _metrics  # noqa: PLW0603 - see there
    _metrics = None
