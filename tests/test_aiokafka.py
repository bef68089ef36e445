"""What the agent says of aiokafka's writes, and that the application sees no difference.

Each test starts a program, since what it loses at its end can be seen only from outside.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import ANY

import pytest

from autoinstrument.testing import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import Kafka, MockBroker, OwnKafka
    from programs import Runner

HEAD = """
import asyncio, logging, sys
logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
from aiokafka import AIOKafkaProducer
config = {"bootstrap_servers": sys.argv[1]}
"""


class TestContract(Contract):
    """The contract, in an event loop that runs as long as a call takes."""

    other_causes: ClassVar = {"refused by the broker": "UNKNOWN_SERVER_ERROR"}
    facade = f"""{HEAD}
import atexit, inspect, threading
from aiokafka import AIOKafkaConsumer, TopicPartition
ORDER = list(inspect.signature(AIOKafkaProducer.send).parameters)[1:]
loops = threading.local()
def wait(awaitable):
    return loops.one.run_until_complete(awaitable)
def connect(bootstrap, timeout=None, transactional_id=None):
    loops.one = asyncio.new_event_loop()
    atexit.register(loops.one.close)
    options = {{"transactional_id": transactional_id}}
    if timeout:
        options.update(acks="all", request_timeout_ms=timeout)
    async def start():
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
        await producer.start()
        return producer
    return wait(start())
def write(producer, *args, **kwargs):
    return wait(producer.send(*args, **kwargs))
def answer(future):
    metadata = wait(future)
    return metadata.partition, metadata.offset
def close(producer):
    wait(producer.stop())
begin = lambda producer: wait(producer.begin_transaction())
commit = lambda producer: wait(producer.commit_transaction())
abort = lambda producer: wait(producer.abort_transaction())
def consume(bootstrap, topic, count, handle):
    async def read():
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([TopicPartition(topic, 0)])
        for _ in range(count):
            handle((await consumer.getone()).value)
        await consumer.stop()
    asyncio.run(read())
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def test_a_write_ends_with_the_brokers_answer(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """The batch's answer closes the span, whether the future is awaited or never looked at."""
    program = f"""{HEAD}
async def main():
    async with AIOKafkaProducer(**config, client_id="shop") as producer:
        await producer.send_and_wait("orders", b"v", key=b"k")
        await producer.send("orders", None, b"k")
asyncio.run(main())
"""
    broker = mock_broker(rtt_ms=80).bootstrap
    done = run(program, broker)
    assert (done.stdout, done.stderr) == ("", "")
    first, second = done.writes
    assert all(span.end - span.start >= 80_000_000 for span in done.writes)
    assert {root.name for root in done.roots} == {"__main__.main"}
    assert second.attributes["messaging.kafka.message.tombstone"] is True
    host, _, port = broker.rpartition(":")
    assert first.attributes.pop("messaging.destination.partition.id") in {"0", "1", "2", "3"}
    assert first.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.client.id": "shop",
        "autoinstrument.waited": "send_and_wait",
        "thread.id": ANY,
        "messaging.destination.name": "orders",
        "messaging.kafka.offset": 0,
        "messaging.kafka.message.key": "k",
        "server.address": host,
        "server.port": int(port),
    }


def test_a_write_that_is_a_task_of_its_own_is_named_for_what_runs_the_loop(
    run: Runner, broker: str
) -> None:
    """Nobody knows who made the task; from 3.12 on wait_for() makes none."""
    program = f"""{HEAD}
async def send_all():
    async with AIOKafkaProducer(**config) as producer:
        await asyncio.gather(*(producer.send_and_wait("orders", b"v") for _ in range(3)))
        await asyncio.create_task(producer.send_and_wait("orders", b"v"))
        await asyncio.wait_for(producer.send_and_wait("orders", b"v"), 60)
def main():
    asyncio.run(send_all())
main()
"""
    done = run(program, broker)
    names = [root.name for root in sorted(done.roots, key=lambda root: root.start)]
    assert names[:4] == ["__main__.main"] * 4
    assert names[4:] == ["__main__.main" if sys.version_info < (3, 12) else "__main__.send_all"]


def test_each_form_of_the_call_is_the_clients(run: Runner, broker: str) -> None:
    """Positional, by name, wrong: results and errors as without the agent."""
    program = f"""{HEAD}
own = [("a", b"1"), ("a", b"2")]
calls = [
    (("t", b"v"), {{}}), (("t", b"v", b"k", None), {{}}), (("t", b"v", b"k", 1, 1234, own), {{}}),
    (("t",), dict(value=b"v", headers=own, partition=0)), ((), dict(topic="t", key=b"k")),
    (("t", b"v"), dict(headers=(("a", b"1"),))), (("t", b"v"), dict(headers=[])),
    (("t", b"v"), dict(value=b"v")), (("t",), {{}}), ((), {{}}), (("t", b"v"), dict(headers=5)),
    (("t", b"v"), dict(headers=[("a", 5)])), (("t", b"v"), dict(nosuch=1)), (("t", "text"), {{}}),
    (("t", b"v" * 2000000), {{}}),
]
async def main():
    async with AIOKafkaProducer(**config) as producer:
        for args, kwargs in calls:
            for call in producer.send_and_wait, producer.send:
                try:
                    answer = await call(*args, **kwargs)
                    print(type(await answer if asyncio.isfuture(answer) else answer).__name__)
                except Exception as error:
                    print(type(error).__name__, error)
    print(own, asyncio.iscoroutinefunction(AIOKafkaProducer.send))
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    written = [span for span in done.writes if span.status_code == "UNSET"]
    assert len(written) == done.stdout.count("RecordMetadata") > 0


def test_each_record_carries_its_own_traceparent(run: Runner, kafka: Kafka) -> None:
    """Tasks side by side with one list of headers: the list as it was, spans and log one to one."""
    program = f"""{HEAD}
own = [("a", b"1"), ("a", b"2")]
async def main():
    async with AIOKafkaProducer(**config) as producer:
        async def sell(number):
            await producer.send_and_wait(sys.argv[2], b"v", headers=own)
        await asyncio.gather(*(sell(number) for number in range(50)))
    print(own)
asyncio.run(main())
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    assert done.stdout == "[('a', b'1'), ('a', b'2')]\n"
    assert len({span.trace_id for span in done.writes}) == 50
    in_log = {
        (record.partition, record.offset, record.headers[-1][1]) for record in kafka.records(topic)
    }
    assert in_log == {
        (
            int(span.attributes["messaging.destination.partition.id"]),
            span.attributes["messaging.kafka.offset"],
            f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xFF:02x}".encode(),
        )
        for span in done.writes
    }


def test_the_callers_context_is_as_it_was(run: Runner, broker: str) -> None:
    """After the await the application's span is current, and its next write is no grandchild."""
    program = f"""{HEAD}
from opentelemetry import trace
parent = trace.NonRecordingSpan(trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1)))
async def main():
    async with AIOKafkaProducer(**config) as producer:
        with trace.use_span(parent):
            for _ in range(3):
                await producer.send("t", b"v")
                print(trace.get_current_span() is parent)
        await producer.send_and_wait("t", b"v")
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == "True\n" * 3
    parents = [span.parent_id == f"{0xDEF:016x}" for span in done.writes]
    assert parents == [True, True, True, False]


def test_each_message_of_a_batch_has_a_span(run: Runner, kafka: Kafka) -> None:
    """send_batch: one span a message, with the offset that it really has."""
    program = f"""{HEAD}
async def main():
    async with AIOKafkaProducer(**config) as producer:
        await producer.send_and_wait(sys.argv[2], b"v", partition=1)
        batch = producer.create_batch()
        for number in range(5):
            batch.append(key=None, value=b"v", timestamp=None)
        future = await producer.send_batch(batch, sys.argv[2], partition=1)
        print((await future).offset)
asyncio.run(main())
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    assert done.stdout == "1\n"
    assert [span.attributes["messaging.kafka.offset"] for span in done.writes] == [*range(6)]
    assert len(kafka.records(topic)) == 6


def test_a_cancelled_wait_has_the_truth_of_its_batch(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """The message's future is cancelled, the batch goes out: the span has its offset."""
    program = f"""{HEAD}
async def main():
    async with AIOKafkaProducer(**config) as producer:
        await producer.send_and_wait("t", b"v", partition=0)
        try:
            await asyncio.wait_for(producer.send_and_wait("t", b"v", partition=0), 0.05)
        except asyncio.TimeoutError:
            print("cancelled")
asyncio.run(main())
"""
    done = run(program, mock_broker(rtt_ms=300).bootstrap)
    assert done.stdout == "cancelled\n"
    assert [span.attributes["messaging.kafka.offset"] for span in done.writes] == [0, 1]


def test_a_send_that_is_cancelled_before_its_batch_is_not_written(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """While it still waits for the topic's metadata the message is nowhere."""
    program = f"""{HEAD}
async def main():
    async with AIOKafkaProducer(**config) as producer:
        try:
            await asyncio.wait_for(producer.send("t", b"v"), 0.05)
        except asyncio.TimeoutError:
            print("cancelled")
asyncio.run(main())
"""
    done = run(program, mock_broker(rtt_ms=300).bootstrap)
    assert done.stdout == "cancelled\n"
    (span,) = done.writes
    assert (span.status_code, span.attributes["error.type"]) == ("ERROR", "cancelled")


def test_serializers_run_once_and_their_errors_are_told(run: Runner, broker: str) -> None:
    """The application's own exception comes out, and the span says where it came from."""
    program = f"""{HEAD}
def serialize(value):
    print("serializing")
    raise ValueError("no")
async def main():
    async with AIOKafkaProducer(**config, value_serializer=serialize) as producer:
        try:
            await producer.send("t", 5)
        except ValueError as error:
            print(error)
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == "serializing\nno\n"
    assert done.writes[0].attributes["error.type"] == "serialization"


def test_a_message_that_fits_only_without_our_header_is_sent_without(
    run: Runner, broker: str
) -> None:
    """The bytes of a traceparent never make a valid call fail."""
    program = f"""{HEAD}
async def main():
    async with AIOKafkaProducer(**config, max_request_size=1000) as producer:
        for size in range(800, 1000, 10):
            try:
                await producer.send_and_wait("t", b"v" * size)
                print(size)
            except Exception as error:
                print(size, error)
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert {s.attributes.get("error.type") for s in done.writes} == {None, "MESSAGE_TOO_LARGE"}


def test_a_broker_that_does_not_answer_is_an_error(run: Runner, own_kafka: OwnKafka) -> None:
    """A batch that expires fails the span of each of its messages, looked at or not."""
    program = f"""{HEAD}
import os, signal, time
async def main():
    producer = AIOKafkaProducer(**config, request_timeout_ms=1000)
    await producer.start()
    await producer.send_and_wait("t", b"v")
    os.kill(int(sys.argv[2]), signal.SIGSTOP)
    time.sleep(0.2)  # until the last of its threads has stopped
    await producer.send("t", b"v")
    try:
        await producer.send_and_wait("t", b"v")
    except Exception as error:
        print(type(error).__name__)
    os.kill(int(sys.argv[2]), signal.SIGCONT)
    await producer.stop()
asyncio.run(main())
"""
    done = run(program, own_kafka.bootstrap, str(own_kafka.pid))
    assert done.stdout
    written, *failed = done.writes
    assert written.status_code == "UNSET"
    assert len(failed) == 2
    causes = {span.attributes["error.type"] for span in failed}
    assert causes <= {"delivery_timeout", "REQUEST_TIMED_OUT", "connection", "cancelled"}


def test_acks_zero_confirms_nothing(run: Runner, broker: str) -> None:
    """The client's answer is None, which proves nothing."""
    program = f"""{HEAD}
async def main():
    async with AIOKafkaProducer(**config, acks=0) as producer:
        print(await producer.send_and_wait("t", b"v"))
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == "None\n"
    (span,) = done.writes
    assert span.attributes["autoinstrument.outcome"] == "unconfirmed"


def test_a_producer_that_is_never_stopped_is_told(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """What is unanswered when the loop ends is an error, with a warning that names the remedy."""
    program = f"""{HEAD}
import warnings
async def main():
    producer = AIOKafkaProducer(**config)
    await producer.start()
    await producer.client._wait_on_metadata("t")
    await producer.send("t", b"v")
    warnings.simplefilter("ignore")
    return producer
producer = asyncio.run(main())
"""
    done = run(program, mock_broker(rtt_ms=300).bootstrap)
    assert [span.status_code for span in done.writes] == ["ERROR"]
    assert done.writes[0].attributes["error.type"] in {"lost_at_exit", "cancelled"}


def test_transactions_decide_what_was_written(run: Runner, kafka: Kafka) -> None:
    """Committed is written; aborted, by hand or by an exception, is an error."""
    program = f"""{HEAD}
async def main():
    async with AIOKafkaProducer(**config, transactional_id=sys.argv[2]) as producer:
        async with producer.transaction():
            await producer.send_and_wait(sys.argv[2], b"v", b"k")
        try:
            async with producer.transaction():
                await producer.send_and_wait(sys.argv[2], b"v", b"k")
                raise ValueError
        except ValueError:
            pass
        await producer.begin_transaction()
        await producer.send_and_wait(sys.argv[2], b"v", b"k")
asyncio.run(main())
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    assert [span.attributes.get("error.type") for span in done.writes] == [
        None,
        "transaction_aborted",
        "transaction_aborted",
    ]
    assert len(kafka.records(topic, read_committed=True)) == 1
