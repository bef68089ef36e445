"""Where operations go: the agent's own pipeline, the application's provider, or any tracer at all.

The first two choose ids at the call and make finished spans after the answer, which the SDK can
only do through names that are not all public; where one is missing, the last one serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import Link, SpanKind, set_span_in_context

from autoinstrument.process import clock
from autoinstrument.process.version import __version__
from autoinstrument.tracing.sampling import Sampling

from .spans import SpanBuilder, outcome_attributes, partition_attributes, parts_of, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource

    from autoinstrument.tracing.operation import Operation, Pipeline

    from .queue import ExportQueue

SCOPE = "autoinstrument"


class OwnPipeline:
    """The agent's private pipeline: writes are queued and become spans in the background."""

    def __init__(
        self, sampling: Sampling, queue: ExportQueue, current: Callable[[], Pipeline]
    ) -> None:
        self.open = sampling.open
        self._add = queue.add
        self._current = current

    def close(self, operation: Operation) -> None:
        """Queue `write`, unless the application has got a provider in the meantime."""
        now = self._current()
        if now is not self and isinstance(now, ApplicationPipeline):
            now.close(operation)
        else:
            self._add(operation)


class ApplicationPipeline:
    """The application's own SDK provider: spans go to its processors as they are answered."""

    def __init__(self, tracer: Tracer, count: Callable[[Operation], None]) -> None:
        self._tracer = tracer
        self._count = count
        self.open = Sampling(tracer.sampler, tracer.id_generator).open
        self._resource: Resource | None = None

    def close(self, operation: Operation) -> None:
        """Hand over the finished spans at once: the application may flush at any time."""
        operation.taken = True
        tracer = self._tracer
        if tracer.resource is not self._resource:  # the SDK replaces it in a forked child
            self._resource = tracer.resource
            self._builder = SpanBuilder(*parts_of(tracer))
        if operation.is_wanted and not _is_shut_down(tracer.span_processor):
            for span in self._builder.spans(operation):
                tracer.span_processor.on_end(span)
        self._count(operation)


class ApiPipeline:
    """Any provider through the public API: spans are started with the call, as usual."""

    def __init__(self, provider: trace.TracerProvider, count: Callable[[Operation], None]) -> None:
        self._tracer = provider.get_tracer(SCOPE, __version__)
        self._count = count

    def open(self, operation: Operation) -> None:
        """Start the spans and take the ids that the provider has chosen."""
        root, context = operation.root, operation.parent_context
        started = operation.ticks + clock.offset
        live_root = None
        if root is not None:
            live_root = self._tracer.start_span(
                root.name,
                context,
                SpanKind.INTERNAL,
                root.attributes,
                start_time=started,
            )
            context = set_span_in_context(live_root, context)
        live = self._tracer.start_span(
            operation.name,
            context,
            operation.kind,
            operation.attributes,
            [Link(link) for link in operation.links],
            start_time=started,
        )
        own = live.get_span_context()
        ids = own.trace_id.to_bytes(16, "big") + own.span_id.to_bytes(8, "big")
        operation.ids = ids if own.is_valid else b""
        operation.flags, operation.trace_state = int(own.trace_flags), own.trace_state
        operation.recording = True
        operation.live = (live, live_root, started)

    def close(self, operation: Operation) -> None:
        """End the spans, WriteKafka first."""
        operation.taken = True
        live, live_root, started = operation.live
        operation.live = None  # which is the application's, and not to be freed by our thread
        live.set_attributes(operation.extra or {})
        live.set_attributes(partition_attributes(operation.partition))
        live.set_attributes(outcome_attributes(operation))
        live.set_attributes(operation.added)
        for event in operation.events:
            live.add_event(*event)
        if operation.renamed is not None:
            live.update_name(operation.renamed)
        live.set_status(status(operation))
        end = started + operation.elapsed
        live.end(end_time=end)
        if live_root is not None:
            live_root.end(end_time=end)
        self._count(operation)


def application_pipeline(
    provider: trace.TracerProvider, count: Callable[[Operation], None]
) -> Pipeline:
    """Return the pipeline to the provider that the application has set.

    `count` is told of each end.
    """
    if isinstance(provider, TracerProvider):
        tracer = provider.get_tracer(SCOPE, __version__)
        if isinstance(tracer, Tracer) and _takes_finished_spans(tracer):
            return ApplicationPipeline(tracer, count)
    return ApiPipeline(provider, count)


def _takes_finished_spans(tracer: Tracer) -> bool:
    """Whether nothing would be missed if a span of this tracer were seen only when it has ended."""
    names = ("sampler", "id_generator", "resource", "_instrumentation_scope", "_span_limits")
    if not all(hasattr(tracer, name) for name in names):
        return False
    processors = getattr(getattr(tracer, "span_processor", None), "_span_processors", None)
    return processors is not None and all(map(_waits_for_the_end, processors))


def _is_shut_down(processors: Any) -> bool:
    """Whether one of a provider's processors would print of each span that it is shut down."""
    return any(getattr(each, "_shutdown", False) for each in processors._span_processors)  # noqa: SLF001 - as seen above


def _waits_for_the_end(processor: SpanProcessor) -> bool:
    kind = type(processor)
    if kind in (BatchSpanProcessor, SimpleSpanProcessor):
        return True
    return kind.on_start is SpanProcessor.on_start and getattr(kind, "_on_ending", None) is getattr(
        SpanProcessor, "_on_ending", None
    )
