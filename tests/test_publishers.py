"""An application's own publisher is traced by a setting alone: `AUTOINSTRUMENT_TRACE`.

Each test starts a program whose publisher is in a module of its own, as an application has it.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING

import pytest

from autoinstrument.report.gathering import report
from autoinstrument.report.text import render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker
    from otlp import Span
    from programs import Runner

# A transport of the application's own: frames on a socket, which something else takes to a topic.
TRANSPORT = """
import asyncio, json, socket
from concurrent.futures import ThreadPoolExecutor

class Frames:
    def __init__(self):
        self.here, self.there = socket.socketpair()
        self.received = self.there.makefile()
        self.pool = ThreadPoolExecutor(1)

    def send(self, topic, payload, key=None, headers=None):
        if payload == "refused":
            raise ConnectionError("the relay has refused " + payload)
        frame = {"topic": topic, "payload": payload, "key": key, "headers": headers}
        self.here.sendall(json.dumps(frame).encode() + b"\\n")
        return len(payload)

    def read(self):
        return json.loads(self.received.readline())

    def close(self):
        self.pool.shutdown()
        self.received.close()
        self.here.close()
        self.there.close()

class Publisher(Frames):
    def publish(self, topic, payload, *, key=None, headers=None):
        "Publish a payload."
        return self.send(topic, payload, key, headers)

    async def publish_soon(self, topic, payload):
        await asyncio.sleep(0.01)
        return self.send(topic, payload)

    def publish_later(self, topic, payload):
        return self.pool.submit(self.send, topic, payload)

    def publish_in_a_task(self, topic, payload):
        return asyncio.ensure_future(self._sent(topic, payload))

    def publish_when_awaited(self, topic, payload):
        return self._sent(topic, payload)

    async def _sent(self, topic, payload):
        await asyncio.sleep(0.01)
        return self.send(topic, payload)

    @staticmethod
    def publish_by(publisher, topic, payload):
        return publisher.send(topic, payload)

    @classmethod
    def publish_once(cls, topic, payload, **options):
        publisher = cls()
        try:
            return publisher.send(topic, payload, **options)
        finally:
            publisher.close()

    def publish_all(self, topic, payloads):
        for payload in payloads:
            yield self.send(topic, payload)

def publish(publisher, topic, payload="p"):
    return publisher.send(topic, payload)
"""
HEAD = """
import asyncio
from relay import Publisher
publisher = Publisher()
"""
NAMED = "relay:Publisher.publish(topic=topic, key=key, value=payload)"
WITH_HEADERS = "relay:Publisher.publish(topic=topic, headers=headers)"


@pytest.fixture
def trace(run: Runner, tmp_path: Path) -> Runner:
    """Return what starts programs that have the module `relay`."""
    (tmp_path / "relay.py").write_text(TRANSPORT)
    return run


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def traceparent(span: Span) -> str:
    """Return what a header says of a span."""
    return f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xFF:02x}"


def test_a_call_is_a_write_of_which_the_answer_is_unknown(trace: Runner) -> None:
    """With its topic and key, in a root of the calling function; nothing is made up."""
    program = f"""{HEAD}
def checkout():
    print(publisher.publish("orders", "paid", key="o-1"))
checkout()
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=NAMED)
    assert (done.stdout, done.stderr, done.code) == ("4\n", "", 0)
    (write,), (root,) = done.writes, done.roots
    assert (write.name, write.kind, write.status_code) == ("WriteKafka", "PRODUCER", "UNSET")
    assert write.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "orders",
        "messaging.kafka.message.key": "o-1",
        "autoinstrument.outcome": "unconfirmed",
        "autoinstrument.publisher": "relay:Publisher.publish",
    }
    assert (root.name, root.span_id) == ("__main__.checkout", write.parent_id)


def test_a_call_that_raises_is_a_failed_write(trace: Runner) -> None:
    """By the exception's type alone, whose words may quote the message; the program has it."""
    program = f"""{HEAD}
try:
    publisher.publish("orders", "refused")
except ConnectionError as error:
    print(error, error.__context__)
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=NAMED)
    assert done.stdout == "the relay has refused refused None\n"
    (write,) = done.writes
    assert write.attributes["error.type"] == "ConnectionError"
    assert "autoinstrument.outcome" not in write.attributes
    assert (write.status_code, write.status_message) == ("ERROR", "ConnectionError")


def test_an_unset_variable_traces_nothing(trace: Runner) -> None:
    """Nor does it import anything for it."""
    program = f"""{HEAD}
import sys
publisher.publish("orders", "paid")
publisher.close()
print([name for name in sys.modules if name.startswith(("opentelemetry", "wrapt"))])
"""
    done = trace(program)
    assert (done.stdout, done.spans) == ("[]\n", [])


@pytest.mark.parametrize(
    ("headers", "received"),
    [
        ([("a", "1"), ("a", "2")], [["a", "1"], ["a", "2"], ["traceparent", "?"]]),
        ((("a", "1"),), [["a", "1"], ["traceparent", "?"]]),
        ({"a": "1"}, {"a": "1", "traceparent": "?"}),
        ({}, {"traceparent": "?"}),
        (OrderedDict(a="1"), {"a": "1", "traceparent": "?"}),
        (None, None),
        ("a=1", "a=1"),
        ([["a", "1"]], [["a", "1"]]),
        ({"a": ["1", "2"]}, {"a": ["1", "2"]}),
    ],
)
def test_headers_are_copied_with_a_traceparent(
    trace: Runner, headers: object, received: object
) -> None:
    """Of the same kind, with values of the same type; what has another shape is left alone."""
    program = f"""{HEAD}
import json
from collections import OrderedDict
headers = {headers!r}
before = repr(headers)
publisher.publish("orders", "paid", headers=headers)
print(json.dumps(publisher.read()["headers"]))
print(repr(headers) == before)
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=WITH_HEADERS)
    (write,) = done.writes
    sent, untouched = done.stdout.splitlines()
    assert json.loads(sent.replace(traceparent(write), "?")) == received
    assert untouched == "True"


def test_headers_in_bytes_get_bytes(run: Runner, tmp_path: Path) -> None:
    """As Kafka's clients want them; so does a list in which there is nothing yet."""
    (tmp_path / "relay.py").write_text("def publish(topic, headers): print(headers)")
    program = """
import relay
relay.publish("orders", [("a", b"1")])
relay.publish("orders", [])
relay.publish("orders", headers={"a": b"1", "b": None})
"""
    done = run(program, AUTOINSTRUMENT_TRACE="relay:publish(topic=topic, headers=headers)")
    first, second, third = (traceparent(write).encode() for write in done.writes)
    assert done.stdout.splitlines() == [
        str([("a", b"1"), ("traceparent", first)]),
        str([("traceparent", second)]),
        str({"a": b"1", "b": None, "traceparent": third}),
    ]


def test_headers_that_are_left_out_have_their_default(run: Runner, tmp_path: Path) -> None:
    """A default that is a container gets the trace context; None stays None, and that is told."""
    (tmp_path / "relay.py").write_text("""
def listed(topic, *, headers=()): print(headers)
def unnamed(topic, headers=(), /): print(headers)
def none(topic, headers=None): print(headers)
""")
    program = """
import relay
relay.listed("orders")
relay.unnamed("orders")
relay.none("orders")
relay.none("orders", None)
"""
    names = "listed", "unnamed", "none"
    named = "; ".join(f"relay:{name}(topic=topic, headers=headers)" for name in names)
    done = run(program, AUTOINSTRUMENT_TRACE=named)
    sent = (("traceparent", traceparent(done.writes[0]).encode()),)
    assert done.stdout.splitlines() == [str(sent), "()", "None", "None"]
    assert done.stderr == (
        "autoinstrument: AUTOINSTRUMENT_TRACE: relay:none: a message without headers carries no"
        " trace context; accepted: a dict, or a list or tuple of pairs, with values of str or bytes"
        " (context-not-sent)\n"
    )
    assert len(done.writes) == 4


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ("Headers(a='1')", "Headers"),
        ("Pairs([('a', '1')])", "Pairs"),
        ("[['a', '1']]", "list"),
        ("{'a': ['1', '2']}", "dict"),
    ],
)
def test_headers_that_cannot_be_copied_are_told_once(
    trace: Runner, headers: str, kind: str
) -> None:
    """Such as those of a class of the application's; where no headers are named, nothing is."""
    program = f"""{HEAD}
class Headers(dict):
    pass
class Pairs(list):
    pass
for _ in range(2):
    publisher.publish("orders", "paid", headers={headers})
    print("traceparent" in str(publisher.read()))
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=WITH_HEADERS)
    assert (done.stdout, len(done.writes)) == ("False\nFalse\n", 2)
    (told,) = done.stderr.splitlines()
    assert f"with headers of type {kind} carries no trace context" in told
    silent = "relay:Publisher.publish(topic=topic)"
    assert trace(program, AUTOINSTRUMENT_TRACE=silent).stderr == ""
    silent_too = trace(program, AUTOINSTRUMENT_TRACE=WITH_HEADERS, AUTOINSTRUMENT_PROPAGATE="0")
    assert silent_too.stderr == ""


def test_a_topic_is_text_however_it_is_written(trace: Runner) -> None:
    """In bytes, or as an enumeration of either; a class of text is no other text."""
    program = f"""{HEAD}
import enum
class Topic(enum.Enum):
    ORDERS = "orders"
class Name(str, enum.Enum):
    ORDERS = "orders"
class Encoded(enum.Enum):
    ORDERS = b"orders"
import relay
relay.Publisher.send = lambda *given: given[1]
for topic in Topic.ORDERS, Name.ORDERS, Encoded.ORDERS, b"orders", "orders":
    print(publisher.publish(topic, "paid") is topic)
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE="relay:Publisher.publish(topic=topic)")
    assert (done.stdout, done.stderr) == ("True\n" * 5, "")
    topics = [write.attributes["messaging.destination.name"] for write in done.writes]
    assert topics == ["orders"] * 5


def test_a_topic_that_is_no_text_is_told_once(trace: Runner) -> None:
    """The call has no span; the next one may have one again."""
    program = f"""{HEAD}
import pathlib
import relay
relay.Publisher.send = lambda *given: given[1]
for topic in pathlib.PurePosixPath("orders"), None, pathlib.PurePosixPath("orders"), "orders":
    print(publisher.publish(topic, "paid"))
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE="relay:Publisher.publish(topic=topic)")
    assert (done.stdout, len(done.writes)) == ("orders\nNone\norders\norders\n", 1)
    assert done.stderr == (
        "autoinstrument: AUTOINSTRUMENT_TRACE: relay:Publisher.publish: a call has no span: its"
        " topic is of type PurePosixPath; accepted: str, bytes, enums of these (topic-unknown)\n"
    )


CALLS = f"""{HEAD}
import relay
async def main():
    print(await publisher.publish_soon("soon", "p"))
    print(await publisher.publish_in_a_task("task", "p"))
    print(await publisher.publish_when_awaited("awaited", "p"))
    print(await asyncio.gather(*[publisher.publish_soon("gathered", "p") for _ in range(3)]))
    for publish in (
        publisher.publish_soon, publisher.publish_in_a_task, publisher.publish_when_awaited
    ):
        try:
            await publish("failed", "refused")
        except ConnectionError as error:
            print(error)
        try:
            await asyncio.wait_for(publish("cancelled", "p"), 0.001)
        except asyncio.TimeoutError:
            print("cancelled")
asyncio.run(main())
print(publisher.publish_later("later", "p").result())
print(type(publisher.publish_later("failed", "refused").exception()))
for owner in publisher, Publisher:
    print(owner.publish_by(publisher, "static", "p"))
print(publisher.publish_once("class", "p"), Publisher.publish_once("class", "p", key="k"))
print(Publisher.publish(publisher, "unbound", "p"), relay.publish(publisher, topic="function"))
publisher.close()
"""


def test_every_kind_of_function_is_traced(trace: Runner) -> None:
    """Until what it has returned is done: plain, a coroutine, a future, a task; as it was."""
    methods = ("soon", "in_a_task", "when_awaited", "later", "by", "once")
    named = [f"relay:Publisher.publish_{method}(topic=topic)" for method in methods]
    named += ["relay:publish(topic=topic)", "relay:Publisher.publish(topic=topic)"]
    done = trace(CALLS, AUTOINSTRUMENT_TRACE="; ".join(named))
    bare = trace(CALLS, bare=True)
    assert (done.stdout, done.stderr, done.code) == (bare.stdout, bare.stderr, bare.code)
    topics: dict[str, list[tuple[str | None, str | None]]] = {}
    for write in done.writes:
        how = (write.attributes.get("error.type"), write.attributes.get("autoinstrument.outcome"))
        topics.setdefault(write.attributes["messaging.destination.name"], []).append(how)
    unconfirmed = (None, "unconfirmed")
    assert topics == {
        "soon": [unconfirmed],
        "task": [unconfirmed],
        "awaited": [unconfirmed],
        "gathered": [unconfirmed] * 3,
        "failed": [("ConnectionError", None)] * 4,
        "cancelled": [("cancelled", None)] * 3,
        "later": [unconfirmed],
        "static": [unconfirmed] * 2,
        "class": [unconfirmed] * 2,
        "unbound": [unconfirmed],
        "function": [unconfirmed],
    }
    for topic in "soon", "task", "awaited":
        write = done.write(messaging_destination_name=topic)
        assert write.end - write.start >= 10_000_000


def test_what_is_traced_is_as_it_was(trace: Runner) -> None:
    """Its name, words and signature; for `pickle` and `copy`; where it is called wrongly."""
    program = """
import copy, inspect, pickle
import relay
from relay import Publisher, publish
for function in publish, Publisher.publish, Publisher.publish_soon, Publisher.publish_once:
    print(type(function).__name__, function.__qualname__, function.__module__, function.__doc__)
    print(inspect.signature(function), inspect.iscoroutinefunction(function))
    print(pickle.loads(pickle.dumps(function)) == function, copy.deepcopy(function) == function)
for wrong in lambda: publish(), lambda: Publisher.publish_once("t", "p", colour="red"):
    try:
        wrong()
    except TypeError as error:
        print(error)
"""
    methods = ("Publisher.publish", "Publisher.publish_soon", "Publisher.publish_once", "publish")
    named = ";".join(f"relay:{method}(topic=topic)" for method in methods)
    done = trace(program, AUTOINSTRUMENT_TRACE=named)
    bare = trace(program, bare=True)
    assert (done.stdout, done.stderr, done.code) == (bare.stdout, bare.stderr, 0)


OVER_CLIENT = """
from confluent_kafka import Producer

class Publisher:
    def __init__(self, servers):
        self.producer = Producer({"bootstrap.servers": servers, "log_level": 0})

    def publish(self, topic, payload, headers=None):
        if payload is None:
            raise ValueError("no payload")
        self.producer.produce("shop." + topic, payload, headers=headers)

    def close(self):
        self.producer.flush()
"""


def test_a_traced_client_underneath_has_the_span(run: Runner, tmp_path: Path, broker: str) -> None:
    """One a message, and the true one; the header is its own, whoever was the first to add one."""
    (tmp_path / "relay.py").write_text(OVER_CLIENT)
    program = """
import sys
from confluent_kafka import Consumer
from relay import Publisher
publisher = Publisher(sys.argv[1])
def order():
    publisher.publish("orders", "1")
    publisher.publish("orders", "2", headers=[("a", "1")])
    try:
        publisher.publish("orders", None)
    except ValueError:
        pass
order()
publisher.close()
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "g", "log_level": 0,
                     "auto.offset.reset": "earliest"})
consumer.subscribe(["shop.orders"])
for _ in range(2):
    message = consumer.poll(30)
    print(dict(message.headers())["traceparent"].decode(), len(message.headers()))
consumer.close()
"""
    named = "relay:Publisher.publish(topic=topic, value=payload, headers=headers)"
    done = run(program, broker, AUTOINSTRUMENT_TRACE=named)
    assert (done.stderr, done.code) == ("", 0)
    first, second, refused = done.writes
    assert {traceparent(first), traceparent(second)} == {
        line.split()[0] for line in done.stdout.splitlines()
    }
    assert sorted(line.split()[1] for line in done.stdout.splitlines()) == ["1", "2"]
    for write in first, second:
        assert write.attributes["messaging.destination.name"] == "shop.orders"
        assert "messaging.kafka.offset" in write.attributes
        assert (write.kind, write.links, write.status_code) == ("PRODUCER", [], "UNSET")
    assert refused.attributes["messaging.destination.name"] == "orders"
    assert refused.attributes["error.type"] == "ValueError"
    roots = {root.span_id: root.name for root in done.roots}
    names = [roots[write.parent_id] for write in done.writes]
    assert names == ["__main__.order"] * 3


def test_a_publisher_over_a_publisher_has_one_span(trace: Runner) -> None:
    """That of the inner one, where both are named."""
    program = f"""{HEAD}
publisher.publish("orders", "paid")
publisher.close()
"""
    named = f"{NAMED}; relay:Frames.send(topic=topic, headers=headers)"
    (write,) = trace(program, AUTOINSTRUMENT_TRACE=named).writes
    assert write.attributes["autoinstrument.outcome"] == "unconfirmed"


def test_a_publisher_writes_in_the_unit_of_work(trace: Runner, broker: str) -> None:
    """A consumed message's, of which it is a child, and which its header goes on with."""
    program = f"""{HEAD}
import sys
from confluent_kafka import Consumer, Producer
config = {{"bootstrap.servers": sys.argv[1], "log_level": 0}}
producer = Producer(config)
producer.produce("orders", "paid")
producer.flush()
consumer = Consumer({{**config, "group.id": "g", "auto.offset.reset": "earliest"}})
consumer.subscribe(["orders"])
consumer.poll(30)
publisher.publish("shipments", "sent", headers=[("a", "1")])
print(len(publisher.read()["headers"]))
consumer.close()
publisher.close()
"""
    done = trace(program, broker, AUTOINSTRUMENT_TRACE=WITH_HEADERS)
    (unit,) = [span for span in done.spans if span.kind == "CONSUMER"]
    write = done.write(messaging_destination_name="shipments")
    assert (done.stdout, write.parent_id) == ("2\n", unit.span_id)
    assert unit.start < write.start < write.end <= unit.end


def test_a_future_that_is_never_done_is_told(trace: Runner) -> None:
    """As with any client: an error, and a warning at the end."""
    program = f"""{HEAD}
import relay
from concurrent.futures import Future
relay.Publisher.send = lambda *args: Future()
publisher.publish("orders", "paid")
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=NAMED)
    (write,) = done.writes
    assert write.attributes["error.type"] == "lost_at_exit"
    assert "1 message had no answer when the program ended" in done.stderr


def test_a_publisher_that_is_named_twice_is_told(trace: Runner) -> None:
    """The first counts."""
    program = f"""{HEAD}
publisher.publish("orders", "paid", key="k")
publisher.close()
"""
    twice = "relay:Publisher.publish(topic=topic); relay:Publisher.publish(topic=topic, key=key)"
    done = trace(program, AUTOINSTRUMENT_TRACE=twice)
    assert done.stderr == (
        "autoinstrument: AUTOINSTRUMENT_TRACE names relay:Publisher.publish twice; the first counts"
        " (bad-setting)\n"
    )
    assert "messaging.kafka.message.key" not in done.writes[0].attributes


@pytest.mark.parametrize(
    "value",
    [
        "relay.Publisher.publish(topic=topic)",
        "relay:Publisher.publish",
        "relay:Publisher.publish()",
        "relay:Publisher.publish(key=key)",
        "relay:Publisher.publish(topic=topic, colour=red)",
        "relay:Publisher.publish(topic=topic, topic=key)",
        "relay:Publisher.publish(topic=0)",
        "relay:Publisher.publish(topic=topic); relay:publish",
        "__main__:publish(topic=topic)",
    ],
)
def test_a_bad_value_is_told_once(trace: Runner, value: str) -> None:
    """With what is accepted; nothing of it is traced, and the application goes on."""
    program = f"""{HEAD}
print(publisher.publish("orders", "paid"))
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=value)
    assert (done.stdout, done.spans, done.code) == ("4\n", [], 0)
    (warning,) = done.stderr.splitlines()
    assert warning.startswith(f"autoinstrument: AUTOINSTRUMENT_TRACE={value!r} is ignored; ")
    assert "accepted: module:Class.method(topic=..." in warning
    assert warning.endswith(" (bad-setting)")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("relay:Publishr.publish(topic=topic)", "the module has no 'Publishr.publish'"),
        ("relay:Publisher.publsh(topic=topic)", "the module has no 'Publisher.publsh'"),
        (
            "relay:publish(topic=topc, key=kee)",
            "it has no argument kee, topc; its arguments are: publisher, topic, payload",
        ),
        ("relay:Publisher(topic=topic)", "it is not a function of a module or a method of a class"),
        ("relay:json.dumps.x(topic=topic)", "the module has no 'json.dumps.x'"),
        (
            "relay:Publisher.publish_all(topic=topic)",
            "it is a generator function",
        ),
        ("rely:publish(topic=topic)", "there is no module 'rely'"),
        ("relay.inner:publish(topic=topic)", "there is no module 'relay.inner'"),
        (
            "program:publish(topic=topic)",
            "the main module cannot be traced; move it to a module that the program imports",
        ),
    ],
)
def test_what_is_not_there_is_told_once(trace: Runner, value: str, reason: str) -> None:
    """By its name; what else is named is traced, and the application goes on."""
    program = f"""{HEAD}
print(publisher.publish("orders", "paid"))
publisher.publish("orders", "paid")
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=f"{NAMED}; {value}")
    assert (done.stdout, len(done.writes), done.code) == ("4\n", 2, 0)
    name = value.partition("(")[0]
    told = f"autoinstrument: AUTOINSTRUMENT_TRACE: {name} is not traced: {reason} (bad-setting)\n"
    assert done.stderr == told


def test_a_process_that_has_nothing_of_it_says_nothing(run: Runner) -> None:
    """The variable is the service's; a tool that it starts need not have the module."""
    done = run("print('tool')", AUTOINSTRUMENT_TRACE=NAMED)
    assert (done.stdout, done.stderr) == ("tool\n", "")


def test_the_report_takes_no_call_for_an_answer(trace: Runner) -> None:
    """A publisher that is called in a loop waits for no broker; what it raised, its log knows."""
    program = f"""{HEAD}
import relay, time
from concurrent.futures import Future
send = relay.Publisher.send
def slowly(*given):
    time.sleep(0.002)
    return send(*given)
relay.Publisher.send = slowly
for _ in range(30):
    publisher.publish("orders", "paid")
try:
    publisher.publish("orders", "refused")
except ConnectionError:
    pass
publisher.close()
relay.Publisher.send = lambda *args: Future()
publisher.publish("orders", "late")
"""
    done = trace(program, AUTOINSTRUMENT_TRACE=NAMED)
    found = report(done.recording)
    assert [(finding.slug, finding.remedy) for finding in found.findings] == [
        (
            "lost-at-exit",
            "Wait for what relay:Publisher.publish returned before the program ends.",
        ),
        (
            "failures-by-cause",
            "relay:Publisher.publish raised it: see the program's log.",
        ),
    ]
    text = render(found)
    assert (
        "  topic   written  failed  unconfirmed\n  orders        0       2           30\n" in text
    )
    assert (
        "\nUnconfirmed: a publisher that AUTOINSTRUMENT_TRACE names does not say what the broker"
        " answered.\n" in text
    )
    assert "acknowledgement" not in text


def test_a_future_that_is_pending_when_the_agent_is_taken_off_is_closed(trace: Runner) -> None:
    """With what becomes of it; nothing is lost with the publisher that was traced."""
    program = """
import gc
from concurrent.futures import Future
import autoinstrument, relay
future = Future()
relay.Publisher.send = lambda *given: future
publisher = relay.Publisher()
publisher.publish("orders", "paid")
autoinstrument.deactivate()
gc.collect()
future.set_result(4)
publisher.close()
"""
    (write,) = trace(program, AUTOINSTRUMENT_TRACE=NAMED).writes
    assert write.attributes["autoinstrument.outcome"] == "unconfirmed"


def test_activate_and_deactivate_put_it_on_and_off(trace: Runner) -> None:
    """In a module that is imported already, and under names that others have bound."""
    program = """
import os
from relay import Frames, Publisher, publish
import relay
known = publish, vars(Publisher)["publish_once"]
publisher = Publisher()
import autoinstrument
os.environ["AUTOINSTRUMENT_TRACE"] = (
    "relay:publish(topic=topic); relay:Publisher.publish_once(topic=topic);"
    "relay:Publisher.send(topic=topic)"
)
def write(name):
    publish(publisher, f"{name}.function")
    Publisher.publish_once(f"{name}.class", "p")
    publisher.send(f"{name}.inherited", "p")
write("before")
print(autoinstrument.activate())
autoinstrument.activate()
write("on")
autoinstrument.deactivate()
write("off")
print(publish is relay.publish is known[0], vars(Publisher)["publish_once"] is known[1])
print("send" in vars(Publisher), "send" in vars(Frames))
autoinstrument.activate()
write("again")
publisher.close()
"""
    done = trace(program, AUTOINSTRUMENT_ENABLED="")
    assert done.stdout.splitlines() == [
        "Activation(clients=('publishers',), missed=())",
        "True True",
        "False True",
    ]
    names = {write.attributes["messaging.destination.name"] for write in done.writes}
    kinds = "function", "class", "inherited"
    assert names == {f"{when}.{kind}" for when in ("on", "again") for kind in kinds}
    assert done.stderr == ""
