"""A call that is neither a write nor a unit of work: a commit, a flush, a receive."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind, get_current_span

from autoinstrument.process import clock
from autoinstrument.process.limits import cut

from . import pipeline
from .attributes import Attributes
from .errors import said
from .operation import NO_CONTEXT, Operation
from .suppression import suppressed
from .unit import unit_in
from .workers import without_stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from opentelemetry.trace import SpanContext

    from autoinstrument.process.guard import Guard

    from .errors import Failure

_LONG = 1_000_000  # nanoseconds: a flush that takes less has not held anybody up


class CallSpan:
    """The span of a call of the client, as a `with` block around the call.

    With `later`, only a failure ends the span: the answer comes after the call, and calls `end`.
    """

    def __init__(
        self,
        call: ClientCall | None,
        failure: Callable[[BaseException], Failure],
        guard: Guard,
        *,
        later: bool = False,
    ) -> None:
        """`failure` says what an exception is; without a `call` there is no span."""
        self._call = call
        self._failure = failure
        self._guard = guard
        self._later = later

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.failed(error)
        elif not self._later:
            self.end()

    def end(self, *, outcome: str | None = None) -> None:
        """End the span of a call that has not failed."""
        with self._guard:
            if self._call is not None:
                self._call.outcome = outcome
                self._call.end()

    def failed(self, error: BaseException) -> None:
        """End the span as failed, by `error`."""
        with self._guard:
            if self._call is not None:
                self._call.end(*self._failure(error))


class ClientCall(Operation):
    """One such call; `long_only` leaves out what takes less than a millisecond."""

    def __init__(
        self,
        kind: SpanKind,
        attributes: Attributes,
        *,
        long_only: bool = False,
    ) -> None:
        context = without_stale(get_current())
        found = get_current_span(context).get_span_context()
        self.ticks = perf_counter_ns()
        self.attributes = attributes
        self.outer = context
        self.parent = found if found.is_valid else None
        self.root = self.key = self.partition = self.offset = None
        self.recording = False
        self._kind = kind
        self._long_only = long_only
        self.pipeline = pipeline.current()

    @property
    def kind(self) -> SpanKind:
        """The kind that was given."""
        return self._kind

    def received(self, attributes: Mapping[str, Any], links: Iterable[SpanContext]) -> None:
        """End it with the attributes and the `links` of the messages that it returned."""
        self.attributes = Attributes({**self.attributes, **attributes})
        self.links = tuple(links)
        self.end()

    def end(self, error_type: str | None = None, description: str | None = None) -> None:
        """End it, as failed if there is an `error_type`; it becomes a span unless suppressed."""
        self.elapsed = perf_counter_ns() - self.ticks
        unit = unit_in(self.outer)
        self.started = self.ticks + (clock.offset if unit is None else unit.clock_offset)
        self.error_type = None if error_type is None else cut(error_type)
        self.description = None if description is None else said(description)
        if self._long_only and self.elapsed < _LONG:
            return
        if suppressed(self.outer, get_current_span(self.outer)):
            return
        self.pipeline.open(self)
        self.outer = NO_CONTEXT
        self.emit()
