"""Nothing secret comes out, wherever it is put in; and no words of exceptions that are foreign."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from autoinstrument.doctor.endpoints import without_credentials as of_url
from autoinstrument.tracing.attributes import server_attributes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import Kafka, MockBroker
    from collectors import Endpoint
    from programs import Runner

# Each secret has a name of its own, and no client can use most of what it is given here.
HEAD = """
import asyncio, logging, sys, warnings
warnings.simplefilter("ignore")
logging.basicConfig(level=logging.DEBUG)
for name in "kafka", "aiokafka", "asyncio":  # which print what they are given, with or without us
    logging.getLogger(name).setLevel(logging.CRITICAL)
from confluent_kafka import Consumer, Producer, SerializingProducer, TopicPartition
from kafka import KafkaProducer
from aiokafka import AIOKafkaProducer
from autoinstrument.tracing.write import Write
BROKER = sys.argv[1]
# On stderr the tests take it for a failure of their own.
told = logging.StreamHandler(sys.stdout)
logging.getLogger("autoinstrument").addHandler(told)
logging.getLogger("autoinstrument").propagate = False
def refuse(value, *_):
    raise ValueError(f"no such card: {value!r}")
def attempt(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__
"""
CLIENTS = """
secured = {
    "log_level": 0, "message.timeout.ms": 300, "socket.timeout.ms": 300,
    "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "SECRET-user",
    "sasl.password": "SECRET-password", "ssl.key.password": "SECRET-passphrase",
    "ssl.keystore.password": "SECRET-keystore",
}
for config in (
    {"bootstrap.servers": f"SASL_SSL://shop:SECRET-boot@{BROKER}", **secured},
    {"bootstrap.servers": BROKER, **secured, "sasl.mechanism": "OAUTHBEARER",
     "sasl.oauthbearer.config": "SECRET-token", "sasl.oauthbearer.client.secret": "SECRET-oauth"},
    {"bootstrap.servers": BROKER, **secured, "sasl.jaas.config": "password=SECRET-jaas;"},
):
    producer = attempt(Producer, config)
    if isinstance(producer, Producer):
        producer.produce("orders", b"SECRET-payload", headers={"authorization": "SECRET-header"})
        producer.flush(1)
        producer.purge()
        producer.flush(1)
    attempt(Consumer, {**config, "group.id": "g"})
producer = Producer({"bootstrap.servers": BROKER, "message.max.bytes": 2000})
attempt(producer.produce, "orders", b"SECRET-payload" * 1000, b"SECRET-key")
producer.produce("orders", b"SECRET-payload", b"SECRET-key", partition=0,
                 headers={"authorization": "SECRET-header", "cookie": b"SECRET-cookie"})
producer.flush()
attempt(SerializingProducer({"bootstrap.servers": BROKER, "value.serializer": refuse}).produce,
        "orders", value="SECRET-payload")
python = KafkaProducer(bootstrap_servers=BROKER, api_version=(2, 0), value_serializer=refuse,
                       key_serializer=refuse, sasl_plain_password="SECRET-plain",
                       ssl_password="SECRET-pem")
attempt(python.send, "orders", "SECRET-payload")
attempt(python.send, "orders", key="SECRET-key")
python.close()
async def coroutine():
    producer = AIOKafkaProducer(bootstrap_servers=BROKER, value_serializer=refuse,
                                sasl_plain_password="SECRET-plain")
    await producer.start()
    try:
        await producer.send("orders", "SECRET-payload")
    except ValueError:
        pass
    finally:
        await producer.stop()
asyncio.run(coroutine())
acknowledged = Write.acknowledged
def failing(self, *_):
    raise ValueError("SECRET-ours")
Write.acknowledged = failing
producer.produce("orders", b"v")
producer.flush()
Write.acknowledged = acknowledged
consumer = Consumer({"bootstrap.servers": BROKER, "group.id": "g"})
consumer.assign([TopicPartition("orders", 0, 0)])
message = consumer.poll(20)
raise KeyError(message.value())
"""
SETTINGS = {
    "AUTOINSTRUMENT_DEBUG": "1",
    "AUTOINSTRUMENT_KEYS": "0",
    "HTTP_PROXY": "http://proxy:SECRET-proxy@127.0.0.1:1",
    "NO_PROXY": "*",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key: SECRET-unlike, authorization=SECRET-otlp",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "SECRET-metrics",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    "OTEL_RESOURCE_ATTRIBUTES": "team=shop,SECRET-resource",
}


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


def _secrets(text: str) -> set[str]:
    return set(re.findall(r"SECRET-\w+", text))


def test_no_secret_comes_out(
    run: Runner, broker: str, otlp_endpoint: Endpoint, tmp_path: Path
) -> None:
    """Of the clients' settings, OTLP's, messages, and words that quote them: nothing, anywhere.

    In the program's own output is what its uncaught exception has, as without the agent.
    """
    address = otlp_endpoint.url.replace("://", "://user:SECRET-login@")
    settings = {**SETTINGS, **otlp_endpoint.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": address}
    record = tmp_path / "recorded.jsonl"
    program = f"{HEAD}{CLIENTS}"
    bare = run(program, broker, bare=True, **SETTINGS)
    done = run(program, broker, AUTOINSTRUMENT_RECORD=str(record), **settings)
    assert "Traceback" in done.stdout.partition("(agent-failed)")[2]
    assert _secrets(bare.stdout + bare.stderr) == {"SECRET-payload"}
    assert _secrets(done.stdout + done.stderr.rpartition("KeyError: ")[0]) == set()
    recorded = record.read_text()
    assert recorded.count("serialization") >= 4
    assert _secrets(recorded) == set()
    assert otlp_endpoint.spans()
    assert _secrets("".join(str(each.message) for each in otlp_endpoint.requests)) == set()
    environment = {**settings, "AUTOINSTRUMENT_ENABLED": "1"}
    page = tmp_path / "page.html"
    for arguments in (
        ["report", str(record)],
        ["report", str(record), "--json"],
        ["report", str(record), f"--html={page}"],
        ["doctor"],
    ):
        said = _command(arguments, environment)
        assert _secrets(said) == set(), arguments
    assert _secrets(page.read_text()) == set()


def _command(arguments: list[str], settings: dict[str, str]) -> str:
    """Return all that a command of the agent's prints: a process, for its own environment."""
    command = [sys.executable, "-m", "autoinstrument", *arguments]
    done = subprocess.run(
        command, env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout
    return done.stdout + done.stderr


def test_a_header_that_is_no_header_is_told_by_its_variable(
    run: Runner, broker: str, tmp_path: Path
) -> None:
    """Once, and by the agent; the program's own use of OpenTelemetry logs as it would alone."""
    program = f"""{HEAD}
from opentelemetry.util.re import parse_env_headers
logging.getLogger().setLevel(logging.WARNING)
producer = Producer({{"bootstrap.servers": BROKER}})
for _ in range(2):
    producer.produce("orders", b"v")
producer.flush()
parse_env_headers("the program's own", liberal=True)
"""
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key: SECRET-unlike",
        "OTEL_METRICS_EXPORTER": "none",
    }
    done = run(program, broker, AUTOINSTRUMENT_RECORD=str(tmp_path / "r.jsonl"), **settings)
    assert done.stdout.count("OTEL_EXPORTER_OTLP_HEADERS has a header that is not written") == 1
    assert _secrets(done.stdout + done.stderr) == set()
    assert done.stderr.count("the program's own") == 1


@pytest.mark.parametrize(
    ("servers", "host"),
    [
        ("SASL_PLAINTEXT://user:SECRET-boot@broker:9093", ("broker", 9093)),
        ("user:SECRET-boot@a:9093,user:SECRET-boot@b", ("b", 9092)),
        ("user:SECRET,boot@[::1]:9093", ("::1", 9093)),
        ("broker:" + "9" * 5000, ("broker:" + "9" * 1016 + "…", 9092)),
    ],
)
def test_an_address_has_neither_user_nor_password(servers: str, host: tuple[str, int]) -> None:
    """Nor is it longer than any other text."""
    assert tuple(server_attributes(servers).values()) == host
    assert of_url(f"http://user:SECRET-login@{servers}/?SECRET-query").count("SECRET") == 0


QUOTING = """
class Own(Exception):
    def __str__(self): return "PAYLOAD"
def quoting(value, *_):
    raise Own
"""
WRITERS = {
    "confluent": """
producer = SerializingProducer({"bootstrap.servers": BROKER, "value.serializer": quoting})
attempt(producer.produce, "orders", value="v")
""",
    "kafka_python": """
producer = KafkaProducer(bootstrap_servers=BROKER, api_version=(2, 0), value_serializer=quoting)
attempt(producer.send, "orders", "v")
producer.close()
""",
}


@pytest.mark.parametrize("client", WRITERS)
@pytest.mark.parametrize("wanted", ["0", "1"])
def test_foreign_words_are_taken_where_that_is_asked_for(
    run: Runner, broker: str, client: str, wanted: str
) -> None:
    """AUTOINSTRUMENT_EXCEPTION_WORDS=1 has them for writes and for units."""
    unit = """
plain = Producer({"bootstrap.servers": BROKER})
plain.produce("in", b"v", partition=0)
plain.flush()
consumer = Consumer({"bootstrap.servers": BROKER, "group.id": "g"})
consumer.assign([TopicPartition("in", 0, 0)])
consumer.poll(20)
raise Own
"""
    program = f"{HEAD}{QUOTING}{WRITERS[client]}{unit}"
    done = run(program, broker, AUTOINSTRUMENT_EXCEPTION_WORDS=wanted)
    failed = [span for span in done.spans if span.status_code == "ERROR"]
    assert len(failed) >= 2
    assert {"PAYLOAD" in span.status_message for span in failed if span.kind != "INTERNAL"} == {
        wanted == "1"
    }
    assert {span.attributes["error.type"] for span in failed if span in done.writes} == {
        "serialization"
    }


ODD = """
import time
class Meta(type):
    def __getattribute__(self, name): raise AttributeError(name)
    def __eq__(self, other): raise AttributeError
    __hash__ = None
class Raising(Exception, metaclass=Meta):
    def raising(self, *_): raise AttributeError("response")
    __str__ = __repr__ = __eq__ = __hash__ = __getattribute__ = raising
    __class__ = __traceback__ = args = errno = property(raising)
class Slow(Exception):
    def slow(self, *_):
        time.sleep(1)
        return "slow"
    __str__ = __repr__ = slow
    __class__ = errno = args = property(slow)
class Huge(Exception):
    def __str__(self): return "x" * 2**20
Huge.__qualname__ = "H" * 2**20
def odd(value, *_):
    raise {"raising": Raising, "slow": Slow, "huge": Huge}[value]
def outcome(send, value):
    begun = time.monotonic()
    try: send(value)
    except BaseException as error: raised = type(error) is AttributeError
    else: raised = "nothing"
    return raised, time.monotonic() - begun < 1
"""
SENDERS = {
    "confluent": """
client = SerializingProducer({"bootstrap.servers": BROKER,
                              "value.serializer": lambda v, _: v if len(v) < 3 else odd(v)})
def send(value):
    client.produce("odd", value=value)
    client.flush()
def close(): pass
""",
    "kafka_python": """
client = KafkaProducer(bootstrap_servers=BROKER,
                       value_serializer=lambda v: v if len(v) < 3 else odd(v))
def send(value): client.send("odd", value).get(10)
close = client.close
""",
}


@pytest.mark.parametrize("client", SENDERS)
def test_an_odd_exception_costs_nothing(run: Runner, kafka: Kafka, client: str) -> None:
    """Its methods and attributes raise, wait or return a megabyte: each write has its span."""
    body = """
send(b"0")  # which connects, and may take its time
for value in b"1", "raising", "slow", "huge", b"2":
    print(outcome(send, value))
close()
"""
    head = HEAD.replace("DEBUG", "WARNING")
    program = f"{head}{ODD}{SENDERS[client]}{body}"
    bare = run(program, kafka.bootstrap, bare=True)
    done = run(program, kafka.bootstrap, AUTOINSTRUMENT_LOG="off")
    assert (done.stdout, done.stderr) == (bare.stdout, bare.stderr)
    assert [span.status_code for span in done.writes] == ["UNSET", "UNSET", *["ERROR"] * 3, "UNSET"]
    assert {span.attributes.get("error.type") for span in done.writes} == {None, "serialization"}
    assert max(len(span.status_message) for span in done.writes) <= 1024
