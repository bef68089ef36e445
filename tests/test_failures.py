"""What a failure of the agent's own costs: one span, and if repeated, one half of a client.

The failures are made by replacing what all adapters call, in the program that they happen to.
"""

from __future__ import annotations

import os
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import Kafka, MockBroker
    from programs import Run, Runner

# What the agent tells goes to stdout: on stderr the tests take it for a failure of their own.
HEAD = """
import asyncio, logging, sys, warnings
warnings.simplefilter("ignore")
for name in "kafka", "aiokafka":
    logging.getLogger(name).setLevel(logging.CRITICAL)
from opentelemetry import trace
told = logging.StreamHandler(sys.stdout)
logging.getLogger("autoinstrument").addHandler(told)
logging.getLogger("autoinstrument").propagate = False
def failing(kind, name, times):
    whole, left = getattr(kind, name), [*times]
    def method(*args, **kwargs):
        if left and left.pop(0):
            raise RuntimeError("ours")
        return whole(*args, **kwargs)
    setattr(kind, name, method)
def current():
    return trace.get_current_span().get_span_context().is_valid
"""
CONFLUENT = """
from confluent_kafka import Consumer, Producer, TopicPartition
from autoinstrument.tracing.consumer import TracedConsumer
from autoinstrument.tracing.write import Write
producer = Producer({"bootstrap.servers": sys.argv[1]})
def write(value, target=sys.argv[2]):
    producer.produce(target, str(value), partition=0)
    assert producer.flush() == 0
def close(): pass
def read(count):
    consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": sys.argv[2]})
    consumer.assign([TopicPartition(sys.argv[2], 0, 0)])
    for _ in range(count):
        message = consumer.poll(20)
        yield message.value().decode()
    consumer.close()
"""
KAFKA_PYTHON = """
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from autoinstrument.tracing.consumer import TracedConsumer
from autoinstrument.tracing.write import Write
producer = KafkaProducer(bootstrap_servers=sys.argv[1])
def write(value, target=sys.argv[2]):
    producer.send(target, str(value).encode(), partition=0).get()
def close(): producer.close()
def read(count):
    consumer = KafkaConsumer(bootstrap_servers=sys.argv[1], auto_offset_reset="earliest")
    consumer.assign([TopicPartition(sys.argv[2], 0)])
    for _ in range(count):
        yield next(consumer).value.decode()
    consumer.close()
"""
AIOKAFKA = """
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from autoinstrument.tracing.consumer import TracedConsumer
from autoinstrument.tracing.write import Write
async def connect():
    global producer
    producer = AIOKafkaProducer(bootstrap_servers=sys.argv[1])
    await producer.start()
async def write(value, target=sys.argv[2]):
    await producer.send_and_wait(target, str(value).encode(), partition=0)
async def close(): await producer.stop()
async def read(count):
    consumer = AIOKafkaConsumer(bootstrap_servers=sys.argv[1], auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(sys.argv[2], 0)])
    for _ in range(count):
        yield (await consumer.getone()).value.decode()
    await consumer.stop()
"""
every_client = pytest.mark.parametrize(
    "client", [CONFLUENT, KAFKA_PYTHON, AIOKAFKA], ids=["confluent", "kafka_python", "aiokafka"]
)


def program_of(client: str, body: str, *, head: str = HEAD) -> str:
    """Return a program; `body` is that of a coroutine, which only aiokafka's stays."""
    if client is not AIOKAFKA:
        return f"{head}{client}{body.replace('await ', '').replace('async ', '')}"
    body = indent(f"await connect(){body}", "    ")
    return f"{head}{client}async def main():\n{body}asyncio.run(main())\n"


def dropped(done: Run) -> list[float]:
    """Return how many spans were dropped, as the recording says."""
    return [p.value for p in done.points if p.name == "autoinstrument.spans.dropped"][-1:]


@every_client
@pytest.mark.parametrize("step", ["headers", "acknowledged"])
def test_one_failing_write_costs_its_span(
    run: Runner, kafka: Kafka, client: str, step: str
) -> None:
    """It is written, counted and told; the next has a span, and nothing is lost at exit."""
    topic = kafka.topic()
    body = f"""
failing(Write, {step!r}, [False, True])
for number in range(4):
    await write(number)
await close()
"""
    done = run(program_of(client, body), kafka.bootstrap, topic)
    assert (done.code, done.stderr) == (0, "")
    assert [record.value for record in kafka.records(topic)] == [b"0", b"1", b"2", b"3"]
    assert [span.attributes["messaging.kafka.offset"] for span in done.writes] == [0, 2, 3]
    failed, at_the_end = done.stdout.splitlines()
    assert (
        "failed: RuntimeError in __main__.method; the application goes on (agent-failed)" in failed
    )
    assert at_the_end.endswith("the spans of 1 operation were dropped in all (spans-dropped)")
    assert dropped(done) == [1]


@every_client
@pytest.mark.parametrize("step", ["open_unit", "before_poll"])
def test_one_failing_poll_costs_a_unit_of_work(
    run: Runner, kafka: Kafka, client: str, step: str
) -> None:
    """The message is read, and the next one is a unit of work, with what is written in it."""
    topic, target = kafka.topic(), kafka.topic()
    body = f"""
for number in range(4):
    await write(number)
failing(TracedConsumer, {step!r}, [False, True])
async for value in read(4):
    print(value, current())
    await write(value, sys.argv[3])
await close()
"""
    done = run(program_of(client, body), kafka.bootstrap, topic, target)
    assert (done.code, done.stderr) == (0, "")
    values = [line for line in done.stdout.splitlines() if not line.endswith(")")]
    assert [value.split()[0] for value in values] == ["0", "1", "2", "3"]
    assert values[2:] == ["2 True", "3 True"]
    units = [span for span in done.spans if span.kind == "CONSUMER"]
    offsets = [span.attributes["messaging.kafka.offset"] for span in units]
    assert sorted(offsets) == [0, 2, 3]
    forwarded = [w for w in done.writes if w.attributes["messaging.destination.name"] == target]
    assert len(forwarded) == 4
    assert {span.span_id for span in units} <= {write.parent_id for write in forwarded}


@every_client
def test_a_unit_of_work_does_not_wait_for_a_failed_write(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """It ends with its poll, as if the write had never begun."""
    topic, target = kafka.topic(), kafka.topic()
    body = """
await write(0)
failing(Write, "acknowledged", [True])
async for value in read(1):
    await write(value, sys.argv[3])
await close()
"""
    done = run(program_of(client, body), kafka.bootstrap, topic, target)
    assert (done.code, done.stderr) == (0, "")
    assert [span.name for span in done.spans if span.kind == "CONSUMER"] == [f"process {topic}"]


@every_client
def test_what_fails_ten_times_stands_aside_alone(
    run: Runner, kafka: Kafka, client: str, tmp_path: Path
) -> None:
    """The producer's writes have no spans any more; its consumer's messages and others' have."""
    topic, other = kafka.topic(), kafka.topic()
    another = tmp_path / "another.py"
    another.write_text(KAFKA_PYTHON if client is CONFLUENT else CONFLUENT)
    body = """
failing(Write, "acknowledged", [False] + 10 * [True])
for number in range(13):
    await write(number)
async for value in read(2):
    print(value, current())
print(current())
await close()
exec(compile(open(sys.argv[4]).read(), "another", "exec"), globals())
write("of another", sys.argv[3])
close()
"""
    done = run(program_of(client, body), kafka.bootstrap, topic, other, str(another))
    assert (done.code, done.stderr) == (0, "")
    assert len(kafka.records(topic)) == 13
    of_topics = [span.attributes["messaging.destination.name"] for span in done.writes]
    assert of_topics == [topic, other]
    assert len([span for span in done.spans if span.kind == "CONSUMER"]) == 2
    first, aside, *values, at_the_end = done.stdout.splitlines()
    assert "failed: " in first
    assert "; the application goes on (agent-failed)" in first
    assert "failed 10 times within a minute and stands aside" in aside
    assert values == ["0 True", "1 True", "False"]
    assert at_the_end.endswith("the spans of 10 operations were dropped in all (spans-dropped)")


@every_client
def test_a_consumer_that_stands_aside_leaves_its_producer(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """What is written has spans, and is no longer of the last unit of work."""
    topic, target = kafka.topic(), kafka.topic()
    body = """
for number in range(13):
    await write(number)
failing(TracedConsumer, "before_poll", [False] + 10 * [True])
async for value in read(13):
    await write(value, sys.argv[3])
await close()
"""
    done = run(program_of(client, body), kafka.bootstrap, topic, target)
    assert (done.code, done.stderr) == (0, "")
    assert "consumer failed 10 times within a minute and stands aside" in done.stdout
    forwarded = [w for w in done.writes if w.attributes["messaging.destination.name"] == target]
    assert len(forwarded) == 13
    assert len({write.trace_id for write in forwarded[-3:]}) == 3


def test_a_producer_that_stands_aside_claims_nothing(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """What it has open is neither lost nor uncommitted: the agent does not know."""
    program = f"""{HEAD}{CONFLUENT}
producer = Producer({{"bootstrap.servers": sys.argv[1], "transactional.id": "t"}})
producer.init_transactions()
producer.begin_transaction()
write("held")
failing(Write, "headers", 10 * [True])
for _ in range(11):
    producer.produce(sys.argv[2], "v", partition=0)
producer.commit_transaction()
"""
    done = run(program, mock_broker().bootstrap, "orders")
    assert (done.code, done.stderr) == (0, "")
    assert done.writes == []
    assert "the spans of 11 operations were dropped" in done.stdout.splitlines()[-1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_counts_its_own_failures(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """Those of its parent are the parent's to tell."""
    program = f"""{HEAD}{CONFLUENT}
import os
failing(Write, "headers", [True])
write(0)
if os.fork() == 0:
    from autoinstrument.tracing.guard import dropped
    print("child", dropped(), flush=True)
    os._exit(0)
os.wait()
"""
    done = run(program, mock_broker().bootstrap, "orders")
    assert done.code == 0
    assert "child 0" in done.stdout.splitlines()
