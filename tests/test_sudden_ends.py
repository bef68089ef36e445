"""Ends without `atexit`, beyond what `test_deployments.py` compares of them.

Each test starts a program, since it is its end that is looked at.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from brokers import Kafka
    from programs import Runner

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither fork nor such signals")

HEAD = """
import os, signal, sys
from confluent_kafka import Producer
def write(count):
    producer = Producer({"bootstrap.servers": sys.argv[1]})
    for number in range(count):
        producer.produce(sys.argv[2], str(number))
    producer.flush()
"""


def test_what_is_unanswered_at_a_sudden_end_is_told(run: Runner, kafka: Kafka) -> None:
    """A write whose answer nobody has asked for is lost, as at any other end."""
    program = f"""{HEAD}Producer({{"bootstrap.servers": sys.argv[1]}}).produce(sys.argv[2], b"v")
keep = Producer({{"bootstrap.servers": sys.argv[1]}})
keep.produce(sys.argv[2], b"v")
signal.raise_signal(signal.SIGTERM)
"""
    done = run(program, kafka.bootstrap, kafka.topic())
    assert {span.attributes["error.type"] for span in done.writes} == {"lost_at_exit"}
    assert "lost-at-exit" in done.stderr


def test_the_agents_thread_takes_no_signal_from_the_program(run: Runner, kafka: Kafka) -> None:
    """A handler runs as soon as its signal comes, in a main thread that sleeps or reads."""
    program = f"""{HEAD}import time
write(5)
took = []
def on_alarm(*_):
    raise TimeoutError
signal.signal(signal.SIGALRM, on_alarm)
for _ in range(20):
    begun = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        time.sleep(3)
    except TimeoutError:
        took.append(time.monotonic() - begun)
print(len(took), max(took) < 2)
"""
    assert run(program, kafka.bootstrap, kafka.topic()).stdout == "20 True\n"


BLOCKED = f"""{HEAD}import threading, time
ready = threading.Event()
def block(then=lambda: None):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    ready.set()
    then()
"""
KILLS = {
    "another thread takes it": (
        """
def kill():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
write(5)
block_in = threading.Thread(target=block, args=(kill,), daemon=True)
block_in.start()
block_in.join()
""",
        -15,
    ),
    "another thread, which blocks it": (
        """
blocking = threading.Thread(target=block, args=(lambda: time.sleep(2),), daemon=True)
blocking.start()
ready.wait()
producer = Producer({"bootstrap.servers": sys.argv[1]})
producer.produce(sys.argv[2], b"v")
signal.pthread_kill(blocking.ident, signal.SIGTERM)
producer.flush()
write(4)
""",
        0,
    ),
    "another thread, which does not block it": (
        """
other = threading.Thread(target=time.sleep, args=(20,), daemon=True)
other.start()
write(5)
block()
signal.pthread_kill(other.ident, signal.SIGTERM)
time.sleep(20)
""",
        -15,
    ),
    "all threads block it": (
        """
block()
producer = Producer({"bootstrap.servers": sys.argv[1]})
producer.produce(sys.argv[2], b"v")
os.kill(os.getpid(), signal.SIGTERM)
producer.flush()
write(4)
""",
        0,
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="the masks of threads are Linux's to tell")
@pytest.mark.parametrize("name", KILLS)
def test_a_signal_ends_the_process_where_one_of_its_threads_lets_it(
    run: Runner, kafka: Kafka, name: str
) -> None:
    """Five messages are written, and none is lost, nor taken for lost where the program goes on."""
    program, code = KILLS[name]
    topic = kafka.topic()
    done = run(BLOCKED + program, kafka.bootstrap, topic)
    assert (done.stderr, done.code) == ("", code)
    assert len(done.places) == len(done.writes) == len(kafka.records(topic)) == 5
