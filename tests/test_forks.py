"""A child that a fork has made: it ends as its program says, and what it writes has its spans.

Each test starts programs, since it is their children that are looked at.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from brokers import Kafka
    from programs import Runner

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

# The parent has a thread of the agent's by then; it waits for 20 seconds, and kills.
PROGRAM = """
import os, signal, sys, threading, time, uuid, warnings
from confluent_kafka import Consumer, Producer
warnings.simplefilter("ignore")
bootstrap, topic = sys.argv[1:]
def write(producer):
    producer.produce(topic, b"v")
    assert producer.flush(20) == 0
producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
write(producer)
%s
pid = os.fork()
if pid == 0:
    %s
    sys.exit(3)
deadline, ended = time.monotonic() + 20, 0
while not ended and time.monotonic() < deadline:
    ended, status = os.waitpid(pid, os.WNOHANG)
    time.sleep(0.05)
if not ended:
    os.kill(pid, signal.SIGKILL)
    ended, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status))
"""
OWN = "write(Producer({'bootstrap.servers': bootstrap}))"
CONSUMER = """
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex,
                     "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
while consumer.poll(1) is None:
    pass
"""


@pytest.mark.parametrize(
    ("before", "child"),
    [
        ("", "producer = Producer({'bootstrap.servers': bootstrap}); write(producer)"),
        ("", f"{OWN}; del producer; {OWN}"),
        ("", OWN),
        (CONSUMER, f"del consumer; {OWN}"),
        (CONSUMER, OWN),
    ],
    ids=["replaced", "dropped", "left", "a consumer that is dropped", "a consumer that is left"],
)
def test_a_child_does_not_hang_with_a_client_that_it_has_inherited(
    run: Runner, kafka: Kafka, before: str, child: str
) -> None:
    """Nor when the interpreter ends."""
    topic = kafka.topic()
    done = run(PROGRAM % (before, child), kafka.bootstrap, topic)
    assert (done.stdout, done.stderr, done.code) == ("3\n", "", 0)
    written = [(record.partition, record.offset) for record in kafka.records(topic)]
    assert sorted(done.places) == written


def test_a_child_without_pythons_hooks_ends_and_loses_nothing(run: Runner, kafka: Kafka) -> None:
    """So uWSGI forks, unless it is told otherwise: no thread of the agent's runs in the child."""
    fork = "os.fork = __import__('ctypes').PyDLL(None).fork"
    topic = kafka.topic()
    done = run(PROGRAM % (f"time.sleep(2)\n{fork}", OWN), kafka.bootstrap, topic)
    assert (done.stdout, done.stderr, done.code) == ("3\n", "", 0)
    assert len(done.places) == len(kafka.records(topic)) == 2


def test_a_thread_may_fork(run: Runner, kafka: Kafka) -> None:
    """The child has this thread alone, which is its main one."""
    program = """
import os, sys, threading, warnings
from confluent_kafka import Producer
warnings.simplefilter("ignore")
def write():
    producer = Producer({"bootstrap.servers": sys.argv[1]})
    producer.produce(sys.argv[2], b"v")
    assert producer.flush(20) == 0
write()
def fork():
    if os.fork() == 0:
        write()
        os._exit(0)
    os.wait()
threads = [threading.Thread(target=fork) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    assert (done.stderr, done.code) == ("", 0)
    assert len(done.places) == len(kafka.records(topic)) == 4
