"""The polls of a consumer: a count of the messages, and receive spans if the user wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from autoinstrument.process.limits import cut
from autoinstrument.process.settings import settings

from . import pipeline, workers
from .attributes import Attributes
from .client_call import ClientCall
from .headers import MessageHeaders, extracted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .headers import Headers
    from .pipeline import Count
    from .workers import Worker


class Receiving:
    """The polls of one consumer."""

    def __init__(self, attributes: Mapping[str, str | int]) -> None:
        """`attributes` are those of the consumer."""
        self._attributes = Attributes(
            {
                **attributes,
                "messaging.operation.name": "poll",
                "messaging.operation.type": "receive",
            }
        )
        self._counts: dict[str, Count] = {}
        self.have_spans = settings().receives
        """Whether the user wants them (`AUTOINSTRUMENT_CONSUMERS`)."""
        self._polls: dict[Worker, ClientCall] = {}

    def begin(self, worker: Worker) -> None:
        """Begin the span of a poll by `worker`."""
        for gone in filter(workers.is_gone, list(self._polls)):
            self._polls.pop(gone, None)
        self._polls[worker] = ClientCall(SpanKind.CLIENT, self._attributes)

    def returned_one(self, worker: Worker, topic: str, headers: Headers | None) -> None:
        """End a poll that has returned one message."""
        (self._counts.get(topic) or self._count_of(topic)).add(1)
        if self._polls:
            self._end(worker, [topic], [headers], {})

    def returned(
        self, worker: Worker, topics: Mapping[str, int], headers: Iterable[Headers | None]
    ) -> None:
        """End a poll that has returned a batch, of so many messages by topic."""
        for topic, count in topics.items():
            (self._counts.get(topic) or self._count_of(topic)).add(count)
        if self._polls:
            size = {"messaging.batch.message_count": sum(topics.values())}
            self._end(worker, list(topics), headers, size)

    def _end(
        self,
        worker: Worker,
        topics: list[str],
        headers: Iterable[Headers | None],
        size: dict[str, int],
    ) -> None:
        call = self._polls.pop(worker, None)
        if call is None or not topics:
            return
        known: dict[str, str | int] = {**size}
        if len(topics) == 1:
            known["messaging.destination.name"] = cut(topics[0])
        contexts = [extracted(MessageHeaders(each), call.outer)[0] for each in headers if each]
        call.received(known, filter(None, contexts))

    def _count_of(self, topic: str) -> Count:
        of_topic = {**self._attributes, "messaging.destination.name": cut(topic)}
        found = self._counts[topic] = pipeline.metrics().received(of_topic)
        return found

    def abandon(self) -> None:
        """Drop the spans of the polls that are under way."""
        self._polls.clear()

    def forget(self) -> None:
        """Forget, in a forked child, the polls and counts of the parent."""
        self._polls.clear()
        self._counts.clear()
