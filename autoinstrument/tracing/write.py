"""One message, from the application's call to the broker's answer: the only lifecycle.

What happens before the client is called is on the application's hot path: ids, one slotted object,
the header. What a span needs beyond that is worked out after the answer, off that path.
"""

from __future__ import annotations

from threading import get_ident
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.trace import SpanKind, get_current_span

from autoinstrument.process import clock
from autoinstrument.process.limits import cut
from autoinstrument.process.settings import settings

from . import errors, pipeline, propagators
from .call_site import call_site, known_call_sites
from .enclosing import ENCLOSING
from .headers import FLAGS, Headers, MessageHeaders, creation_context
from .injection import injected
from .operation import NO_CONTEXT, TEXTS, Operation, current_context, cut_key
from .own_context import gives_way
from .propagators import global_textmap
from .suppression import CALLERS, suppressed, traced_by_caller
from .unit import unit_in, unit_of
from .workers import without_stale

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from opentelemetry.context import Context

    from .producer import TracedProducer
    from .transactions import Transaction
    from .unit import Unit

W = TypeVar("W", bound="Write")
_LAST_OF_SPAN_ID = 23


def open_write(  # noqa: PLR0913, PLR0917 - what a write consists of
    kind: type[W],
    producer: TracedProducer,
    topic: str,
    key: Any,
    value: Any,
    headers: Headers | None,
    frame: FrameType,
) -> W | None:
    """Open the write of one message, just before it is handed to the client.

    `frame` is the caller's. Returns None where there must be no span: the topic is excluded, the
    application has suppressed instrumentation, or another instrumentation traces this very write.
    """
    attributes = producer.topics[topic]
    if attributes is None:
        return None
    if (
        headers is not None
        and frame.f_globals.get("__name__") in CALLERS
        and traced_by_caller(frame)
    ):
        return None
    context = current_context()
    if context:
        context = without_stale(context)
    write = kind()
    write.pipeline = current = pipeline.current()  # before the clock: the first write builds it
    write.ticks = perf_counter_ns()
    write.attributes = attributes
    write.outer = context
    write.producer = producer
    # A serializer takes any object, which the application may expect to be freed.
    write.key = key if key is None or type(key) in TEXTS else cut_key(key)
    write.parent = write.root = write.unit = None
    write.recording = False
    if context and not write.take_place_in(context):
        return None
    if write.parent is None and write.root is None and producer.has_roots:
        known = known_call_sites.get((id(frame.f_code), frame.f_lasti))
        write.root = known or call_site(frame, producer.package)
    if value is None:
        write.tombstone = True
    if headers:
        write.take_headers(MessageHeaders(headers))
    write.transaction = producer.transaction
    current.open(write)
    try:
        producer.open.add(write)
        if write.unit is not None:
            write.unit.began(write)
    except BaseException:
        write.abandon()
        raise
    return write


class Write(Operation):
    """The state of one write; an adapter's subclass is what the client calls with the answer."""

    __slots__ = ("producer", "transaction", "unit")

    is_write = True
    keeps_context = False
    """Whether the application's own creation context stays in the message."""
    replaces_context = False
    """Whether ours goes in place of one that is none of the application's own."""
    producer: TracedProducer
    transaction: Transaction | None
    unit: Unit | None
    """The unit of work that it belongs to, if that is one of the agent's."""

    def take_place_in(self, context: Context) -> bool:
        """Take what is current in `context` as parent; whether there may be a write at all."""
        span = get_current_span(context)
        if suppressed(context, span):
            return False
        enclosing = context.get(ENCLOSING)
        if isinstance(enclosing, Write):
            enclosing.abandon()
        found = span.get_span_context()
        if found.is_valid:
            self.parent = found
            unit = unit_of(span) or unit_in(context)
            # The application's own spans are between a unit and its writes, or of another trace.
            if unit is not None and (span is unit or found.trace_id == unit.trace_id):
                self.unit = unit
        elif isinstance(enclosing, Write):  # whose caller is the application's, as it is no client
            self.root = enclosing.root
        return True

    def take_headers(self, headers: MessageHeaders) -> None:
        """Take what the application's own headers say, once the parent is known.

        A creation context of its own stays, and is a link; so does one that cannot be read, or is
        not the only one.
        """
        if headers.message_id or headers.captured:
            self.message_headers = headers
            self.weight = headers.size
        if not headers.contexts:
            return
        own = creation_context(headers)
        self.replaces_context = (
            own is not None
            and not headers.is_ambiguous
            and gives_way(own, headers.contexts, self, self.unit)
        )
        self.keeps_context = not self.replaces_context
        if self.keeps_context and own is not None:
            self.links = (own,)

    def headers(self, headers: Headers | None) -> Headers | None:
        """Return the headers to send in place of the application's; None to leave them alone."""
        ids, sent = self.ids, None
        if ids and self.producer.propagates and not self.keeps_context:
            # Half the time of formatting numbers: the trace's 16 bytes, a dash, the span's 8.
            traceparent = f"00-{ids.hex('-', -16)[:49]}-{FLAGS[self.flags]}".encode()
            if (
                headers
                or self.outer
                or self.trace_state
                or global_textmap() is not propagators.standard
            ):
                sent = injected(headers, self, traceparent, replacing=self.replaces_context)
            else:
                sent = [("traceparent", traceparent)]
        if ids and ids[_LAST_OF_SPAN_ID] == 0:  # one call in 256, chosen by chance
            pipeline.metrics().call.add(perf_counter_ns() - self.ticks)
        return sent

    def note(self, attributes: Mapping[str, str | int]) -> None:
        """Add what few writes have to tell."""
        self.extra = {**(self.extra or {}), **attributes}

    @property
    def is_waited_for(self) -> bool:
        """Whether the application waits for the answer to this one message."""
        return self.extra is not None and "autoinstrument.waited" in self.extra

    def waited_for(self, how: str) -> None:
        """Note that the application waits for the answer to this one message, by `how`."""
        self.note({"autoinstrument.waited": how, "thread.id": get_ident()})

    def sent_without_header(self) -> None:
        """Note that the message only fits without the trace context."""
        self.note({"autoinstrument.header": "omitted"})

    @property
    def name(self) -> str:
        """The span's name, the user's choice of two."""
        if settings().semconv_names:
            return f"send {self.attributes['messaging.destination.name']}"
        return "WriteKafka"

    @property
    def kind(self) -> SpanKind:
        """CLIENT when the message's creation context is not this span (conventions v1.44.0)."""
        return SpanKind.CLIENT if self.links else SpanKind.PRODUCER

    def acknowledged(
        self, partition: int | None, offset: int | None, *, elapsed: int | None = None
    ) -> None:
        """Close the write: the broker has it, at `offset` of `partition` where they are known.

        `elapsed` is how many nanoseconds the answer took, if it did not come just now.
        """
        if self.producer.unconfirmed:
            self.unconfirmed(partition, elapsed=elapsed)
        else:
            self._settle(partition, offset, elapsed=elapsed)

    def unconfirmed(self, partition: int | None = None, *, elapsed: int | None = None) -> None:
        """Close the write without a verdict: the client itself cannot know."""
        self._settle(partition, outcome="unconfirmed", elapsed=elapsed)

    def failed(
        self,
        error_type: str,
        description: str,
        partition: int | None = None,
        *,
        sent: bool = False,
        elapsed: int | None = None,
    ) -> None:
        """Close the write as failed, with a cause of `errors` and the client's own words.

        `sent` says that the client had taken the message, with our header.
        """
        too_large = sent and error_type == errors.MESSAGE_TOO_LARGE
        if too_large and self.ids and self.producer.propagates and not self.keeps_context:
            # Without the header the message might have fitted.
            self.extra = {"autoinstrument.header": "sent", **(self.extra or {})}
        self._settle(partition, error_type=error_type, description=description, elapsed=elapsed)

    def lost(self) -> None:
        """Close the write that the end of the process leaves without an answer."""
        self.producer.lost += self in self.producer.open
        words = "the program ended before the broker had answered"
        self._settle(None, error_type=errors.LOST_AT_EXIT, description=words)

    def reopen(self) -> None:
        """Await the answer again, if a signal's handler broke off the closing of the write."""
        if not getattr(self, "taken", False):
            self.producer.open.add(self)
        elif self.unit is not None:
            self.unit.answered(self)
            self.unit = None

    def abandon(self) -> None:
        """Leave the write without a span: the agent has failed, or another has the message."""
        self.producer.open.discard(self)
        if self.unit is not None:
            self.unit.abandoned(self)

    def abort(self, *, at_the_end: bool = False) -> None:
        """Turn an answer into a failure: the transaction that it belongs to was aborted.

        Nobody has decided that if the program was `at_the_end`.
        """
        self.offset = None
        if at_the_end:
            self.outcome = "uncommitted"
        if self.error_type in (None, errors.PURGED):
            self.error_type = errors.TRANSACTION_ABORTED
            self.description = "the transaction was aborted"

    def _settle(  # noqa: PLR0913 - what an answer may tell
        self,
        partition: int | None,
        offset: int | None = None,
        *,
        error_type: str | None = None,
        description: str | None = None,
        outcome: str | None = None,
        elapsed: int | None = None,
    ) -> None:
        try:
            self.producer.open.remove(self)
        except KeyError:  # answered already, by another thread or as lost
            return
        self.elapsed = perf_counter_ns() - self.ticks if elapsed is None else elapsed
        unit = self.unit
        self.started = self.ticks + (clock.offset if unit is None else unit.clock_offset)
        self.partition = partition
        self.offset = offset
        if self.key is not None:
            self.key = cut_key(self.key)
        if error_type is not None:
            self.error_type = cut(error_type)
            if description is not None:
                self.description = errors.said(description)
                self.weight += len(self.description)
        if outcome is not None:
            self.outcome = outcome
        self.outer = NO_CONTEXT
        if self.transaction is None or self.transaction.resolve(self):
            self.emit()
        if unit is not None:
            if self.kept is not None:
                unit.kept = self.kept
            unit.answered(self)
            self.unit = None
