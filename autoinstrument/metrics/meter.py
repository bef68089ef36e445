"""Counts operations in the background thread, and exports the metrics at intervals."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from autoinstrument.process import fork

from .application import ApplicationMetrics, provider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoinstrument.tracing.operation import Operation

    from .counts import Metrics
    from .export import MetricExport
    from .statistics import Statistics


_IN_FLIGHT_INTERVAL = 1.0  # seconds: as often as spans


class Meter:
    """One process's metrics on their way; `interval` is in seconds.

    `export` is made with the first export, if there is any: the SDK's metrics take 25 ms to import.
    """

    def __init__(
        self, metrics: Metrics, interval: float, export: Callable[[], MetricExport | None]
    ) -> None:
        self.metrics = metrics
        self._interval = interval
        self._due = monotonic() + interval
        self._in_flight_due = monotonic() + _IN_FLIGHT_INTERVAL
        self._make_export = export
        self._export: MetricExport | None = None
        self._last_statistics: list[Statistics] = []
        """Kept for `finish_late`, which comes when the application's clients are gone."""
        self._application = ApplicationMetrics()

    def count(self, operations: Sequence[Operation]) -> None:
        """Count ended operations, here and in the application's provider if it has one."""
        self.metrics.count(operations)
        if provider() is not None:
            for operation in operations:
                series = self.metrics.series_of(operation)
                if series is not None:
                    self._application.record(series, operation)

    def count_at_once(self, operation: Operation) -> bool:
        """Count an ended operation if that costs next to nothing; return whether it was counted.

        It does not where the application has instruments, and where somebody else is counting.
        """
        return provider() is None and self.metrics.count_at_once(operation)

    def export_when_due(self) -> None:
        """Export if the interval is over; record the messages in flight every second."""
        now = monotonic()
        if provider() is not None:
            self._application.refresh()
        elif now >= self._due:
            self._export_now()
        elif now >= self._in_flight_due:
            self._in_flight_due = now + _IN_FLIGHT_INTERVAL
            self._ensure_export()
            if self._export is not None:
                self._export.record_in_flight()

    def finish(self) -> None:
        """Export once more, at the end of the process."""
        self._last_statistics.extend(self.metrics.statistics)
        if provider() is None:
            self._export_now()
        self.shut_down()

    def shut_down(self) -> None:
        """Close the exporters, also where one of them waits to try again in another thread."""
        if self._export is not None:
            self._export.shutdown()

    def finish_late(self) -> None:
        """Record what has been counted since `finish`, when nothing can be imported any more."""
        if self._export is not None:
            self._export.export()

    def export(self) -> None:
        """Export now, if nobody else does."""
        if provider() is None:
            self._export_now()
        else:
            self._application.refresh()

    def _export_now(self) -> None:
        self._due = monotonic() + self._interval
        self._ensure_export()
        if self._export is not None:
            self._export.export()

    def _ensure_export(self) -> None:
        if self._export is None and not self._is_empty:
            with fork.whole:
                self._export = self._make_export()

    @property
    def _is_empty(self) -> bool:
        return self.metrics.is_empty and not self.metrics.in_flight()
