"""The application's own MeterProvider, which gets each duration as it comes.

The API cannot take a whole histogram. Counters and gauges are observed when the provider asks, and
then what waits in the background is counted first: that may be the provider's last question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import metrics as public
from opentelemetry.metrics import NoOpMeterProvider, Observation

from autoinstrument.process.private_names import has_names
from autoinstrument.process.version import __version__

from . import current
from .counts import BOUNDS, DURATIONS, NANO, Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import CallbackOptions, Meter

    from autoinstrument.tracing.operation import Operation

    from .counts import Durations
    from .kinds import Kind, Labels


# By private names, since the public getter may itself set a provider that a variable names.
_api = getattr(public, "_internal", public)
_is_known = has_names(
    _api,
    "_METER_PROVIDER",
    "_PROXY_METER_PROVIDER",
    otherwise="your MeterProvider gets no metrics of messages",
)


def provider() -> Any:
    """Return the provider that the application has set, or None."""
    return _api._METER_PROVIDER if _is_known else None  # noqa: SLF001 - see above


class ApplicationMetrics:
    """The agent's instruments, of the provider that the application has set or sets later.

    They are made before the first operation has ended, as a provider may be shut down before the
    background has come to it.
    """

    def __init__(self) -> None:
        self._meter = _meter()
        self._histograms = {
            name: self._meter.create_histogram(
                name, "s", description, explicit_bucket_boundaries_advisory=list(BOUNDS)
            )
            for name, description in DURATIONS.items()
        }
        self._known: set[Kind] = set()
        self._observe(Metrics.counters, self._meter.create_observable_counter)
        self.refresh()

    def record(self, series: Durations, operation: Operation) -> None:
        """Record one operation, which `series` has counted."""
        self._histograms[series.name].record(operation.elapsed / NANO, series.attributes)

    def refresh(self) -> None:
        """Let it observe what has come to be measured since the last time."""
        self._observe(Metrics.gauges, self._meter.create_observable_gauge)

    def _observe(self, values: Callable[[Metrics], Mapping[Kind, Any]], create: Any) -> None:
        for kind in values(current.metrics()).keys() - self._known:
            self._known.add(kind)
            create(kind.name, [_observed(values, kind)], kind.unit, kind.description)


def _meter() -> Meter:
    found = (provider() or _api._PROXY_METER_PROVIDER) if _is_known else None  # noqa: SLF001 - as above
    # The SDK's prints that it can give no meter any more.
    if found is None or getattr(found, "_shutdown", False):
        found = NoOpMeterProvider()
    meter: Meter = found.get_meter("autoinstrument", __version__)
    return meter


def _observed(
    values: Callable[[Metrics], Mapping[Kind, Mapping[Labels, float]]], kind: Kind
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """Return what a provider asks, also in a forked child, which inherits it and counts anew."""

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        metrics = current.metrics()
        metrics.catch_up()
        points = values(metrics).get(kind, {})
        return [Observation(value, dict(labels)) for labels, value in points.items()]

    return observe
