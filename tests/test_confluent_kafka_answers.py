"""What confluent-kafka's answers leave alone: signals, exceptions, and the application's objects.

Each test starts programs, since the client can be traced only from its import on, and signals end
the one that they are sent to.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import Kafka, MockBroker
    from programs import Runner

HEAD = """
import os, signal, sys, threading, time
from confluent_kafka import Consumer, KafkaException, Producer
config = {"bootstrap.servers": sys.argv[1], "log_level": 0}
class Limit(Exception): pass
def late(*_): raise Limit
signal.signal(signal.SIGALRM, late)
def in_thread(call):
    threading.Thread(target=call, daemon=True).start()
"""
FENCED = f"""{HEAD}
topic = sys.argv[2]
def connected():
    producer = Producer({{**config, "transactional.id": topic}})
    producer.init_transactions()
    return producer
first = connected()
first.begin_transaction()
first.produce(topic, b"v")
first.commit_transaction()
second = connected()
first.begin_transaction()
"""
_BLOCKING = {
    "flush": ("producer.produce('orders', b'v')", "producer.flush()"),
    "flush with a limit": ("producer.produce('orders', b'v')", "producer.flush(18)"),
    "flush with a callback": (
        "producer.produce('orders', b'v', on_delivery=lambda error, message: None)",
        "producer.flush()",
    ),
    "poll": ("producer.produce('orders', b'v')", "producer.poll(18)"),
    "begin": (
        "producer = Producer({**config, 'transactional.id': 'id'})",
        "producer.init_transactions(18)",
    ),
    "consumer's poll": ("consumer.subscribe(['orders'])", "consumer.poll(18)"),
    "consume": ("consumer.subscribe(['orders'])", "consumer.consume(10, 18)"),
    "metadata": ("", "producer.list_topics(timeout=5)"),
    "another thread's": (
        "producer.produce('orders', b'v'); in_thread(producer.flush)",
        "time.sleep(18)",
    ),
}


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Give the address of an embedded broker."""
    return mock_broker().bootstrap


@pytest.mark.parametrize(("before", "call"), _BLOCKING.values(), ids=list(_BLOCKING))
def test_a_time_limit_ends_a_call_that_waits_as_without_the_agent(
    before: str, call: str, run: Runner
) -> None:
    """The handler's exception, or what the client makes of it, and within the same second."""
    program = f"""{HEAD}
config["message.timeout.ms"] = 18000  # for the versions whose flush() no signal ends
producer = Producer(config)
del config["message.timeout.ms"]
consumer = Consumer({{**config, "group.id": "group", "session.timeout.ms": 6000}})
{before}
signal.setitimer(signal.ITIMER_REAL, 0.5)
begun = time.monotonic()
try:
    {call}
    print("returned")
except BaseException as error:
    print(repr(error))
print("late" if time.monotonic() - begun > 15 else "in time", flush=True)
os._exit(0)
"""
    unreachable = "127.0.0.1:1"
    bare = run(program, unreachable, bare=True)
    assert run(program, unreachable).stdout == bare.stdout


def test_a_flush_that_answers_more_than_the_queue_holds_costs_no_span(
    run: Runner, broker: str
) -> None:
    """It leaves most of what has come to the background, which reads no more than it exports."""
    program = f"""{HEAD}
producer = Producer({{**config, "queue.buffering.max.messages": 14000}})
for _ in range(14000):
    producer.produce("orders", b"v", partition=0)
producer.flush()
"""
    done = run(program, broker, OTEL_BSP_MAX_QUEUE_SIZE="12288", AUTOINSTRUMENT_ROOT_SPANS="off")
    assert (done.code, done.stderr, len(done.writes)) == (0, "", 14000)


def test_ctrl_c_comes_out_of_flush_while_another_thread_writes(run: Runner, broker: str) -> None:
    """The answers that come all the time do not keep it."""
    program = f"""{HEAD}
producer = Producer({{**config, "linger.ms": 50}})
def write():
    while True:
        try:
            producer.produce("orders", b"v")
        except BufferError:
            time.sleep(0.01)
def interrupt():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)
    print("never", flush=True)
    os._exit(1)
in_thread(write)
in_thread(interrupt)
try:
    while True:
        producer.flush()
except KeyboardInterrupt as error:
    print(repr(error), flush=True)
os._exit(0)
"""
    # The thread writes a million messages, whose spans would take a minute to read.
    done = run(program, broker, OTEL_TRACES_EXPORTER="none")
    assert done.stdout == "KeyboardInterrupt()\n"


@pytest.mark.parametrize("call", ["producer.flush()", "producer.poll(1)"])
def test_no_limit_that_strikes_anywhere_costs_a_span_or_makes_two(
    call: str, run: Runner, broker: str
) -> None:
    """One for each message, whatever was broken off: its answer, or the reading of that."""
    program = f"""{HEAD}
producer = Producer(config)
for number in range(20_001):
    producer.produce("orders", b"v", partition=0)
limits = 0
while len(producer):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        {call}
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Limit:
        limits += 1
print(limits > 0)
"""
    done = run(program, broker)
    assert done.stdout == "True\n"
    assert len(done.places) == len(set(done.places)) == 20_001


def test_ctrl_c_while_it_writes_is_no_other_error_and_no_loss(run: Runner, broker: str) -> None:
    """The client takes what it finds while it reads our header for an error of its own."""
    program = f"""{HEAD}
producer = Producer(config)
writing = threading.Event()
def interrupt():
    while True:
        writing.wait()
        writing.clear()
        time.sleep(0.003)
        os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGALRM, signal.SIG_DFL)
in_thread(interrupt)
ends = set()
for _ in range(50):
    try:
        writing.set()
        while True:
            producer.produce("orders", b"v")
            producer.poll(0)
    except BaseException as error:
        ends.add(repr(error))
print(ends, producer.flush())
"""
    done = run(program, broker)
    assert done.stdout == "{'KeyboardInterrupt()'} 0\n"
    assert "lost-at-exit" not in done.stderr


def test_a_fenced_producer_is_told_so_and_so_is_the_span(run: Runner, kafka: Kafka) -> None:
    """The client calls back while the exception for that is pending already."""
    program = f"""{FENCED}
first.produce(topic, b"fenced", key="fenced")
try:
    print(first.flush(10))
except KafkaException as error:
    print(error.args[0].name(), error.__cause__)
healthy = Producer(config)
healthy.produce(topic, b"v", key="healthy")
print(healthy.flush())
"""
    bare = run(program, kafka.bootstrap, "fenced-bare", bare=True)
    done = run(program, kafka.bootstrap, "fenced")
    assert done.stdout == bare.stdout == "_FENCED None\n0\n"
    fenced = done.write(messaging_kafka_message_key="fenced")
    assert fenced.attributes["error.type"] == "fenced"
    assert done.write(messaging_kafka_message_key="healthy").status_code == "UNSET"


def test_a_report_comes_although_an_exception_is_pending(run: Runner, kafka: Kafka) -> None:
    """The application's callback runs, and then the exception comes out as itself."""
    program = f"""{FENCED}
first.produce(topic, b"v", key="v", on_delivery=lambda error, message: print(error.name()))
try:
    print(first.flush(10))
except KafkaException as error:
    print(error.args[0].name())
"""
    done = run(program, kafka.bootstrap, "pending")
    *reported, raised = done.stdout.splitlines()
    assert raised == "_FENCED"
    if version("confluent-kafka").startswith("2.3."):  # which calls nobody back here
        assert reported == []
    else:
        assert reported[-1] in {"_FENCED", "_PURGE_QUEUE", "INVALID_PRODUCER_EPOCH"}
    assert done.write(messaging_kafka_message_key="v").status_code == "ERROR"


def test_what_the_application_gives_is_freed_in_its_own_thread(run: Runner, broker: str) -> None:
    """A callback, what the current context holds, a key of a type of its own."""
    program = f"""{HEAD}
import weakref
from opentelemetry import context
class Thing: pass
class Key(str): pass
def freed(name):
    print(name, threading.current_thread() is threading.main_thread())
def thing(name, made):
    weakref.finalize(made, freed, name)
    return made
def with_callback():
    held = thing("callback", Thing())
    producer.produce("orders", b"v", on_delivery=lambda error, message, held=held: None)
def in_context():
    token = context.attach(context.set_value("session", thing("context", Thing())))
    producer.produce("orders", b"v")
    context.detach(token)
def in_context_with_callback():
    token = context.attach(context.set_value("session", thing("both", Thing())))
    producer.produce("orders", b"v", on_delivery=lambda error, message: None)
    context.detach(token)
def with_key():
    producer.produce("orders", b"v", key=thing("key", Key("k")))
producer = Producer(config)
for write in with_callback, in_context, in_context_with_callback, with_key:
    write()
    producer.flush()
    print(write.__name__, "is over")
"""
    done = run(program, broker)
    assert done.stdout.splitlines() == [
        "callback True",
        "with_callback is over",
        "context True",
        "in_context is over",
        "both True",
        "in_context_with_callback is over",
        "key True",
        "with_key is over",
    ]


def test_a_dropped_producer_keeps_nothing_of_the_application(run: Runner) -> None:
    """What it has not delivered when it goes, the client's own callbacks included."""
    program = f"""{HEAD}
import gc, weakref
class Thing: pass
def freed(name):
    print(name, threading.current_thread() is threading.main_thread())
def write():
    producer, held = Producer(config), Thing()
    weakref.finalize(held, freed, "callback")
    producer.produce("orders", b"v", on_delivery=lambda error, message, held=held: None)
write()
gc.collect()
print("gone")
"""
    done = run(program, "127.0.0.1:1")
    assert done.stdout == "callback True\ngone\n"
    assert [span.attributes["error.type"] for span in done.writes] == ["lost_at_exit"]


def test_classes_take_slots_and_refuse_as_without_the_agent(run: Runner) -> None:
    """A subclass may have weak references, or not; the words of pickling are the C types' own."""
    program = f"""{HEAD}
import copy, pickle, weakref
import confluent_kafka
kinds = [Producer, Consumer]
kinds += [confluent_kafka.ShareConsumer] if hasattr(confluent_kafka, "ShareConsumer") else []
for kind in kinds:
    class Plain(kind): pass
    class Slim(kind): __slots__ = ("topic",)
    class Weak(kind): __slots__ = ("topic", "__weakref__")
    class Open(kind): __slots__ = ("__dict__", "__weakref__")
    for made in kind, Plain, Slim, Weak, Open:
        client = made({{**config, "group.id": "g"}} if kind is not Producer else config)
        try:
            print(made.__name__, weakref.ref(client)() is client)
        except TypeError:  # in which the C type has a name that no subclass can have
            print(made.__name__, "has no weak references")
        for attempt in (
            lambda: vars(client),
            lambda: copy.copy(client),
            lambda: pickle.dumps(client),
            lambda: pickle.dumps(client, 1),
        ):
            try:
                print(made.__name__, attempt())
            except Exception as error:
                print(made.__name__, repr(error))
"""
    bare = run(program, "127.0.0.1:1", bare=True)
    assert run(program, "127.0.0.1:1").stdout == bare.stdout


def test_answers_are_told_of_while_a_flush_waits_for_more(
    run: Runner, mock_broker: Callable[..., MockBroker]
) -> None:
    """A program that is killed while it flushes has spans of what was answered until then."""
    program = f"""{HEAD}
import subprocess
producer = Producer(config)
def write():
    while True:
        producer.produce("orders", b"v")
        time.sleep(0.02)
producer.produce("orders", b"v")
producer.flush()
in_thread(write)
time.sleep(0.1)
subprocess.Popen(["sh", "-c", f"sleep 6; kill -9 {{os.getpid()}}"])
producer.flush()
print("flushed", flush=True)
"""
    done = run(program, mock_broker(rtt_ms=400).bootstrap)
    assert (done.stdout, done.code) == ("", -9)
    assert len(done.writes) > 10
