"""The times of spans: in the order in which things happened, and by the time of day."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from consuming import HEAD, units_of

from autoinstrument.process import clock

if TYPE_CHECKING:
    from programs import Runner

# Threads that compute, and an interpreter that gives each a turn after a few microseconds: what is
# read twice is read far apart.
BUSY = """
import sys, threading
from confluent_kafka import Consumer, Producer
config = {"bootstrap.servers": sys.argv[1], "log_level": 0}
sys.setswitchinterval(5e-6)
def compute():
    while not done:
        sum(range(100))
done = []
threads = [threading.Thread(target=compute, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
"""


def test_writes_begin_in_the_order_of_their_calls(run: Runner, broker: str) -> None:
    """Whichever thread the interpreter runs in between."""
    program = f"""{BUSY}
producer = Producer(config)
for number in range(1500):
    producer.produce("t", b"v", key=str(number))
    producer.poll(0)
producer.flush()
done.append(1)
"""
    done = run(program, broker, OTEL_BSP_MAX_QUEUE_SIZE="100000")
    numbers = [int(write.attributes["messaging.kafka.message.key"]) for write in done.writes]
    assert numbers == list(range(1500))
    starts = [write.start for write in done.writes]
    assert len(set(starts)) == len(starts)


def test_what_is_done_in_a_unit_of_work_lies_within_it(run: Runner, broker: str) -> None:
    """Writes and commits, to the nanosecond."""
    program = f"""{BUSY}
producer = Producer(config)
for _ in range(30):
    producer.produce("t", b"v", partition=0)
producer.flush()
consumer = Consumer({{**config, "group.id": "g", "auto.offset.reset": "earliest"}})
consumer.subscribe(["t"])
for _ in range(30):
    message = consumer.poll(30)
    producer.produce("u", b"v")
    consumer.commit(message, asynchronous=False)
producer.flush()
consumer.close()
done.append(1)
"""
    done = run(program, broker)
    units = {span.span_id: span for span in done.spans if span.name == "process t"}
    children = [span for span in done.spans if span.parent_id in units]
    assert {"WriteKafka", "commit"} <= {span.name for span in children}
    assert len(children) >= 2 * len(units) == 60
    for child in children:
        unit = units[child.parent_id]
        assert unit.start < child.start
        assert child.end <= unit.end


def test_a_unit_of_work_goes_by_the_clock_that_it_began_with(run: Runner, broker: str) -> None:
    """The clock is set back by an hour while the application works on a message."""
    program = f"""{HEAD}
from autoinstrument.process import clock
fill("t", 1)
consumer = consumer_of("t")
poll(consumer)
clock.offset -= 3600 * 10**9
producer.produce("u", b"v")
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    write = done.write(messaging_destination_name="u")
    assert unit.start < write.start < write.end <= unit.end


def test_the_time_is_that_of_day() -> None:
    """As exactly as two clocks can be read one after the other."""
    before = time.time_ns()
    now = time.perf_counter_ns() + clock.offset
    assert abs(now - before) < 1_000_000_000


def test_a_clock_that_is_set_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the next look at it on; one that is not set keeps its offset to the nanosecond."""
    monkeypatch.setattr(clock, "offset", clock.offset)
    clock.adjust()
    before = clock.offset
    for _ in range(100):
        clock.adjust()
    assert clock.offset == pytest.approx(before, abs=1000)
    hour = 3600 * 10**9
    monkeypatch.setattr(clock, "time_ns", lambda: time.time_ns() - hour)
    clock.adjust()
    assert clock.offset - before == pytest.approx(-hour, abs=10**7)
