"""A program that consumes does what it did before: all that it prints is the same with the agent.

Each test starts the same program twice, with the agent and without it, on a topic of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import consuming
import pytest
from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import Kafka, MockBroker
    from programs import Runner

HEAD = """
import asyncio, contextlib, copy, inspect, itertools, json, logging, pickle, re, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
bootstrap, topic, group = sys.argv[1:]
def plain(found):
    if hasattr(found, "topic"):
        return type(found).__name__, offset(found)
    if hasattr(found, "__next__") or isinstance(found, (list, tuple)):
        return type(found).__name__, [plain(each) for each in found]
    return re.sub(" at 0x[0-9a-f]+", "", repr(found))
def offset(message):
    return message.offset() if callable(message.offset) else message.offset
def told(error):
    print("  raised", type(error).__module__, type(error).__qualname__, plain(str(error)))
def show(*calls):
    for call in calls:
        try:
            print(" ", plain(call()))
        except BaseException as error:
            told(error)
def class_of(kind, *methods):
    print(kind, kind.__name__, kind.__qualname__, kind.__module__, kind.__doc__, kind.__bases__[1:])
    print([name for name in dir(kind) if not name.startswith("__")])
    for name in methods:
        method = getattr(kind, name)
        print(name, method.__name__, method.__qualname__, method.__doc__,
              inspect.iscoroutinefunction(method))
        show(lambda: inspect.signature(method))
def a_list(found):
    print(isinstance(found, list), type(found).__name__, type(found).__module__)
    before = list.copy(found)
    show(
        lambda: found[0], lambda: found[-1], lambda: found[1:], lambda: found[::-1],
        lambda: found[99], lambda: found["x"], lambda: len(found), lambda: bool(found),
        lambda: found == before, lambda: before == found, lambda: found != before,
        lambda: found < before, lambda: hash(found), lambda: found + [], lambda: [] + found,
        lambda: found * 2, lambda: found @ 1, lambda: found.nothing, lambda: found.copy(),
        lambda: copy.copy(found), lambda: found[0] in found, lambda: 5 in found,
        lambda: found.index(before[1]), lambda: found.count(before[1]), lambda: list(found),
        lambda: tuple(found), lambda: [*found], lambda: [*reversed(found)],
        lambda: sorted(found, key=offset), lambda: max(found, key=offset),
        lambda: [*enumerate(found)][1][1], lambda: [*zip(found, found)][1],
        lambda: [*itertools.chain(found, found)], lambda: [*itertools.islice(found, 2)],
        lambda: [offset(message) for message in found], lambda: json.dumps(found, default=str)[:9],
        lambda: type(pickle.loads(pickle.dumps(found))), lambda: type(copy.deepcopy(found)),
        lambda: repr(found)[:8], lambda: setattr(found, "x", 1), lambda: found(),
    )
    first, *rest = found
    print(plain(first), plain(rest))
    found.append("mine"); found.insert(0, None); found += ["x"]; found.extend([1])
    found[1], found[2] = found[2], found[1]
    found.sort(key=str); found.reverse(); found.remove("mine"); del found[0]
    print([type(each).__name__ for each in found], plain(found.pop()))
    for each in found:
        found.clear()
    print(len(found), found == [])
"""
CONFLUENT = f"""{HEAD}
from confluent_kafka import Consumer, DeserializingConsumer, KafkaError, TopicPartition
class_of(Consumer, "poll", "consume", "commit", "close", "__init__")
config = {{"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
           "enable.partition.eof": True, "log_level": 0}}
show(lambda: Consumer(), lambda: Consumer("x"), lambda: Consumer({{}}), lambda: Consumer(config, 5),
     lambda: Consumer({{"nope": 1}}), lambda: Consumer(config, nope=1),
     lambda: Consumer({{**config, "on_commit": 5}}))
class Mine(Consumer):
    def __init__(self, *args):
        super().__init__(*args)
        self.polls = 0
    def poll(self, timeout=-1):
        self.polls += 1
        return super().poll(timeout)
class Never(Consumer):
    def __init__(self):
        pass
show(lambda: Never().poll(1), lambda: Never().consume(), lambda: Never().commit(),
     lambda: Never().close())
def assigned(consumer, partitions):
    print("assigned", len(partitions))
consumer = Mine(config)
consumer.subscribe([topic], on_assign=assigned)
print(isinstance(consumer, Consumer), bool(consumer), callable(consumer))
show(lambda: len(consumer), lambda: iter(consumer), lambda: next(consumer),
     lambda: pickle.dumps(consumer), lambda: copy.copy(consumer), lambda: consumer.nope,
     lambda: consumer.poll("x"), lambda: Consumer.poll(consumer, nope=1),
     lambda: Consumer.poll(consumer, 1, 2), lambda: consumer.consume("x"),
     lambda: consumer.consume(-1), lambda: consumer.consume(1, 2, 3),
     lambda: consumer.consume(nope=1), lambda: consumer.consume(1_000_001),
     lambda: consumer.commit(message=1), lambda: consumer.commit(nope=1),
     lambda: consumer.commit(offsets=[TopicPartition(topic, 0, 1)], message=1))
message = consumer.poll(30)
show(lambda: message, lambda: message.topic() == topic, lambda: message.value(),
     lambda: message.headers(), lambda: message.error(), lambda: message.timestamp(),
     lambda: consumer.commit(message=message, asynchronous=False)[0].offset,
     lambda: Consumer.poll(consumer, timeout=10))
a_list(consumer.consume(num_messages=4, timeout=10))
show(lambda: consumer.consume(0), lambda: consumer.consume(timeout=0))
end = consumer.poll(10)
print(end.error().code() == KafkaError._PARTITION_EOF, end.value(), consumer.polls)
print(consumer.poll(0))
show(lambda: consumer.close(1), lambda: consumer.close(), lambda: consumer.close(),
     lambda: consumer.poll(1), lambda: consumer.consume(), lambda: consumer.commit())
def deserialize(value, context):
    return 1 / 0 if value == b"1" else (context.topic == topic, value)
reading = DeserializingConsumer({{**config, "value.deserializer": deserialize}})
reading.assign([TopicPartition(topic, 0, 0)])
show(lambda: reading.poll(10).value(), lambda: reading.poll(10), lambda: reading.poll(10).value(),
     lambda: reading.consume(), lambda: reading.close())
with contextlib.suppress(ValueError), contextlib.closing(Consumer(config)) as other:
    other.assign([TopicPartition(topic, 0, 0)])
    for message in other.consume(3, 10):
        raise ValueError
for _ in range(3):
    print(plain(message))
"""
KAFKA_PYTHON = f"""{HEAD}
from kafka import KafkaConsumer, TopicPartition
class_of(KafkaConsumer, "poll", "__next__", "__iter__", "commit", "commit_async", "close")
place = TopicPartition(topic, 0)
config = dict(bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=group,
              consumer_timeout_ms=1500, enable_auto_commit=False)
show(lambda: KafkaConsumer(nope=1), lambda: KafkaConsumer(5, **config))
class Mine(KafkaConsumer):
    polls = 0
    def poll(self, *args, **kwargs):
        self.polls += 1
        return super().poll(*args, **kwargs)
    def __next__(self):
        return super().__next__()
with contextlib.closing(Mine(**config)) as consumer:
    consumer.assign([place])
    print(isinstance(consumer, KafkaConsumer), iter(consumer) is consumer, bool(consumer))
    show(lambda: len(consumer), lambda: pickle.dumps(consumer), lambda: consumer.nope,
         lambda: consumer.poll("x"), lambda: consumer.poll(timeout_ms=-1),
         lambda: consumer.poll(nope=1), lambda: consumer.poll(1, 2, True, 4),
         lambda: consumer.poll(max_records=0), lambda: consumer.commit(nope=1),
         lambda: consumer.commit_async(nope=1))
    batches = {{}}
    while not batches:  # until the group is there
        batches = consumer.poll(500, max_records=1)
    record = batches[place][0]
    show(lambda: record, lambda: record.value, lambda: record.headers, lambda: record.key,
         lambda: consumer.commit() is None, lambda: consumer.position(place))
    batches = {{}}
    while not batches:
        batches = consumer.poll(500, max_records=4)
    print(type(batches).__name__, [*batches] == [place], consumer.polls > 0)
    a_list(batches[place])
    show(lambda: [offset(record) for record in consumer], lambda: next(consumer),
         lambda: next(consumer, "none"))
    consumer.seek(place, 0)
    for record in consumer:
        break
    show(lambda: record, lambda: next(iter(consumer)), lambda: consumer.close())
show(lambda: consumer.close(), lambda: next(consumer), lambda: consumer.poll(1))
def deserialize(value):
    return 1 / 0 if value == b"1" else value
reading = KafkaConsumer(value_deserializer=deserialize, **config)
reading.assign([place])
show(lambda: reading.seek(place, 0), lambda: next(reading).value, lambda: next(reading).value,
     lambda: reading.close())
"""
AIOKAFKA = f"""{HEAD}
from aiokafka import AIOKafkaConsumer, TopicPartition
class_of(AIOKafkaConsumer, "getone", "getmany", "__anext__", "__aiter__", "commit", "stop")
place = TopicPartition(topic, 0)
config = dict(bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=group,
              enable_auto_commit=False)
class Mine(AIOKafkaConsumer):
    reads = 0
    async def getone(self, *partitions):
        self.reads += 1
        return await super().getone(*partitions)
async def shown(*calls):
    for call in calls:
        try:
            print(" ", plain(await call()))
        except BaseException as error:
            told(error)
async def main():
    show(lambda: AIOKafkaConsumer(nope=1), lambda: AIOKafkaConsumer(group_id=5))
    consumer = Mine(**config)
    print(isinstance(consumer, AIOKafkaConsumer))
    await shown(lambda: consumer.getmany())
    async with consumer:
        consumer.assign([place])
        show(lambda: len(consumer), lambda: iter(consumer), lambda: consumer.nope,
             lambda: consumer.__aiter__() is consumer)
        await shown(lambda: consumer.getone("x"), lambda: consumer.getone(nope=1),
                    lambda: consumer.getmany("x"), lambda: consumer.getmany(nope=1),
                    lambda: consumer.getmany(max_records=0), lambda: consumer.commit(nope=1),
                    lambda: consumer.commit(5))
        record = await consumer.getone()
        show(lambda: record, lambda: record.value, lambda: record.headers)
        await shown(lambda: consumer.getone(place), consumer.commit,
                    lambda: consumer.position(place))
        batches = {{}}
        while not batches:
            batches = await consumer.getmany(timeout_ms=500, max_records=4)
        print(type(batches).__name__, [*batches] == [place])
        a_list(batches[place])
        await shown(lambda: consumer.getone(), lambda: consumer.getmany(timeout_ms=0),
                    lambda: asyncio.wait_for(consumer.getone(), 0.2))
        waiting = asyncio.create_task(consumer.getone())
        await asyncio.sleep(0.1)
        waiting.cancel()
        await shown(lambda: waiting)
        consumer.seek(place, 3)
        async for record in consumer:
            print(plain(record))
            if record.offset == 5:
                break
        print(consumer.reads)
        waiting = asyncio.create_task(consumer.getone())
        await asyncio.sleep(0)
    await shown(lambda: waiting, lambda: consumer.stop(), lambda: consumer.getone(),
                lambda: consumer.getmany(), lambda: consumer.commit())
    async for record in consumer:
        print("never")
asyncio.run(main())
"""
PROGRAMS = {"confluent-kafka": CONFLUENT, "kafka-python": KAFKA_PYTHON, "aiokafka": AIOKAFKA}


@pytest.mark.parametrize("client", PROGRAMS)
def test_whatever_a_consumer_is_asked_it_answers_as_without_the_agent(
    run: Runner, kafka: Kafka, client: str
) -> None:
    """Types, values, signatures, exceptions of wrong calls, ends of iterations; and its lists."""
    topic = kafka.topic(partitions=1)
    _fill(kafka, topic, 7)
    bare = run(PROGRAMS[client], kafka.bootstrap, topic, f"{topic}-1", bare=True)
    traced = run(PROGRAMS[client], kafka.bootstrap, topic, f"{topic}-2")
    assert bare.stdout.count("\n") > 90
    said = traced.stdout.replace(f"{topic}-2", f"{topic}-1").splitlines()
    assert said == bare.stdout.splitlines()
    assert (traced.stderr, traced.code) == (bare.stderr, bare.code)
    assert any(span.kind == "CONSUMER" for span in traced.spans)


DEATHS = {
    "in a loop": "for message in consumer.consume(2, 10): raise KeyError(message.offset())",
    "in a call": "print(poll(consumer).offset())\n1 / 0",
    "in a thread": """
thread = threading.Thread(target=lambda: poll(consumer).nothing, name="reader")
thread.start()
thread.join()
threading.Thread(target=sys.exit, args=[5]).start()
""",
    "in a thread with the application's own hook": """
threading.excepthook = lambda args: print("mine", args.exc_type, args.thread.name)
thread = threading.Thread(target=lambda: poll(consumer).nothing, name="reader")
thread.start()
thread.join()
""",
    "in a coroutine": """
async def main():
    with contextlib.closing(consumer):
        poll(consumer)
        raise asyncio.CancelledError
asyncio.run(main())
""",
    "by sys.exit": "poll(consumer)\nsys.exit('enough')",
    "by Ctrl-C": "poll(consumer)\nraise KeyboardInterrupt",
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_program_dies_as_without_the_agent(
    run: Runner, mock_broker: Callable[..., MockBroker], death: str
) -> None:
    """The same last words on stdout and stderr, the same exit code."""
    program = f"""{consuming.HEAD}
import asyncio, contextlib, threading
sys.modules["opentelemetry.instrumentation.threading"] = None  # whose frame a traceback has
fill("in", 2)
consumer = consumer_of("in")
{DEATHS[death]}
"""
    broker = mock_broker().bootstrap
    bare = run(program, mock_broker().bootstrap, bare=True)
    traced = run(program, broker)
    assert (traced.stdout, traced.stderr, traced.code) == (bare.stdout, bare.stderr, bare.code)
    assert any(span.kind == "CONSUMER" for span in traced.spans)


def _fill(kafka: Kafka, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True})
    for number in range(count):
        producer.produce(topic, str(number), key=str(number), headers=[("n", str(number))])
    producer.flush()
