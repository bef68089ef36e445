"""Consumed records of kafka-python and aiokafka, whose fields have the same names."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Batch

if TYPE_CHECKING:
    from autoinstrument.adapter import Headers, TracedConsumer, Unit, Worker


def begin_processing(traced: TracedConsumer, record: Any, worker: Worker) -> None:
    """Make the unit of work of a record current until the next poll of `worker`."""
    traced.begin_processing(
        worker,
        record.topic,
        record.partition,
        record.offset,
        key=record.key,
        headers=_headers(record),
        tombstone=record.serialized_value_size < 0,  # a deserializer may make None of others
    )


def begin_batches(traced: TracedConsumer, batches: Any, worker: Worker) -> None:
    """Let the lists in `batches`, a dict by partition, make each record's unit current in turn."""
    every = [record for records in batches.values() for record in records]
    units = traced.received(worker, every, _topic, _headers)
    begin = partial(_open_unit, traced)
    for partition, records in batches.items():
        if records:
            batches[partition] = Batch(records, begin, units)


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
