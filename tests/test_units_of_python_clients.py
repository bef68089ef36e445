"""Units of work of kafka-python's and aiokafka's consumers, and a pipeline of all three clients.

Each test starts programs, as a pipeline consists of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


def _units(done: Run) -> list[Span]:
    assert (done.code, done.stderr) == (0, "")
    found = [span for span in done.spans if span.kind == "CONSUMER"]
    return sorted(found, key=lambda span: span.attributes["messaging.kafka.offset"])


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


def test_a_pipeline_of_three_clients_is_one_trace_a_message(run: Runner, kafka: Kafka) -> None:
    """confluent-kafka to kafka-python to aiokafka: from the first root to the last write."""
    topics = [kafka.topic() for _ in range(3)]
    runs = [
        run(FILL, kafka.bootstrap, topics[0]),
        run(FORWARD["kafka-python, iterated"], kafka.bootstrap, *topics[:2]),
        run(FORWARD["aiokafka, iterated"], kafka.bootstrap, *topics[1:]),
    ]
    spans = {span.span_id: span for done in runs for span in done.spans}
    last = runs[2].writes
    assert len({span.trace_id for span in last}) == 5
    for span in last:
        names = []
        while span is not None:
            names.append(span.name)
            span = spans.get(span.parent_id)  # noqa: PLW2901 - up to the root
        assert names == [
            "WriteKafka",
            f"process {topics[1]}",
            "WriteKafka",
            f"process {topics[0]}",
            "WriteKafka",
            "__main__.<module>",
        ]
