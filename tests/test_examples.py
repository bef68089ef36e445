"""The examples are ordinary programs: they run without us, do what they say, and never name us.

Each is started as its users start it, by an interpreter that does not have the agent.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from brokers import Kafka, OwnKafka
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker
    from interpreters import Interpreter
    from programs import Runner

_ANSWERED = "21 events read: 16 written, 4 left out, 1 failed, 0 unanswered\n"
_REFUSED = "profile.refund: Broker: Unknown topic or partition\n"


@pytest.fixture
def examples(installed: Interpreter) -> Path:
    """Give the folder of the examples that the wheel brings."""
    return installed.site / "autoinstrument" / "_examples"


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> Kafka:
    """Give an embedded broker with the topics that the service expects."""
    address = mock_broker().bootstrap
    owner = Producer({"bootstrap.servers": address})
    for topic in "events", "profile.login", "profile.purchase":
        owner.list_topics(topic, timeout=10)  # which creates it
    return Kafka(address, pid=0)  # only its address and its records are asked for


def test_no_example_knows_that_it_is_watched(examples: Path) -> None:
    """Not a word of the agent, and none of its trade: that is the point of the examples."""
    sources = {path.name: path.read_text() for path in examples.rglob("*.py")}
    assert {"producer.py", "__main__.py"} <= sources.keys()
    telltale = re.compile(r"autoinstrument|trac(e|ing)|span|telemetry|monitor", re.IGNORECASE)
    assert {name for name, source in sources.items() if telltale.search(source)} == set()


def test_the_producer_writes_its_events(bare: Interpreter, examples: Path, broker: Kafka) -> None:
    """What it says it has written is in the topic."""
    ended = bare.run(examples / "producer.py", broker.bootstrap, "events")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "21 of 21 events written to events\n"
    assert sorted(_values(broker, "events", "id")) == list(range(21))


@pytest.mark.parametrize("program", ["producer.py", "profile_service"])
def test_a_program_without_arguments_says_how_to_use_it(
    bare: Interpreter, examples: Path, program: str
) -> None:
    """Somebody who just tries an example learns what it needs."""
    ended = bare.run(examples / program)
    assert ended.returncode != 0
    assert "bootstrap" in ended.stderr.lower()
    assert "Traceback" not in ended.stderr


def test_the_service_writes_each_event_to_the_topic_of_its_category(
    bare: Interpreter, examples: Path, broker: Kafka
) -> None:
    """Logins and purchases are written, pings are not, and for refunds there is no topic."""
    bare.run(examples / "producer.py", broker.bootstrap, "events")
    ended = bare.run(examples / "profile_service", broker.bootstrap, "events", "--count", "21")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, _ANSWERED, _REFUSED)
    for topic, category in ("profile.login", "login"), ("profile.purchase", "purchase"):
        events = _values(broker, topic, "event")
        assert [event["category"] for event in events] == [category] * 8


def test_the_service_does_the_same_on_apache_kafka(
    bare: Interpreter, examples: Path, kafka: Kafka
) -> None:
    """The delivery that fails on the embedded broker fails on a real one, for the same reason."""
    events = kafka.topic("events")
    _create(kafka, "profile.login", "profile.purchase")
    bare.run(examples / "producer.py", kafka.bootstrap, events)
    ended = bare.run(examples / "profile_service", kafka.bootstrap, events, "--count", "21")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, _ANSWERED, _REFUSED)


def test_the_asyncio_form_does_the_same(
    examples: Path, bare: Interpreter, own_kafka: OwnKafka, run: Runner
) -> None:
    """As a coroutine, with all writes of a batch at once; each in the trace of its event.

    It has a broker of its own, since its client creates the topics that it asks for.
    """
    topic = own_kafka.topic("events")
    bare.run(examples / "producer.py", own_kafka.bootstrap, topic)
    service = str(examples / "profile_service")
    arguments = [own_kafka.bootstrap, topic, "--count", "21", "--asyncio"]
    ended = bare.run(service, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "21 events read: 17 written, 4 left out, 0 failed\n"
    source = f"import runpy; runpy.run_path({service!r}, run_name='__main__')"
    topic = own_kafka.topic("events")
    made = run((examples / "producer.py").read_text(), own_kafka.bootstrap, topic)
    done = run(source, own_kafka.bootstrap, topic, *arguments[2:])
    assert done.stdout == ended.stdout
    units = {span.span_id: span for span in done.spans if span.kind == "CONSUMER"}
    assert {unit.parent_id for unit in units.values()} == {span.span_id for span in made.writes}
    assert len(units) == 21
    assert len({span.parent_id for span in done.writes} & units.keys()) == 17


def test_the_service_goes_on_after_a_message_that_is_no_event(
    bare: Interpreter, examples: Path, broker: Kafka
) -> None:
    """Such a message counts as failed and is told; the next one is handled."""
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    login = {"id": 3, "category": "login", "app": "ios", "user": 1}
    for value in b"not JSON", b'{"id": 1}', None, json.dumps(login):
        producer.produce("events", value, partition=0)
    producer.flush()
    ended = bare.run(examples / "profile_service", broker.bootstrap, "events", "--count", "4")
    said = "4 events read: 1 written, 0 left out, 3 failed, 0 unanswered\n"
    assert (ended.returncode, ended.stdout) == (0, said)
    assert re.findall(r"^events\[0\]@(\d): ", ended.stderr, re.MULTILINE) == ["0", "1", "2"]
    assert _values(broker, "profile.login", "scenario") == ["mobile"]


def test_the_service_stops_when_no_event_comes(
    bare: Interpreter, examples: Path, broker: Kafka
) -> None:
    """A program that is to be shown must end."""
    ended = bare.run(examples / "profile_service", broker.bootstrap, "events", "--idle", "0.5")
    said = "0 events read: 0 written, 0 left out, 0 failed, 0 unanswered\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, said, "")


def test_the_service_says_that_it_cannot_read(
    bare: Interpreter, examples: Path, broker: Kafka
) -> None:
    """A topic that is not there is one sentence and exit code 1, not a traceback."""
    ended = bare.run(examples / "profile_service", broker.bootstrap, "nothing")
    assert ended.returncode == 1
    assert ended.stderr.startswith("nothing cannot be read: ")
    assert ended.stderr.count("\n") == 1


def _values(broker: Kafka, topic: str, name: str) -> list[object]:
    return [json.loads(record.value or b"")[name] for record in broker.records(topic)]


def _create(kafka: Kafka, *topics: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for future in admin.create_topics([NewTopic(topic, 3) for topic in topics]).values():
        if error := future.exception(30):
            assert error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
