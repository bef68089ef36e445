"""The counts of this process, whether they are exported or not."""

from __future__ import annotations

from autoinstrument.tracing.producer import in_flight

from .counts import Metrics

_metrics: Metrics | None = None
"""One per process: all producers and consumers count here, and one thread exports it."""


def metrics() -> Metrics:
    """Return the counts of this process."""
    global _metrics  # noqa: PLW0603 - see there
    if _metrics is None:
        _metrics = Metrics(in_flight)
    return _metrics


def forget() -> None:
    """Start over in a forked child: the counts so far belong to the parent."""
    global _metrics  # noqa: PLW0603 - see there
    if _metrics is not None:  # the application's provider may ask for them at any time
        _metrics = Metrics(in_flight)
