"""What the application gives kafka-python and aiokafka is let go as it is without the agent.

Each test starts a program, since it is compared with itself without the agent.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from programs import Runner

HEAD = """
import asyncio, contextvars, gc, logging, sys, threading, time, warnings, weakref
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
from opentelemetry import context
gc.disable()  # which frees in any thread; kafka-python 2.0 leaves circles
bootstrap = sys.argv[1]
phase, freed = "", []
class Thing:
    pass
def note(what):
    thread = threading.current_thread().name
    freed.append((what, phase, "client" if thread.startswith("kafka-python") else thread))
def watched(thing, what):
    weakref.finalize(thing, note, what)
    return thing
def thing(what):
    return watched(Thing(), what)
variable = contextvars.ContextVar("variable")
"""
KAFKA_PYTHON = f"""{HEAD}
from kafka import KafkaProducer
def connect(**options):
    return KafkaProducer(bootstrap_servers=bootstrap, api_version=(2, 0), **options)
"""
AIOKAFKA = f"""{HEAD}
from aiokafka import AIOKafkaProducer
async def connect(**options):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
    await producer.start()
    return producer
"""
OBJECTS = {
    "kafka-python": f"""{KAFKA_PYTHON}
producer = connect(linger_ms=300, key_serializer=lambda key: key and b"k")
producer.send("t", b"first").get(20)
def write():
    given = thing("callback")
    variable.set(thing("context variable"))
    token = context.attach(context.set_value("own", thing("OpenTelemetry's context")))
    future = producer.send("t", b"v", key=thing("key"))
    context.detach(token)
    future.add_callback(lambda _: given)
phase = "sending"
contextvars.copy_context().run(write)
phase = "sent"
time.sleep(0.1)
producer.flush()
time.sleep(0.1)
producer.send("t", b"last").get(20)
phase = "answered"
time.sleep(1.5)
producer.close()
print(*sorted(freed), sep="\\n")
""",
    "aiokafka": f"""{AIOKAFKA}
async def main():
    global phase
    producer = await connect(linger_ms=300, key_serializer=lambda key: key and b"k")
    await producer.send_and_wait("t", b"first")
    async def write():
        watched(asyncio.current_task(), "task")
        variable.set(thing("context variable"))
        token = context.attach(context.set_value("own", thing("OpenTelemetry's context")))
        watched(await producer.send("t", b"v", key=thing("key")), "future")
        context.detach(token)
    phase = "sending"
    await asyncio.create_task(write())
    await asyncio.sleep(0.1)
    phase = "sent"
    await producer.flush()
    await producer.send_and_wait("t", b"last")
    phase = "answered"
    await asyncio.sleep(1.5)
    await producer.stop()
asyncio.run(main())
print(*sorted(freed), sep="\\n")
""",
}
READ = {
    "kafka-python": f"""{KAFKA_PYTHON}
from kafka import KafkaConsumer
producer = connect()
for _ in range(3):
    producer.send("t", b"v", key=b"k", partition=0).get(20)
producer.close()
consumer = KafkaConsumer(
    "t", bootstrap_servers=bootstrap, api_version=(2, 0), auto_offset_reset="earliest",
    key_deserializer=lambda key: thing("key"),
)
for _ in range(3):
    token = context.attach(context.set_value("own", thing("OpenTelemetry's context")))
    next(consumer)
    context.detach(token)
consumer.close()
time.sleep(1.5)
print(*sorted(freed), sep="\\n")
""",
    "aiokafka": f"""{AIOKAFKA}
from aiokafka import AIOKafkaConsumer
async def main():
    producer = await connect()
    for _ in range(3):
        await producer.send_and_wait("t", b"v", key=b"k", partition=0)
    await producer.stop()
    consumer = AIOKafkaConsumer(
        "t", bootstrap_servers=bootstrap, auto_offset_reset="earliest",
        key_deserializer=lambda key: thing("key"),
    )
    await consumer.start()
    for _ in range(3):
        token = context.attach(context.set_value("own", thing("OpenTelemetry's context")))
        await consumer.getone()
        context.detach(token)
    await consumer.stop()
    await asyncio.sleep(1.5)
asyncio.run(main())
print(*sorted(freed), sep="\\n")
""",
}
DROPPED = {
    "kafka-python": f"""{KAFKA_PYTHON}
def write():
    producer = connect(linger_ms=300)
    producer.itself = producer  # so that the collector frees it
    return producer.send("t", b"v")
future = write()
gc.collect()
future.get(20)
""",
    "aiokafka": f"""{AIOKAFKA}
async def write():
    producer = await connect(linger_ms=300)
    return await producer.send("t", b"v")
async def main():
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of what was not stopped
    future = await write()
    gc.collect()
    await asyncio.wait_for(future, 20)
asyncio.run(main())
""",
}
LEFT = """
import sys
def left():
    gc.collect()
    return sum(hasattr(type(each), "acknowledged") for each in gc.get_objects())
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


@pytest.mark.cpython
@pytest.mark.parametrize("client", OBJECTS)
def test_objects_of_the_application_are_freed_when_and_where_they_were(
    run: Runner, broker: str, client: str
) -> None:
    """Contexts, keys, callbacks, futures and tasks: never in the agent's thread, nor later."""
    bare, traced = (run(OBJECTS[client], broker, bare=bare) for bare in (True, False))
    assert traced.stdout == bare.stdout
    assert "key" in bare.stdout
    assert len(traced.writes) == 3


@pytest.mark.cpython
@pytest.mark.parametrize("client", READ)
def test_what_is_current_at_a_poll_is_not_freed_by_the_agents_thread(
    run: Runner, broker: str, client: str
) -> None:
    """A unit of work holds the context until the next poll, and keys not at all."""
    bare, traced = (run(READ[client], broker, bare=bare) for bare in (True, False))
    assert traced.stdout == bare.stdout
    assert "key" in bare.stdout
    assert "context" in bare.stdout
    assert sum(span.name == "process t" for span in traced.spans) == 3


@pytest.mark.parametrize("client", DROPPED)
def test_a_message_that_its_dropped_producer_delivers_is_not_lost(
    run: Runner, broker: str, client: str
) -> None:
    """The client goes on without the object that the application had."""
    done = run(DROPPED[client], broker)
    (write,) = done.writes
    assert (write.status_code, done.places) == ("UNSET", [(done.places[0][0], 0)])
    assert "lost" not in done.stderr


def test_what_a_closed_loop_leaves_unanswered_is_lost_and_freed(run: Runner, broker: str) -> None:
    """Nothing answers any more, so that nothing keeps the writes."""
    program = f"""{AIOKAFKA}{LEFT}
async def main():
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of what was not stopped
    producer = await connect(linger_ms=60_000)
    for _ in range(10):
        await producer.send("t", b"v")
asyncio.run(main())
asyncio.run(main())
print(left())
time.sleep(1.5)
print(left())
"""
    done = run(program, broker)
    assert done.stdout.splitlines()[-1] == "0"
    assert {write.attributes["error.type"] for write in done.writes} == {"lost_at_exit"}
    assert len(done.writes) == 20


def test_subclasses_with_slots_are_as_they_were(run: Runner, broker: str) -> None:
    """They can be made, hold their own, and are refused by pickle in the same words."""
    program = textwrap.dedent("""
        import logging, pickle, sys, warnings
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        import kafka, aiokafka, asyncio
        class Producer(kafka.KafkaProducer):
            __slots__ = ("own",)
        class Consumer(kafka.KafkaConsumer):
            __slots__ = ("own",)
        class AsyncProducer(aiokafka.AIOKafkaProducer):
            __slots__ = ("own",)
            def __setattr__(self, name, value):
                print("set", name)
                super().__setattr__(name, value)
        class AsyncConsumer(aiokafka.AIOKafkaConsumer):
            __slots__ = ("own",)
        def tell(client):
            client.own = 1
            try:
                pickle.dumps(client)
            except Exception as error:
                print(type(client).__name__, client.own, str(error).partition(" at 0x")[0])
        config = {"bootstrap_servers": sys.argv[1]}
        producer = Producer(api_version=(2, 0), **config)
        producer.send("t", b"v").get(20)
        tell(producer)
        producer.close()
        consumer = Consumer("t", api_version=(2, 0), auto_offset_reset="earliest", **config)
        while not consumer.poll(500):
            pass
        tell(consumer)
        consumer.close()
        async def main():
            producer = AsyncProducer(**config)
            await producer.start()
            await producer.send_and_wait("t", b"v")
            tell(producer)
            await producer.stop()
            consumer = AsyncConsumer("t", auto_offset_reset="earliest", **config)
            await consumer.start()
            await consumer.getone()
            tell(consumer)
            await consumer.stop()
        asyncio.run(main())
        """)
    bare, traced = (run(program, broker, bare=bare) for bare in (True, False))
    assert traced.stdout == bare.stdout
    assert bare.stdout.count(" 1 ") == 4
