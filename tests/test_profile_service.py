"""The example service under the agent: what its authors wanted to see, without a line of theirs.

Each test starts the service, as its users do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from examples_path import EXAMPLES

from autoinstrument.report.gathering import report

if TYPE_CHECKING:
    from brokers import Kafka
    from otlp import Span
    from programs import Run, Runner

SERVICE = f"""
import logging, runpy, sys, warnings
warnings.simplefilter("ignore")  # of kafka-python's own
logging.basicConfig(stream=sys.stdout, level=logging.INFO,
                    format="%(levelname)s %(otelSpanID)s %(profile_root_span_id)s %(message)s")
runpy.run_path({str(EXAMPLES / "profile_service")!r}, run_name="__main__")
"""
LAYER = f"""
import sys
sys.path.insert(0, {str(EXAMPLES / "profile_service")!r})
import transports
from watermillx import *
confluent = transports.transport("confluent")
broker, events = sys.argv[1:]
subscriber = Subscriber([broker], Unmarshaler(), confluent.consumer(events), resend_after=0)
publisher = Publisher([broker], KeyMarshaler(), confluent.producer())
router = Router(log := CaptureLogger())
def work(handler):
    router.add_handler("work", events, subscriber, handler)
    router.run(idle=5, count=1)
    publisher.close()
"""


def _events(kafka: Kafka, *categories: str) -> str:
    """Write an event of each category to a topic that is returned; there is none for refunds.

    Each is in the trace of its number, as a Go service says it in a message's metadata.
    """
    topic = kafka.topic("events", partitions=1)
    owner = Producer({"bootstrap.servers": kafka.bootstrap})
    for target in "profile.login", "profile.purchase":
        owner.list_topics(target, timeout=10)  # which creates it
    for number, category in enumerate(categories):
        event = {"id": number, "category": category, "app": "web", "user": number}
        upstream = {"Traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01"}
        owner.produce(topic, json.dumps(event).encode(), headers=upstream)
    owner.flush()
    return topic


def _units(done: Run) -> list[Span]:
    return [span for span in done.spans if span.name.startswith("process ")]


def _by_event(done: Run) -> list[tuple[Span, Span]]:
    """Return the unit of work of each event with its write."""
    return [
        (unit, write)
        for unit in _units(done)
        for write in done.writes
        if write.parent_id == unit.span_id
    ]


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
@pytest.mark.parametrize("writes", ["async", "sync"])
@pytest.mark.parametrize("runner", ["watermillx", "base"])
def test_each_event_is_a_root_with_its_write(
    run: Runner, kafka: Kafka, runner: str, writes: str, client: str
) -> None:
    """In the trace of its producer; WriteKafka ends first, then the root; in all ways."""
    topic, target = _events(kafka, *["login"] * 3), "profile.login"
    arguments = ["--count", "3", "--runner", runner, "--writes", writes, "--client", client]
    done = run(SERVICE, kafka.bootstrap, topic, *arguments)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.endswith("3 events read: 3 written, 0 left out, 0 failed, 0 unanswered\n")
    units = {span.span_id: span for span in done.spans if span.name == f"process {topic}"}
    assert len(units) == len(done.writes) == 3
    upstream = {(unit.trace_id, unit.parent_id) for unit in units.values()}
    assert upstream == {(f"{number:032x}", f"{number:016x}") for number in (1, 2, 3)}
    for write in done.writes:
        unit = units[write.parent_id]
        assert unit.trace_id == write.trace_id
        assert unit.start <= write.start <= write.end <= unit.end
        assert (write.kind, write.attributes["messaging.destination.name"]) == ("PRODUCER", target)


def test_failures_end_in_the_same_order_and_are_told(run: Runner, kafka: Kafka) -> None:
    """Status and cause are on the write, and the line in the log has the ids of write and root."""
    topic = _events(kafka, "login", "purchase", "refund")
    done = run(SERVICE, kafka.bootstrap, topic, "--count", "3", AUTOINSTRUMENT_LOG="all")
    found = _by_event(done)
    assert len(found) == 3
    told = [line.split(" ", 3) for line in done.stdout.splitlines() if " kafka " in line]
    for unit, write in found:
        assert write.end <= unit.end
        topic = write.attributes["messaging.destination.name"]
        (line,) = [each for each in told if f"topic={topic} " in each[3]]
        assert line[1:3] == [write.span_id, unit.span_id]
        assert f"profile_root_span_id={unit.span_id}" in line[3]
        is_failed = topic == "profile.refund"
        assert (write.status_code == "ERROR") is is_failed
        assert line[0] == ("ERROR" if is_failed else "INFO")
        words = "send message to kafka error" if is_failed else "[WriteKafka] write kafka success"
        assert line[3].startswith(words)


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
@pytest.mark.parametrize("writes", ["sync", "async"])
@pytest.mark.parametrize("runner", ["watermillx", "base"])
def test_the_report_finds_the_synchronous_run_and_not_the_other(
    run: Runner, kafka: Kafka, runner: str, writes: str, client: str
) -> None:
    """The very thing that the seed's authors found, by itself."""
    topic = _events(kafka, *["login"] * 100)
    arguments = ["--count", "100", "--runner", runner, "--writes", writes, "--client", client]
    done = run(SERVICE, kafka.bootstrap, topic, *arguments)
    assert len(done.writes) == 100
    slugs = {finding.slug for finding in report(done.recording).findings}
    assert ("synchronous-writes" in slugs) is (writes == "sync")


# --- the seed's faults, each decided


def _layer(run: Runner, kafka: Kafka, program: str) -> Run:
    done = run(f"{LAYER}{program}", kafka.bootstrap, _events(kafka, "login"))
    assert (done.code, done.stderr) == (0, "")
    return done


def test_a_failure_to_marshal_ends_the_root_and_begins_no_write(run: Runner, kafka: Kafka) -> None:
    """Nothing was handed to Kafka, so there is no WriteKafka; the root is closed as any other."""
    done = _layer(
        run,
        kafka,
        """
def handler(message):
    try:
        publisher.publish("profile.login", Message("1", b"", {UUID_HEADER: "x"}))
    except PublishError:
        return []
work(handler)
""",
    )
    assert done.writes == []
    assert len(_units(done)) == 1


def test_messages_after_a_failed_one_have_no_write(run: Runner, kafka: Kafka) -> None:
    """They are not sent; what was sent before stays sent."""
    done = _layer(
        run,
        kafka,
        """
def handler(message):
    try:
        publisher.publish("profile.login", Message("1", b""))
        publisher.publish("profile.refund", Message("2", b""), Message("3", b""))
    except PublishError:
        return []
work(handler)
""",
    )
    ids = [write.attributes["messaging.message.id"] for write in done.writes]
    assert ids == ["1", "2"]
    assert [write.status_code for write in done.writes] == ["UNSET", "ERROR"]


def test_a_handler_without_its_data_fails_and_leaves_nothing_open(
    run: Runner, kafka: Kafka
) -> None:
    """A missing entry of the context is an error of the handler: logged, refused, tried again."""
    done = _layer(
        run,
        kafka,
        """
tried = []
def handler(message):
    tried.append(1)
    if len(tried) == 1:
        message.context["data"]
    return []
work(handler)
print(*(entry.words for entry in log.entries))
""",
    )
    assert done.stdout == "Handler returned error\n"
    assert len(_units(done)) == 1


def test_a_message_that_comes_again_has_a_write_a_try(run: Runner, kafka: Kafka) -> None:
    """Each try is a span of its own below the one root, and none is ended twice."""
    done = _layer(
        run,
        kafka,
        """
tried = []
def handler(message):
    tried.append(1)
    publisher.publish("profile.login", Message(str(len(tried)), b"", {KEY: "k"}))
    if len(tried) < 3:
        raise ValueError("again")
    return []
work(handler)
""",
    )
    (unit,) = _units(done)
    assert [write.attributes["messaging.message.id"] for write in done.writes] == ["1", "2", "3"]
    assert {write.parent_id for write in done.writes} == {unit.span_id}


def test_trace_context_goes_out_once_behind_the_layers_own_headers(
    run: Runner, kafka: Kafka
) -> None:
    """The id's header stays the first, and a copied traceparent is replaced."""
    done = _layer(
        run,
        kafka,
        """
def handler(message):
    publisher.publish("profile.login", message.copy())
    publisher.publish("profile.purchase", Message("1", b"", {"a": "b"}))
    return []
work(handler)
""",
    )
    for topic in "profile.login", "profile.purchase":
        (write,) = [w for w in done.writes if w.attributes["messaging.destination.name"] == topic]
        headers = [record.headers for record in kafka.records(topic)]
        (written,) = [each for each in headers if write.span_id in str(each)]
        names = [name for name, _ in written]
        assert names[0] == "_watermill_message_uuid"
        assert names.count("traceparent") == 1


def test_rows_of_the_layer_say_nothing_of_the_agent() -> None:
    """Not a word of it, nor of its trade, in the service's code."""
    telltale = ("trac" + "e", "spa" + "n", "autoinstrument")
    for path in (EXAMPLES / "profile_service").rglob("*.py"):
        text = path.read_text().lower()
        assert [word for word in telltale if word in text] == [], path
