"""One unit of work a message, whatever the application does with what it has consumed.

Each test starts a program, since a client is traced from its import on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from consuming import HEAD
from consuming import units_of as _units

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import Kafka, MockBroker
    from programs import Runner


def test_a_message_is_a_unit_of_work_in_its_producers_trace(run: Runner, broker: str) -> None:
    """The span of the conventions, from poll to poll, child of the write that made the message."""
    program = f"""{HEAD}
fill("in", 2)
consumer = consumer_of("in")
for _ in range(2):
    message = poll(consumer)
    producer.produce("out", b"v")
    print(current())
consumer.poll(0)
print(current())
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    first, second = _units(done)
    assert done.stdout.split() == [first.span_id, second.span_id, "none"]
    sources = {s.attributes["messaging.kafka.offset"]: s for s in done.writes[:2]}
    for offset, unit in enumerate((first, second)):
        assert (unit.trace_id, unit.parent_id) == (
            sources[offset].trace_id,
            sources[offset].span_id,
        )
        (write,) = [span for span in done.writes if span.parent_id == unit.span_id]
        assert write.end <= unit.end
    host, _, port = broker.rpartition(":")
    assert (first.name, first.status_code, first.links) == ("process in", "UNSET", [])
    assert first.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.client.id": "rdkafka",
        "messaging.consumer.group.name": "g",
        "messaging.destination.name": "in",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "messaging.kafka.message.key": "0",
        "server.address": host,
        "server.port": int(port),
    }


def test_each_record_of_a_batch_has_its_turn(run: Runner, broker: str) -> None:
    """Iterating enters each unit, a second time the same one; the list is still a list."""
    program = f"""{HEAD}
import copy, pickle
fill("in", 4)
consumer = consumer_of("in")
batch = consumer.consume(4, 10)
assert isinstance(batch, list) and len(batch) == 4 and batch == [*list.__iter__(batch)]
assert type(batch[:2]) is type(copy.copy(batch)) is type(batch + []) is list
for message in batch:
    print(current())
    producer.produce("out", message.value())
print(current())
for message in batch:
    print(current())
    if message.offset() == 1:
        break
print(current())
try:
    for message in batch:
        for inner in batch:
            pass
        assert current() != "none"
        raise KeyError
except KeyError:
    pass
print(current())
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    units = [span.span_id for span in _units(done)]
    assert done.stdout.split() == [*units, "none", *units[:2], "none", "none"]
    assert [s.parent_id for s in done.writes if s.name == "WriteKafka"][4:] == units


def test_a_batch_outlives_the_polls_within_its_loop(run: Runner, broker: str) -> None:
    """A record whose turn comes after the next poll has its unit for that turn, and no longer."""
    program = f"""{HEAD}
fill("in", 6)
consumer = consumer_of("in")
for message in consumer.consume(3, 10):
    print(message.offset(), current())
    message = poll(consumer)
    print(message.offset(), current())
consumer.close()
assert current() == "none"
"""
    done = run(program, broker)
    units = {span.attributes["messaging.kafka.offset"]: span.span_id for span in _units(done)}
    assert sorted(units) == [*range(6)]
    told = [line.split() for line in done.stdout.splitlines()]
    assert {int(offset): unit for offset, unit in told} == units


def test_two_threads_in_one_batch_share_its_units(run: Runner, broker: str) -> None:
    """Each message has one, in whichever thread it has its first turn; nothing is left in any."""
    program = f"""{HEAD}
import threading
sys.setswitchinterval(1e-6)
fill("in", 50)
consumer = consumer_of("in")
batch = consumer.consume(50, 10)
batch += ["of the application", None]
def work():
    for message in batch:
        if not isinstance(message, (str, type(None))):
            producer.produce("out", str(message.offset()), key=current())
    assert current() == "none"
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    units = {span.span_id for span in _units(done)}
    out = [s for s in done.writes if s.attributes["messaging.destination.name"] == "out"]
    assert len(units) == 50
    assert len(out) == 200
    assert {span.parent_id for span in out} == units
    assert all(s.parent_id == s.attributes["messaging.kafka.message.key"] for s in out)


def test_two_consumers_in_one_thread_keep_apart(run: Runner, broker: str) -> None:
    """In turns or one inside the other's loop: no message is the parent of another's."""
    program = f"""{HEAD}
fill("a", 3)
for number in range(3):
    fill(f"b{{number}}", 1)
one, two = consumer_of("a"), consumer_of("b0")
for number in range(3):
    poll(one)
    outer = current()
    two.assign([TopicPartition(f"b{{number}}", 0, 0)])
    poll(two)
    assert current() != outer
    two.poll(0)
    assert current() == outer, (current(), outer)
one.close()
two.close()
print(current())
"""
    done = run(program, broker)
    units = [span for span in done.spans if span.kind == "CONSUMER"]
    assert (done.code, done.stderr, len(units)) == (0, "", 6)
    sources = {span.span_id for span in done.writes}
    assert {unit.parent_id for unit in units} == sources
    assert done.stdout == "none\n"


def test_an_active_span_is_the_parent_and_the_producer_a_link(run: Runner, broker: str) -> None:
    """A unit within the application's own span belongs there; LINKS=link begins a new trace."""
    program = f"""{HEAD}
fill("in", 2)
consumer = consumer_of("in")
own = trace.NonRecordingSpan(trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1)))
with trace.use_span(own):
    poll(consumer)
poll(consumer)
consumer.close()
"""
    done = run(program, broker)
    inside, after = _units(done)
    assert (inside.trace_id, inside.parent_id) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    assert inside.links == [(done.writes[0].trace_id, done.writes[0].span_id)]
    assert after.parent_id == done.writes[1].span_id
    linked = _units(run(program, broker, AUTOINSTRUMENT_LINKS="link"))[-1]
    assert linked.parent_id == ""
    assert len(linked.links) == 1


@pytest.mark.parametrize(
    "traceparent", [b"", b"\xff\xfe", b"00-zz", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"]
)
def test_foreign_bytes_in_a_header_begin_a_trace(
    run: Runner, broker: str, traceparent: bytes
) -> None:
    """What cannot be read is ignored, and the message has a trace of its own."""
    program = f"""{HEAD}
fill("in", 1, headers=[("traceparent", {traceparent!r}), ("tracestate", b"\\xff"), ("n", None)])
consumer = consumer_of("in")
poll(consumer)
consumer.close()
"""
    (unit,) = _units(run(program, broker, AUTOINSTRUMENT_PROPAGATE="0"))
    assert (unit.parent_id, unit.links) == ("", [])


def test_copied_headers_are_replaced(run: Runner, broker: str) -> None:
    """A forwarder that copies the headers it has read writes in its own unit of work."""
    program = f"""{HEAD}
fill("in", 1)
consumer = consumer_of("in")
message = poll(consumer)
producer.produce("out", b"v", headers=message.headers())
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    (unit,) = _units(done)
    write = done.writes[1]
    assert (write.parent_id, write.kind, write.links) == (unit.span_id, "PRODUCER", [])


def test_the_application_may_add_to_its_unit(run: Runner, broker: str) -> None:
    """get_current_span() is the unit: attributes, events, status and name take effect."""
    program = f"""{HEAD}
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
span = trace.get_current_span()
assert span.is_recording()
span.set_attribute("shop", "north")
span.update_name("sell")
span.record_exception(ValueError("no"))
span.set_status(trace.StatusCode.ERROR, "sold out")
consumer.close()
assert not span.is_recording()
"""
    (unit,) = _units(run(program, broker))
    assert (unit.name, unit.status_code, unit.status_message) == ("sell", "ERROR", "sold out")
    assert unit.attributes["shop"] == "north"


def test_a_program_that_dies_has_a_failed_unit(run: Runner, broker: str) -> None:
    """The exception that ended the program is the cause of the unit that was open."""
    program = f"""{HEAD}
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
raise KeyError("gone")
"""
    done = run(program, broker)
    (unit,) = [span for span in done.spans if span.kind == "CONSUMER"]
    assert done.code == 1
    assert (unit.status_code, unit.attributes["error.type"]) == ("ERROR", "KeyError")
    assert unit.status_message == ""  # it may quote the message


def test_errors_ends_and_empty_polls_are_no_messages(run: Runner, broker: str) -> None:
    """Only a message begins a unit; a consumer that is dropped ends its last one."""
    program = f"""{HEAD}
fill("in", 1)
consumer = Consumer({{**common, "group.id": "g", "enable.partition.eof": True}})
consumer.assign([TopicPartition("in", 0, 0)])
seen = []
while len(seen) < 2:
    message = consumer.poll(1)
    if message is not None:
        seen.append(message.error())
        print(current() == "none")
assert consumer.poll(0) is None
consumer.seek(TopicPartition("in", 0, 0))
poll(consumer)
del consumer
"""
    done = run(program, broker)
    assert done.stdout.split() == ["False", "True"]
    assert len(_units(done)) == 2


def test_a_consumer_that_nobody_has_any_more_ends_its_unit(run: Runner, broker: str) -> None:
    """Also where it goes with the garbage collector, being part of a circle, as in most classes."""
    program = f"""{HEAD}
import gc
fill("in", 1)
class Service:
    def __init__(self):
        self.consumer = consumer_of("in")
        self.handle = self.work
    def work(self):
        poll(self.consumer)
Service().work()
gc.collect()
print(current())
"""
    done = run(program, broker)
    assert (len(_units(done)), done.stdout) == (1, "none\n")


def test_threads_that_share_a_consumer_have_their_own_units(run: Runner, broker: str) -> None:
    """A poll in one thread ends nothing in another; both go on in their own."""
    program = f"""{HEAD}
import threading
fill("in", 2)
consumer = consumer_of("in")
turns = [threading.Event(), threading.Event()]
def work():
    poll(consumer)
    own = current()
    turns[0].set()
    turns[1].wait(10)
    assert current() == own != "none"
    producer.produce("out", b"v")
thread = threading.Thread(target=work)
thread.start()
turns[0].wait(10)
poll(consumer)
producer.produce("out", b"v")
turns[1].set()
thread.join()
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    assert {s.parent_id for s in done.writes[2:]} == {unit.span_id for unit in _units(done)}


def test_work_that_is_handed_to_a_pool_takes_its_unit_along(run: Runner, broker: str) -> None:
    """With the extra `threads`: what a pool or a thread writes belongs to the message, too."""
    program = f"""{HEAD}
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
fill("in", 2)
consumer = consumer_of("in")
def work():
    print(current())
    producer.produce("out", b"v")
with ThreadPoolExecutor(2) as pool:
    poll(consumer)
    pool.submit(work).result()
    poll(consumer)
    thread = Thread(target=work)
    thread.start()
    thread.join()
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    units = [span.span_id for span in _units(done)]
    assert done.stdout.split() == units
    assert [span.parent_id for span in done.writes[2:]] == units


@pytest.mark.coroutines
def test_a_coroutine_has_the_unit_that_it_awaits(run: Runner, broker: str) -> None:
    """AIOConsumer polls in a thread of its own; the unit is current in the coroutine."""
    program = f"""{HEAD}
import asyncio
from confluent_kafka.aio import AIOConsumer
fill("in", 3)
async def main():
    consumer = AIOConsumer({{**common, "group.id": "g"}})
    await consumer.assign([TopicPartition("in", 0, 0)])
    message = await consumer.poll(10)
    first = current()
    print(first)
    await asyncio.sleep(0.01)
    assert current() == first
    for message in await consumer.consume(2, 10):
        print(current())
    await consumer.close()
    print(current())
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout.split() == [*(unit.span_id for unit in _units(done)), "none"]


def test_commits_and_long_flushes_are_steps(
    run: Runner, kafka: Kafka, mock_broker: Callable[..., MockBroker]
) -> None:
    """Each is a child of the unit in whose processing it took its time."""
    program = f"""{HEAD}
topic = sys.argv[2]
fill(topic, 1)
consumer = consumer_of(topic)
message = poll(consumer)
producer = Producer({{**common, "bootstrap.servers": sys.argv[3]}})
producer.produce(topic, b"v", partition=1)
producer.flush()
consumer.commit(message, asynchronous=False)
try:
    consumer.commit(offsets=[TopicPartition("nosuch", 9, -7)], asynchronous=False)
except Exception as error:
    print(type(error).__name__)
consumer.close()
"""
    far = mock_broker(rtt_ms=200)  # or a busy machine has the answer before the flush begins
    done = run(program, kafka.bootstrap, kafka.topic(), far.bootstrap)
    (unit,) = _units(done)
    steps = [s for s in done.spans if s.name in {"commit", "flush"} and s.parent_id == unit.span_id]
    assert {step.name: step.kind for step in steps} == {"commit": "CLIENT", "flush": "INTERNAL"}


def test_a_rebalance_happens_in_no_unit_of_work(run: Runner, kafka: Kafka) -> None:
    """Its callbacks run inside a poll, between two messages: what they write is of no message."""
    program = f"""{HEAD}
topic = sys.argv[2]
fill(topic, 1)
def told(consumer, partitions):
    print(current())
    producer.produce(topic, b"told", partition=1)
consumer = Consumer({{**common, "group.id": topic, "auto.offset.reset": "earliest"}})
consumer.subscribe([topic], on_assign=told, on_revoke=told)
while (message := consumer.poll(30)).value() == b"told":
    pass
assert current() != "none"
consumer.unsubscribe()
consumer.poll(0.1)
consumer.subscribe([topic], on_assign=told, on_revoke=told)
poll(consumer)
consumer.close()
print(current())
producer.flush()
"""
    done = run(program, kafka.bootstrap, kafka.topic())
    assert done.code == 0, done.stderr
    units = {span.span_id for span in done.spans if span.kind == "CONSUMER"}
    assert set(done.stdout.split()) == {"none"}
    assert len(done.stdout.split()) == 5
    assert not units & {span.parent_id for span in done.writes}


def test_an_asynchronous_commit_ends_with_its_answer(run: Runner, kafka: Kafka) -> None:
    """`on_commit` tells of it; without one nobody knows, which the span says."""
    program = f"""{HEAD}
import time
topic = sys.argv[2]
fill(topic, 1)
def on_commit(error, partitions):
    answers.append(error)
    print(error and error.name(), len(partitions))
for more in {{"on_commit": on_commit, "enable.auto.commit": "false"}}, {{}}:
    answers = []
    consumer = Consumer({{**common, "group.id": topic, "auto.offset.reset": "earliest", **more}})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = poll(consumer)
    consumer.commit(message)
    if more:
        consumer.commit(offsets=[TopicPartition("no such topic", 9, 1)])
        while len(answers) < 2:
            consumer.poll(0.05)
        time.sleep(0.1)
        consumer.commit(message)
    consumer.close()
"""
    done = run(program, kafka.bootstrap, kafka.topic())
    assert done.code == 0, done.stderr
    commits = sorted((s for s in done.spans if s.name == "commit"), key=lambda s: s.start)
    told = [span.attributes.get("error.type", "None") for span in commits[:2]]
    assert told == ["None", "UNKNOWN_TOPIC_OR_PARTITION"]
    assert done.stdout.split() == ["None", "1", "UNKNOWN_TOPIC_OR_PART", "1", "None", "1"]
    outcomes = [span.attributes.get("autoinstrument.outcome") for span in commits]
    assert outcomes == [None, None, None, "unconfirmed"]


def test_receives_are_spans_for_who_asks(run: Runner, broker: str) -> None:
    """AUTOINSTRUMENT_CONSUMERS=receive: a span a poll that brought messages, linked to each."""
    program = f"""{HEAD}
fill("in", 3)
consumer = consumer_of("in")
poll(consumer)
assert len(consumer.consume(2, 5)) == 2
consumer.poll(0)
consumer.close()
"""
    done = run(program, broker, AUTOINSTRUMENT_CONSUMERS="receive")
    assert len(_units(done)) == 1  # of a batch, what is not iterated over is not worked on
    one, two = sorted((s for s in done.spans if s.name == "poll in"), key=lambda s: s.start)
    written = [(write.trace_id, write.span_id) for write in done.writes]
    assert [*one.links, *two.links] == written
    assert (one.kind, one.attributes["messaging.operation.type"]) == ("CLIENT", "receive")
    assert "messaging.batch.message_count" not in one.attributes
    assert two.attributes["messaging.batch.message_count"] == 2


@pytest.mark.parametrize("layer", ["DeserializingConsumer", "avro.AvroConsumer"])
def test_the_classes_above_a_consumer_have_units(run: Runner, broker: str, layer: str) -> None:
    """They inherit it; a tombstone needs no schema."""
    program = f"""{HEAD}
import confluent_kafka, warnings
warnings.simplefilter("ignore")  # AvroConsumer is deprecated
if "avro" in "{layer}":
    import confluent_kafka.avro
    more = {{"schema.registry.url": "http://127.0.0.1:9"}}
else:
    more = {{"value.deserializer": lambda value, context: value}}
producer.produce("in", partition=0)
producer.flush()
consumer = confluent_kafka.{layer}({{**common, "group.id": "g", **more}})
consumer.assign([TopicPartition("in", 0, 0)])
poll(consumer)
print(current())
consumer.close()
"""
    done = run(program, broker)
    (unit,) = _units(done)
    assert done.stdout.split() == [unit.span_id]
    assert unit.attributes["messaging.kafka.message.tombstone"] is True


@pytest.mark.share_groups
def test_a_share_group_has_units_of_work(run: Runner, kafka: Kafka) -> None:
    """ShareConsumer: a unit a message, in its turn, whatever order the group gives them in."""
    program = f"""{HEAD}
from confluent_kafka import ShareConsumer
topic = sys.argv[2]
consumer = ShareConsumer({{**common, "group.id": "share-" + topic,
                          "share.acknowledgement.mode": "explicit"}})
consumer.subscribe([topic])
seen = 0
for attempt in range(100):
    if attempt % 8 == 4:  # a share group begins at the end, once it has been joined
        fill(topic, 1)
    messages = consumer.poll(0.5)
    for message in messages:
        assert message.error() is None
        print(current())
        producer.produce(topic + "-out", b"v")
        consumer.acknowledge(message)
        seen += 1
    if seen >= 2:
        break
producer.flush()
consumer.commit_sync(5)
consumer.close()
print(current())
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    units = [span.span_id for span in _units(done)]
    settled = [span.parent_id for span in done.spans if span.name == f"accept {topic}"]
    assert settled == units
    assert len(units) >= 2
    assert done.stdout.split() == [*units, "none"]
    out = [s for s in done.writes if s.attributes["messaging.destination.name"].endswith("-out")]
    assert [span.parent_id for span in out] == units


def test_consumers_off_leaves_consumption_alone(run: Runner, broker: str) -> None:
    """AUTOINSTRUMENT_CONSUMERS=off: no unit, and writes begin traces of their own."""
    program = f"""{HEAD}
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
print(current())
consumer.close()
"""
    done = run(program, broker, AUTOINSTRUMENT_CONSUMERS="off")
    assert (done.stdout, _units(done)) == ("none\n", [])


def test_many_messages_leave_nothing_behind(run: Runner, broker: str) -> None:
    """After 4,000 messages as many objects are alive as after the first 1,000."""
    program = f"""{HEAD}
import gc, time
for _ in range(4):
    fill("in", 1000)
consumer = consumer_of("in")
sizes = []
for number in range(4000):
    poll(consumer)
    if number % 1000 == 999:
        time.sleep(2)  # until what has ended is exported
        gc.collect()
        sizes.append(len(gc.get_objects()))
consumer.close()
print(sizes[-1] - sizes[0])
"""
    done = run(program, broker)
    assert int(done.stdout) < 1000
    assert len(_units(done)) == 4000
