"""What the agent says of kafka-python's writes, and that the application sees no difference.

Each test starts a program, since what it loses at its end can be seen only from outside.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import ANY

import pytest

from autoinstrument.testing import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import Kafka, MockBroker, OwnKafka
    from programs import Runner

HEAD = """
import logging, sys, warnings
logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
warnings.simplefilter("ignore")
from kafka import KafkaProducer
config = {"bootstrap_servers": sys.argv[1], "api_version": (2, 0), "linger_ms": 0}
"""
_IS_2_0 = version("kafka-python").startswith("2.0.")  # no transactions, and not the code


class TestContract(Contract):
    """The contract, through futures."""

    has_transactions: ClassVar = not _IS_2_0
    other_causes: ClassVar = {"refused by the broker": "UNKNOWN_SERVER_ERROR"} if _IS_2_0 else {}
    facade = f"""{HEAD}
import inspect
from kafka import KafkaConsumer, TopicPartition
ORDER = list(inspect.signature(KafkaProducer.send).parameters)[1:]
def connect(bootstrap, timeout=None, transactional_id=None):
    options = {{"api_version": (2, 0)}}
    if timeout:
        options.update(acks="all", retries=0, request_timeout_ms=timeout)
        if "delivery_timeout_ms" in KafkaProducer.DEFAULT_CONFIG:
            options.update(delivery_timeout_ms=2 * timeout, enable_idempotence=False)
    if transactional_id:
        options.update(api_version=None, transactional_id=transactional_id)
    producer = KafkaProducer(bootstrap_servers=bootstrap, **options)
    if transactional_id:
        producer.init_transactions()
    return producer
def write(producer, *args, **kwargs):
    return producer.send(*args, **kwargs)
def answer(future):
    metadata = future.get(20)
    return metadata.partition, metadata.offset
def close(producer):
    producer.close()
begin = lambda producer: producer.begin_transaction()
commit = lambda producer: producer.commit_transaction()
abort = lambda producer: producer.abort_transaction()
def consume(bootstrap, topic, count, handle):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    for _ in range(count):
        handle(next(consumer).value)
    consumer.close()
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def test_a_write_ends_with_the_brokers_answer(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """The future's answer closes the span, also when nobody looks at the future."""
    program = f"""{HEAD}
producer = KafkaProducer(**config, client_id="shop")
def sell():
    producer.send("orders", b"v", key=b"k")
sell()
producer.flush()
"""
    broker = mock_broker(rtt_ms=80).bootstrap
    done = run(program, broker)
    assert (done.stdout, done.stderr) == ("", "")
    (span,), (root,) = done.writes, done.roots
    assert span.end - span.start >= 80_000_000
    assert (span.status_code, span.kind, root.name) == ("UNSET", "PRODUCER", "__main__.sell")
    host, _, port = broker.rpartition(":")
    assert span.attributes.pop("messaging.destination.partition.id") in {"0", "1", "2", "3"}
    assert span.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.client.id": "shop",
        "autoinstrument.waited": "flush",
        "thread.id": ANY,
        "messaging.destination.name": "orders",
        "messaging.kafka.offset": 0,
        "messaging.kafka.message.key": "k",
        "server.address": host,
        "server.port": int(port),
    }


def test_each_form_of_the_call_is_the_clients(run: Runner, broker: str) -> None:
    """Positional, by name, wrong: results and errors as without the agent, and one traceparent."""
    program = f"""{HEAD}
producer = KafkaProducer(**config, max_block_ms=1000)
own = [("a", b"1"), ("a", b"2")]
calls = [
    (("t", b"v"), {{}}), (("t", b"v", b"k", None), {{}}), (("t", b"v", b"k", own, 1), {{}}),
    (("t", b"v", b"k", None, 0, 1234), {{}}), (("t",), dict(value=b"v", headers=own, partition=0)),
    ((), dict(topic="t", key=b"k")), (("t", b"v"), dict(value=b"v")), (("t",), {{}}), ((), {{}}),
    (("t", b"v"), dict(headers=(("a", b"1"),))), (("t", b"v"), dict(headers=[("a", "text")])),
    (("t", b"v"), dict(nosuch=1)), (("t", "text"), {{}}), ((5, b"v"), {{}}),
    (("t", b"v" * 2000000), {{}}),
]
for args, kwargs in calls:
    try:
        metadata = producer.send(*args, **kwargs).get(10)
        print(metadata.topic, metadata.serialized_key_size, metadata.serialized_value_size)
    except Exception as error:
        print(type(error).__name__, error)
print(own)
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    failed = [span.attributes["error.type"] for span in done.writes if span.status_code == "ERROR"]
    assert failed == ["invalid_argument"] * 6 + ["MESSAGE_TOO_LARGE"]


def test_the_record_has_the_applications_headers_and_ours(run: Runner, kafka: Kafka) -> None:
    """One list reused fifty times stays as it was; each record has one traceparent, its own."""
    program = f"""{HEAD}
producer = KafkaProducer(bootstrap_servers=sys.argv[1])
own = [("a", b"1"), ("a", b"2")]
for number in range(50):
    producer.send(sys.argv[2], b"v", headers=own)
producer.flush()
print(own)
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    assert done.stdout == "[('a', b'1'), ('a', b'2')]\n"
    spans = {
        (
            int(span.attributes["messaging.destination.partition.id"]),
            span.attributes["messaging.kafka.offset"],
        ): span
        for span in done.writes
    }
    records = kafka.records(topic)
    assert len(spans) == len(records) == 50
    for record in records:
        span = spans[record.partition, record.offset]
        traceparent = f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xFF:02x}".encode()
        assert record.headers == [("a", b"1"), ("a", b"2"), ("traceparent", traceparent)]


def test_serializers_run_once_and_see_their_own_headers(run: Runner, broker: str) -> None:
    """What a serializer appends to the application's list is there, and ours is not yet."""
    program = f"""{HEAD}
from kafka import serializer
base = getattr(serializer, "Serializer", object)
class Serializer(base):
    def serialize(self, topic, *given):
        *headers, data = given
        print(headers)
        if headers:  # from version 3 on
            headers[0].append(("schema", b"7"))
        return data
    def close(self):
        pass
producer = KafkaProducer(**config, value_serializer=Serializer())
own = [("a", b"1")]
metadata = producer.send("t", b"v", headers=own).get(10)
print(own, metadata.serialized_header_size)
"""
    done, bare = run(program, broker), run(program, broker, bare=True)
    assert [span.status_code for span in done.writes] == ["UNSET"]
    ours = len("traceparent") + 55
    *lines, last = bare.stdout.splitlines()
    own, _, size = last.rpartition(" ")
    assert done.stdout.splitlines() == [*lines, f"{own} {int(size) + ours}"]


def test_a_failing_serializer_is_an_error_span(run: Runner, broker: str) -> None:
    """The application's own exception comes out, and the span says where it came from."""
    program = f"""{HEAD}
def serialize(value):
    print("serializing")
    raise ValueError("no")
producer = KafkaProducer(**config, value_serializer=serialize)
try:
    producer.send("t", 5)
except ValueError as error:
    print(error)
"""
    done = run(program, broker)
    assert done.stdout == "serializing\nno\n"
    (span,) = done.writes
    assert (span.attributes["error.type"], span.status_message) == ("serialization", "ValueError")


def test_a_message_that_fits_only_without_our_header_is_sent_without(
    run: Runner, broker: str
) -> None:
    """The bytes of a traceparent never make a valid call fail."""
    program = f"""{HEAD}
producer = KafkaProducer(**config, max_request_size=1000)
for size in range(800, 1000, 10):
    try:
        print(size, producer.send("t", b"v" * size).get(10).serialized_value_size)
    except Exception as error:
        print(size, error)
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert {span.attributes.get("error.type") for span in done.writes} == {
        None,
        "MESSAGE_TOO_LARGE",
    }


def test_callbacks_run_in_the_callers_context(run: Runner, broker: str) -> None:
    """Those that are given to the future, once each, with their arguments, in their context."""
    program = f"""{HEAD}
from opentelemetry import trace
producer = KafkaProducer(**config)
parent = trace.NonRecordingSpan(trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1)))
def done(*given):
    print(len(given), trace.get_current_span() is parent)
with trace.use_span(parent):
    future = producer.send("t", b"v").add_callback(done, "mine").add_errback(done)
future.get(10)
producer.flush()
"""
    done = run(program, broker)
    assert done.stdout == "2 True\n"
    assert done.writes[0].parent_id == f"{0xDEF:016x}"


def test_a_broker_that_does_not_answer_is_an_error(run: Runner, own_kafka: OwnKafka) -> None:
    """A batch that expires fails the future of each of its messages, looked at or not."""
    program = f"""{HEAD}
import os, signal, time
KafkaProducer(**config).send("t", b"v").get(30)  # a new topic may take longer than what follows
for name, value in dict(delivery_timeout_ms=500, enable_idempotence=False, retries=0).items():
    if name in KafkaProducer.DEFAULT_CONFIG:
        config[name] = value
producer = KafkaProducer(**config, request_timeout_ms=300)
producer.partitions_for("t")
os.kill(int(sys.argv[2]), signal.SIGSTOP)
time.sleep(0.2)  # until the last of its threads has stopped
producer.send("t", b"v")
try:
    producer.send("t", b"v").get(20)
except Exception as error:
    print(type(error).__name__)
os.kill(int(sys.argv[2]), signal.SIGCONT)
"""
    done = run(program, own_kafka.bootstrap, str(own_kafka.pid))
    assert done.stdout
    written, *failed = done.writes
    assert written.status_code == "UNSET"
    assert len(failed) == 2
    assert {span.attributes["error.type"] for span in failed} <= {
        "delivery_timeout",
        "REQUEST_TIMED_OUT",
        "connection",
    }


def test_acks_zero_confirms_nothing(run: Runner, broker: str) -> None:
    """The client reports offset 0 for every message, which proves nothing."""
    program = f"""{HEAD}
producer = KafkaProducer(**config, acks=0)
producer.send("t", b"v").get(10)
"""
    (span,) = run(program, broker).writes
    assert span.attributes["autoinstrument.outcome"] == "unconfirmed"
    assert "messaging.kafka.offset" not in span.attributes


@pytest.mark.flushes_at_exit
def test_what_the_clients_own_exit_delivers_is_written(run: Runner, broker: str) -> None:
    """kafka-python flushes for a second when the program ends: the agent decides after that."""
    program = f"""{HEAD}
producer = KafkaProducer(**{{**config, "linger_ms": 200}})
producer.send("t", b"v")
"""
    done = run(program, broker)
    assert "lost-at-exit" not in done.stderr
    assert [span.status_code for span in done.writes] == ["UNSET"]


def test_what_the_clients_own_exit_gives_up_is_lost(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """A broker that has not answered by then: an error and a warning, whoever gives up first."""
    program = f"""{HEAD}
producer = KafkaProducer(**config)
producer.send("t", b"v")
"""
    done = run(program, mock_broker(rtt_ms=4000).bootstrap)
    assert [span.attributes["error.type"] for span in done.writes] == ["lost_at_exit"]
    assert done.stderr.count("lost-at-exit") == 1


def test_what_a_flush_at_exit_fails_with_is_the_cause(run: Runner, kafka: Kafka) -> None:
    """The client knows why, although the program is ending: nothing is lost."""
    program = f"""{HEAD}
import atexit
producer = KafkaProducer(**{{**config, "linger_ms": 500}})
atexit.register(producer.flush)
producer.send(sys.argv[2], b"v" * 1000)
"""
    done = run(program, kafka.bootstrap, kafka.topic(max_message_bytes="500"))
    assert [span.attributes["error.type"] for span in done.writes] == ["MESSAGE_TOO_LARGE"]
    assert "lost-at-exit" not in done.stderr


def test_a_closed_producer_is_an_error_span(run: Runner, broker: str) -> None:
    """Writing after close is refused as ever, and is recorded."""
    program = f"""{HEAD}
producer = KafkaProducer(**config)
producer.send("t", b"v").get(10)
producer.close()
try:
    producer.send("t", b"v").get(10)
except Exception as error:
    print(error)
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert [span.attributes.get("error.type") for span in done.writes] == [None, "closed"]


def test_transactions_decide_what_was_written(run: Runner, kafka: Kafka) -> None:
    """Committed is written; aborted, or left open at the end, is an error."""
    program = f"""{HEAD}
if not hasattr(KafkaProducer, "begin_transaction"):
    sys.exit()
producer = KafkaProducer(bootstrap_servers=sys.argv[1], transactional_id=sys.argv[2])
producer.init_transactions()
for outcome in producer.commit_transaction, producer.abort_transaction, None:
    producer.begin_transaction()
    for number in range(3):
        producer.send(sys.argv[2], b"v", key=b"k").get(10)
    if outcome:
        outcome()
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    committed = [
        s.attributes["messaging.kafka.offset"] for s in done.writes if s.status_code == "UNSET"
    ]
    assert committed == [record.offset for record in kafka.records(topic, read_committed=True)]
    failed = [span.attributes["error.type"] for span in done.writes if span.status_code == "ERROR"]
    assert failed == ["transaction_aborted"] * 6 or not done.writes


def test_a_subclass_and_an_early_name_are_traced(run: Runner, broker: str) -> None:
    """Methods are replaced on the class; it looks as it did."""
    program = f"""{HEAD}
import inspect
class Own(KafkaProducer):
    def send(self, *args, **kwargs):
        return super().send(*args, **kwargs)
producer = Own(**config)
def sell():
    producer.send("t", b"v").get(10)
sell()
print(inspect.signature(KafkaProducer.send), KafkaProducer.send.__qualname__)
print(KafkaProducer.send.__doc__[:30], KafkaProducer.send.__module__)
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert len(done.writes) == 1
