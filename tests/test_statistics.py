"""librdkafka's statistics, where the application has asked for them.

Each test starts a program, since the client can be traced only from its import on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoinstrument.process.limits import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from programs import Runner

PROGRAM = """
import sys, time
from confluent_kafka import Consumer, Producer, TopicPartition
shared = {"bootstrap.servers": sys.argv[1], "log_level": 0, "statistics.interval.ms": 50}
told = []
producer = Producer({**shared, "client.id": "writer", "stats_cb": told.append})
for number in range(10):
    producer.produce("orders", b"v", partition=0)
producer.flush()
consumer = Consumer({**shared, "client.id": "reader", "group.id": "g"})
consumer.assign([TopicPartition("orders", 0, 0)])
message = consumer.poll(5)
consumer.commit(message, asynchronous=False)
deadline = time.monotonic() + 1
while time.monotonic() < deadline:
    consumer.poll(0.01)
    producer.produce("orders", b"v", partition=0)
    producer.flush()
assert told and all(isinstance(text, str) for text in told)
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def test_statistics_are_metrics_and_the_applications_callback_runs(
    run: Runner, broker: str
) -> None:
    """What waits in a producer, how far a broker is away, how far a consumer is behind."""
    # Often, as an interval without any request has no round trip.
    often = {"OTEL_METRIC_EXPORT_INTERVAL": "100", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    done = run(PROGRAM, broker, **often)
    assert (done.code, done.stderr) == (0, "")
    gauges = {
        (point.name, point.attributes["messaging.client.id"]): point
        for point in done.points
        if point.name.startswith("librdkafka.")
    }
    # They may be told while the last of the writes, one at a time by then, is under way.
    assert gauges["librdkafka.queue.messages", "writer"].value in {0, 1}
    assert gauges["librdkafka.queue.size", "writer"].unit == "By"
    assert 0 < gauges["librdkafka.broker.rtt", "writer"].value < 1
    lag = gauges["librdkafka.consumer.lag", "reader"]
    assert lag.value > 0
    assert lag.attributes["messaging.destination.name"] == "orders"
    assert lag.attributes["messaging.destination.partition.id"] == "0"
    assert ("librdkafka.queue.messages", "reader") not in gauges


def test_what_statistics_say_is_within_the_limits(run: Runner, broker: str) -> None:
    """Of names that an application gives, as in any other attribute."""
    program = PROGRAM.replace('"writer"', '"w" * 3000').replace('"reader"', '"r" * 3000')
    done = run(program, broker, OTEL_METRIC_EXPORT_INTERVAL="100", OTEL_BSP_SCHEDULE_DELAY="50")
    assert (done.code, done.stderr) == (0, "")
    told = [point for point in done.points if point.name.startswith("librdkafka.")]
    assert told
    texts = [of for point in told for of in point.attributes.values() if isinstance(of, str)]
    assert max(map(len, texts)) == TEXT


def test_the_applications_provider_has_the_statistics(run: Runner, broker: str) -> None:
    """Gauges are observed there as soon as a client has told of itself."""
    own = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
"""
    shown = """
(resource,) = reader.get_metrics_data().resource_metrics
print(*sorted(m.name for m in resource.scope_metrics[0].metrics if "librdkafka" in m.name))
"""
    done = run(
        f"{own}{PROGRAM}{shown}",
        broker,
        OTEL_METRIC_EXPORT_INTERVAL="100",
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    assert done.stderr == ""
    assert done.stdout.split() == [
        "librdkafka.broker.rtt",
        "librdkafka.consumer.lag",
        "librdkafka.queue.messages",
        "librdkafka.queue.size",
    ]


def test_without_metrics_statistics_are_left_alone(run: Runner, broker: str) -> None:
    """Nobody reads along where nothing is counted."""
    done = run(PROGRAM, broker, AUTOINSTRUMENT_METRICS="0")
    assert (done.code, done.stderr, done.points) == (0, "", [])
