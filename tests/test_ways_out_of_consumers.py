"""How a consumer's messages get into the application's hands, and how its blocks are left.

Each test starts a program, since the client can be traced only from its import on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from consuming import HEAD, units_of

if TYPE_CHECKING:
    from brokers import Kafka
    from programs import Runner

_ASYNC = f"""{HEAD}
import asyncio
from confluent_kafka.aio import AsyncDeserializingConsumer
from confluent_kafka.serialization import StringDeserializer
async def consumer_at_start(deserializer):
    consumer = await AsyncDeserializingConsumer(
        {{**common, "group.id": "g", "value.deserializer": deserializer}})
    await consumer.assign([TopicPartition("in", 0, 0)])
    return consumer
"""


@pytest.mark.blocks
def test_a_with_block_ends_the_unit_of_its_consumer(run: Runner, broker: str) -> None:
    """It is closed in C, and what comes after is a job of its own."""
    program = f"""{HEAD}
fill("in", 1)
with consumer_of("in") as consumer:
    poll(consumer)
    print(current())
print(current())
producer.produce("out", b"v")
producer.flush()
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    assert done.stdout.split() == [unit.span_id, "none"]
    assert "error.type" not in unit.attributes
    assert done.writes[-1].trace_id != unit.trace_id


@pytest.mark.blocks
def test_an_exception_that_leaves_a_with_block_fails_its_unit(run: Runner, broker: str) -> None:
    """Also where an ExitStack leaves the block, and a subclass closes by ways of its own."""
    program = f"""{HEAD}
import contextlib
fill("in", 1)
class Mine(Consumer):
    def close(self):
        raise AssertionError("C does not call this")
config = {{**common, "group.id": "g"}}
try:
    with contextlib.ExitStack() as stack:
        consumer = stack.enter_context(Mine(config))
        consumer.assign([TopicPartition("in", 0, 0)])
        poll(consumer)
        raise LookupError
except LookupError:
    print(current())
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    assert done.stdout == "none\n"
    assert unit.attributes["error.type"] == "LookupError"


@pytest.mark.blocks
@pytest.mark.share_groups
def test_a_with_block_ends_the_unit_of_a_share_consumer(run: Runner, kafka: Kafka) -> None:
    """The loop is left within a message's turn, by an exception."""
    program = f"""{HEAD}
from confluent_kafka import ShareConsumer
topic = sys.argv[2]
try:
    with ShareConsumer({{**common, "group.id": "share-" + topic}}) as consumer:
        consumer.subscribe([topic])
        for attempt in range(100):
            if attempt % 8 == 4:  # a share group begins at the end, once it has been joined
                fill(topic, 1)
            for message in consumer.poll(0.5):
                raise LookupError
except LookupError:
    print(current())
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    (unit,) = units_of(done)
    assert done.stdout == "none\n"
    assert unit.attributes["error.type"] == "LookupError"


_BLOCKS = {
    "AIOConsumer": """
from confluent_kafka.aio import AIOConsumer
async def main():
    async with AIOConsumer({**common, "group.id": "g"}) as consumer:
        await consumer.assign([TopicPartition("in", 0, 0)])
        await consumer.poll(10)
        raise LookupError
""",
    "AIOKafkaConsumer": """
import aiokafka
async def main():
    async with aiokafka.AIOKafkaConsumer(bootstrap_servers=sys.argv[1]) as consumer:
        partition = aiokafka.TopicPartition("in", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        await consumer.getone()
        raise LookupError
""",
    "KafkaConsumer": """
import kafka
async def main():
    with kafka.KafkaConsumer(
        bootstrap_servers=sys.argv[1], api_version=(2, 0), auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign([kafka.TopicPartition("in", 0)])
        next(consumer)
        raise LookupError
""",
}


@pytest.mark.coroutines
@pytest.mark.flushes_at_exit  # kafka-python has no with blocks before version 3.0
@pytest.mark.parametrize("consumer", _BLOCKS)
def test_an_exception_fails_the_unit_of_each_client(
    run: Runner, broker: str, consumer: str
) -> None:
    """What leaves a with block in Python closes by the method that is traced."""
    program = f"""{HEAD}
import asyncio, warnings
warnings.simplefilter("ignore")
fill("in", 1)
{_BLOCKS[consumer]}
async def leave():
    try:
        await main()
    except LookupError:
        print(current())
asyncio.run(leave())
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    assert done.stdout == "none\n"
    assert unit.attributes["error.type"] == "LookupError"


@pytest.mark.deserializing_coroutines
def test_a_list_that_the_client_makes_of_a_batch_has_units(run: Runner, broker: str) -> None:
    """AsyncDeserializingConsumer: each message's unit is current in the application's loop."""
    program = f"""{_ASYNC}
fill("in", 3)
async def main():
    consumer = await consumer_at_start(StringDeserializer())
    seen = []
    while len(seen) < 3:
        messages = await consumer.consume(10, 1)
        for message in messages:
            await asyncio.sleep(0.01)
            seen.append(message.value())
            print(current())
            producer.produce("out", b"v")
    assert seen == ["0", "1", "2"], seen
    producer.flush()
    await consumer.close()
    print(current())
asyncio.run(main())
"""
    done = run(program, broker)
    units = [unit.span_id for unit in units_of(done)]
    assert done.stdout.split() == [*units, "none"]
    out = [s for s in done.writes if s.attributes["messaging.destination.name"] == "out"]
    assert [span.parent_id for span in out] == units


@pytest.mark.deserializing_coroutines
def test_a_batch_that_cannot_be_deserialized_has_no_units(run: Runner, broker: str) -> None:
    """The application gets the exception alone, and goes on with the next batch."""
    program = f"""{_ASYNC}
fill("in", 2)
def choosy(value, context):
    assert current() == "none"
    if value == b"1":
        raise ValueError
    return value.decode()
async def main():
    consumer = await consumer_at_start(choosy)
    try:
        while True:
            for message in await consumer.consume(2, 10):
                print(message.value())
    except Exception as error:
        print(type(error).__name__, current())
    fill("in", 1)
    while not (messages := await consumer.consume(2, 1)):
        pass
    for message in messages:
        print(message.value(), current())
    await consumer.close()
asyncio.run(main())
"""
    done = run(program, broker)
    (unit,) = units_of(done)[-1:]
    assert done.stdout.splitlines()[-2:] == [
        "ValueDeserializationError none",
        f"0 {unit.span_id}",
    ]
