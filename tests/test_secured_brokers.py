"""A broker that asks who one is changes nothing: same behaviour, spans one to one, no secret told.

CI has time for PLAIN over TLS, with the right password and a wrong one; with SECURITY=all the other
kinds of security run as well.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from secured import PASSPHRASE, PASSWORD
from secured_programs import CLIENTS, FORBIDDEN, REFRESHING, REFUSED, USUAL, program

if TYPE_CHECKING:
    from programs import Run, Runner
    from secured import SecuredKafka

_ALL = os.environ.get("SECURITY") == "all"

_SECURITIES: dict[str, tuple[str, dict[str, str]]] = {
    "PLAIN": ("SASL", {"mechanism": "PLAIN"}),
    "SCRAM-SHA-256": ("SASL", {"mechanism": "SCRAM-SHA-256"}),
    "SCRAM-SHA-512": ("SASL", {"mechanism": "SCRAM-SHA-512"}),
    "OAUTHBEARER": ("SASL", {"mechanism": "OAUTHBEARER"}),
    "TLS": ("TLS", {}),
    "mTLS": ("MTLS", {"certificate": "client.pem", "key": "client.key"}),
}
"""Each kind of security: the broker's listener, and what of the client's settings is its own."""
_WITH_PASSWORDS = "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"
_SECRET = re.compile(r"SECRET-\w+|eyJhbGci")  # the latter begins any token
every_client = pytest.mark.parametrize("client", CLIENTS)


@every_client
@pytest.mark.parametrize("security", _SECURITIES if _ALL else ["PLAIN"])
def test_who_is_let_in_writes_and_reads_as_ever(
    run: Runner, secured_kafka: SecuredKafka, client: str, security: str
) -> None:
    """A span for each message in the log, and a unit of work for each that is read."""
    if security.startswith("SCRAM"):
        secured_kafka.add_user(security)
    topic = secured_kafka.topic()
    is_refreshing = security == "OAUTHBEARER"
    source = program(client, REFRESHING if is_refreshing else USUAL)
    done = _compared(run, source, topic, _settings(secured_kafka, security))
    assert ("refreshed: True" in done.stdout) == is_refreshing
    records = secured_kafka.records(topic)
    count = len(records) // 2  # of the program without the agent, and of the one with it
    assert [record.value for record in records] == [b"%d" % n for n in range(count)] * 2
    assert done.places == [(record.partition, record.offset) for record in records[count:]]
    assert _units(done) == [*range(count)]


@every_client
@pytest.mark.parametrize("security", _WITH_PASSWORDS if _ALL else ["PLAIN"])
def test_a_wrong_password_is_told_as_the_client_tells_it(
    run: Runner, secured_kafka: SecuredKafka, client: str, security: str
) -> None:
    """Of a write each client says that time was over; with aiokafka none can begin.

    confluent-kafka has told of the refusal before.
    """
    topic = secured_kafka.topic()
    settings = _settings(secured_kafka, security, "SECRET-wrong")
    done = _compared(run, program(client, REFUSED), topic, settings)
    assert ("authentication failed: True" in done.stdout) == (client == "confluent-kafka")
    causes = [write.attributes["error.type"] for write in done.writes]
    assert causes == ([] if client == "aiokafka" else ["delivery_timeout"])
    said = "".join(write.status_message for write in done.writes)
    assert ("because brokers refuse this client" in said) == (client == "confluent-kafka")
    assert secured_kafka.records(topic) == []


@every_client
def test_a_topic_that_is_forbidden_is_named_by_the_brokers_answer(
    run: Runner, secured_kafka: SecuredKafka, client: str
) -> None:
    """It is neither written nor read, with the errors that the program has without the agent."""
    topic = secured_kafka.forbidden_topic()
    settings = _settings(secured_kafka, "PLAIN")
    done = _compared(run, program(client, FORBIDDEN), topic, settings)
    assert secured_kafka.records(topic) == []
    (write,) = done.writes
    assert write.attributes["error.type"] == "TOPIC_AUTHORIZATION_FAILED"
    assert _units(done) == []


def test_no_command_says_what_is_secret(run: Runner, secured_kafka: SecuredKafka) -> None:
    """Of what a program's environment has, and of what is recorded."""
    settings = _settings(secured_kafka, "mTLS")
    done = run(program("confluent-kafka", USUAL), secured_kafka.topic(), **settings)
    assert (done.code, done.stderr, len(done.places)) == (0, "", 3)
    said = _command(settings, "doctor") + _command(settings, "report", done.recording)
    assert not _SECRET.search(said)


def _compared(run: Runner, source: str, topic: str, settings: dict[str, str]) -> Run:
    """Run it without the agent and with it: both end alike, and no secret comes out."""
    bare = run(source, topic, bare=True, **settings)
    done = run(source, topic, AUTOINSTRUMENT_DEBUG="1", **settings)
    assert (done.stdout, done.stderr, done.code) == (bare.stdout, bare.stderr, bare.code)
    assert (done.stderr, done.code) == ("", 0)
    recording = Path(done.recording)  # which is not there without a span
    assert not _SECRET.search(done.stdout)
    assert not recording.exists() or not _SECRET.search(recording.read_text())
    return done


def _units(done: Run) -> list[int]:
    """Return the offsets of the messages that were units of work, in the order of their spans."""
    units = [span for span in done.spans if span.kind == "CONSUMER"]
    return [unit.attributes["messaging.kafka.offset"] for unit in units]


def _settings(kafka: SecuredKafka, security: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the program's environment."""
    listener, own = _SECURITIES[security]
    protocol = "SASL_SSL" if listener == "SASL" else "SSL"
    files = {name: kafka.folder / file for name, file in own.items() if name != "mechanism"}
    client = {
        "servers": kafka.listeners[listener],
        "protocol": protocol,
        "password": password,
        "passphrase": PASSPHRASE,
        "ca": kafka.folder / "ca.pem",
        **own,
        **files,
    }
    return {"SHOP_SECURITY": json.dumps(client, default=str)}


def _command(settings: dict[str, str], *arguments: str) -> str:
    """Return all that a command of the agent's prints: a process, for its own environment."""
    command = [sys.executable, "-m", "autoinstrument", *arguments]
    environment = {**os.environ, **settings, "AUTOINSTRUMENT_ENABLED": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout
    return done.stdout + done.stderr
