"""Every text, span, request and line has its limit, whatever an application or a broker says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.metrics.export import Metric, MetricsData, NumberDataPoint, Sum
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, TraceState

from autoinstrument.export.destinations import SpanDestination
from autoinstrument.export.encoding import state_of
from autoinstrument.export.otlp_json import metrics_requests
from autoinstrument.export.queue import ExportQueue
from autoinstrument.export.spans import SpanBuilder
from autoinstrument.metrics.counts import Metrics
from autoinstrument.metrics.kinds import Kind
from autoinstrument.metrics.statistics import Statistics
from autoinstrument.process.limits import KEY, LINE, QUEUE, REQUEST, SPAN, TEXT, cut
from autoinstrument.tracing import pipeline
from autoinstrument.tracing.additions import Room
from autoinstrument.tracing.attributes import Attributes
from autoinstrument.tracing.client_call import ClientCall
from autoinstrument.tracing.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brokers import MockBroker
    from opentelemetry.sdk.trace.export import SpanExportResult
    from programs import Runner

_ELLIPSIS = "…"
_TOLERABLE_KB = 80_000  # the agent itself takes some 30,000


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


class _Text(str):
    __slots__ = ()

    def __getitem__(self, _: Any) -> str:
        raise AssertionError

    __len__ = __format__ = __getitem__  # type: ignore[assignment] # none of them is called


@given(st.text(max_size=40), st.integers(2, 20))
def test_what_is_cut_ends_in_an_ellipsis(text: str, most: int) -> None:
    """It has as many characters as it may, and is a plain text; what fits is left as it is."""
    found = cut(_Text(text), most)
    assert type(found) is str
    assert found == (text if len(text) <= most else text[: most - 1] + _ELLIPSIS)


_HUGE = """
import sys
from confluent_kafka import Consumer, Producer, SerializingProducer, TopicPartition
from opentelemetry import trace
huge = "h" * 3_000_000
def refuse(value, *_):
    raise ValueError(value)
def attempt(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__
config = {"bootstrap.servers": sys.argv[1], "client.id": "c" * 3000, "log_level": 0}
refusing = SerializingProducer({**config, "value.serializer": refuse})
for number in range(30):
    attempt(refusing.produce, "orders", value=f"{number}{huge}")
producer = Producer({**config, "message.max.bytes": 10_000_000})
attempt(producer.produce, huge, b"v")
producer.produce("orders", b"v", "k" * 300_000, partition=0, headers=[
    *[("tenant", huge[:200_000])] * 30, ("_watermill_message_uuid", huge[:300_000]),
    ("tracestate", huge[:300_000]), ("baggage", "b=" + huge[:300_000]),
    ("traceparent", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"),
])
producer.flush()
consumer = Consumer({**config, "group.id": "g" * 3000})
consumer.assign([TopicPartition("orders", 0, 0)])
consumer.poll(20)
span = trace.get_current_span()
for number in range(200):
    span.set_attribute(f"{huge[:2000]}{number}", huge)
    span.add_event(huge, {huge: huge})
span.set_attribute("list", [huge] * 100)
span.update_name(huge)
span.record_exception(ValueError(huge))
span.set_status(trace.StatusCode.ERROR, huge)
consumer.close()
"""


@pytest.mark.parametrize("words", ["0", "1"])
def test_nothing_in_a_recording_is_above_its_limit(run: Runner, broker: str, words: str) -> None:
    """Words, names, headers and what is added, of up to three megabytes each."""
    done = run(
        _HUGE,
        broker,
        AUTOINSTRUMENT_CAPTURE_HEADERS="tenant",
        AUTOINSTRUMENT_EXCEPTION_WORDS=words,
        OTEL_RESOURCE_ATTRIBUTES=f"team={'t' * 3000}",
    )
    assert (done.code, done.stderr) == (0, "")
    assert max(map(len, Path(done.recording).read_bytes().splitlines(keepends=True))) <= LINE
    (unit,) = [span for span in done.spans if span.kind == "CONSUMER"]
    assert (len(unit.name), len(unit.status_message)) == (TEXT, TEXT)
    for span in done.spans:
        assert len(span.status_message) <= TEXT
        own = {name: value for name, value in span.attributes.items() if span is not unit}
        assert all(len(value) <= TEXT for value in own.values() if isinstance(value, str))
    assert sum(len(str(pair)) for pair in unit.attributes.items()) < 3 * SPAN
    (written,) = [span for span in done.writes if span.status_code == "UNSET"]
    key = written.attributes["messaging.kafka.message.key"]
    assert key == "k" * (KEY - 1) + _ELLIPSIS
    assert len(written.attributes["messaging.message.id"]) == KEY


def test_huge_words_take_no_memory(run: Runner, broker: str, tmp_path: Path) -> None:
    """Nobody listens at the endpoint: some megabytes more than bare, where each has three."""
    program = _HUGE.partition("producer = ")[0].replace("range(30)", "range(60)")
    program += "\nimport resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    bare = run(program, broker, bare=True)
    done = run(
        program,
        broker,
        AUTOINSTRUMENT_RECORD=str(tmp_path / "none.jsonl"),
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
        AUTOINSTRUMENT_EXCEPTION_WORDS="1",
    )
    assert int(done.stdout) - int(bare.stdout) < _TOLERABLE_KB


def test_the_queue_is_bounded_in_what_its_operations_hold() -> None:
    """Beyond its limit they are dropped and counted, however few they are."""
    queue = ExportQueue([_Nowhere()], None, interval=60, batch=10**6, most_waiting=10**6)
    for _ in range(QUEUE // SPAN + 10):
        operation = Operation()
        operation.attributes, operation.recording = Attributes({}), True
        operation.weight = SPAN
        queue.add(operation)
    assert queue.dropped == 10
    queue.finish()


def test_an_exporter_of_others_gets_spans_in_parts() -> None:
    """As many as a request may hold, as far as that is known before they are encoded."""
    exported: list[int] = []

    class Exporter(InMemorySpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            exported.append(len(spans))
            return super().export(spans)

    exporter = Exporter()
    scope = InstrumentationScope("autoinstrument")
    finished = SpanDestination(exporter, SpanBuilder(Resource({}), scope, SpanLimits()))
    for _ in range(5):
        operation = Operation()
        operation.attributes = Attributes({"messaging.operation.name": "send"})
        operation.ids, operation.flags, operation.outer = bytes(range(32)), 1, Context()
        operation.started = operation.elapsed = 1
        operation.root = operation.parent = operation.key = None
        operation.partition = operation.offset = None
        operation.weight = REQUEST // 2 - 2048
        finished.take([operation])
    assert finished.send()
    assert exported == [2, 2, 1]
    assert len(exporter.get_finished_spans()) == 5


class _Nowhere:
    lasts = False

    def take(self, operations: object) -> None:
        pass

    def send(self) -> bool:
        return True

    def shutdown(self) -> None:
        pass


def test_metrics_of_many_topics_are_lines_within_the_limit() -> None:
    """Each is a request of its own, and all points are in them once."""
    points = [
        NumberDataPoint({"messaging.destination.name": f"{number:0200d}"}, 1, 2, number)
        for number in range(10_000)
    ]
    metric = Metric("sent", "Messages.", "1", Sum(points, SimpleNamespace(value=2), True))  # type: ignore[arg-type] # noqa: FBT003 - all that is read of it
    scope = SimpleNamespace(scope=InstrumentationScope("autoinstrument"), metrics=[metric, metric])
    whole = SimpleNamespace(resource=Resource({}), scope_metrics=[scope])
    lines = metrics_requests(MetricsData([whole]))  # type: ignore[list-item] # as above
    assert len(lines) > 2
    assert max(map(len, lines)) <= LINE
    assert sum(line.count(b"asInt") for line in lines) == 2 * len(points)
    assert all(line.endswith(b"\n") for line in lines)


def test_a_trace_state_keeps_the_members_that_fit() -> None:
    """What is left is one."""
    members = [(f"v{number}", "x" * 60) for number in range(20)]
    found = state_of(TraceState(members))
    assert 440 < len(found) <= 512
    assert list(TraceState.from_header([found]).items()) == members[: found.count(",") + 1]


@given(st.lists(st.tuples(st.text(max_size=3000), st.text(max_size=9000)), max_size=30))
def test_a_span_has_room_for_so_much_and_no_more(pairs: list[tuple[str, str]]) -> None:
    """Names and values together, and again as much where one is replaced."""
    room = Room()
    kept: dict[str, Any] = {}
    for name, value in pairs:
        found = room.fitting({name: value})
        room.without({key: kept[key] for key in found if key in kept})
        kept.update(found)
    assert sum(len(name) + len(value) for name, value in kept.items()) <= SPAN + 2 * TEXT


def test_what_is_counted_by_topic_is_bounded() -> None:
    """Of what consumers are given, and of what clients say of themselves, texts included."""
    metrics = Metrics(int)
    kind, statistics = Kind("lag", "1", "Behind."), Statistics()
    for number in range(2100):
        metrics.received({"messaging.destination.name": f"{number}"}).add(1)
        topic = f"{number:05}{'t' * 3000}"
        statistics.gauges.setdefault(kind, {})[("messaging.destination.name", topic),] = number
    metrics.statistics.add(statistics)
    for values in (*metrics.counters().values(), metrics.gauges()[kind]):
        assert len(values) <= 2001
        texts = [of for labels in values for _, of in labels if isinstance(of, str)]
        assert max(map(len, texts), default=0) <= TEXT
    received = next(
        of for at, of in metrics.counters().items() if at.name.endswith("consumed.messages")
    )
    assert sum(received.values()) == 2100


def test_a_cause_is_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters of other packages name causes, which metrics have, too."""
    ended: list[ClientCall] = []
    nowhere = SimpleNamespace(open=lambda _: None, close=ended.append)
    monkeypatch.setattr(pipeline, "current", lambda: nowhere, raising=False)
    call = ClientCall(SpanKind.CLIENT, Attributes({"messaging.operation.name": "commit"}))
    call.recording = True
    call.end("e" * 3000)
    assert [each.error_type for each in ended] == ["e" * (TEXT - 1) + _ELLIPSIS]
