"""`activate()` reaches a program that runs already, says what it cannot, and can be taken back.

Each test starts a program, whose modules have bound their names before the agent comes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from programs import Runner

HEAD = """
import json, sys, warnings
sys.path.insert(0, ".")
config = {"bootstrap.servers": sys.argv[1], "log_level": 0}
"""
OFF = {"AUTOINSTRUMENT_ENABLED": ""}


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def test_names_that_are_bound_already_are_reached(run: Runner, broker: str) -> None:
    """A class that was taken from the client by name, and the client's own classes above it."""
    program = f"""{HEAD}
from confluent_kafka import Producer, SerializingProducer as Typed
from confluent_kafka.serialization import StringSerializer
import autoinstrument
result = autoinstrument.activate()
assert autoinstrument.activate().clients == result.clients
print(json.dumps([result.clients, result.missed]))
for producer in Producer(config), Typed({{**config, "value.serializer": StringSerializer()}}):
    producer.produce("t", value="v")
    producer.flush()
"""
    done = run(program, broker, **OFF)
    assert json.loads(done.stdout) == [["confluent_kafka"], []]
    assert [span.status_code for span in done.writes] == ["UNSET"] * 2


@pytest.mark.parametrize("client", ["kafka", "aiokafka"])
def test_clients_in_python_are_reached_wherever_they_are(
    run: Runner, broker: str, client: str
) -> None:
    """Objects and subclasses that were made before included: the methods are the class's."""
    made = {
        "kafka": """
warnings.simplefilter("ignore")  # the client's own
from kafka import KafkaProducer
class Own(KafkaProducer):
    pass
producer = Own(bootstrap_servers=sys.argv[1], api_version=(2, 0))
print(json.dumps(autoinstrument.activate().missed))
producer.send("t", b"v").get(10)
autoinstrument.deactivate()
producer.send("t", b"v").get(10)
""",
        "aiokafka": """
import asyncio
from aiokafka import AIOKafkaProducer
async def main():
    async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        print(json.dumps(autoinstrument.activate().missed))
        await producer.send_and_wait("t", b"v")
        autoinstrument.deactivate()
        await producer.send_and_wait("t", b"v")
asyncio.run(main())
""",
    }
    done = run(f"{HEAD}\nimport autoinstrument\n{made[client]}", broker, **OFF)
    assert json.loads(done.stdout) == []
    assert len(done.writes) == 1


def test_what_cannot_be_reached_is_said(run: Runner, broker: str) -> None:
    """Objects, subclasses, default arguments, closures: each keeps a class of C."""
    program = f"""{HEAD}
from confluent_kafka import Producer
import autoinstrument
class Own(Producer):
    pass
early = Producer(config)
def default(kind=Producer):
    return kind
def outer(kind):
    def closure():
        return kind
    return closure
closure = outer(Producer)
print(json.dumps(autoinstrument.activate().missed))
for producer in early, Own(config), default()(config), closure()(config):
    producer.produce("t", b"v")
    producer.flush()
"""
    done = run(program, broker, **OFF)
    assert json.loads(done.stdout) == [
        "cimpl.Producer: __main__.default has it as a default or in a closure",
        "cimpl.Producer: __main__.outer.<locals>.closure has it as a default or in a closure",
        "cimpl.Producer: an object that was made before",
        "cimpl.Producer: the subclass __main__.Own",
    ]
    assert done.writes == []


def test_deactivate_puts_everything_back(run: Runner, broker: str) -> None:
    """Names have their own classes again; an object of ours stands aside; and it can begin anew."""
    program = f"""{HEAD}
import confluent_kafka
from confluent_kafka import Producer, cimpl
own, serializing = Producer, confluent_kafka.SerializingProducer.produce
import autoinstrument
for _ in range(2):
    autoinstrument.activate()
    traced = Producer(config)
    traced.produce("t", b"v")
    autoinstrument.deactivate()
    traced.produce("t", b"v")
    traced.flush()
    assert Producer is own is cimpl.Producer is confluent_kafka.Producer
    assert confluent_kafka.SerializingProducer.produce is serializing
    assert not any("autoinstrument" in type(f).__module__ for f in sys.meta_path)
"""
    done = run(program, broker, **OFF)
    assert (done.code, done.stderr) == (0, "")
    assert [span.status_code for span in done.writes] == ["UNSET"] * 2


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_SDK_DISABLED", "true"), ("AUTOINSTRUMENT_ENABLED", "0")]
)
def test_an_agent_that_is_switched_off_is_not_activated(
    run: Runner, broker: str, variable: str, value: str
) -> None:
    """The environment has the last word."""
    program = f"""{HEAD}
from confluent_kafka import Producer
import autoinstrument
print(autoinstrument.activate())
producer = Producer(config)
producer.produce("t", b"v")
producer.flush()
"""
    done = run(program, broker, **{**OFF, variable: value})
    assert f"{variable}={value} turns the agent off" in done.stdout
    assert done.writes == []
