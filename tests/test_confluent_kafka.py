"""What the agent says of confluent-kafka's writes, and that the application sees no difference.

Each test starts a program, since the client can be traced only from its import on, and what a
program loses at its end can be seen only from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from unittest.mock import ANY

import pytest
from confluent_kafka import Producer

from autoinstrument.testing import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from programs import Runner

HEAD = """
import sys
from confluent_kafka import Producer
config = {"bootstrap.servers": sys.argv[1], "log_level": 0}
"""


class TestContract(Contract):
    """The contract, through delivery reports."""

    refuses_when_closed: ClassVar = hasattr(Producer, "close")
    facade = """
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
ORDER = ["topic", "value", "key", "partition", "callback", "on_delivery", "timestamp", "headers"]
DEFAULTS = {"partition": -1, "timestamp": 0}
def connect(bootstrap, timeout=None, transactional_id=None):
    options = {"bootstrap.servers": bootstrap, "log_level": 0}
    if timeout:
        options.update({"acks": "all", "retries": 0, "message.timeout.ms": timeout})
    if transactional_id:
        options["transactional.id"] = transactional_id
    producer = Producer(options)
    if transactional_id:
        producer.init_transactions()
    return producer
def write(producer, *args, **kwargs):
    reports = []
    given = lambda error, message: reports.append((error, message))
    args = list(args)
    if len(args) > 4:
        args[4] = given
    else:
        kwargs["on_delivery"] = given
    producer.produce(*args, **kwargs)
    return producer, reports
def answer(handle):
    producer, reports = handle
    while not reports:
        producer.poll(1)
    ((error, message),) = reports
    if error is not None:
        raise KafkaException(error)
    return message.partition(), message.offset()
def close(producer):
    getattr(producer, "close", producer.flush)()
begin = lambda producer: producer.begin_transaction()
commit = lambda producer: producer.commit_transaction()
abort = lambda producer: producer.abort_transaction()
def consume(bootstrap, topic, count, handle):
    consumer = Consumer({"bootstrap.servers": bootstrap, "log_level": 0, "group.id": topic})
    consumer.assign([TopicPartition(topic, 0, 0)])
    for _ in range(count):
        handle(consumer.poll(30).value())
    consumer.close()
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def test_a_write_ends_with_the_brokers_answer(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """A span lasts at least the broker's round trip, and has partition and offset."""
    program = f"""{HEAD}
producer = Producer(config)
for number in range(3):
    producer.produce("orders", b"v", key="k")
producer.flush()
"""
    done = run(program, mock_broker(rtt_ms=80).bootstrap)
    assert [span.name for span in done.writes] == ["WriteKafka"] * 3
    assert all(span.end - span.start >= 80_000_000 for span in done.writes)
    assert sorted(span.attributes["messaging.kafka.offset"] for span in done.writes) == [0, 1, 2]
    assert all(span.kind == "PRODUCER" and span.status_code == "UNSET" for span in done.writes)


def test_a_write_has_the_attributes_of_the_conventions(run: Runner, broker: str) -> None:
    """Names and types are those of the messaging conventions for Kafka, v1.44.0."""
    program = f"""{HEAD}
producer = Producer({{**config, "client.id": "shop"}})
producer.produce("orders", None, key=b"caf\\xc3\\xa9" + b"x" * 300,
                 headers={{"_watermill_message_uuid": "u-1"}})
producer.flush()
"""
    done = run(program, broker)
    (span,) = done.writes
    partition = span.attributes.pop("messaging.destination.partition.id")
    span.attributes.pop("autoinstrument.unserved", None)  # on a machine that is busy for 0.2 ms
    host, _, port = broker.rpartition(":")
    assert partition in {"0", "1", "2", "3"}
    assert span.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.client.id": "shop",
        "autoinstrument.waited": "flush",
        "thread.id": ANY,
        "messaging.destination.name": "orders",
        "messaging.kafka.offset": 0,
        "messaging.kafka.message.key": "café" + "x" * 251 + "…",
        "messaging.kafka.message.tombstone": True,
        "messaging.message.id": "u-1",
        "server.address": host,
        "server.port": int(port),
    }


def test_a_root_closes_around_each_write_and_is_named_for_the_caller(
    run: Runner, broker: str
) -> None:
    """With nothing active a write has a root: the application's function, its file and line."""
    program = f"""{HEAD}
producer = Producer(config)
class Shop:
    def sell(self):
        producer.produce("orders", b"v")
Shop().sell()
producer.flush()
"""
    done = run(program, broker)
    (span,), (root,) = done.writes, done.roots
    assert (span.parent_id, span.trace_id) == (root.span_id, root.trace_id)
    assert root.name in {"__main__.Shop.sell", "__main__.sell"}
    assert root.kind == "INTERNAL"
    assert root.attributes["code.line.number"] == 9
    assert root.start <= span.start <= span.end <= root.end


def test_a_write_is_the_child_of_an_active_span(run: Runner, broker: str) -> None:
    """The application's span is the parent, and is current again after the call."""
    program = f"""{HEAD}
from opentelemetry import trace
producer = Producer(config)
parent = trace.NonRecordingSpan(trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1)))
with trace.use_span(parent):
    producer.produce("orders", b"v")
    assert trace.get_current_span() is parent
producer.flush()
"""
    done = run(program, broker)
    (span,) = done.spans
    assert (span.trace_id, span.parent_id) == (f"{0xABC:032x}", f"{0xDEF:016x}")


def test_a_failed_delivery_is_an_error_with_its_cause(run: Runner) -> None:
    """A report of failure closes the span with the client's words and a name from the table."""
    program = f"""{HEAD}
producer = Producer({{**config, "message.timeout.ms": 300, "linger.ms": 1}})
producer.produce("orders", b"v")
producer.flush()
"""
    (span,) = run(program, "127.0.0.1:1").writes
    assert span.attributes["error.type"] == "delivery_timeout"
    assert (span.status_code, span.status_message) == ("ERROR", "Local: Message timed out")
    assert "messaging.kafka.offset" not in span.attributes
    assert "messaging.destination.partition.id" not in span.attributes


@pytest.mark.parametrize("callback", ["", '"error_cb": lambda error: seen.add(error.name())'])
def test_a_write_that_a_refusal_lets_time_out_says_so(run: Runner, callback: str) -> None:
    """The client tells it to `error_cb` alone, whether the application has one or not."""
    program = f"""{HEAD}
import socket, threading
server, seen = socket.create_server(("127.0.0.1", 0)), set()
def refuse():  # as a broker does that has no TLS
    while True:
        try:
            connection, _ = server.accept()
            connection.recv(10)
            connection.sendall(b"HTTP/1.1 400 No\\r\\n\\r\\n")
            connection.close()
        except OSError:
            pass
threading.Thread(target=refuse, daemon=True).start()
address = "127.0.0.1:%d" % server.getsockname()[1]
producer = Producer({{"bootstrap.servers": address, "security.protocol": "SSL", "log_level": 0,
                     "message.timeout.ms": 2000, {callback}}})
producer.produce("orders", b"v")
producer.flush()
print("_SSL" in seen)
"""
    done = run(program, "127.0.0.1:1")
    assert (done.stdout, done.stderr) == (f"{bool(callback)}\n", "")
    (span,) = done.writes
    assert span.attributes["error.type"] == "delivery_timeout"
    expected = "Local: Message timed out; probably because brokers refuse this client: ssl://"
    assert span.status_message.startswith(expected)


def test_forgetting_to_flush_is_told(run: Runner, broker: str) -> None:
    """What is unanswered at the end is an error and one warning, never silence."""
    program = f"""{HEAD}
producer = Producer({{**config, "linger.ms": 10_000}})
producer.produce("orders", b"v")
producer.produce("orders", b"v")
"""
    done = run(program, broker)
    assert [span.attributes["error.type"] for span in done.writes] == ["lost_at_exit"] * 2
    assert done.stderr.count("lost-at-exit") == 1
    assert "flush()" in done.stderr
    assert done.stdout == ""


def test_a_flush_registered_by_the_application_still_counts(run: Runner, broker: str) -> None:
    """The agent decides what is lost after the application's own exit handlers have run."""
    program = f"""{HEAD}
import atexit
producer = Producer({{**config, "linger.ms": 10_000}})
atexit.register(producer.flush)
producer.produce("orders", b"v")
"""
    done = run(program, broker)
    assert done.write(messaging_kafka_offset=0).status_code == "UNSET"
    assert "lost-at-exit" not in done.stderr


def test_a_flush_registered_before_the_clients_import_still_counts(
    run: Runner, broker: str
) -> None:
    """A client that is imported late does not bring the decision forward."""
    program = """
import atexit, sys
atexit.register(lambda: producer.flush())
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0, "linger.ms": 10_000})
producer.produce("orders", b"v")
"""
    done = run(program, broker)
    assert done.write(messaging_kafka_offset=0).status_code == "UNSET"
    assert done.stderr == ""


def test_a_dropped_producer_loses_what_it_had_not_delivered(run: Runner, broker: str) -> None:
    """A producer that is collected without flush ends its open writes as lost."""
    program = f"""{HEAD}
producer = Producer({{**config, "linger.ms": 10_000}})
producer.produce("orders", b"v")
del producer
other = Producer(config)
other.produce("orders", b"w", key="second")
other.flush()
"""
    done = run(program, broker)
    assert [span.attributes.get("error.type") for span in done.writes] == ["lost_at_exit", None]
    assert "dropped" in done.writes[0].status_message
    assert (
        ": 1 message had no answer when the program ended; before it ends, call flush()"
        in done.stderr
    )
    assert done.stderr.count("lost-at-exit") == 1


def test_a_full_queue_is_an_error_span_and_the_same_exception(run: Runner, broker: str) -> None:
    """BufferError reaches the application; the refused message has a span that says so."""
    program = f"""{HEAD}
producer = Producer({{**config, "queue.buffering.max.messages": 2, "linger.ms": 5000}})
for number in range(3):
    try:
        producer.produce("orders", b"v")
    except BufferError as error:
        print(repr(error))
producer.flush()
"""
    done = run(program, broker)
    assert done.stdout == "BufferError('Local: Queue full')\n"
    assert [s.attributes.get("error.type") for s in done.writes] == [None, None, "queue_full"]


def test_a_closed_producer_is_an_error_span(run: Runner, broker: str) -> None:
    """Writing after close raises the client's own error and is recorded."""
    program = f"""{HEAD}
producer = Producer(config)
if not hasattr(producer, "close"):
    sys.exit("unsupported")
producer.close()
try:
    producer.produce("orders", b"v")
except RuntimeError as error:
    print(error)
"""
    done = run(program, broker)
    if done.stderr == "unsupported\n":
        return
    assert done.stdout == "Producer has been closed\n"
    assert done.write(error_type="closed").status_message == "Producer has been closed"


def test_an_oversized_message_is_an_error_span(run: Runner, broker: str) -> None:
    """A message that is too large with and without our header fails as it does bare."""
    program = f"""{HEAD}
producer = Producer({{**config, "message.max.bytes": 1000}})
try:
    producer.produce("orders", b"v" * 2000)
except Exception as error:
    print(type(error).__name__, error, error.__context__, error.args[0].code())
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert done.write(error_type="MESSAGE_TOO_LARGE").status_code == "ERROR"


def test_a_message_that_fits_only_without_our_header_is_sent_without(
    run: Runner, broker: str
) -> None:
    """The 68 bytes of a traceparent never make a valid call fail."""
    program = f"""{HEAD}
producer = Producer({{**config, "message.max.bytes": 1000}})
def reported(error, message):
    print(error, message.offset())
producer.produce("orders", b"v" * 930, on_delivery=reported)
producer.flush()
"""
    done = run(program, broker)
    assert done.stdout == "None 0\n"
    assert done.write(messaging_kafka_offset=0).status_code == "UNSET"


def test_both_callbacks_run_once_in_the_callers_context(run: Runner, broker: str) -> None:
    """A configured on_delivery and a per-message one are called as they would be bare."""
    program = f"""{HEAD}
from opentelemetry import trace
def configured(error, message):
    print("configured", error, message.value(), trace.get_current_span().get_span_context().span_id)
def own(error, message):
    print("own", error, message.value(), trace.get_current_span().get_span_context().span_id)
producer = Producer({{**config, "on_delivery": configured}})
parent = trace.NonRecordingSpan(trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1)))
with trace.use_span(parent):
    producer.produce("orders", b"1", partition=0)
    producer.produce("orders", b"2", partition=0, on_delivery=own)
    producer.produce("orders", b"3", partition=0, callback=own)
    producer.produce("orders", b"4", partition=0, callback=own, on_delivery=configured)
    producer.produce("orders", b"5", partition=0, callback=None, on_delivery=own)
    producer.produce("orders", b"6", None, 0, own)
    producer.produce("orders", b"7", None, 0, None, own)
producer.flush()
"""
    done, bare = run(program, broker), run(program, broker, bare=True)
    assert done.stdout == bare.stdout.replace(" 0\n", f" {0xDEF}\n")
    assert len(done.stdout.splitlines()) == len(done.writes) == 7


def test_an_exception_of_a_callback_comes_out_of_poll(run: Runner, broker: str) -> None:
    """The application's own exception passes through, and the span says what happened."""
    program = f"""{HEAD}
producer = Producer(config)
def reported(error, message):
    raise LookupError("mine")
producer.produce("orders", b"v", on_delivery=reported)
try:
    producer.flush()
except LookupError as error:
    print(repr(error))
"""
    done = run(program, broker)
    assert done.stdout == "LookupError('mine')\n"
    assert done.write(messaging_kafka_offset=0).status_code == "UNSET"


def test_a_time_limit_comes_out_of_produce_and_tracing_goes_on(run: Runner, broker: str) -> None:
    """A signal that finds the agent at work: the application's exception, and no message sent."""
    program = f"""{HEAD}
import signal
from opentelemetry import propagate
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
class Limit(Exception): pass
def handler(*_): raise Limit
class Slow(TraceContextTextMapPropagator):
    def inject(self, *args, **kwargs):
        if limits:
            signal.raise_signal(signal.SIGTERM)
        super().inject(*args, **kwargs)
propagate.set_global_textmap(Slow())
signal.signal(signal.SIGTERM, handler)
producer = Producer(config)
for limits in True, False:
    try:
        producer.produce("orders", b"v")
        print("sent", producer.flush())
    except Limit:
        print("limit", len(producer))
"""
    done = run(program, broker)
    assert (done.stdout, done.stderr, done.code) == ("limit 0\nsent 0\n", "", 0)
    assert [span.status_code for span in done.writes] == ["ERROR", "UNSET"]


def test_a_time_limit_in_a_report_costs_no_callback(run: Runner, broker: str) -> None:
    """It comes out of flush, and the application has had its report."""
    program = f"""{HEAD}
import signal
class Limit(Exception): pass
def handler(*_): raise Limit
signal.signal(signal.SIGTERM, handler)
producer = Producer(config)
producer.produce("orders", b"v", on_delivery=lambda error, message: print(message.offset()))
def interrupted(self, *_, **__):
    signal.raise_signal(signal.SIGTERM)
from autoinstrument.tracing.write import Write
Write.acknowledged, acknowledged = interrupted, Write.acknowledged
try:
    producer.flush()
except Limit:
    print("limit")
Write.acknowledged = acknowledged
producer.produce("orders", b"v")
print(producer.flush())
"""
    done = run(program, broker)
    assert done.stdout == "0\nlimit\n0\n"
    assert "agent-failed" not in done.stderr


def test_reused_headers_are_untouched_and_carry_one_traceparent(run: Runner, broker: str) -> None:
    """Fifty sends of one list, and of one dict: the headers as given, and one traceparent."""
    program = f"""{HEAD}
from confluent_kafka import Consumer
producer = Producer(config)
pairs, named = [("a", b"1"), ("b", None), ("a", "2")], {{"a": b"1"}}
for number in range(50):
    producer.produce("orders", b"v", headers=pairs, partition=0)
for number in range(50):
    producer.produce("orders", b"v", headers=named, partition=0)
producer.flush()
print(pairs, named)
consumer = Consumer({{**config, "group.id": "g", "auto.offset.reset": "earliest"}})
consumer.subscribe(["orders"])
messages = []
while len(messages) < 100:
    messages += consumer.consume(100, 1)
for message in messages:
    print([h for h in message.headers() if h[0] != "traceparent"],
          sum(h[0] == "traceparent" for h in message.headers()))
consumer.close()
"""
    done = run(program, broker)
    first, *rest = done.stdout.splitlines()
    assert first == "[('a', b'1'), ('b', None), ('a', '2')] {'a': b'1'}"
    assert rest[:50] == ["[('a', b'1'), ('b', None), ('a', b'2')] 1"] * 50
    assert rest[50:] == ["[('a', b'1')] 1"] * 50
    assert len(done.writes) == 100


def test_a_foreign_traceparent_stays_and_is_linked(run: Runner, broker: str) -> None:
    """A creation context of the application's own is not replaced; the span links to it."""
    program = f"""{HEAD}
producer = Producer(config)
def reported(error, message):
    print(headers)
headers = [("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")]
producer.produce("orders", b"v", headers=headers, on_delivery=reported)
producer.flush()
"""
    (span,) = run(program, broker).writes
    assert span.kind == "CLIENT"
    assert span.links == [("a" * 32, "b" * 16)]


def test_the_applications_other_callbacks_are_its_own(run: Runner, broker: str) -> None:
    """Statistics and errors come to the application as they would, from the same configuration."""
    program = f"""{HEAD}
import json
seen = []
producer = Producer({{**config, "statistics.interval.ms": 50,
                     "stats_cb": lambda text: seen.append(json.loads(text)["client_id"])}})
producer.produce("orders", b"v")
while not seen:
    producer.poll(0.1)
producer.flush()
print(seen[0])
failing = Producer({{"bootstrap.servers": "127.0.0.1:1", "log_level": 0,
                    "error_cb": lambda error: seen.append(error.name())}})
while "_TRANSPORT" not in seen:
    failing.poll(0.1)
print("_TRANSPORT" in seen)
"""
    done = run(program, broker)
    assert (done.stdout, done.stderr) == ("rdkafka\nTrue\n", "")
    assert len(done.writes) == 1


def test_acks_zero_confirms_nothing(run: Runner, broker: str) -> None:
    """A report without an acknowledgement is neither written nor failed."""
    program = f"""{HEAD}
producer = Producer({{**config, "acks": 0}})
producer.produce("orders", b"v")
producer.flush()
"""
    (span,) = run(program, broker).writes
    assert span.attributes["autoinstrument.outcome"] == "unconfirmed"
    assert span.status_code == "UNSET"
    assert "messaging.kafka.offset" not in span.attributes


@pytest.mark.parametrize("end", ["producer.flush()", "producer.__exit__(None, None, None)"])
def test_reports_of_errors_only_are_closed_by_flush(run: Runner, broker: str, end: str) -> None:
    """With delivery.report.only.error a success is never reported: unconfirmed after flush."""
    program = f"""{HEAD}
producer = Producer({{**config, "delivery.report.only.error": True}})
producer.produce("orders", b"v", on_delivery=print)
if not hasattr(producer, "__exit__"):
    producer.__class__.__exit__ = lambda *_: producer.flush()
{end}
"""
    (span,) = run(program, broker).writes
    assert span.attributes["autoinstrument.outcome"] == "unconfirmed"


def test_every_producer_class_is_traced(run: Runner, broker: str) -> None:
    """SerializingProducer and a subclass of the application write through the same place."""
    program = f"""{HEAD}
from confluent_kafka import SerializingProducer
from confluent_kafka.serialization import StringSerializer
class Mine(Producer):
    def produce(self, topic, value):
        super().produce(topic, value + b"!", key="mine")
serializing = SerializingProducer({{**config, "value.serializer": StringSerializer("utf_8")}})
def sell():
    serializing.produce("orders", key=b"serialized", value="v")
sell()
mine = Mine(config)
mine.produce("orders", b"v")
serializing.flush()
mine.flush()
"""
    done = run(program, broker)
    keys = [span.attributes["messaging.kafka.message.key"] for span in done.writes]
    assert keys == ["serialized", "mine"]
    assert done.roots[0].name == "__main__.sell"


def test_a_subclass_that_allows_no_attributes_is_traced(run: Runner, broker: str) -> None:
    """Its own __setattr__ is not asked for what is the agent's."""
    program = f"""{HEAD}
class Frozen(Producer):
    def __setattr__(self, name, value):
        print(name)
        raise AttributeError(name)
producer = Frozen(config)
producer.produce("orders", b"v")
producer.flush()
"""
    done = run(program, broker)
    assert (done.stdout, done.stderr, len(done.writes)) == ("", "", 1)


def test_a_failing_serializer_is_an_error_span(run: Runner, broker: str) -> None:
    """The serializer's error reaches the application unchanged; the serializer ran once."""
    program = f"""{HEAD}
from confluent_kafka import SerializingProducer
def serialize(value, context):
    print("called")
    raise ValueError("no such schema")
producer = SerializingProducer({{**config, "value.serializer": serialize}})
try:
    producer.produce("orders", value="v")
except Exception as error:
    print(type(error).__name__, error)
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert done.write(error_type="serialization").status_code == "ERROR"
    assert len(done.writes) == 1


def test_classes_look_as_they_did(run: Runner, broker: str) -> None:
    """Name, module, documentation, isinstance and the refusal to be pickled are unchanged."""
    program = f"""{HEAD}
import pickle
producer = Producer(config)
print(Producer, Producer.__name__, Producer.__module__, Producer.__doc__)
print(Producer.produce.__doc__, isinstance(producer, Producer), len(producer), bool(producer))
print(*(name for name in dir(Producer) if not name.startswith("__")))
try:
    pickle.dumps(producer)
except TypeError as error:
    print(error)
for call in (lambda: producer.produce(), lambda: producer.produce(nope=1),
             lambda: producer.produce("t", nope=1), lambda: producer.produce(5),
             lambda: producer.produce("t", partition=None), lambda: producer.produce(value=b"v"),
             lambda: producer.produce("t", headers=(("a", "b"),)), lambda: producer.produce("t", 5),
             lambda: producer.produce(*range(9)), lambda: Producer("x"),
             lambda: Producer({{}}, nope=1)):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, error)
"""
    assert run(program, broker).stdout == run(program, broker, bare=True).stdout


def test_an_argument_given_twice_is_refused(run: Runner, broker: str) -> None:
    """As a TypeError that names it, in Python's words and not in C's: a call binds faster so."""
    program = f"""{HEAD}
try:
    Producer(config).produce("t", b"v", topic="t")
except TypeError as error:
    print(error)
"""
    assert run(program, broker).stdout == (
        "Producer.produce() got multiple values for argument 'topic'\n"
    )


def test_an_uninitialised_producer_fails_as_it_would(run: Runner, broker: str) -> None:
    """A subclass that forgets to initialise its base gets the client's error, not ours."""
    program = f"""{HEAD}
class Mine(Producer):
    def __init__(self):
        pass
try:
    Mine().produce("orders")
except RuntimeError as error:
    print(error)
"""
    assert run(program, broker).stdout == run(program, broker, bare=True).stdout


def test_a_client_without_configuration_fails_as_it_would(run: Runner) -> None:
    """Its C code tells no arguments from empty ones."""
    program = """
from confluent_kafka import Consumer, Producer
for kind in Producer, Consumer:
    try:
        kind()
    except TypeError as error:
        print(error)
"""
    assert run(program).stdout == "expected configuration dict\n" * 2


def test_a_seeded_application_sees_its_own_random_numbers(run: Runner, broker: str) -> None:
    """Ids are not drawn from the module `random`, whose sequence belongs to the application."""
    program = f"""{HEAD}
import random
random.seed(7)
producer = Producer(config)
producer.produce("orders", b"v")
print(random.random())
producer.flush()
"""
    assert run(program, broker).stdout == run(program, broker, bare=True).stdout
