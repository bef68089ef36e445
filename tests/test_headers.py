"""What the application writes into a message's headers is what stands in the log.

The agent adds one `traceparent`, with its `tracestate`, and baggage where there is none. Each test
starts a program, since a client is traced from its import on.
"""

from __future__ import annotations

from importlib.metadata import version
from textwrap import indent
from typing import TYPE_CHECKING, TypeAlias

import pytest
from confluent_kafka import Producer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from brokers import Kafka
    from otlp import Span
    from programs import Run, Runner

Headers: TypeAlias = "list[tuple[str, bytes | None]]"
HEAD = """
import sys, warnings
from ast import literal_eval
from pathlib import Path
from confluent_kafka import Consumer, Producer, TopicPartition
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
warnings.simplefilter("ignore")  # of kafka-python's own
bootstrap, source, target, *files = sys.argv[1:]
tracer = TracerProvider().get_tracer("application")
"""
READ = {
    "confluent-kafka": """
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g"})
consumer.assign([TopicPartition(source, 0, 0)])
def read():
    while (message := consumer.poll(1)) is None:
        pass
    return message.headers()
def close():
    consumer.close()
""",
    "kafka-python": """
from kafka import KafkaConsumer, KafkaProducer, TopicPartition as Partition
consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
consumer.assign([Partition(source, 0)])
def read():
    return next(consumer).headers
def close():
    consumer.close()
""",
    "aiokafka": """
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition as Partition
consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
await consumer.start()
consumer.assign([Partition(source, 0)])
async def read():
    return list((await consumer.getone()).headers)
async def close():
    await consumer.stop()
""",
}
WRITE = {
    "confluent-kafka": """
options = {"transactional.id": target} if in_transaction else {}
producer = Producer({"bootstrap.servers": bootstrap, **options})
def write(headers):
    producer.produce(target, b"v", headers=headers, partition=0)
if in_transaction:
    producer.init_transactions(10)
    producer.begin_transaction()
""",
    "kafka-python": """
from kafka import KafkaProducer
options = {"transactional_id": target} if in_transaction else {}
producer = KafkaProducer(bootstrap_servers=bootstrap, **options)
def write(headers):
    producer.send(target, b"v", headers=headers, partition=0)
if in_transaction:
    producer.init_transactions()
    producer.begin_transaction()
""",
    "aiokafka": """
from aiokafka import AIOKafkaProducer
options = {"transactional_id": target} if in_transaction else {}
producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
async def write(headers):
    await producer.send(target, b"v", headers=headers, partition=0)
await producer.start()
if in_transaction:
    await producer.begin_transaction()
""",
}
END = """
if in_transaction:
    await producer.commit_transaction()
await producer.end()
"""
ENDS = {"confluent-kafka": "flush", "kafka-python": "close", "aiokafka": "stop"}
CONTEXT = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
FOREIGN = b"00-" + b"c" * 32 + b"-" + b"d" * 16 + b"-01"


def program(client: str, body: str, *, reads: bool = False, in_transaction: bool = False) -> str:
    """Return a program of `client`: `body` may `await read()`, if it `reads`, and `write(headers)`.

    It is written with coroutines, which a client without them has none of.
    """
    text = WRITE[client] + body + END.replace("producer.end", f"producer.{ENDS[client]}")
    text = f"in_transaction = {in_transaction}\n" + text
    if reads:
        text = READ[client] + text + "\nawait close()\n"
    if client == "aiokafka":
        main = indent(text, "    ")
        return f"{HEAD}\nimport asyncio\nasync def main():\n{main}\nasyncio.run(main())"
    return HEAD + text.replace("async ", "").replace("await ", "")


def written(kafka: Kafka, topic: str, *, read_committed: bool = False) -> list[Headers]:
    """Return the headers in the log, in order."""
    return [each.headers for each in kafka.records(topic, read_committed=read_committed)]


def own(headers: Headers) -> Headers:
    """Return what is not the agent's: all but its traceparent, which is the last of a message."""
    *others, (name, _) = headers
    assert name == "traceparent"
    return others


def traceparent(span: Span) -> bytes:
    """Return the header with the context of `span`."""
    return f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xFF:02x}".encode()


def fill(kafka: Kafka, topic: str, headers: Headers) -> None:
    """Write the message that a program reads; the agent is not here."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, b"v", headers=list(headers), partition=0)
    assert not producer.flush(10)


def outgoing(done: Run, topic: str) -> list[Span]:
    """Return the spans of what a program that has ended well wrote to `topic`."""
    assert (done.code, done.stderr) == (0, "")
    return [s for s in done.writes if s.attributes["messaging.destination.name"] == topic]


_NAMES = st.sampled_from(
    ["a", "A", "é", "", "tracestate", "TraceState", "baggage", "Baggage", "traceparent", "x-b3"]
)
_VALUES = st.one_of(
    st.binary(max_size=8), st.sampled_from([b"vendor=1", b"own=1", b"own=%", FOREIGN, b"00-zz"])
)
_MESSAGES = st.lists(
    st.lists(st.tuples(_NAMES, _VALUES), min_size=1, max_size=6), min_size=20, max_size=20
)


@pytest.mark.parametrize("in_transaction", [False, True], ids=["plain", "transaction"])
@pytest.mark.parametrize("client", WRITE)
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(messages=_MESSAGES)
def test_any_headers_stand_in_the_log_as_given(  # noqa: PLR0913, PLR0917 - what a row has
    run: Runner,
    kafka: Kafka,
    tmp_path: Path,
    client: str,
    in_transaction: bool,  # noqa: FBT001 - a parameter of pytest's
    messages: list[Headers],
) -> None:
    """In order, with duplicates, in the midst of baggage; the lists themselves as they were."""
    body = """
messages = literal_eval(Path(files[0]).read_text())
context.attach(baggage.set_baggage("user", "7"))
for headers in messages:
    await write(headers)
print(ascii(messages))
"""
    if client == "kafka-python" and version("kafka-python").startswith("2.0."):
        in_transaction = False  # it has none
    file, target = tmp_path / "messages.txt", kafka.topic(partitions=1)
    file.write_text(ascii(messages), "ascii")
    text = program(client, body, in_transaction=in_transaction)
    done = run(text, kafka.bootstrap, "", target, str(file))
    spans = outgoing(done, target)
    assert done.stdout == f"{messages!a}\n"
    found = written(kafka, target, read_committed=in_transaction)
    assert found == [_expected(*each) for each in zip(messages, spans, strict=True)]


def _expected(given: Headers, span: Span) -> Headers:
    names = {name.lower() for name, _ in given}
    if "traceparent" in names:
        return given
    ours = [("traceparent", traceparent(span)), ("baggage", b"user=7")]
    return [*given, *(each for each in ours if each[0] not in names)]


def test_dicts_and_text_stand_in_the_log_as_given(run: Runner, kafka: Kafka) -> None:
    """What confluent-kafka takes besides lists of bytes."""
    body = """
context.attach(baggage.set_baggage("user", "7"))
for headers in (
    {"Baggage": "own=1", "TraceState": b"vendor=1", "a": None},
    [("baggage", "own=1"), ("tracestate", "vendor=1"), ("a", None), ("a", "é")],
    {},
):
    before = repr(headers)
    await write(headers)
    assert repr(headers) == before
"""
    target = kafka.topic(partitions=1)
    outgoing(run(program("confluent-kafka", body), kafka.bootstrap, "", target), target)
    *found, last = written(kafka, target)
    assert list(map(own, found)) == [
        [("Baggage", b"own=1"), ("TraceState", b"vendor=1"), ("a", None)],
        [("baggage", b"own=1"), ("tracestate", b"vendor=1"), ("a", None), ("a", "é".encode())],
    ]
    assert [name for name, _ in last] == ["traceparent", "baggage"]


@pytest.mark.parametrize("client", READ)
def test_what_a_consumed_message_brings_replaces_nothing(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """Its baggage goes out again where there is none, its trace state with our traceparent."""
    source, target = kafka.topic(partitions=1), kafka.topic(partitions=1)
    context: Headers = [("traceparent", CONTEXT), ("tracestate", b"in=1")]
    fill(kafka, source, [*context, ("baggage", b"foo=bar"), ("a", b"1")])
    body = """
await read()
print(dict(baggage.get_all()))
for headers in (
    [("baggage", b"own=1"), ("a", b"1")],
    [("tracestate", b"vendor=1"), ("TRACESTATE", b"vendor=2")],
    [("a", b"1")],
    [],
):
    await write(headers)
"""
    done = run(program(client, body, reads=True), kafka.bootstrap, source, target)
    ours = [("traceparent", traceparent(span)) for span in outgoing(done, target)]
    state, bag = ("tracestate", b"in=1"), ("baggage", b"foo=bar")
    assert done.stdout == "{'foo': 'bar'}\n"
    assert written(kafka, target) == [
        [("baggage", b"own=1"), ("a", b"1"), ours[0], state],
        [("tracestate", b"vendor=1"), ("TRACESTATE", b"vendor=2"), ours[1], bag],
        [("a", b"1"), ours[2], state, bag],
        [ours[3], state, bag],
    ]


@pytest.mark.parametrize("client", READ)
def test_without_propagation_no_baggage_becomes_current(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """The application's own context is as without the agent, and so is what it writes."""
    source, target = kafka.topic(partitions=1), kafka.topic(partitions=1)
    fill(kafka, source, [("traceparent", CONTEXT), ("baggage", b"foo=bar")])
    body = """
context.attach(baggage.set_baggage("user", "7"))
headers = await read()
print(dict(baggage.get_all()))
await write(headers)
await write([("a", b"1")])
"""
    settings = {"AUTOINSTRUMENT_PROPAGATE": "0"}
    done = run(program(client, body, reads=True), kafka.bootstrap, source, target, **settings)
    outgoing(done, target)
    assert done.stdout == "{'user': '7'}\n"
    copied: Headers = [("traceparent", CONTEXT), ("baggage", b"foo=bar")]
    assert written(kafka, target) == [copied, [("a", b"1")]]


@pytest.mark.parametrize("client", READ)
def test_a_copied_traceparent_is_told_from_one_put_there_on_purpose(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """By the object that the client returned, and by a span of the application's own.

    Of equal words, encoded anew, the former tells nothing.
    """
    source, target = kafka.topic(partitions=1), kafka.topic(partitions=1)
    came: Headers = [("traceparent", CONTEXT), ("tracestate", b"in=1"), ("a", b"1")]
    fill(kafka, source, came)
    body = """
copied = await read()
encoded = [(name, bytes(list(value))) for name, value in copied]
await write(copied)
await write(encoded)
with tracer.start_as_current_span("application"):
    await write(copied)
    await write(encoded)
with trace.get_tracer("none").start_as_current_span("no SDK"):
    await write(encoded)
"""
    done = run(program(client, body, reads=True), kafka.bootstrap, source, target)
    spans = outgoing(done, target)
    replaced = [
        [("a", b"1"), ("traceparent", traceparent(span)), ("tracestate", b"in=1")] for span in spans
    ]
    assert written(kafka, target) == [*replaced[:3], came, replaced[4]]
    assert [len(span.links) for span in spans] == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("client", WRITE)
def test_a_traceparent_of_the_applications_own_stays(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """Readable or not, alone or with another; only what is current gives way to ours."""
    body = f"""
with tracer.start_as_current_span("application"):
    injected = {{}}
    propagate.inject(injected)
    (current,) = [("TraceParent", value.encode()) for value in injected.values()]
    for headers in (
        [current, ("tracestate", b"void=1"), ("a", b"1")],
        [current, ("a", b"1"), current],
        [current, ("traceparent", {FOREIGN!r})],
        [("Traceparent", {FOREIGN!r}), ("tracestate", b"own=1")],
        [("traceparent", b"00-zz"), ("tracestate", b"own=1")],
        [("traceparent", b""), ("a", b"1")],
    ):
        await write(headers)
print(current[1].decode())
"""
    target = kafka.topic(partitions=1)
    done = run(program(client, body), kafka.bootstrap, "", target)
    spans = outgoing(done, target)
    first, second = [[("a", b"1"), ("traceparent", traceparent(span))] for span in spans[:2]]
    assert written(kafka, target) == [
        first,
        second,
        [("TraceParent", done.stdout.strip().encode()), ("traceparent", FOREIGN)],
        [("Traceparent", FOREIGN), ("tracestate", b"own=1")],
        [("traceparent", b"00-zz"), ("tracestate", b"own=1")],
        [("traceparent", b""), ("a", b"1")],
    ]
    kinds = [(span.kind, len(span.links)) for span in spans]
    assert kinds == [("PRODUCER", 0), ("PRODUCER", 0), *[("CLIENT", 1)] * 2, *[("PRODUCER", 0)] * 2]


_PROPAGATOR = """
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
class Propagator:
    fields = {"X-Trace", "x-span"}
    def extract(self, carrier, context=None, getter=None):
        ids = carrier.get("x-trace", ""), carrier.get("x-span", "")
        if not all(map(str.isdigit, ids)):
            return context
        span = SpanContext(*map(int, ids), True, TraceFlags(1))
        return set_span_in_context(NonRecordingSpan(span), context)
    def inject(self, carrier, context=None, setter=None):
        span = trace.get_current_span(context).get_span_context()
        setter.set(carrier, "X-Trace", str(span.trace_id))
        setter.set(carrier, "x-span", str(span.span_id))
        for name, value in baggage.get_all(context).items():
            setter.set(carrier, "Bag-" + name, str(value))
propagate.set_global_textmap(Propagator())
"""


@pytest.mark.parametrize("client", READ)
def test_other_propagators_keep_to_the_same_rule(run: Runner, kafka: Kafka, client: str) -> None:
    """A header of theirs replaces one that was copied or is current, and no other.

    Theirs have capitals, as X-Ray's, come in two, as B3's, and name what they carry, as Jaeger's.
    """
    source, target = kafka.topic(partitions=1), kafka.topic(partitions=1)
    fill(kafka, source, [("X-TRACE", b"7"), ("x-span", b"8"), ("a", b"1")])
    body = f"""{_PROPAGATOR}
copied = await read()
context.attach(baggage.set_baggage("user", "7"))
for headers in (
    copied,
    [("bag-user", b"own"), ("traceparent", {FOREIGN!r})],
    [("x-trace", b"9"), ("x-span", b"10")],
    [("x-trace", b"?")],
):
    await write(headers)
"""
    done = run(program(client, body, reads=True), kafka.bootstrap, source, target)
    spans = outgoing(done, target)
    first, second = (
        [
            ("X-Trace", str(int(s.trace_id, 16)).encode()),
            ("x-span", str(int(s.span_id, 16)).encode()),
        ]
        for s in spans[:2]
    )
    assert written(kafka, target) == [
        [("a", b"1"), *first, ("Bag-user", b"7")],
        [("bag-user", b"own"), ("traceparent", FOREIGN), *second],
        [("x-trace", b"9"), ("x-span", b"10")],
        [("x-trace", b"?")],
    ]
    assert [len(span.links) for span in spans] == [0, 0, 1, 0]
