"""One unit of work: a consumed message, from its consumption until its last write is answered.

It is current, in OpenTelemetry's context, while the application handles the message. That context
is set and put back by identity, never by a token: the next poll may come from another thread or
task than the last one.
"""

from __future__ import annotations

from copy import copy
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, set_value
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    get_current_span,
    propagation,
    set_span_in_context,
)

from autoinstrument.process import clock, foreign
from autoinstrument.process.settings import settings

from .current_span import CurrentSpan, lock
from .errors import exception_name, said
from .operation import current_context, cut_key, make_current

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Span

    from .attributes import Attributes
    from .operation import Operation

UNIT = "autoinstrument-unit"
"""The key of a context's unit of work."""
_SPAN_KEY: str | None = getattr(propagation, "_SPAN_KEY", None)


class Unit(CurrentSpan):
    """The `process {topic}` span of one message, open until its last write is answered.

    It is itself what the application sees as the current span.
    """

    __slots__ = (
        "_previous",
        "_touched",
        "_turn_is_complete",
        "_until",
        "clock_offset",
        "contexts",
        "incoming",
        "open",
        "work",
        "worker",
    )
    clock_offset: int
    """From `perf_counter_ns` to Unix time, for all that is done in it, even if the clock is set."""
    work: Context | None
    """The context in which the application works on the message; None once that has ended."""
    open: set[Any] | None
    """The writes that are not answered yet; None before the first."""
    worker: Callable[[], Any] | None
    """Who works on the message, if it is one worker from the beginning to the end."""

    def __init__(
        self,
        attributes: Attributes,
        context: Context,
        parent: SpanContext | None,
        incoming: SpanContext | None,
        contexts: Sequence[Any] = (),
    ) -> None:
        """`context` is what the work's own is made of; `incoming` came with the message.

        `contexts` are the values of the headers that it came in.
        """
        self.ticks = self._touched = self._until = perf_counter_ns()
        self.attributes = attributes
        self.outer = self._previous = context
        self.parent = parent
        self.incoming = incoming
        self.contexts = contexts
        self.root = self.key = self.open = self.work = self.worker = None
        self.recording = self.is_ended = self.is_closed = False
        self._turn_is_complete: bool | None = None
        self._span_context: SpanContext | None = None
        if incoming is not None and incoming is not parent:
            self.links = (incoming,)

    @property
    def name(self) -> str:
        """The conventions' name, unless the application has given another."""
        return self.renamed or super().name

    @property
    def kind(self) -> SpanKind:
        """CONSUMER, as the conventions have it for processing."""
        return SpanKind.CONSUMER

    @property
    def parent_context(self) -> Context:
        """A context in which the parent is current, also if the message brought it."""
        if self.parent is None or self.parent is not self.incoming:
            return self.outer
        return set_span_in_context(NonRecordingSpan(self.parent), self.outer)

    def opened(self) -> None:
        """Make the context for the work, now that the pipeline has given the ids."""
        self.clock_offset = clock.offset
        self.started = self.ticks + self.clock_offset
        if _SPAN_KEY is None:
            self.work = set_value(UNIT, self, set_span_in_context(self, self.outer))
        else:  # both at once, in half the time
            self.work = Context({**self.outer, _SPAN_KEY: self, UNIT: self})

    def enter(self) -> tuple[Context, Context | None]:
        """Make the unit current; return the context before, and the unit's."""
        before, work = current_context(), self.work
        if work is not None and before is not work:  # else a loop within a loop over one batch
            self._previous = without_ended(before)
            make_current(work)
        return before, work

    def leave(self, before: Context, work: Context | None, *, complete: bool) -> None:
        """End the turn of one message of a batch: make current what was so `before`."""
        self._touched = perf_counter_ns()
        self._turn_is_complete = complete
        if current_context() is work:
            make_current(without_ended(before))

    def finish(self) -> None:
        """End the processing; the span closes with the last answer, if that is still to come."""
        if self.is_ended:
            return
        if self._turn_is_complete is None:
            self._touched = perf_counter_ns()
        self.is_ended = True
        self._previous = without_ended(self._previous)  # or units would hold each other for ever
        context = current_context()
        if context is self.work:
            make_current(self._previous)
        elif unit_in(context) is self:
            make_current(without_ended(context))
        self.work = None  # which holds the unit: without this circle it goes with its last user
        self._close()

    def failed(self, error: BaseException) -> None:
        """Note that `error` has ended the work on the message, unless that was done already."""
        if self.is_ended or self._turn_is_complete or not _is_failure(error):
            return
        self.error_type = exception_name(error)
        if settings().exception_words:
            self.description = said(foreign.words_of(error))

    def abandon(self) -> None:
        """End the processing without a span: the agent has failed at it, or stands aside."""
        self.is_ended = self.is_closed = True
        self.work = None

    def began(self, write: Operation) -> None:
        """Keep the unit open until `write` is answered."""
        if self.open is None:
            with lock:
                self.open = set() if self.open is None else self.open
        self.open.add(write)

    def answered(self, write: Operation) -> None:
        """Note that `write` is answered; the unit ends no sooner than it."""
        if self.open is not None:
            self.open.discard(write)
        self._until = max(self._until, write.ticks + write.elapsed)
        self._close()

    def abandoned(self, write: Operation) -> None:
        """Wait no longer for `write`, which gets no span."""
        if self.open is not None:
            self.open.discard(write)
        self._close()

    def _close(self) -> None:
        if not self.is_ended or self.open:
            return
        with lock:
            if self.is_closed:
                return
            self.is_closed = True
        if self.key is not None:
            self.key = cut_key(self.key)
        if self.room is not None:
            self.weight += self.room.taken
        self.elapsed = max(self._touched, self._until) - self.ticks
        self._without_contexts().emit()

    def _without_contexts(self) -> Unit:
        """Return what goes to the pipeline, whose thread must not free what is the application's.

        The unit itself keeps its contexts for a task that may outlive it.
        """
        if not (self.outer or self._previous):
            return self
        found = copy(self)
        found.outer = found._previous = Context()  # noqa: SLF001 - as the unit's own
        return found


def _is_failure(error: BaseException) -> bool:
    kind = type(error)  # isinstance() would also ask the exception itself
    if issubclass(kind, SystemExit):
        code = _code(error)
        return not (code is None or (type(code) is int and code == 0))
    return issubclass(kind, (Exception, KeyboardInterrupt))


_code = SystemExit.__dict__["code"].__get__


def unit_of(span: Span) -> Unit | None:
    """Return the unit of work that `span` is, if it is one."""
    return span if type(span) is Unit else None


def unit_in(context: Context) -> Unit | None:
    """Return the unit of work that `context` belongs to, also below the application's own spans."""
    unit: Any = context.get(UNIT)
    return unit if type(unit) is Unit else None


def without_ended(context: Context) -> Context:
    """Return `context` without the units that have ended.

    What the application has added stays: baggage, and a span of its own that is still open.
    """
    while context:
        span = get_current_span(context)
        unit = unit_of(span) or unit_in(context)
        if unit is None or not unit.is_ended:
            break
        context = _taken_off(context, unit, span)
    return context


def _taken_off(context: Context, unit: Unit, span: Span) -> Context:
    if context is unit.work:
        return unit._previous  # noqa: SLF001 - a unit's own
    own = {
        name: value
        for name, value in context.items()
        if value is not unit and unit.outer.get(name) is not value
    }
    # A tracer without an SDK gives out the unit's own ids.
    if is_over(span) or span.get_span_context() == unit.get_span_context():
        own = {name: value for name, value in own.items() if value is not span}
    return Context({**unit._previous, **own}) if own else unit._previous  # noqa: SLF001 - as above


def is_over(span: Span) -> bool:
    """Whether a span has ended, as the SDK's tell; it may be current all the same."""
    return getattr(span, "end_time", None) is not None


def detach_ended_units() -> None:
    """Take the units that have ended off the current context."""
    context = current_context()
    if context:
        left = without_ended(context)
        if left is not context:
            make_current(left)


def detach_units() -> None:
    """Take all units off the current context: the work on them is over."""
    context = current_context()
    while (unit := unit_of(get_current_span(context))) is not None:
        context = unit._previous  # noqa: SLF001 - a unit's own
    if context is not current_context():
        make_current(context)


def without_units(context: Context) -> Context:
    """Return `context` without its units of work, none of which is a message's parent."""
    unit = unit_of(get_current_span(context)) if context else None
    return context if unit is None else unit.outer
