"""What is answered after the handlers of `atexit` has its span, and no false verdict.

Each test starts programs, since it is their end that is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from brokers import Kafka
    from programs import Run, Runner

HEAD = """
import atexit, gc, os, sys, threading, time
from confluent_kafka import Producer
bootstrap, topic = sys.argv[1:]
class Publisher:
    def __init__(self):
        self.producer = Producer({"bootstrap.servers": bootstrap})
    def write(self, count):
        for number in range(count):
            self.producer.produce(topic, str(number))
    def __del__(self):
        self.producer.flush(20)
publisher = Publisher()
"""
ENDS = {
    "in a global": "publisher.write(5)",
    "in a cycle": "publisher.write(5); publisher.itself = publisher",
    "in another module": """
import types
module = sys.modules["shop"] = types.ModuleType("shop")
exec("publisher = None\\ndef used(): return publisher", vars(module))
module.publisher = publisher
publisher.write(5)
del module, publisher
""",
    "writing in its finalizer": """
publisher.write(2)
publisher.producer.flush(20)
class Last:
    def __del__(self):
        publisher.write(3)
        publisher.producer.flush(20)
last = Last()
""",
    "in a cycle that is collected in the midst": """
publisher.itself = publisher
publisher.write(5)
del publisher
gc.collect()
""",
    "ending at once": """
class Last(Publisher):
    def __del__(self):
        super().__del__()
        os._exit(7)
last = Last()
last.write(5)
""",
    "after an answer that came in time": """
publisher.write(3)
publisher.producer.flush(20)
publisher.write(2)
""",
    "at the end of a generator": """
publisher.write(2)
publisher.producer.flush(20)
def writing():
    try:
        yield
    finally:
        publisher.write(3)
        publisher.producer.flush(20)
begun = writing()
next(begun)
""",
}


@pytest.mark.parametrize("name", ENDS)
def test_what_a_finalizer_flushes_is_written(run: Runner, kafka: Kafka, name: str) -> None:
    """Same end and output as without the agent, a span for each message, and no warning."""
    program = HEAD + ENDS[name]
    bare = run(program, kafka.bootstrap, kafka.topic(), bare=True)
    topic = kafka.topic()
    traced = run(program, kafka.bootstrap, topic)
    assert (traced.stdout, traced.stderr, traced.code) == (bare.stdout, bare.stderr, bare.code)
    written = [(record.partition, record.offset) for record in kafka.records(topic)]
    assert len(written) == 5
    assert sorted(traced.places) == written


def test_a_program_whose_first_write_is_in_a_finalizer_ends_as_without(
    run: Runner, kafka: Kafka
) -> None:
    """Its message is written, and nothing is said: no pipeline can be built then."""
    program = f"""{HEAD}
class Last:
    def __del__(self):
        publisher.write(1)
        publisher.producer.flush(20)
last = Last()
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    assert (done.stdout, done.stderr, done.code, done.spans) == ("", "", 0, [])
    assert len(kafka.records(topic)) == 1


def test_what_nobody_flushes_is_lost(run: Runner, kafka: Kafka, tmp_path: Path) -> None:
    """The verdict is recorded and told, also into a log that is a file of this run alone."""
    program = """
import logging, sys
from confluent_kafka import Producer
logging.basicConfig(filename=sys.argv[3], filemode="w")
producer = Producer({"bootstrap.servers": sys.argv[1], "linger.ms": 60000, "log_level": 0})
for _ in range(5):
    producer.produce(sys.argv[2], b"v")
"""
    log = tmp_path / "own.log"
    done = run(program, kafka.bootstrap, kafka.topic(), str(log))
    assert [span.attributes["error.type"] for span in done.writes] == ["lost_at_exit"] * 5
    assert _counted(done, "lost_at_exit") == 5
    assert "(lost-at-exit)" in log.read_text()
    assert done.stderr == ""


def test_writes_of_a_daemon_thread_have_spans_or_are_counted(run: Runner, kafka: Kafka) -> None:
    """It writes until the interpreter stops it."""
    program = """
import sys, threading, time
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": bootstrap})
def write():
    while True:
        producer.produce(sys.argv[2], b"v")
        producer.poll(0)
threading.Thread(target=write, daemon=True).start()
time.sleep(1)
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    written = {(record.partition, record.offset) for record in kafka.records(topic)}
    lost = [span for span in done.writes if span.status_code == "ERROR"]
    assert set(done.places) <= written
    assert len(written) <= len(done.places) + len(lost)


def _counted(done: Run, error: str) -> int:
    return sum(
        int(point.value)
        for point in done.points
        if point.name == "messaging.client.operation.duration"
        and point.attributes.get("error.type") == error
    )
