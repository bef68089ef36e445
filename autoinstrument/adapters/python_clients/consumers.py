"""The consumers of kafka-python and aiokafka, whose records have the same fields."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from autoinstrument.adapter import Batch, TracedConsumer, Worker, commit_span

from .errors import failure
from .traced_objects import TracedObjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoinstrument.adapter import CallSpan, Headers, Unit

Poll: TypeAlias = "tuple[TracedConsumer, Worker]"
"""One poll that is under way, by whom."""


class Consumers(TracedObjects[TracedConsumer]):
    """The consumers of one client; each of these methods contains the agent's own failures."""

    def begin_poll(self, consumer: Any) -> Poll | None:
        """End the units of work that a poll ends; None if the consumer is not traced."""
        try:
            traced = self.of(consumer)
            return None if traced is None else (traced, traced.before_poll())
        except Exception as error:  # noqa: BLE001 - the agent's own
            self.guard.caught(error)
        return None

    def begin_processing(self, poll: Poll, record: Any) -> None:
        """Make the unit of work of a record current until the next poll."""
        traced, worker = poll
        try:
            traced.begin_processing(
                worker,
                record.topic,
                record.partition,
                record.offset,
                key=record.key,
                headers=_headers(record),
                tombstone=record.serialized_value_size
                < 0,  # a deserializer may make None of others
            )
        except Exception as error:  # noqa: BLE001 - the agent's own
            self.guard.caught(error)

    def begin_batches(self, poll: Poll, batches: Any) -> None:
        """Let the lists in `batches`, a dict by partition, make each record's unit current."""
        traced, worker = poll
        with self.guard:
            every = [record for records in batches.values() for record in records]
            units = traced.received(worker, every, _topic, _headers)
            begin = partial(_open_unit, traced)
            for partition, records in batches.items():
                if records:
                    batches[partition] = Batch(records, begin, units)

    def commit(self, consumer: Any, *, later: bool = False) -> CallSpan:
        """Return the span of a commit; `later` says that the call is not yet its answer."""
        traced = None
        with self.guard:
            traced = self.of(consumer)
        return commit_span(self.guard, traced, failure, later=later)

    @contextmanager
    def closing(self, consumer: Any) -> Iterator[None]:
        """Enclose the call that closes a consumer, before which its units of work end."""
        with self.guard:
            traced = self.known(consumer)
            if traced is not None:
                traced.before_close()
        yield


_topic = attrgetter("topic")


def _headers(record: Any) -> Headers:
    return list(record.headers or ())


def _open_unit(traced: TracedConsumer, record: Any) -> Unit | None:
    return traced.open_unit(
        record.topic,
        record.partition,
        record.offset,
        key=record.key,
        headers=_headers(record),
        tombstone=record.serialized_value_size < 0,
    )
