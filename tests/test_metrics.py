"""What all messages add up to, whatever becomes of their spans.

Each test starts a program, since one process has one set of metrics.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from otlp import points_of
from processes import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker
    from collectors import Endpoint
    from otlp import Point
    from programs import Runner

WRITES = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0})
for number in range(1000):
    producer.produce("orders", b"v", partition=0)
for _ in range(2):
    try:
        producer.produce("orders", b"v" * 2_000_000)
    except Exception:
        pass
producer.flush()
"""
PROVIDER = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def _named(points: list[Point], name: str) -> dict[str | None, Point]:
    """Return a metric's points by their `error.type`."""
    return {point.attributes.get("error.type"): point for point in points if point.name == name}


@pytest.mark.parametrize("sampler", ["always_on", "always_off", "traceidratio"])
def test_metrics_are_complete_whatever_is_sampled(run: Runner, broker: str, sampler: str) -> None:
    """Durations by outcome, with the attributes and the buckets of the conventions."""
    done = run(WRITES, broker, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG="0.01")
    assert (done.code, done.stderr) == (0, "")
    durations = _named(done.points, "messaging.client.operation.duration")
    assert {error: point.value for error, point in durations.items()} == {
        None: 1000,
        "MESSAGE_TOO_LARGE": 2,
    }
    host, _, port = broker.rpartition(":")
    common = {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.destination.name": "orders",
        "server.address": host,
        "server.port": int(port),
    }
    assert durations[None].attributes == {**common, "messaging.operation.type": "send"}
    assert (durations[None].unit, len(durations[None].buckets)) == ("s", 15)
    assert sum(durations[None].buckets) == 1000
    sent = _named(done.points, "messaging.client.sent.messages")
    assert (sent[None].value, sent[None].attributes) == (1000, common)


def test_consumption_is_measured_too(run: Runner, broker: str) -> None:
    """Each delivery is counted, and the processing of what is iterated over is timed."""
    program = f"""{WRITES}
from confluent_kafka import Consumer, TopicPartition
consumer = Consumer({{"bootstrap.servers": sys.argv[1], "log_level": 0, "group.id": "g"}})
consumer.assign([TopicPartition("orders", 0, 0)])
seen = 0
while seen < 10:
    seen += len(consumer.consume(10 - seen, 5))
while seen < 20:
    seen += consumer.poll(5) is not None
consumer.close()
"""
    done = run(program, broker)
    consumed = _named(done.points, "messaging.client.consumed.messages")
    assert consumed[None].value == 20
    assert consumed[None].attributes["messaging.consumer.group.name"] == "g"
    assert _named(done.points, "messaging.process.duration")[None].value == 10


def test_an_exporter_gets_metrics_as_it_prefers_them(
    run: Runner, broker: str, otlp_endpoint: Endpoint, tmp_path: Path
) -> None:
    """Over OTLP at the interval asked for; differences, where those are preferred, add up."""

    def written() -> list[Point]:
        exports = [
            _named(list(points_of(request.message)), "messaging.client.operation.duration")
            for request in list(otlp_endpoint.requests)
            if request.path == "/v1/metrics"
        ]
        return [export[None] for export in exports if None in export]

    def let_go_on() -> None:
        try:
            until(written, "no metrics have come")
        finally:
            exported.touch()

    exported = tmp_path / "exported"
    settings = {
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "100",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    }
    pause = """
import time, pathlib
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.01)
"""
    program, environment = f"{WRITES}{pause}{WRITES}", {**otlp_endpoint.environment, **settings}
    with ThreadPoolExecutor() as pool:
        letting = pool.submit(let_go_on)
        done = run(program, broker, str(exported), **environment)
        letting.result()
    assert done.code == 0
    assert "autoinstrument:" not in done.stderr
    assert len(written()) > 1
    assert sum(point.value for point in written()) == 2000
    assert all(point.is_delta for point in written())


@pytest.mark.parametrize("temporality", ["delta", "cumulative"])
def test_the_longest_and_the_shortest_are_those_of_what_is_counted(
    run: Runner, broker: str, otlp_endpoint: Endpoint, temporality: str
) -> None:
    """They are known of the whole process only: where differences are asked for, there are none."""
    settings = {
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
    }
    run(WRITES, broker, **otlp_endpoint.environment, **settings)
    points = [
        point
        for request in otlp_endpoint.requests
        if isinstance(request.message, ExportMetricsServiceRequest)
        for metric in request.message.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.histogram.data_points
    ]
    assert points
    known = {point.HasField(name) for point in points for name in ("min", "max")}
    assert known == {temporality == "cumulative"}


def test_the_applications_meter_provider_wins(run: Runner, broker: str) -> None:
    """Durations and counts are in its own readers, as soon as these ask, and nowhere else."""
    shown = """
(resource,) = reader.get_metrics_data().resource_metrics
(scope,) = resource.scope_metrics
for metric in scope.metrics:
    for point in metric.data.data_points:
        if metric.name.startswith("messaging."):
            print(metric.name, point.attributes.get("error.type"),
                  getattr(point, "count", None) or point.value)
"""
    done = run(f"{PROVIDER}{WRITES}{shown}", broker)
    assert (done.stderr, done.points) == ("", [])
    assert sorted(done.stdout.splitlines()) == [
        "messaging.client.operation.duration MESSAGE_TOO_LARGE 2",
        "messaging.client.operation.duration None 1000",
        "messaging.client.sent.messages MESSAGE_TOO_LARGE 2",
        "messaging.client.sent.messages None 1000",
    ]


_EXPORTING = """
import os, sys, warnings
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter, MetricExportResult, PeriodicExportingMetricReader)
warnings.simplefilter("ignore", DeprecationWarning)
class Exporter(MetricExporter):
    def export(self, data, timeout_millis=0, **_):
        found = {metric.name: metric.data.data_points[0]
                 for metric in data.resource_metrics[0].scope_metrics[0].metrics}
        print(found["messaging.client.sent.messages"].value,
              found["messaging.client.operation.duration"].count, flush=True)
        return MetricExportResult.SUCCESS
    def force_flush(self, timeout_millis=0):
        return True
    def shutdown(self, timeout_millis=0, **_):
        pass
def set_up():
    reader = PeriodicExportingMetricReader(Exporter(), 60_000)
    metrics.set_meter_provider(MeterProvider([reader]))
def write(count):
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0})
    for _ in range(count):
        producer.produce("orders", b"v")
    producer.flush()
    return producer
"""


@pytest.mark.parametrize("order", ["set_up(); write(5)", "write(5); set_up()"])
def test_a_short_programs_own_provider_gets_the_last_counts(
    run: Runner, broker: str, order: str
) -> None:
    """It shuts down before the agent's end, and before the background has come to the writes."""
    done = run(f"{_EXPORTING}{order}", broker)
    assert (done.stdout, done.stderr) == ("5 5\n", "")


def test_a_provider_that_is_shut_down_is_left_alone(run: Runner, broker: str) -> None:
    """The SDK's would print that it can give no meter any more."""
    early = "set_up(); metrics.get_meter_provider().shutdown(); write(5)"
    late = "set_up(); write(5); metrics.get_meter_provider().shutdown(); write(2)"
    for order, shown, written in (early, "", 5), (late, "5 5\n", 7):
        done = run(f"{_EXPORTING}{order}", broker)
        assert (done.stdout, done.stderr, len(done.writes)) == (shown, "", written)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_childs_provider_gets_the_childs_own_counts(run: Runner, broker: str) -> None:
    """It inherits the parent's instruments, and asks them for what has become of the child."""
    program = f"""{_EXPORTING}
set_up()
inherited = write(5)
child = os.fork()
if child == 0:
    write(7)
    sys.exit()
os.waitpid(child, 0)
"""
    done = run(program, broker)
    sent = [line.split()[0] for line in done.stdout.splitlines()]
    assert (sent, done.stderr) == (["7", "5"], "")


def test_spans_may_go_to_a_provider_and_metrics_to_an_exporter(
    run: Runner, broker: str, otlp_endpoint: Endpoint
) -> None:
    """An application that has set up tracing alone loses no metrics."""
    own = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
    settings = {**otlp_endpoint.environment, "OTEL_METRICS_EXPORTER": "otlp"}
    assert run(f"{own}{WRITES}", broker, **settings).stderr == ""
    (export,) = [each for each in otlp_endpoint.requests if each.path == "/v1/metrics"]
    durations = _named(list(points_of(export.message)), "messaging.client.operation.duration")
    assert durations[None].value == 1000
    assert otlp_endpoint.spans() == []


def test_the_agent_says_what_it_costs(run: Runner, broker: str) -> None:
    """In the calls and in the background, in seconds an operation; and nothing if not asked."""
    done = run(WRITES, broker)
    cost = {p.attributes["autoinstrument.part"]: p for p in done.points if "cost" in p.name}
    assert 0 < cost["background"].value < 0.01
    assert all(point.unit == "s" for point in cost.values())
    assert run(WRITES, broker, AUTOINSTRUMENT_METRICS="0").points == []
