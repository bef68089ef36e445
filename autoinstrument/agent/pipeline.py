"""The composition root: it builds the pipeline, and connects the parts to it and to one another.

Operations go to the application's provider if it has set one, else to the agent's own. A global
provider is never set here: that would quietly take the application's tracing away.
"""

from __future__ import annotations

import sys
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from autoinstrument.export.destinations import destination
from autoinstrument.export.exporters import exporters, metric_exporters
from autoinstrument.export.otlp_json import metrics_requests
from autoinstrument.export.pipelines import SCOPE, OwnPipeline, application_pipeline
from autoinstrument.export.queue import ExportQueue
from autoinstrument.export.recording import Recording
from autoinstrument.export.spans import Parts
from autoinstrument.logs import records
from autoinstrument.metrics import current as counts
from autoinstrument.metrics.meter import Meter
from autoinstrument.process import clock, fork
from autoinstrument.process.exit import at_the_end, before_a_kill, before_shutdown_of, watch
from autoinstrument.process.notices import tell
from autoinstrument.process.quiet import unheard
from autoinstrument.process.settings import settings
from autoinstrument.process.version import __version__
from autoinstrument.tracing import end
from autoinstrument.tracing import pipeline as of_tracing
from autoinstrument.tracing.producer import keep_producers
from autoinstrument.tracing.sampling import Sampling
from autoinstrument.tracing.unit import UNIT

from . import closing_line
from .environment import id_generator, number, resource, sampler, span_limits, tell_of_words

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace.export import SpanExporter

    from autoinstrument.metrics.export import MetricExport
    from autoinstrument.tracing.operation import Operation, Pipeline

_SCOPE = InstrumentationScope(SCOPE, __version__)
_UNASKED = object()
_EXPLAINED = {
    "opentelemetry.sdk.resources",
    "opentelemetry.sdk.trace.sampling",
    "opentelemetry.util.re",
}
"""The loggers whose complaints are said with the name of the variable."""
# A process has one pipeline, which every write asks for.
_asked_for: Any = _UNASKED
_pipeline: Pipeline
_own: OwnPipeline | None = None
_counting: ExportQueue | None = None
_choosing: int | None = None
"""The thread that is in the midst of it."""


class _Nowhere:
    """Where a write goes for which the pipeline cannot be built, or waited for."""

    def open(self, operation: Operation) -> None:
        operation.ids, operation.flags = b"", 0

    def close(self, operation: Operation) -> None:
        pass


_nowhere = _Nowhere()


def connect() -> None:
    """Give each part what it needs of the others; before the first adapter, and once is enough."""
    of_tracing.current = current
    of_tracing.metrics = counts.metrics
    records.find_units(UNIT)
    watch(end.decide, _forget_all, keep_producers)


def _forget_all() -> None:
    end.forget()
    forget()


def current() -> Pipeline:
    """Return where a write that begins now belongs; what is built is built once."""
    # Private, since the public getter reads the environment each time (0.6 us) and may even set a
    # provider. Without that name every write asks the public one.
    provider = trace._TRACER_PROVIDER if _has_private_name else trace.get_tracer_provider()  # noqa: SLF001
    if provider is not _asked_for:
        return _choose(provider)
    return _pipeline


_has_private_name = hasattr(trace, "_TRACER_PROVIDER")


def forget() -> None:
    """Drop everything: a forked child shares neither threads nor connections with its parent."""
    global _asked_for, _own, _counting, _choosing
    _asked_for, _own, _counting, _choosing = _UNASKED, None, None, None
    counts.forget()


def _choose(provider: trace.TracerProvider | None) -> Pipeline:
    global _choosing  # noqa: PLW0603 - the process's one pipeline
    if _choosing == get_ident() or sys.is_finalizing():
        # A signal handler would wait for itself; and at the end nothing can be imported any more.
        return _nowhere
    with fork.whole:
        _choosing = get_ident()
        try:
            if provider is not _asked_for:  # else another thread has been faster
                _build(provider)
        finally:
            _choosing = None
        return _pipeline


def _build(provider: trace.TracerProvider | None) -> None:
    global _asked_for, _pipeline  # noqa: PLW0603 - the process's one pipeline
    clock.adjust()  # the first write may come long after the import, or after a fork
    tell_of_words()
    if provider is None or isinstance(provider, trace.ProxyTracerProvider):
        _pipeline = _own_pipeline()
    else:
        _pipeline = application_pipeline(provider, _counting_queue().add)
        before_shutdown_of(provider)
    _asked_for = provider


def _own_pipeline() -> OwnPipeline:
    global _own  # noqa: PLW0603 - the process's one pipeline
    if _own is None:
        limits = span_limits()
        unheard.complaints.clear()
        with unheard:
            provider = TracerProvider(
                sampler=sampler(),
                resource=resource(),
                id_generator=id_generator(),
                span_limits=limits,
                shutdown_on_exit=False,
            )
        found = exporters()
        _tell_of_complaints()
        recording = [each for each in found if isinstance(each, Recording)]
        queue = _export_queue(found, Parts(provider.resource, _SCOPE, limits), recording)
        counts.metrics().dropped = lambda: queue.dropped

        def finish_late() -> None:
            queue.finish_late()
            closing_line.say(queue, found)

        at_the_end(queue.finish, finish_late, decides_late=queue.lasts)
        before_a_kill(queue.export, queue.unanswered)
        _own = OwnPipeline(Sampling(provider.sampler, provider.id_generator), queue, current)
    return _own


def _tell_of_complaints() -> None:
    """Say that OpenTelemetry has found fault with what it is set to, where nothing said more."""
    for name in sorted(unheard.complaints.keys() - _EXPLAINED):
        words = f"OpenTelemetry does not accept a setting, in {name}; correct the OTEL_* variables"
        tell("bad-setting", words, about=name)


def _counting_queue() -> ExportQueue:
    """Return one that only counts: the spans are the application's provider's to export."""
    global _counting  # noqa: PLW0603 - the process's one
    if _counting is None:
        _counting = _export_queue([], Parts(resource(), _SCOPE, span_limits()), [])
        at_the_end(_counting.finish, _counting.finish_late, decides_late=False)
        before_a_kill(_counting.export, _counting.unanswered)
    return _counting


def _export_queue(
    found: list[SpanExporter | Recording], parts: Parts, recording: list[Recording]
) -> ExportQueue:
    def metric_export() -> MetricExport | None:
        asked_for = metric_exporters()
        if not (asked_for or recording):
            return None
        from autoinstrument.metrics.export import MetricExport  # noqa: PLC0415 - at the first export only

        recorders = [partial(_record, each) for each in recording]
        return MetricExport(counts.metrics(), asked_for, recorders, parts.resource, parts.scope)

    interval = number("OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1000
    queue = ExportQueue(
        [destination(exporter, parts) for exporter in found],
        Meter(counts.metrics(), interval, metric_export) if settings().metrics else None,
        interval=min(number("OTEL_BSP_SCHEDULE_DELAY", 1000) / 1000, 1.0),
        batch=number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 2048),
        most_waiting=number("OTEL_BSP_MAX_QUEUE_SIZE", 2**16),
    )
    counts.metrics().waiting.append(queue.count_waiting)
    return queue


def _record(recording: Recording, data: MetricsData) -> None:
    for line in metrics_requests(data):
        recording.append(line)
