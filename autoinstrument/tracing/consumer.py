"""What all messages of one consumer have in common, and which of them are being worked on."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

from opentelemetry.trace import (
    INVALID_SPAN,
    SpanKind,
    get_current_span,
    set_span_in_context,
)

from autoinstrument.process import threads
from autoinstrument.process.settings import settings

from . import pipeline, workers
from .attributes import Attributes, TopicAttributes, server_attributes
from .client_call import ClientCall
from .headers import MessageHeaders, extracted
from .operation import current_context
from .suppression import suppressed
from .unit import Unit, detach_ended_units, is_over, without_ended, without_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from autoinstrument.process.guard import Guard

    from .headers import Headers
    from .pipeline import Count
    from .workers import Worker


class TracedConsumer:
    """One consumer: its identity, and the units of work that its next poll will end.

    Units are kept by who polls, since a consumer may serve several. What one has left open who is
    gone, a pool's job say, ends when anybody asks for more.
    """

    guard: Guard
    """What contains the agent's failures at its messages."""

    def __init__(self, consumer: Any, *, client_id: str, servers: str, group: str | None) -> None:
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.client.id": client_id,
            **server_attributes(servers),
        }
        if group:
            attributes["messaging.consumer.group.name"] = group
        self.commit_attributes = Attributes(
            {
                **attributes,
                "messaging.operation.name": "commit",
                "messaging.operation.type": "settle",
            }
        )
        """The attributes of a commit."""
        self._receive_attributes = Attributes(
            {
                **attributes,
                "messaging.operation.name": "poll",
                "messaging.operation.type": "receive",
            }
        )
        self._receives: dict[Worker, ClientCall] = {}
        self._counts: dict[str, Count] = {}
        self._links = settings().link_consumers
        self._has_receives = settings().receives
        self._topics = TopicAttributes(attributes)
        self._error_before = id(sys.exc_info()[1])  # of a handler that all of this is within
        self._units: dict[Worker, list[Unit]] = {}
        self._consumer: ReferenceType[Any] = ref(consumer, self._dropped)
        with _lock:
            _consumers.add(self)
        threads.follow(_thread_died)

    def begin_processing(  # noqa: PLR0913 - what a message consists of
        self,
        worker: Worker,
        topic: str,
        partition: int | None,
        offset: int | None,
        *,
        key: Any,
        headers: Headers | None,
        tombstone: bool,
    ) -> None:
        """Make the unit of work of the one message that `worker` has been given current."""
        if self._topics[topic] is None:
            return
        (self._counts.get(topic) or self._count_of(topic)).add(1)
        if self._receives:
            self._received(worker, {topic: 1}, [headers])
        unit = self.open_unit(
            topic, partition, offset, key=key, headers=headers, tombstone=tombstone
        )
        if unit is not None:
            self._units[worker] = [unit]
            unit.worker = worker
            unit.enter()

    def open_unit(  # noqa: PLR0913 - what a message consists of
        self,
        topic: str,
        partition: int | None,
        offset: int | None,
        *,
        key: Any,
        headers: Headers | None,
        tombstone: bool,
    ) -> Unit | None:
        """Open the unit of work of one message, not yet current; None if there must be none."""
        attributes = self._topics[topic]
        if attributes is None:
            return None
        parent = incoming = message_headers = None
        base = current_context()
        if base:
            place = _place_in(base)
            if place is None:
                return None
            base, parent = place
        if headers:
            message_headers = MessageHeaders(headers)
            incoming, base = extracted(message_headers, base)
        if parent is None and not self._links:
            parent = incoming
        unit = Unit(attributes, base, parent, incoming)
        unit.partition = partition
        unit.offset = offset
        if key is not None:
            unit.key = key
        if tombstone:
            unit.tombstone = True
        if message_headers is not None and (message_headers.message_id or message_headers.captured):
            unit.message_headers = message_headers
        unit.pipeline = current = pipeline.current()
        current.open(unit)
        unit.opened()
        return unit

    def before_poll(self) -> Worker:
        """End what the running worker has worked on so far, as it asks for more; return it."""
        worker = workers.this_worker()
        units = self._units.pop(worker, None)
        if units:
            _finish(units)
        detach_ended_units()
        if self._units:
            self._end_of_the_gone()
        if self._has_receives:
            for gone in filter(workers.is_gone, list(self._receives)):
                self._receives.pop(gone, None)
            self._receives[worker] = ClientCall(SpanKind.CLIENT, self._receive_attributes)
        return worker

    def received(
        self,
        worker: Worker,
        messages: Sequence[Any],
        topic_of: Callable[[Any], str],
        headers_of: Callable[[Any], Headers | None],
    ) -> PolledUnits:
        """Note what one poll by `worker` has returned; return where its units of work go.

        They stay open until the next poll by `worker`. `Batch` opens each in its turn.
        """
        messages = [each for each in messages if self._topics[topic_of(each)] is not None]
        topics = Counter(map(topic_of, messages))
        for topic, count in topics.items():
            self._count_of(topic).add(count)
        if self._receives:
            self._received(worker, topics, map(headers_of, messages), batch=len(messages))
        units = PolledUnits(self, worker)
        self._units[worker] = units
        return units

    def is_awaiting(self, worker: Worker, units: list[Unit]) -> bool:
        """Whether the poll has not come yet that ends `units`."""
        return self._units.get(worker) is units

    def _received(
        self,
        worker: Worker,
        topics: Mapping[str, int],
        headers: Iterable[Headers | None],
        *,
        batch: int | None = None,
    ) -> None:
        call = self._receives.pop(worker, None)
        if call is None or not topics:
            return
        contexts = [extracted(MessageHeaders(each), call.outer)[0] for each in headers if each]
        known: dict[str, str | int] = {}
        if batch is not None:
            known["messaging.batch.message_count"] = batch
        if len(topics) == 1:
            known["messaging.destination.name"] = next(iter(topics))
        call.received(known, filter(None, contexts))

    def _count_of(self, topic: str) -> Count:
        found = self._counts.get(topic)
        if found is None:
            of_topic = {**self._receive_attributes, "messaging.destination.name": topic}
            found = self._counts[topic] = pipeline.metrics().received(of_topic)
        return found

    def before_close(self) -> None:
        """End what the running worker has open: an exception on its way is why it closes.

        Others that are still at work end theirs when they ask for more.
        """
        error = sys.exc_info()[1]
        self.end_of(workers.this_worker(), None if id(error) == self._error_before else error)
        detach_ended_units()
        self._end_of_the_gone()

    def end(self, error: BaseException | None = None) -> None:
        """End all that is open: the consumer is closed, or gone, or the program has died."""
        for worker in list(self._units):
            self.end_of(worker, error or workers.error_of(worker))

    def _dropped(self, _: ReferenceType[Any]) -> None:
        with _lock:
            _consumers.discard(self)
        with self.guard:
            self.end()

    def end_of(self, worker: Worker, error: BaseException | None) -> None:
        """End what `worker` has left open, as failed if that was by an `error`."""
        units = self._units.pop(worker, ())
        if error is not None:
            for unit in units:
                unit.failed(error)
        _finish(units)

    def _end_of_the_gone(self) -> None:
        for worker in filter(workers.is_gone, list(self._units)):
            self.end_of(worker, workers.error_of(worker))

    def forget(self) -> None:
        """Leave what a forked child has inherited to the parent."""
        self._units.clear()
        self._receives.clear()
        self._counts.clear()  # which are the parent's metrics

    def abandon(self) -> int:
        """Leave all that is open without a span; return how many messages that concerns."""
        count = 0
        for worker in list(self._units):
            for unit in self._units.pop(worker, ()):
                unit.abandon()
                count += 1
        self._receives.clear()
        detach_ended_units()
        return count


class PolledUnits(list[Unit]):
    """The units of work of what one poll has returned; there may be more of them to come."""

    __slots__ = ("_consumer", "_worker")

    def __init__(self, consumer: TracedConsumer, worker: Worker) -> None:
        super().__init__()
        self._consumer = consumer
        self._worker = worker

    @property
    def guard(self) -> Guard:
        """What contains the agent's failures at them."""
        return self._consumer.guard

    @property
    def are_open(self) -> bool:
        """Whether the poll has not come yet that ends them."""
        return self._consumer.is_awaiting(self._worker, self)


def _finish(units: Iterable[Unit]) -> None:
    """End the processing of all these messages; one at which that fails has no span."""
    failure = None
    for unit in units:
        try:
            unit.finish()
        except Exception as error:  # noqa: BLE001, PERF203 - raised again, once the others have ended
            unit.abandon()
            failure = error
    if failure is not None:
        raise failure


def _place_in(context: Context) -> tuple[Context, SpanContext | None] | None:
    """Return what a message's unit begins in, and its parent there; None if there must be none."""
    context = without_units(without_ended(context))
    span = get_current_span(context)
    if suppressed(context, span):
        return None
    active = span.get_span_context()
    if not active.is_valid:
        return context, None
    if active.is_remote or is_over(span):  # left current, and nobody's work of this moment
        return set_span_in_context(INVALID_SPAN, context), None
    return context, active


# Not weakly: what the collector takes along with a consumer is not told of that.
_consumers: set[TracedConsumer] = set()
_lock = threading.RLock()  # the collector may come at any time


def traced_consumers() -> list[TracedConsumer]:
    """Return the consumers of this process whose messages may still be worked on."""
    with _lock:
        return list(_consumers)


def _thread_died(error: BaseException) -> None:
    for consumer in traced_consumers():
        consumer.end_of(workers.this_worker(), error)


def forget_consumers() -> None:
    """Leave what a forked child has inherited to the parent, whose consumers those are."""
    global _lock  # noqa: PLW0603 - the parent's may be held for ever
    _lock = threading.RLock()
    for consumer in traced_consumers():
        consumer.forget()
