"""Where the agent's own pipeline ends: encoded operations go to a file or an OTLP endpoint.

Of the standard OTLP exporters only the encoding is left out, which takes ten times as long as ours:
endpoint, headers, TLS, compression, timeout and retry are theirs. The names for that are private;
where one is missing, and with any other exporter, finished spans are exported through the API.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any, AnyStr, Generic, Protocol, TypeVar

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from autoinstrument.process.guard import is_interruption
from autoinstrument.process.limits import LINE, REQUEST
from autoinstrument.process.outages import Outage
from autoinstrument.process.quiet import unheard

from .otlp_json import JsonEncoder
from .otlp_protobuf import ProtobufEncoder
from .recording import Recording
from .spans import Parts, SpanBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from autoinstrument.tracing.operation import Operation

    from .encoding import Encoder

_Sent = TypeVar("_Sent")
_Span = TypeVar("_Span")
_USUAL_SIZE = 1024  # bytes of a span, as far as one can tell before it is encoded
_HTTP = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_GRPC = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter"
_REDIRECTION = 300  # and beyond: nobody has taken anything


class Destination(Protocol):
    """What the queue hands operations to."""

    lasts: bool
    """Whether it takes what comes after its shutdown, up to the end of the interpreter."""

    def take(self, operations: Iterable[Operation]) -> None:
        """Add `operations` to the next request."""

    def send(self) -> bool:
        """Send what was taken; whether it has arrived, of which the first failure is told."""

    def shutdown(self) -> None:
        """Close what is open."""


def destination(exporter: SpanExporter | Recording, parts: Parts) -> Destination:
    """Return the leanest way to `exporter`, for operations whose spans have `parts`."""
    if isinstance(exporter, Recording):
        return OtlpDestination(exporter, JsonEncoder(*parts), exporter.append, LINE)
    send = lean_transport(exporter)
    if send is not None:
        return OtlpDestination(exporter, ProtobufEncoder(*parts), send, REQUEST)
    return SpanDestination(exporter, SpanBuilder(*parts))


def lean_transport(exporter: Any) -> Callable[[bytes], bool] | None:
    """Return what sends a request that is encoded already; None if this exporter has no such."""
    module = type(exporter).__module__
    if module == _HTTP:
        return _lean_http(exporter)
    if module == _GRPC and hasattr(exporter, "_translate_data") and hasattr(exporter, "_export"):
        parse = type(exporter._translate_data(())).FromString  # noqa: SLF001 - checked just now
        exporter._translate_data = parse  # noqa: SLF001 - ours alone
        exporter._count_data = len  # noqa: SLF001 - as above
        return lambda request: exporter._export(request) is SpanExportResult.SUCCESS  # noqa: SLF001 - as above
    return None


def _lean_http(exporter: Any) -> Callable[[bytes], bool] | None:
    export = getattr(getattr(exporter, "_client", None), "export", None)
    if export is not None:  # from version 1.45 on
        return lambda request: _has_arrived(exporter, export(request))
    post = getattr(exporter, "_export", None)
    if post is None:
        return None

    def send(request: bytes) -> bool:
        # Its retries are around what posts: no spans make a request that is posted as ours.
        exporter._export = lambda _, *rest: post(request, *rest)  # noqa: SLF001 - checked just now
        return exporter.export(()) is SpanExportResult.SUCCESS

    return send


def _has_arrived(exporter: Any, result: Any) -> bool:
    status = getattr(result, "status_code", None)
    # The exporter is content with a redirection too, which it does not follow.
    if result.success and (status or 0) < _REDIRECTION:
        return True
    unheard.complaints.add(type(exporter).__module__, status, getattr(result, "error", None))
    return False


class OtlpDestination(Generic[AnyStr]):
    """Sends requests of encoded operations."""

    def __init__(
        self,
        exporter: SpanExporter | Recording,
        encoder: Encoder[AnyStr],
        send: Callable[[bytes], bool],
        most: int,
    ) -> None:
        """Send requests of at most `most` bytes."""
        self.lasts = isinstance(exporter, Recording)
        self.shutdown = exporter.shutdown
        self._encoder: Encoder[AnyStr] = encoder
        self._requests = _Requests(exporter, send)
        self._spans: list[AnyStr] = []
        self._most = most - len(encoder.request([]))

    def take(self, operations: Iterable[Operation]) -> None:
        """Encode `operations` for the next request."""
        for operation in operations:
            self._spans += self._encoder.spans(operation)

    def send(self) -> bool:
        """Send what was taken, in requests that a receiver takes; whether all have arrived."""
        spans, self._spans = self._spans, []
        sizes = [len(span) + 1 for span in spans]  # JSON has a comma between two
        parts = _parts(spans, sizes, self._most)
        return self._requests.send(parts, self._encoder.request)


class SpanDestination:
    """Exports finished spans, through the SDK's public interface."""

    lasts = False

    def __init__(self, exporter: SpanExporter, builder: SpanBuilder) -> None:
        self.shutdown = exporter.shutdown

        def send(spans: list[ReadableSpan]) -> bool:
            return exporter.export(spans) is SpanExportResult.SUCCESS

        self._requests = _Requests(exporter, send)
        self._builder = builder
        self._spans: list[ReadableSpan] = []
        self._sizes: list[int] = []

    def take(self, operations: Iterable[Operation]) -> None:
        """Make spans of `operations` for the next call of the exporter."""
        for operation in operations:
            spans = self._builder.spans(operation)
            self._spans += spans
            self._sizes += [_USUAL_SIZE + operation.weight] * len(spans)

    def send(self) -> bool:
        """Call the exporter; whether it has succeeded."""
        spans, sizes, self._spans, self._sizes = self._spans, self._sizes, [], []
        return self._requests.send(_parts(spans, sizes, REQUEST), list)


class _Requests(Generic[_Sent]):
    """Sends one request after another, up to the first that does not arrive."""

    def __init__(self, exporter: SpanExporter | Recording, send: Callable[[_Sent], bool]) -> None:
        self._send = send
        self._outage = None if isinstance(exporter, Recording) else Outage(exporter, "spans")

    def send(self, parts: Sequence[list[_Span]], request: Callable[[list[_Span]], _Sent]) -> bool:
        """Send `parts`, of which each makes a request; whether all have arrived."""
        waiting = sum(map(len, parts))
        for part in parts:
            if not self._arrives(request(part), waiting):
                return False
            waiting -= len(part)
        return True

    def _arrives(self, request: _Sent, waiting: int) -> bool:
        if self._outage is None:  # a recording tells by itself
            return self._send(request)
        unheard.complaints.clear()
        try:
            if self._send(request):
                self._outage.worked()
                return True
        except Exception as error:
            if is_interruption(error):
                raise
            unheard.complaints.add("", error)
        self._outage.failed(unheard.complaints.reason, waiting)
        return False


def _parts(spans: list[_Span], sizes: Iterable[int], most: int) -> list[list[_Span]]:
    """Return spans in parts, of which each has at most the size `most`, or is one span."""
    ends = list(accumulate(sizes))
    parts = []
    first = 0
    while first < len(spans):
        before = ends[first - 1] if first else 0
        last = max(first + 1, bisect_right(ends, before + most))
        parts.append(spans[first:last])
        first = last
    return parts
