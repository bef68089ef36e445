"""What the application sees as the current span while it works on a message.

It may add to it as to any span of OpenTelemetry, within the SDK's own limits.
"""

from __future__ import annotations

import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, TraceFlags

from autoinstrument.process.limits import TEXT
from autoinstrument.process.quiet import unheard

from . import errors
from .additions import Room, text_of
from .errors import said
from .operation import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_OF_THE_APPLICATIONS = 128  # attributes or events, as the SDK's own limits

lock = threading.RLock()  # by any thread, and within a block of the same by the collector


class CurrentSpan(Operation, Span):
    """An operation with the interface of a span; that can neither end it nor add links."""

    __slots__ = ("_span_context", "is_closed", "is_ended")
    is_ended: bool
    """Whether the work is over, after which nothing can be added."""
    is_closed: bool
    """Whether its span has ended."""
    _span_context: SpanContext | None
    room: Room | None = None
    """What the application may still add; None before it adds anything."""

    def end(self, end_time: int | None = None) -> None:
        """Do nothing: the span ends when the processing ends."""

    @property
    def context(self) -> SpanContext:
        """The ids, by the name that the SDK's spans have for them."""
        return self.get_span_context()

    @property
    def start_time(self) -> int:
        """When the processing began, in nanoseconds, as the SDK's spans say it."""
        return self.started

    @property
    def end_time(self) -> int | None:
        """When it ended, in nanoseconds; None before."""
        return self.started + self.elapsed if self.is_closed else None

    @property
    def status(self) -> Status:
        """ERROR if the work has failed, else unset."""
        if self.error_type is None:
            return Status()
        return Status(StatusCode.ERROR, self.description)

    def get_span_context(self) -> SpanContext:
        """Return the ids."""
        if self._span_context is None:
            self._span_context = SpanContext(
                self.trace_id,
                self.span_id,
                is_remote=False,
                trace_flags=TraceFlags(self.flags),
                trace_state=self.trace_state,
            )
        return self._span_context

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes, up to 128."""
        for name, value in attributes.items():
            self.set_attribute(name, value)

    def set_attribute(self, key: str, value: Any) -> None:
        """Add an attribute, up to 128."""
        with lock:
            if key in self.added or len(self.added) < _MOST_OF_THE_APPLICATIONS:
                self.room = self.room or Room()
                if key in self.added:
                    self.room.without({key: self.added[key]})
                self.added = {**self.added, **self.room.fitting({key: value})}

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        """Add an event, up to 128."""
        with lock:
            self.room = self.room or Room()
            if len(self.events) >= _MOST_OF_THE_APPLICATIONS or not self.room.has_some():
                return
            own = self.room.fitting(attributes or {})
            with unheard:
                bounded = BoundedAttributes(_MOST_OF_THE_APPLICATIONS, own)
            now = self.started - self.ticks + perf_counter_ns()
            self.events = (*self.events, (text_of(name), bounded, int(timestamp or now)))

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Do nothing: a unit's links are known when it begins."""

    def update_name(self, name: str) -> None:
        """Give the span another name."""
        self.renamed = text_of(name)

    def is_recording(self) -> bool:
        """Whether what is added will be seen."""
        return self.recording and not self.is_ended

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Mark the unit as failed; any other status changes nothing."""
        code = status if isinstance(status, StatusCode) else status.status_code
        if code is StatusCode.ERROR:
            words = description or getattr(status, "description", None)
            self.error_type = self.error_type or errors.OTHER
            self.description = None if words is None else said(text_of(words, 2 * TEXT))

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - the API's own signature
    ) -> None:
        """Add the exception as an event, in the conventions' words."""
        self.add_event(
            "exception",
            {
                "exception.type": errors.exception_name(exception),
                "exception.message": text_of(exception),
                "exception.escaped": str(escaped),
                **(attributes or {}),
            },
            timestamp,
        )
