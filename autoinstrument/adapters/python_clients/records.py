"""Consumed records of kafka-python and aiokafka, whose fields have the same names."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from autoinstrument.tracing.batch import Batch

if TYPE_CHECKING:
    from autoinstrument.tracing.consumer import Consumption
    from autoinstrument.tracing.headers import Headers
    from autoinstrument.tracing.unit import Unit
    from autoinstrument.tracing.workers import Worker


def take(consumption: Consumption, record: Any, who: Worker) -> None:
    """Make the unit of work of a record current until the next poll of `who`."""
    consumption.take(
        who,
        record.topic,
        record.partition,
        record.offset,
        key=record.key,
        headers=_headers(record),
        tombstone=record.serialized_value_size < 0,  # a deserializer may make None of others
    )


def take_batches(consumption: Consumption, batches: Any, who: Worker) -> None:
    """Let the lists in `batches`, a dict by partition, make each record's unit current in turn."""
    every = [record for records in batches.values() for record in records]
    consumption.received(who, every, _topic, _headers)
    units: list[Unit] = []
    consumption.hold(who, units)
    held = partial(consumption.holds, who, units)
    begin = partial(_begin, consumption)
    for partition, records in batches.items():
        if records:
            batches[partition] = Batch(records, begin, units, held, consumption.guard)


_topic = attrgetter("topic")


def _headers(record: Any) -> Headers:
    return list(record.headers or ())


def _begin(consumption: Consumption, record: Any) -> Unit | None:
    return consumption.begin(
        record.topic,
        record.partition,
        record.offset,
        key=record.key,
        headers=_headers(record),
        tombstone=record.serialized_value_size < 0,
    )
