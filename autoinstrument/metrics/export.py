"""Exports metrics to an exporter or into the recording.

An exporter gets the same data as from the SDK's own reader, once per interval.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExportResult

from autoinstrument.process.outages import Outage
from autoinstrument.process.private_names import has_names
from autoinstrument.process.quiet import unheard

from .counts import BOUNDS, DURATIONS, IN_FLIGHT, NANO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from .counts import Metrics
    from .kinds import Kind, Labels

_CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricExport:
    """Exports the metrics of this process to `exporters` and `recordings`."""

    def __init__(
        self,
        metrics: Metrics,
        exporters: Iterable[sdk.MetricExporter],
        recordings: Iterable[Callable[[sdk.MetricsData], object]],
        resource: Resource,
        scope: InstrumentationScope,
    ) -> None:
        self._metrics = metrics
        self._exporters = [(each, Outage(each, "metrics")) for each in exporters]
        self._recordings = list(recordings)
        self._resource = resource
        self._scope = scope
        self._last: dict[int, dict[Any, Any]] = {}
        self._since = metrics.started
        self._in_flight = 0

    def export(self) -> None:
        """Export cumulative metrics or differences, as each exporter asks."""
        now = time_ns()
        for exporter, outage in self._exporters:
            data = self._data(now, exporter)
            unheard.complaints.clear()
            if exporter.export(data) is MetricExportResult.SUCCESS:
                outage.worked()
            else:
                outage.failed(unheard.complaints.reason)
        for record in self._recordings:
            record(self._data(now))
        self._since = now

    def record_in_flight(self) -> None:
        """Record the number of messages in flight if it has changed, for `report --follow`."""
        in_flight = self._metrics.in_flight()
        if in_flight != self._in_flight:
            self._in_flight = in_flight
            data = self._of([_gauge(IN_FLIGHT, {(): in_flight}, time_ns())])
            for record in self._recordings:
                record(data)

    def shutdown(self) -> None:
        """Close the exporters; what is exported later is recorded at most."""
        while self._exporters:
            self._exporters.pop()[0].shutdown()

    def _data(self, now: int, exporter: sdk.MetricExporter | None = None) -> sdk.MetricsData:
        preferred = {} if exporter is None else _preferred(exporter)
        started = self._metrics.started
        last = self._last.setdefault(id(exporter), {})

        def since(kind: type, key: Any, values: list[int]) -> tuple[int, Any, list[int]]:
            temporality = preferred.get(kind, _CUMULATIVE)
            if temporality is _CUMULATIVE:
                return started, temporality, values
            before, last[key] = last.get(key, [0] * len(values)), values
            difference = [new - old for new, old in zip(values, before, strict=True)]
            return self._since, temporality, difference

        gauges = [_gauge(kind, of, now) for kind, of in self._metrics.gauges().items()]
        return self._of([*self._histograms(now, since), *self._sums(now, since), *gauges])

    def _of(self, found: list[sdk.Metric]) -> sdk.MetricsData:
        scope = sdk.ScopeMetrics(self._scope, found, "")
        return sdk.MetricsData([sdk.ResourceMetrics(self._resource, [scope], "")])

    def _histograms(self, now: int, since: Any) -> list[sdk.Metric]:
        points: dict[str, list[sdk.HistogramDataPoint]] = {}
        temporality: Any = _CUMULATIVE
        for key, series in list(self._metrics.series.items()):
            values = [*series.buckets, series.total]
            start, temporality, (*buckets, total) = since(Histogram, key, values)
            if any(buckets):
                of_all = temporality is _CUMULATIVE  # as the least and the most are
                point = sdk.HistogramDataPoint(
                    attributes=series.attributes,
                    start_time_unix_nano=start,
                    time_unix_nano=now,
                    count=sum(buckets),
                    sum=total / NANO,
                    bucket_counts=buckets,
                    explicit_bounds=BOUNDS,
                    min=series.least / NANO if of_all else None,  # type: ignore[arg-type] # optional in OTLP
                    max=series.most / NANO if of_all else None,  # type: ignore[arg-type] # as above
                )
                points.setdefault(series.name, []).append(point)
        return [
            sdk.Metric(name, DURATIONS[name], "s", sdk.Histogram(of_name, temporality))
            for name, of_name in points.items()
        ]

    def _sums(self, now: int, since: Any) -> list[sdk.Metric]:
        found = []
        for kind, values in self._metrics.counters().items():
            points, temporality = [], _CUMULATIVE
            for labels, value in values.items():
                start, temporality, (own,) = since(Counter, (kind, labels), [value])
                if own:
                    points.append(sdk.NumberDataPoint(dict(labels), start, now, own))
            if points:
                of_name = sdk.Sum(points, temporality, is_monotonic=True)
                found.append(sdk.Metric(kind.name, kind.description, kind.unit, of_name))
        return found


def _preferred(exporter: sdk.MetricExporter) -> Mapping[type, AggregationTemporality]:
    otherwise = "it gets cumulative metrics, whatever it prefers"
    if has_names(exporter, "_preferred_temporality", otherwise=otherwise):
        return exporter._preferred_temporality or {}  # noqa: SLF001 - as the SDK's own reader does
    return {}


def _gauge(kind: Kind, values: Mapping[Labels, float], now: int) -> sdk.Metric:
    points = [
        sdk.NumberDataPoint(dict(labels), now, now, value) for labels, value in values.items()
    ]
    return sdk.Metric(kind.name, kind.description, kind.unit, sdk.Gauge(points))
