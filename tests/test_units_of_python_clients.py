"""Units of work of every client's consumers, and a pipeline of all three clients.

Each test starts programs, as a pipeline consists of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

if TYPE_CHECKING:
    from brokers import Kafka
    from otlp import Span
    from programs import Run, Runner

HEAD = """
import asyncio, logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.ERROR)
from opentelemetry import trace
bootstrap, source, *target = sys.argv[1:]
def current():
    context = trace.get_current_span().get_span_context()
    return f"{context.span_id:016x}" if context.is_valid else "none"
"""
FILL = f"""{HEAD}
from confluent_kafka import Producer
producer = Producer({{"bootstrap.servers": bootstrap}})
for number in range(5):
    producer.produce(source, str(number), key=str(number), partition=0)
producer.flush()
"""
KAFKA_PYTHON = f"""{HEAD}
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest",
                         group_id="g-" + source, consumer_timeout_ms=10000)
consumer.assign([TopicPartition(source, 0)])
producer = KafkaProducer(bootstrap_servers=bootstrap)
"""
CONFLUENT = f"""{HEAD}
from confluent_kafka import Consumer, Producer, TopicPartition
consumer = Consumer({{"bootstrap.servers": bootstrap, "group.id": "g-" + source,
                     "enable.auto.commit": False}})
consumer.assign([TopicPartition(source, 0, 0)])
producer = Producer({{"bootstrap.servers": bootstrap}})
"""
AIOKAFKA = f"""{HEAD}
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
async def connect():
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id="g-" + source,
                                auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(source, 0)])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    return consumer, producer
"""
FORWARD = {
    "confluent-kafka, polled": f"""{CONFLUENT}
for _ in range(5):
    message = consumer.poll(10)
    print(current())
    producer.produce(target[0], message.value(), message.key(), partition=0)
producer.flush()
consumer.commit(asynchronous=False)
consumer.close()
print(current())
""",
    "confluent-kafka, in batches": f"""{CONFLUENT}
for message in consumer.consume(5, 10):
    print(current())
    producer.produce(target[0], message.value(), message.key(), partition=0)
assert current() == "none"
producer.flush()
consumer.commit(asynchronous=False)
consumer.close()
print(current())
""",
    "kafka-python, iterated": f"""{KAFKA_PYTHON}
for number, record in enumerate(consumer):
    print(current())
    producer.send(target[0], record.value, record.key, partition=0)
    if number == 4:
        break
producer.flush()
consumer.commit()
consumer.close()
print(current())
""",
    "kafka-python, polled": f"""{KAFKA_PYTHON}
seen = 0
while seen < 5:
    for records in consumer.poll(1000).values():
        for record in records:
            print(current())
            producer.send(target[0], record.value, record.key, partition=0)
            seen += 1
        assert current() == "none" and isinstance(records, list)
producer.flush()
commit = consumer.commit_async()
while not commit.is_done:
    consumer.poll(50)
consumer.close()
print(current())
""",
    "aiokafka, iterated": f"""{AIOKAFKA}
async def main():
    consumer, producer = await connect()
    seen = 0
    async for record in consumer:
        print(current())
        await asyncio.sleep(0)
        await producer.send_and_wait(target[0], record.value, record.key, partition=0)
        seen += 1
        if seen == 5:
            break
    await consumer.commit()
    await consumer.stop()
    await producer.stop()
    print(current())
asyncio.run(main())
""",
    "aiokafka, in batches": f"""{AIOKAFKA}
async def main():
    consumer, producer = await connect()
    seen = 0
    async def write(record):
        await producer.send(target[0], record.value, record.key, partition=0)
    while seen < 5:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            tasks = []
            for record in records:
                print(current())
                tasks.append(asyncio.create_task(write(record)))
            await asyncio.gather(*tasks)
            seen += len(records)
    await consumer.commit()
    await producer.stop()
    await consumer.stop()
    print(current())
asyncio.run(main())
""",
}


TASKS = f"""{AIOKAFKA}
async def main():
    consumer, producer = await connect()
    async def late(mine):
        await asyncio.sleep(0.1)
        assert current() == mine
        await producer.send_and_wait(target[0], mine.encode(), partition=0)
    async def work():
        record = await consumer.getone()
        mine = current()
        await asyncio.sleep(0.02)
        assert current() == mine != "none"
        return asyncio.create_task(late(mine))
    tasks = await asyncio.gather(work(), work(), work())
    assert current() == "none"
    record = await asyncio.wait_for(consumer.getone(), 10)
    print(current() == "none")
    await consumer.getone()
    waiting = asyncio.create_task(consumer.getone())
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.create_task(consumer.stop())
    await asyncio.gather(*tasks)
    await producer.stop()
asyncio.run(main())
"""


def test_tasks_that_share_a_consumer_have_their_own_units(run: Runner, kafka: Kafka) -> None:
    """Also after they have ended, and after another task has stopped the consumer."""
    source, target = kafka.topic(), kafka.topic()
    run(FILL, kafka.bootstrap, source)
    done = run(TASKS, kafka.bootstrap, source, target)
    units = _units(done)
    assert len(units) == 5
    assert [span.parent_id for span in done.writes] == [unit.span_id for unit in units[:3]]
    # Before Python 3.12 it runs in a task of its own: nothing is current where it is awaited.
    assert done.stdout.split() == [str(sys.version_info < (3, 12))]


PARENT = f"00-{'a' * 32}-{'b' * 16}-01".encode()
READABLE = [
    [("traceparent", PARENT)],
    [("TraceParent", PARENT)],
    [("traceparent", PARENT), ("traceparent", PARENT.replace(b"a", b"c"))],
    [("traceparent", b"01" + PARENT[2:] + b"-what-ever")],
    [("traceparent", b" " + PARENT + b"\n"), ("tracestate", b"a=" + b"x" * 900_000)],
    [("traceparent", PARENT), ("tracestate", b"a=1,a=2,=,,\xff=\x00," + b"c" * 300 + b"=1")],
    [("traceparent", PARENT), ("tracestate", ",".join(f"k{n}=" for n in range(99)).encode())],
    [("traceparent", PARENT), ("baggage", b"=;,,a,b=,c=1;p,\xff=\xfe,d=%zz,e f=1")],
    [("traceparent", PARENT), ("baggage", ",".join(f"k{n}=1" for n in range(300)).encode())],
]
UNREADABLE = [
    [("traceparent", PARENT.upper())],
    [("traceparent", b"bad"), ("traceparent", PARENT)],
    [("traceparent", b"ff" + PARENT[2:])],
    [("traceparent", PARENT + b"-more")],
    [("traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01")],
    [("traceparent", b"x" * 900_000)],
    [("traceparent", None), ("tracestate", None), ("baggage", None)],
    [("", b""), ("traceparent", b"")],
    [("\u00e9\u4e2d", b"\xff"), ("x" * 30_000, None)],
    [(f"name{number}", b"v") for number in range(5000)],
    [("_watermill_message_uuid", b"\xff" * 900_000), ("baggage", b"x" * 9000)],
    None,
    [],
]
READ = {
    "confluent-kafka": f"""{HEAD}
from confluent_kafka import Consumer, TopicPartition
consumer = Consumer({{"bootstrap.servers": bootstrap, "group.id": "g"}})
consumer.assign([TopicPartition(source, 0, 0)])
for _ in range(count):
    consumer.poll(10)
    print(current())
consumer.close()
""",
    "kafka-python": f"""{HEAD}
from kafka import KafkaConsumer, TopicPartition
consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
consumer.assign([TopicPartition(source, 0)])
for _ in range(count):
    next(consumer)
    print(current())
consumer.close()
""",
    "aiokafka": f"""{HEAD}
from aiokafka import AIOKafkaConsumer, TopicPartition
async def main():
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(source, 0)])
    for _ in range(count):
        await consumer.getone()
        print(current())
    await consumer.stop()
asyncio.run(main())
""",
}


@pytest.mark.parametrize("client", READ)
def test_foreign_headers_never_raise_nor_mix_nor_are_spoken_of(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """What is no trace context begins a trace; what is one is the parent, whatever is beside it."""
    topic = kafka.topic()
    in_order = {"enable.idempotence": True}
    producer = Producer({"bootstrap.servers": kafka.bootstrap, **in_order})
    for headers in (*READABLE, *UNREADABLE):
        more = {} if headers is None else {"headers": headers}
        producer.produce(topic, b"v", partition=0, **more)
    producer.flush()
    count = len(READABLE) + len(UNREADABLE)
    wanted = {"AUTOINSTRUMENT_CAPTURE_HEADERS": "name1,traceparent"}
    program = READ[client].replace("count", str(count)).replace("logging.disable", "id")
    units = _units(run(program, kafka.bootstrap, topic, **wanted))
    readable, unreadable = units[: len(READABLE)], units[len(READABLE) :]
    assert {(unit.trace_id, unit.parent_id) for unit in readable} == {("a" * 32, "b" * 16)}
    assert {unit.parent_id for unit in unreadable} == {""}
    assert len({unit.trace_id for unit in unreadable}) == len(UNREADABLE)


def _units(done: Run) -> list[Span]:
    assert (done.code, done.stderr) == (0, "")
    found = [span for span in done.spans if span.kind == "CONSUMER"]
    return sorted(found, key=lambda span: span.attributes["messaging.kafka.offset"])


@pytest.mark.smoke
@pytest.mark.parametrize("way", FORWARD)
def test_each_record_is_a_unit_of_work(run: Runner, kafka: Kafka, way: str) -> None:
    """Current in its turn, child of the write that made it, parent of what it leads to."""
    source, target = kafka.topic(), kafka.topic()
    made = {
        s.attributes["messaging.kafka.offset"]: s for s in run(FILL, kafka.bootstrap, source).writes
    }
    wanted = {"AUTOINSTRUMENT_CONSUMERS": "receive"}
    done = run(FORWARD[way], kafka.bootstrap, source, target, **wanted)
    units = _units(done)
    assert done.stdout.split() == [*(unit.span_id for unit in units), "none"]
    assert len(units) == len(done.writes) == 5
    for offset, unit in enumerate(units):
        assert (unit.trace_id, unit.parent_id) == (made[offset].trace_id, made[offset].span_id)
        assert unit.name == f"process {source}"
        assert unit.attributes["messaging.consumer.group.name"] == f"g-{source}"
        assert unit.attributes["messaging.kafka.message.key"] == str(offset)
        (write,) = [span for span in done.writes if span.parent_id == unit.span_id]
        assert unit.end >= write.end
    commits = [span for span in done.spans if span.name == "commit"]
    assert [span.status_code for span in commits] == ["UNSET"]
    receives = [span for span in done.spans if span.name == f"poll {source}"]
    received = [link for span in receives for link in span.links]
    assert received == [(made[offset].trace_id, made[offset].span_id) for offset in made]


@pytest.mark.smoke
def test_a_pipeline_of_three_clients_is_one_trace_a_message(run: Runner, kafka: Kafka) -> None:
    """confluent-kafka to kafka-python to aiokafka: from the first root to the last write."""
    topics = [kafka.topic() for _ in range(4)]
    runs = [
        run(FILL, kafka.bootstrap, topics[0]),
        run(FORWARD["confluent-kafka, in batches"], kafka.bootstrap, *topics[:2]),
        run(FORWARD["kafka-python, iterated"], kafka.bootstrap, *topics[1:3]),
        run(FORWARD["aiokafka, in batches"], kafka.bootstrap, *topics[2:]),
    ]
    spans = {span.span_id: span for done in runs for span in done.spans}
    last = runs[-1].writes
    assert len({span.trace_id for span in last}) == 5
    for span in last:
        names = []
        while span is not None:
            names.append(span.name)
            span = spans.get(span.parent_id)  # noqa: PLW2901 - up to the root
        assert names == [
            "WriteKafka",
            f"process {topics[2]}",
            "WriteKafka",
            f"process {topics[1]}",
            "WriteKafka",
            f"process {topics[0]}",
            "WriteKafka",
            "__main__.<module>",
        ]
