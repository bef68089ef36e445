"""What a signal's handler raises comes out of kafka-python's and aiokafka's calls as without us.

Each test starts a program, which gets the signals, and compares it with itself without the agent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker, OwnKafka
    from programs import Run, Runner

HEAD = """
import asyncio, json, logging, os, signal, sys, threading, time, traceback, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
class Limit(Exception):
    pass
def limit(*_):
    raise Limit
signal.signal(signal.SIGALRM, limit)
SIGNALS = signal.SIGINT, signal.SIGALRM
told, written = [], []
"""
BLOCKING = f"""{HEAD}
bootstrap, broker = sys.argv[1], int(sys.argv[2])
def interrupt(name, number, call):
    timer = threading.Timer(0.5, os.kill, (os.getpid(), number))
    error = None
    begun = time.monotonic()
    try:
        call(timer.start)
    except BaseException as raised:
        error = raised
    finally:
        timer.cancel()
        os.kill(broker, signal.SIGCONT)
    took = time.monotonic() - begun
    told.append((name, number.name, type(error).__name__, "at once" if took < 7 else "late"))
def pause():
    os.kill(broker, signal.SIGSTOP)
    while open(f"/proc/{{broker}}/stat").read().rpartition(") ")[2][0] != "T":
        time.sleep(0.01)
"""
KAFKA_PYTHON = f"""{BLOCKING}
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
config = dict(bootstrap_servers=bootstrap, api_version=(2, 0))
def connect():
    found = KafkaProducer(request_timeout_ms=20_000, **config)
    written.append(found.send("t", b"first", partition=0))
    written[-1].get(20)
    return found
def write(producer):
    written.append(producer.send("t", b"v", partition=0))
    return written[-1]
producer = connect()
consumer = KafkaConsumer(group_id="g", enable_auto_commit=False, **config)
empty = TopicPartition("empty", 0)
producer.send("empty", b"v", partition=0).get(20)
consumer.assign([empty])
consumer.seek_to_end(empty)
consumer.position(empty)
consumer.commit()
closed = []
def close(number):
    write(closed[-1])
    closed[-1].close(15)
CALLS = {{
    "send": lambda number: producer.send(f"new-{{number}}", b"v"),
    "get": lambda number: write(producer).get(15),
    "flush": lambda number: (write(producer), producer.flush(15)),
    "close": close,
    "poll": lambda number: consumer.poll(15_000),
    "next": lambda number: next(consumer),
    "commit": lambda number: consumer.commit(),
}}
for number in SIGNALS:
    for name, call in CALLS.items():
        if name == "close":
            closed.append(connect())
        def blocked(start):
            pause()
            start()
            call(number)
        interrupt(name, number, blocked)
for each in (producer, consumer, *closed):
    each.close()
places = sorted(future.get(0).offset for future in written)
print(json.dumps([told, places]))
"""
AIOKAFKA = f"""{BLOCKING}
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
config = dict(bootstrap_servers=bootstrap)
async def connect():
    found = AIOKafkaProducer(request_timeout_ms=15_000, **config)
    await found.start()
    written.append((await found.send_and_wait("t", b"first", partition=0)).offset)
    return found
async def read():
    found = AIOKafkaConsumer(group_id="g", enable_auto_commit=False, **config)
    await found.start()
    found.assign([TopicPartition("empty", 0)])
    await found.seek_to_end()
    await found.commit()
    return found
async def after_write(producer, call):
    await producer.send("t", b"v", partition=0)
    await call()
CALLS = {{
    "send": (connect, lambda producer: asyncio.wait_for(producer.send("new", b"v"), 15)),
    "send_and_wait": (connect, lambda producer: producer.send_and_wait("t", b"v", partition=0)),
    "flush": (connect, lambda producer: after_write(producer, producer.flush)),
    "stop": (connect, lambda producer: after_write(producer, producer.stop)),
    "getone": (read, lambda consumer: asyncio.wait_for(consumer.getone(), 15)),
    "getmany": (read, lambda consumer: consumer.getmany(timeout_ms=15_000)),
    "commit": (read, lambda consumer: consumer.commit()),
}}
async def blocked(start, prepare, call):
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of what is not stopped
    client = await prepare()
    pause()
    start()
    await call(client)
for number in SIGNALS:
    for name, calls in CALLS.items():
        interrupt(name, number, lambda start: asyncio.run(blocked(start, *calls)))
print(json.dumps([told, sorted(written)]))
"""
TAKEN = {
    "kafka-python": f"""{HEAD}
from kafka import KafkaProducer
producer = KafkaProducer(bootstrap_servers=sys.argv[1], api_version=(2, 0))
producer.send("t", b"first", partition=0).get(20)
wakeup = producer._sender.wakeup
def interrupted():  # the client calls this when the message is in its batch
    producer._sender.wakeup = wakeup
    signal.raise_signal(number)
for number in SIGNALS:
    producer._sender.wakeup = interrupted
    try:
        producer.send("t", b"v", partition=0)
    except (KeyboardInterrupt, Limit) as error:
        print(type(error).__name__)
    producer.flush(20)
producer.close()
""",
    "aiokafka": f"""{HEAD}
from aiokafka import AIOKafkaProducer
async def main():
    producer = AIOKafkaProducer(bootstrap_servers=sys.argv[1])
    await producer.start()
    await producer.send_and_wait("t", b"first", partition=0)
    accumulator = producer._message_accumulator
    add_message = accumulator.add_message
    async def interrupted(*args, **kwargs):
        accumulator.add_message = add_message
        await add_message(*args, **kwargs)
        signal.raise_signal(number)
    for number in SIGNALS[1:]:  # asyncio has a handler of its own for the other
        accumulator.add_message = interrupted
        try:
            await producer.send("t", b"v", partition=0)
        except Limit as error:
            print(type(error).__name__)
        await producer.flush()
    await producer.stop()
asyncio.run(main())
""",
}


@pytest.mark.once  # kafka-python 2.0 does not wait for the leader of a new topic
def test_blocking_calls_of_kafka_python_are_interrupted_as_without_the_agent(
    run: Runner, own_kafka: OwnKafka
) -> None:
    """What the broker answers after the interruption is told as written."""
    done, places = _interrupted(run, own_kafka, KAFKA_PYTHON)
    of_topic = [w for w in done.writes if w.attributes["messaging.destination.name"] == "t"]
    assert sorted(write.attributes["messaging.kafka.offset"] for write in of_topic) == places
    assert "lost" not in done.stderr


@pytest.mark.once  # before 3.11, asyncio leaves to chance where Ctrl+C comes out
def test_blocking_calls_of_aiokafka_are_interrupted_as_without_the_agent(
    run: Runner, own_kafka: OwnKafka
) -> None:
    """Each message has a span; what was answered before its loop was closed is told as written."""
    done, places = _interrupted(run, own_kafka, AIOKAFKA)
    assert sorted(offset for _, offset in done.places) == places
    causes = [write.attributes.get("error.type") for write in done.writes]
    assert (causes.count("cancelled"), causes.count("lost_at_exit")) == (2, 6)


def _interrupted(run: Runner, kafka: OwnKafka, program: str) -> tuple[Run, list[int]]:
    """Return the run with the agent, and the offsets in the log; its calls end as without."""
    told = []
    for bare in (True, False):
        done = run(program, kafka.bootstrap, str(kafka.pid), bare=bare)
        assert done.code == 0, done.stderr
        calls, places = json.loads(done.stdout)
        told.append(calls)
    assert told[0] == told[1]
    assert len(told[0]) == 14
    assert {call[-1] for call in told[0]} == {"at once"}
    return done, places


@pytest.mark.parametrize("client", TAKEN)
def test_a_message_that_the_client_has_when_send_is_interrupted_is_told_as_answered(
    run: Runner, mock_broker: Callable[..., MockBroker], client: str
) -> None:
    """The exception comes out of the call, and the message goes out all the same."""
    broker = mock_broker().bootstrap
    bare, traced = (run(TAKEN[client], broker, bare=bare) for bare in (True, False))
    assert traced.stdout == bare.stdout
    interruptions = bare.stdout.splitlines()
    assert "Limit" in interruptions
    assert len(traced.places) == 1 + len(interruptions) == len(traced.writes)
