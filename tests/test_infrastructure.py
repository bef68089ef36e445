"""The fixtures tell the truth: about brokers and collectors, and what was skipped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cached import fill, place
from confluent_kafka import KafkaError, Producer
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode
from otlp import Span, spans_of_recording
from processes import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import Kafka, MockBroker, OwnKafka
    from collectors import Endpoint, Rotel
    from confluent_kafka import Message

pytestmark = pytest.mark.once

_TESTS = Path(__file__).parent


def test_a_record_in_the_log_is_what_was_produced(kafka: Kafka) -> None:
    """Key, value, headers, partition and offset are those of the delivery report."""
    topic = kafka.topic("orders", partitions=2)
    reports = _produce(kafka.bootstrap, topic, b"v1", key=b"k", headers=[("h", b"1"), ("h", None)])
    reports += _produce(kafka.bootstrap, topic, None)
    records = kafka.records(topic)
    expected = {
        (*reports[0], b"k", b"v1", (("h", b"1"), ("h", None))),
        (*reports[1], None, None, ()),
    }
    assert {(*record[:4], tuple(record.headers)) for record in records} == expected


def test_read_committed_leaves_out_an_aborted_transaction(kafka: Kafka) -> None:
    """An aborted message stands in the log and is no message of the topic."""
    topic = kafka.topic(partitions=1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    for value, end in (b"no", producer.abort_transaction), (b"yes", producer.commit_transaction):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(30)
        end(30)
    assert [record.value for record in kafka.records(topic)] == [b"no", b"yes"]
    assert [record.value for record in kafka.records(topic, read_committed=True)] == [b"yes"]


def test_a_topic_keeps_its_settings(kafka: Kafka) -> None:
    """The broker refuses what the topic's own limit forbids, and the client's does not."""
    topic = kafka.topic(partitions=1, max_message_bytes="200")
    (refused,) = _produce(kafka.bootstrap, topic, b"v" * 500)
    assert refused == KafkaError.MSG_SIZE_TOO_LARGE


def test_an_own_broker_stops_and_comes_back(own_kafka: OwnKafka) -> None:
    """Paused and killed it does not answer; afterwards it does, at the same address."""
    topic = own_kafka.topic(partitions=1)
    own_kafka.pause()
    (unanswered,) = _produce(own_kafka.bootstrap, topic, b"1", timeout_ms=500)
    own_kafka.resume()
    own_kafka.kill()
    (unsent,) = _produce(own_kafka.bootstrap, topic, b"2", timeout_ms=500)
    own_kafka.start()
    (answered,) = _produce(own_kafka.bootstrap, topic, b"3")
    assert (unanswered, unsent) == (KafkaError._MSG_TIMED_OUT,) * 2
    assert (*answered, b"3") in [(*record[:2], record.value) for record in own_kafka.records(topic)]


def test_a_mock_broker_takes_its_time(mock_broker: Callable[..., MockBroker]) -> None:
    """No acknowledgement comes before the round trip that was asked for."""
    slow = mock_broker(rtt_ms=80)
    latencies: list[float] = []
    producer = Producer({"bootstrap.servers": slow.bootstrap, "linger.ms": 0})

    def report(_: KafkaError | None, sent: Message) -> None:
        latencies.append(sent.latency())

    for _ in range(3):
        producer.produce("t", b"v", on_delivery=report)
        producer.flush(30)
    assert len(latencies) == 3
    assert min(latencies) >= 0.08
    assert len(producer.list_topics("t", 30).topics["t"].partitions) == 4


def test_a_killed_run_leaves_no_process(kafka: Kafka, tmp_path: Path) -> None:
    """Java ends with a pytest that is killed, a worker's own process with the worker."""
    pids = tmp_path / "pids"
    run = _pytest(
        tmp_path,
        f"""
        import os, pathlib, processes, sys, threading
        def test_that_hangs(kafka, tmp_path):
            hanging = [sys.executable, "-c", "import threading; threading.Event().wait()"]
            own = processes.Process(hanging, tmp_path / "log")
            started = pathlib.Path({str(tmp_path)!r}, "started")
            started.write_text(f"{{kafka.pid}} {{os.getpid()}} {{own.pid}}")
            started.rename({str(pids)!r})
            threading.Event().wait()
        """,
        "-n1",
    )
    with run:
        until(pids.exists, "the inner test has not begun", 60)
        java, worker, own = (int(pid) for pid in pids.read_text().split())
        assert all(_runs(pid) for pid in (java, worker, own))
        run.kill()
        until(lambda: not _runs(java), "Java is left")
        with contextlib.suppress(ProcessLookupError):  # it ends by itself some time after pytest
            os.kill(worker, signal.SIGKILL)
        until(lambda: not _runs(own), "the worker's process is left")
    assert kafka.topic()


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_a_missing_kafka_is_told_and_fails_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    """Without Java a test says what it lacks; CI does not accept that. The rule is a run's own."""
    environment = {"PATH": str(tmp_path), "CI": ci}
    test = "def test_that_takes_a_broker(kafka): pass"
    said, _ = _pytest(tmp_path, test, "-rsf", **environment).communicate(timeout=60)
    assert outcome in said.splitlines()[-1]
    assert "needs Apache Kafka, which needs Java 17 or later: no java on the PATH" in said


def test_what_is_kept_is_made_once_for_each_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another content of the recipe, another folder; what fails midway leaves none."""
    monkeypatch.setenv("TEST_CACHE", str(tmp_path / "cache"))
    recipe = tmp_path / "recipe"
    recipe.write_text("1")
    first = place("thing", recipe)
    with pytest.raises(subprocess.CalledProcessError):
        fill(first, "sh", "-c", "mkdir {} && false")
    assert list(first.parent.iterdir()) == []
    fill(first, "mkdir", "{}")
    fill(first, "false")
    recipe.write_text("2")
    assert first.is_dir()
    assert not place("thing", recipe).exists()


def test_the_endpoint_has_what_the_sdk_exported(otlp_endpoint: Endpoint) -> None:
    """Over OTLP/HTTP, gzipped, each part of a span arrives as it was set."""
    expected = _export(HttpExporter(f"{otlp_endpoint.url}/v1/traces", compression=Compression.Gzip))
    assert otlp_endpoint.spans() == expected
    assert otlp_endpoint.requests[0].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_collector_passes_on_what_the_sdk_exported(rotel: Rotel, protocol: str) -> None:
    """By either protocol, each part of a span comes through a collector that is not ours."""
    exporters: dict[str, Callable[[], SpanExporter]] = {
        "http/protobuf": lambda: HttpExporter(f"{rotel.http}/v1/traces"),
        "grpc": lambda: GrpcExporter(rotel.grpc, insecure=True),
    }
    expected = _export(exporters[protocol]())
    assert sorted(rotel.wait_for(2), key=lambda span: span.end) == expected


def test_a_refused_export_is_not_received(otlp_endpoint: Endpoint) -> None:
    """A test can have exports refused; the request is seen, its spans do not count."""
    otlp_endpoint.status = 400
    _export(HttpExporter(f"{otlp_endpoint.url}/v1/traces"))
    assert len(otlp_endpoint.requests) == 2
    assert otlp_endpoint.spans() == []


def test_an_unanswered_export_waits(otlp_endpoint: Endpoint) -> None:
    """A test can leave exports without an answer; the exporter runs into its own time limit."""
    otlp_endpoint.delay = None
    exporter = HttpExporter(f"{otlp_endpoint.url}/v1/traces", timeout=0.2)
    assert exporter.export([]) is SpanExportResult.FAILURE
    assert otlp_endpoint.requests


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"traceId": "0AF7651916CD43DD8448EB211C80319C"}, "traceId"),
        ({"spanId": "MDEyMzQ1Njc="}, "spanId"),
        ({"kind": "SPAN_KIND_PRODUCER"}, "kind"),
        ({"endTimeUnixNano": 1}, "endTimeUnixNano"),
        ({"end_time_unix_nano": "1"}, "end_time_unix_nano"),
        ({"endTime": "1"}, "endTime"),
    ],
)
def test_what_is_not_otlp_json_is_no_recording(
    tmp_path: Path, wrong: dict[str, Any], named: str
) -> None:
    """OTLP's own JSON is read; protobuf's plain JSON and unknown fields are refused by name."""
    right = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "kind": 4}
    recording = tmp_path / "recording.jsonl"
    recording.write_text(_line(right))
    (span,) = spans_of_recording(tmp_path)
    assert (span.trace_id, span.span_id) == (right["traceId"], right["spanId"])
    assert span.kind == "PRODUCER"
    recording.write_text(_line(right | wrong))
    with pytest.raises(ValueError, match=named):
        spans_of_recording(recording)


def _line(span: dict[str, Any]) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}) + "\n"


def _produce(
    bootstrap: str, topic: str, value: bytes | None, timeout_ms: int = 30_000, **message: Any
) -> list[Any]:
    """Return the report of one message: (partition, offset), or the error's code."""
    reports: list[Any] = []

    def report(error: KafkaError | None, sent: Message) -> None:
        reports.append(error.code() if error else (sent.partition(), sent.offset()))

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 0,
            "message.timeout.ms": timeout_ms,
            "log_level": 0,
        }
    )
    producer.produce(topic, value, on_delivery=report, **message)
    producer.flush(60)
    return reports


def _export(exporter: SpanExporter) -> list[Span]:
    """Send two spans through the SDK and return them as they should be received."""
    provider = TracerProvider(resource=Resource({"service.name": "orders"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("a-scope")
    with tracer.start_as_current_span("root") as root:
        write = tracer.start_span(
            "write",
            kind=SpanKind.PRODUCER,
            links=[Link(root.get_span_context())],
            attributes={"text": "t", "number": 7, "flag": True, "list": ["a", "b"]},
        )
        write.set_status(StatusCode.ERROR, "refused")
        write.end()
    provider.shutdown()
    return [_as_received(span) for span in (write, root)]


def _as_received(span: Any) -> Span:
    trace_id, span_id = _ids(span.context)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_ids(span.parent)[1] if span.parent else "",
        name=span.name,
        kind=span.kind.name,
        start=span.start_time,
        end=span.end_time,
        attributes={
            key: list(value) if isinstance(value, tuple) else value
            for key, value in span.attributes.items()
        },
        status_code=span.status.status_code.name,
        status_message=span.status.description or "",
        links=[_ids(link.context) for link in span.links],
        resource={"service.name": "orders"},
        scope="a-scope",
        flags=0x100,  # "the parent is not remote"; the SDK's encoder leaves out "sampled"
    )


def _ids(context: SpanContext) -> tuple[str, str]:
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def _pytest(folder: Path, test: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Start a pytest of its own, with our plugins, on one test file."""
    file = folder / "test_inner.py"
    file.write_text(textwrap.dedent(test))
    alone = ("-p", "conftest", "-p", "no:randomly", "-p", "no:cacheprovider")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *alone, f"--basetemp={folder / 'inner'}", *options, file],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_TESTS), **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
