"""A consumer of the application: its messages, and which of them it is working on."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

from opentelemetry.trace import (
    INVALID_SPAN,
    get_current_span,
    set_span_in_context,
)

from autoinstrument.process import threads
from autoinstrument.process.limits import cut
from autoinstrument.process.settings import settings

from . import pipeline, workers
from .attributes import Attributes, TopicAttributes, server_attributes
from .headers import MessageHeaders, extracted
from .open_units import OpenUnits, PolledUnits, finish
from .operation import TEXTS, current_context, cut_key
from .receiving import Receiving
from .suppression import suppressed
from .unit import Unit, detach_ended_units, is_over, without_ended, without_units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from autoinstrument.process.guard import Guard

    from .headers import Headers
    from .workers import Worker


class TracedConsumer:
    """One consumer: its identity, and the units of work that its next poll will end.

    A worker that is gone cannot poll again: what it left open ends with the next poll by another.
    """

    guard: Guard
    """Contains the agent's own failures at its messages."""

    def __init__(self, consumer: Any, *, client_id: str, servers: str, group: str | None) -> None:
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.client.id": cut(client_id),
            **server_attributes(servers),
        }
        if group:
            attributes["messaging.consumer.group.name"] = cut(group)
        self.commit_attributes = Attributes(
            {
                **attributes,
                "messaging.operation.name": "commit",
                "messaging.operation.type": "settle",
            }
        )
        """The attributes of a commit."""
        self._receiving = Receiving(attributes)
        self._links = settings().link_consumers
        self._topics = TopicAttributes(attributes)
        self._error_before = id(sys.exc_info()[1])  # a consumer may be made in an `except` block
        self._units = OpenUnits()
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
        """Make the unit of work of the one message that `worker` has polled current."""
        if self._topics[topic] is None:
            return
        self._receiving.returned_one(worker, topic, headers)
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
        contexts: Sequence[Any] = ()
        base = current_context()
        if base:
            place = _place_in(base)
            if place is None:
                return None
            base, parent = place
        if headers:
            message_headers = MessageHeaders(headers)
            incoming, base = extracted(message_headers, base)
            if incoming is not None:
                contexts = message_headers.contexts
        if parent is None and not self._links:
            parent = incoming
        unit = Unit(attributes, base, parent, incoming, contexts)
        unit.partition = partition
        unit.offset = offset
        if key is not None:
            unit.key = key if type(key) in TEXTS else cut_key(key)
        if tombstone:
            unit.tombstone = True
        if message_headers is not None and (message_headers.message_id or message_headers.captured):
            unit.message_headers = message_headers
            unit.weight = message_headers.size
        unit.pipeline = current = pipeline.current()
        current.open(unit)
        unit.opened()
        return unit

    def before_poll(self) -> Worker:
        """End what the running worker has worked on, since it asks for more; return that worker."""
        worker = workers.this_worker()
        units = self._units.pop(worker, None)
        if units:
            finish(units)
        detach_ended_units()
        if self._units:
            self._units.end_of_the_gone()
        if self._receiving.have_spans:
            self._receiving.begin(worker)
        return worker

    def received(
        self,
        worker: Worker,
        messages: Sequence[Any],
        topic_of: Callable[[Any], str],
        headers_of: Callable[[Any], Headers | None],
    ) -> PolledUnits:
        """Count the messages that `worker` has polled; return the list for their units of work.

        A `Batch` opens each unit in its turn. They stay open until the next poll by `worker`.
        """
        messages = [each for each in messages if self._topics[topic_of(each)] is not None]
        topics = Counter(map(topic_of, messages))
        self._receiving.returned(worker, topics, map(headers_of, messages))
        units = PolledUnits(self._units, worker, self.guard)
        self._units[worker] = units
        return units

    def before_close(self) -> None:
        """End what the running worker has open, as failed if an exception is being handled.

        Other workers go on: their units end with their next poll.
        """
        error = sys.exc_info()[1]
        is_older = id(error) == self._error_before
        self._units.end(workers.this_worker(), None if is_older else error)
        detach_ended_units()
        self._units.end_of_the_gone()

    def end(self, error: BaseException | None = None) -> None:
        """End all that is open: the consumer was dropped, or the program ends."""
        self._units.end_all(error)

    def _dropped(self, _: ReferenceType[Any]) -> None:
        with _lock:
            _consumers.discard(self)
        with self.guard:
            self.end()

    def thread_died(self, error: BaseException) -> None:
        """End what the running thread has open, as failed: `error` has ended the thread."""
        self._units.end(workers.this_worker(), error)

    def forget(self) -> None:
        """Forget, in a forked child, what belongs to the parent."""
        self._units.clear()
        self._receiving.forget()

    def abandon(self) -> int:
        """Drop all that is open without a span; return for how many messages."""
        count = self._units.abandon()
        self._receiving.abandon()
        detach_ended_units()
        return count


def _place_in(context: Context) -> tuple[Context, SpanContext | None] | None:
    """Return the context and the parent for a message's unit; None if it must have no unit."""
    context = without_units(without_ended(context))
    span = get_current_span(context)
    if suppressed(context, span):
        return None
    active = span.get_span_context()
    if not active.is_valid:
        return context, None
    if active.is_remote or is_over(span):  # still current, although its work is over or elsewhere
        return set_span_in_context(INVALID_SPAN, context), None
    return context, active


# Strong references: a weak one that dies together with the consumer does not call back.
_consumers: set[TracedConsumer] = set()
_lock = threading.RLock()  # the collector may come at any time


def traced_consumers() -> list[TracedConsumer]:
    """Return the consumers of this process whose messages may still be worked on."""
    with _lock:
        return list(_consumers)


def _thread_died(error: BaseException) -> None:
    for consumer in traced_consumers():
        consumer.thread_died(error)


def forget_consumers() -> None:
    """Forget, in a forked child, the consumers of the parent."""
    global _lock  # noqa: PLW0603 - the parent's may be held for ever
    _lock = threading.RLock()
    for consumer in traced_consumers():
        consumer.forget()
