"""Units of work beside the application's own spans, contexts and workers.

Each test starts a program, since a client is traced from its import on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from consuming import HEAD, units_of

if TYPE_CHECKING:
    from brokers import Kafka
    from collectors import Endpoint
    from programs import Runner

TRACER = """
from opentelemetry import baggage, context, propagate
from opentelemetry.sdk.trace import TracerProvider
tracer = TracerProvider().get_tracer("application")  # which the agent's own pipeline is beside
"""


@pytest.mark.parametrize("tracer", ["trace.get_tracer('none')", "tracer"], ids=["API", "SDK"])
def test_a_span_of_the_application_leaves_writes_in_their_unit(
    run: Runner, broker: str, tracer: str
) -> None:
    """The unit awaits their answers, and a header that was copied from the message is replaced."""
    program = f"""{HEAD}{TRACER}
fill("in", 1)
consumer = consumer_of("in")
message = poll(consumer)
slow = Producer({{**common, "linger.ms": 300}})
with {tracer}.start_as_current_span("handle"):
    slow.produce("out", b"v", headers=message.headers(), key=current())
consumer.poll(0)
slow.flush()
consumer.close()
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    (out,) = [s for s in done.writes if s.attributes["messaging.destination.name"] == "out"]
    assert (out.kind, out.links, out.trace_id) == ("PRODUCER", [], unit.trace_id)
    assert out.parent_id == out.attributes["messaging.kafka.message.key"]
    assert out.end <= unit.end


def test_a_unit_that_a_block_puts_back_has_no_more_writes(run: Runner, broker: str) -> None:
    """A block that began within one message and ended after the next leaves nothing behind."""
    program = f"""{HEAD}{TRACER}
fill("in", 3)
consumer = consumer_of("in")
poll(consumer)
with tracer.start_as_current_span("block"):
    poll(consumer)
    producer.produce("out", b"v", key="within")
producer.produce("out", b"v", key="after")
poll(consumer)
producer.produce("out", b"v", key="third")
consumer.close()
print(current())
producer.flush()
"""
    done = run(program, broker)
    _, second, third = units_of(done)
    keys = "messaging.kafka.message.key"
    out = {s.attributes[keys]: s for s in done.writes if s.attributes[keys].isalpha()}
    assert done.stdout == "none\n"
    assert (out["within"].parent_id, out["third"].parent_id) == (second.span_id, third.span_id)
    after = out["after"]
    assert after.parent_id in {root.span_id for root in done.roots}
    assert after.trace_id not in {second.trace_id, third.trace_id}


def test_what_the_application_has_added_to_the_context_stays(run: Runner, broker: str) -> None:
    """Baggage that it never takes off is there after the message, and the message is not."""
    program = f"""{HEAD}{TRACER}
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
context.attach(baggage.set_baggage("tenant", "t1"))
consumer.poll(0)
print(current(), baggage.get_baggage("tenant"))
consumer.close()
"""
    done = run(program, broker)
    assert (done.stdout, len(units_of(done))) == ("none t1\n", 1)


@pytest.mark.parametrize(
    "left",
    [
        "context.attach(propagate.extract({name: value.decode() for name, value in of.headers()}))",
        "of = tracer.start_span('s'); context.attach(trace.set_span_in_context(of)); of.end()",
    ],
    ids=["a remote one", "one that has ended"],
)
def test_a_span_that_is_left_current_is_no_messages_parent(
    run: Runner, broker: str, left: str
) -> None:
    """Each message is in the trace of its own write, and what came before is forgotten."""
    program = f"""{HEAD}{TRACER}
import gc, time
fill("in", 20)
consumer = consumer_of("in")
for _ in range(20):
    of = poll(consumer)
    {left}
consumer.close()
time.sleep(1.5)  # until they are exported
gc.collect()
print(sum(type(each).__name__ == "Unit" for each in gc.get_objects()))
"""
    done = run(program, broker)
    sources = {s.attributes["messaging.kafka.offset"]: s.span_id for s in done.writes}
    parents = {s.attributes["messaging.kafka.offset"]: s.parent_id for s in units_of(done)}
    assert parents == sources
    assert int(done.stdout) <= 2


def test_tasks_that_poll_in_one_thread_have_their_own_units(run: Runner, broker: str) -> None:
    """A poll in one coroutine does not end what another works on."""
    program = f"""{HEAD}
import asyncio
fill("in", 2)
consumer = consumer_of("in")
async def work(first):
    message = poll(consumer)
    mine = current()
    await asyncio.sleep(0.2)
    assert current() == mine != "none"
    producer.produce("out", b"v", key=mine)
    await asyncio.sleep(0.2)
    consumer.poll(0)
    assert current() == "none"
async def main():
    await asyncio.gather(work(True), work(False))
asyncio.run(main())
producer.flush()
consumer.close()
"""
    done = run(program, broker)
    units = {unit.span_id: unit for unit in units_of(done)}
    out = [s for s in done.writes if s.attributes["messaging.destination.name"] == "out"]
    assert {write.parent_id for write in out} == set(units)
    assert all(w.parent_id == w.attributes["messaging.kafka.message.key"] for w in out)
    assert all(units[write.parent_id].end >= write.end for write in out)


def test_who_closes_a_consumer_ends_its_own_unit_alone(run: Runner, broker: str) -> None:
    """Another thread that still works on its message does so in its unit, and has not failed."""
    program = f"""{HEAD}
import threading
fill("in", 2)
consumer = consumer_of("in")
taken, closed = threading.Event(), threading.Event()
def work():
    poll(consumer)
    taken.set()
    closed.wait(10)
    producer.produce("out", b"v", key=current())
    producer.flush()
    try:
        consumer.poll(0)
    except RuntimeError:
        print("closed", current())
thread = threading.Thread(target=work)
thread.start()
taken.wait(10)
try:
    poll(consumer)
    raise ValueError("mine alone")
except ValueError:
    consumer.close()
closed.set()
thread.join()
"""
    done = run(program, broker)
    (theirs, own) = sorted(units_of(done), key=lambda unit: "error.type" in unit.attributes)
    (out,) = [s for s in done.writes if s.attributes["messaging.destination.name"] == "out"]
    assert done.stdout == "closed none\n"
    assert own.attributes["error.type"] == "ValueError"
    assert (theirs.status_code, out.parent_id) == ("UNSET", theirs.span_id)
    assert theirs.end >= out.end


def test_threads_may_share_an_iterator_over_a_batch(run: Runner, broker: str) -> None:
    """Each message goes to one of them, in its unit; the iterator looks like a list's own."""
    program = f"""{HEAD}
import copy, pickle, threading
from operator import length_hint
sys.setswitchinterval(1e-6)
fill("in", 200)
consumer = consumer_of("in")
batch = consumer.consume(200, 10)
shared = iter(batch)
numbers = iter([1])
assert (type(shared).__name__, length_hint(shared)) == (type(numbers).__name__, len(batch))
assert list(copy.copy(shared)) == list.copy(batch)
left = []
def work():
    for message in shared:
        producer.produce("out", b"v", key=current())
    left.append(current())
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
producer.flush()
consumer.close()
print(*left)
"""
    done = run(program, broker)
    units = {unit.span_id for unit in units_of(done)}
    out = [s for s in done.writes if s.attributes["messaging.destination.name"] == "out"]
    assert done.stdout == "none none none none\n"
    assert {write.parent_id for write in out} == units
    assert len(out) == len(units)
    assert all(w.parent_id == w.attributes["messaging.kafka.message.key"] for w in out)


def test_a_unit_has_what_the_sdks_spans_have(run: Runner, broker: str) -> None:
    """Where a span is recording, programs ask it for its context, times and status."""
    program = f"""{HEAD}
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
span = trace.get_current_span()
assert span.context.span_id == span.get_span_context().span_id
assert (span.start_time > 0, span.end_time, span.status.is_unset) == (True, None, True)
consumer.close()
assert span.end_time >= span.start_time
"""
    assert len(units_of(run(program, broker))) == 1


@pytest.mark.parametrize("where", ["recording", "OTLP"])
def test_odd_values_of_the_application_lose_no_span(
    run: Runner, broker: str, otlp_endpoint: Endpoint, where: str
) -> None:
    """An exception for words, a time with a fraction, an object for a value: as the SDK would."""
    program = f"""{HEAD}
import uuid
fill("in", 3)
consumer = consumer_of("in")
for _ in range(3):
    poll(consumer)
    span = trace.get_current_span()
    span.set_status(trace.StatusCode.ERROR, ValueError("no"))
    span.add_event("tried", {{"id": uuid.uuid4(), 1: "one"}}, 1.5e18)
    span.set_attribute("order.id", uuid.uuid4())
    span.update_name("handled")
consumer.close()
"""
    if where == "OTLP":
        done = run(program, broker, **otlp_endpoint.environment)
        units = [span for span in otlp_endpoint.wait_for(9) if span.kind == "CONSUMER"]
    else:
        done = run(program, broker)
        units = units_of(done)
    assert "autoinstrument" not in done.stderr
    assert [(unit.name, unit.status_message) for unit in units] == [("handled", "no")] * 3


def test_what_is_added_to_a_unit_reaches_a_provider_that_watches_starts(
    run: Runner, broker: str
) -> None:
    """Attributes, events and the name, where spans are made through the API."""
    program = f"""{HEAD}
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
class Watching(SpanProcessor):
    def on_start(self, span, parent_context=None):
        pass
    def on_end(self, span):
        if span.kind is trace.SpanKind.CONSUMER:
            print(span.name, span.attributes["shop"], [event.name for event in span.events])
provider = TracerProvider()
provider.add_span_processor(Watching())
trace.set_tracer_provider(provider)
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
span = trace.get_current_span()
span.set_attribute("shop", "north")
span.add_event("sold")
span.update_name("sell")
consumer.close()
"""
    done = run(program, broker)
    assert (done.stdout, done.stderr) == ("sell north ['sold']\n", "")


def test_an_excluded_topic_is_in_no_count_of_a_consumer(run: Runner, broker: str) -> None:
    """Neither in metrics nor in receives, polled alone or in a batch."""
    program = f"""{HEAD}
fill("secret", 2)
fill("open", 2)
for topic in "secret", "open":
    consumer = consumer_of(topic)
    poll(consumer)
    assert len(consumer.consume(1, 10)) == 1
    consumer.close()
"""
    settings = {"AUTOINSTRUMENT_EXCLUDE_TOPICS": "sec*", "AUTOINSTRUMENT_CONSUMERS": "receive"}
    done = run(program, broker, **settings)
    consumed = [p for p in done.points if p.name == "messaging.client.consumed.messages"]
    topics = {point.attributes["messaging.destination.name"]: point.value for point in consumed}
    assert topics == {"open": 2}
    assert "secret" not in str(done.spans)


def test_a_failed_write_is_kept_with_its_unit(run: Runner, broker: str) -> None:
    """The sampler has dropped both; what is kept has its parent."""
    program = f"""{HEAD}
fill("in", 1)
consumer = consumer_of("in")
poll(consumer)
try:
    producer.produce("out", b"v" * 2_000_000)
except Exception:
    pass
consumer.close()
"""
    settings = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    done = run(program, broker, **settings)
    (unit,), (write,) = units_of(done), done.writes
    assert write.parent_id == unit.span_id
    assert unit.attributes["autoinstrument.kept"] == "failure"


def test_a_deserialized_none_is_no_tombstone(run: Runner, kafka: Kafka) -> None:
    """JSON's null is a value; a tombstone is a record without one."""
    program = f"""{HEAD}
import json, warnings
warnings.simplefilter("ignore")  # of kafka-python's own
from kafka import KafkaConsumer, TopicPartition as Partition
producer.produce(sys.argv[2], b"null", partition=0)
producer.produce(sys.argv[2], None, partition=0)
producer.flush()
consumer = KafkaConsumer(
    bootstrap_servers=sys.argv[1],
    auto_offset_reset="earliest",
    value_deserializer=lambda value: value and json.loads(value),
)
consumer.assign([Partition(sys.argv[2], 0)])
print([next(consumer).value for _ in range(2)])
consumer.close()
"""
    done = run(program, kafka.bootstrap, kafka.topic())
    found = [s.attributes.get("messaging.kafka.message.tombstone") for s in units_of(done)]
    assert (done.stdout, found) == ("[None, None]\n", [None, True])


def test_a_record_of_aiokafka_is_handed_on_with_its_headers(run: Runner, broker: str) -> None:
    """They are a tuple, which the client takes if it is empty: ours are not in the way of that."""
    program = f"""{HEAD}
import asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition as Partition
fill("in", 1)
async def main():
    writer = AIOKafkaProducer(bootstrap_servers=sys.argv[1])
    reader = AIOKafkaConsumer(bootstrap_servers=sys.argv[1], auto_offset_reset="earliest")
    await writer.start()
    await reader.start()
    reader.assign([Partition("in", 0)])
    record = await reader.getone()
    await writer.send_and_wait("out", record.value, headers=record.headers)
    await (await writer.send("out", b"v", None, None, None, record.headers))
    try:
        await writer.send("out", b"v", headers=(*record.headers, ("own", b"v")))
    except TypeError:
        print("refused")
    await reader.stop()
    await writer.stop()
asyncio.run(main())
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    out = [s for s in done.writes if s.attributes["messaging.destination.name"] == "out"]
    assert done.stdout == "refused\n"
    assert [write.status_code for write in out] == ["UNSET", "UNSET", "ERROR"]
    assert {(write.parent_id, write.kind) for write in out[:2]} == {(unit.span_id, "PRODUCER")}


def test_a_handler_goes_on_while_another_task_stops_its_consumer(run: Runner, broker: str) -> None:
    """Its unit lasts until it asks for more, and what it writes in the end is in it."""
    program = f"""{HEAD}
import asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition as Partition
fill("in", 1)
async def main():
    consumer = AIOKafkaConsumer(bootstrap_servers=sys.argv[1], auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([Partition("in", 0)])
    taken = asyncio.Event()
    async def work():
        async for message in consumer:
            taken.set()
            await asyncio.sleep(0.3)
            producer.produce("out", b"v", key="in unit")
            producer.flush()
        producer.produce("out", b"v", key="after")
    task = asyncio.create_task(work())
    await taken.wait()
    await consumer.stop()
    await task
asyncio.run(main())
producer.flush()
"""
    done = run(program, broker)
    (unit,) = units_of(done)
    inside = done.write(messaging_kafka_message_key="in unit")
    after = done.write(messaging_kafka_message_key="after")
    assert (inside.parent_id, inside.end <= unit.end) == (unit.span_id, True)
    assert after.trace_id != unit.trace_id


def test_a_consumer_class_may_guard_its_attributes(run: Runner, broker: str) -> None:
    """What the agent keeps with a consumer is not the business of its own __setattr__."""
    program = f"""{HEAD}
class Guarded(Consumer):
    def __setattr__(self, name, value):
        raise AttributeError(name)
fill("in", 1)
consumer = Guarded({{**common, "group.id": "g", "auto.offset.reset": "earliest"}})
consumer.assign([TopicPartition("in", 0, 0)])
poll(consumer)
consumer.close()
"""
    assert len(units_of(run(program, broker))) == 1
