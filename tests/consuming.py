"""Programs that consume with confluent-kafka: how they begin, and what is looked at after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from otlp import Span
    from programs import Run

HEAD = """
import sys
from confluent_kafka import Consumer, Producer, TopicPartition
from opentelemetry import trace
common = {"bootstrap.servers": sys.argv[1], "log_level": 0}
producer = Producer(common)
def current():
    context = trace.get_current_span().get_span_context()
    return f"{context.span_id:016x}" if context.is_valid else "none"
def fill(topic, count, **more):
    for number in range(count):
        producer.produce(topic, str(number), key=str(number), partition=0, **more)
    producer.flush()
def consumer_of(topic):
    consumer = Consumer({**common, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    return consumer
def poll(consumer):
    for _ in range(30):  # not one long wait: of two threads that wait, librdkafka wakes but one
        message = consumer.poll(1)
        if message is not None:
            assert message.error() is None
            return message
    raise TimeoutError
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def units_of(done: Run) -> list[Span]:
    """Return the units of work of a program that has ended well, by their messages' offsets."""
    assert done.code == 0, done.stderr
    found = [span for span in done.spans if span.kind == "CONSUMER"]
    return sorted(found, key=lambda span: span.attributes["messaging.kafka.offset"])
