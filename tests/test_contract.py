"""Whoever writes an adapter is told by `autoinstrument.testing` what it owes.

Each test is a pytest of its own, in a folder that has nothing of our tests but a client that the
agent does not know, and its adapter.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from interpreters import add_distribution

import autoinstrument.testing
from autoinstrument.help import document
from autoinstrument.testing import Broker, Programs
from autoinstrument.testing import programs as testing_programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker

pytestmark = pytest.mark.once

_CLIENT = """
import os
os.environ["AUTOINSTRUMENT_DISABLE"] = "confluent_kafka"  # what it stands on has no spans
import confluent_kafka
class Producer:
    def __init__(self, bootstrap):
        self.producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "log_level": 0})
        self.closed = False
    def send(self, topic, value=None, key=None, headers=None):
        if self.closed:
            raise RuntimeError("closed")
        answer = Answer(self.producer)
        self.producer.produce(topic, value, key, headers=headers, on_delivery=answer.come)
        return answer
    def close(self):
        self.producer.flush()
        self.closed = True
class Answer:
    def __init__(self, producer):
        self.producer, self.place, self.error, self.then = producer, None, None, lambda: None
    def come(self, error, message):
        self.place, self.error = (message.partition(), message.offset()), error
        self.then()
    def wait(self):
        while self.place is None:
            self.producer.poll(1)
        if self.error:
            raise confluent_kafka.KafkaException(self.error)
        return self.place
"""
_ADAPTER = """
import sys
from autoinstrument.adapter import Client, Guard, TracedProducer, Write, open_write
CLIENT = Client("mykafka", "mykafka")
def cause(error):
    name = getattr(error, "name", lambda: error)()
    return {"MSG_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE"}.get(name, name)
class MyKafka(TracedProducer):
    client, guard = CLIENT, Guard("the tracing of mykafka")
def install(module):
    own_send = module.Producer.send
    def send(self, topic, value=None, key=None, headers=None):
        traced = vars(self).get("traced") or MyKafka(self, client_id="", servers="")
        self.traced = traced
        write = open_write(Write, traced, topic, key, value, headers, sys._getframe(1))
        sent = write.headers(headers)
        try:
            answer = own_send(self, topic, value, key, headers if sent is None else sent)
        except Exception as error:
            write.failed(cause(error.args[0]), str(error))
            raise
        def answered():
            if answer.error:
                write.failed(cause(answer.error), str(answer.error))
            else:
                write.acknowledged(*answer.place)
        answer.then = answered
        return answer
    module.Producer.send = send
"""
_UNCONFIRMED = _ADAPTER.replace('"mykafka")', '"mykafka", has_answers=False)')

_EXAMPLE = re.search(r"\n\n( {4}import .*?)\n\n\w", autoinstrument.testing.__doc__ or "", re.DOTALL)
assert _EXAMPLE
_SILENT = textwrap.dedent(_EXAMPLE[1])
_ANSWERING = _SILENT.replace("    has_answers = False\n", "").replace(
    "def close", "def answer(handle):\n    return handle.wait()\ndef close"
)


@pytest.fixture
def contract(tmp_path: Path, bootstrap: str) -> Callable[..., str]:
    """Return what runs the contract with a test module and an adapter, and says how it ended."""

    def run(test: str, adapter: str, *options: str, client: str = _CLIENT) -> str:
        (tmp_path / "mykafka.py").write_text(client)
        (tmp_path / "mykafka_adapter.py").write_text(adapter)
        add_distribution(tmp_path, "mykafka = mykafka_adapter")
        (tmp_path / "test_mykafka.py").write_text(test.replace("localhost:9092", bootstrap))
        strictly = ("--strict-markers", "-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *strictly, *options, "test_mykafka.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
            timeout=200,
            check=False,
        ).stdout

    return run


@pytest.mark.parametrize(
    ("test", "adapter", "claims"),
    [
        pytest.param(_SILENT, _UNCONFIRMED, 5, id="the documentation's example"),
        pytest.param(_ANSWERING, _ADAPTER, 8, id="a client that answers"),
    ],
)
def test_an_adapter_that_keeps_the_contract_passes(
    contract: Callable[..., str], test: str, adapter: str, claims: int
) -> None:
    """Each claim that the declared abilities allow is tested, and no other is even skipped."""
    said = contract(test, adapter)
    assert re.search(rf"^=+ {claims} passed in .*=$", said, re.MULTILINE), said


_WAITING = f"""{_CLIENT.replace("class Producer:", "class Sender:")}
from collections import namedtuple
Record = namedtuple("Record", "partition offset")
class Failure(Exception):
    def __init__(self, error):
        super().__init__(error.str())
        self.code = error.code()
class Producer(Sender):
    def __init__(self, bootstrap, timeout=None):
        super().__init__(bootstrap)
    def send(self, topic, value=None, headers=None):
        try:
            return Record(*super().send(topic, value, None, headers).wait())
        except confluent_kafka.KafkaException as error:
            raise Failure(error.args[0]) from None
"""


def test_the_adapter_of_the_help_page_keeps_the_contract(contract: Callable[..., str]) -> None:
    """With the test beside it, for the client that the page describes."""
    adapter, test = re.findall(r"```python\n(.*?)```", document("adapters"), re.DOTALL)
    said = contract(test, adapter, client=_WAITING)
    assert re.search(r"^=+ 7 passed in .*=$", said, re.MULTILINE), said


_LATE = "        answer.then = answered\n"
_SEND = "        sent = write.headers(headers)\n"


@pytest.mark.parametrize(
    ("test", "replaced", "by", "claim", "words"),
    [
        pytest.param(
            _ANSWERING,
            _SEND,
            "        sent = None\n",
            "side_by_side",
            "assert [",
            id="it injects no header",
        ),
        pytest.param(
            _ANSWERING,
            _SEND,
            "        sent = headers = headers or []\n        headers += write.headers([])\n",
            "any_call",
            "AssertionError",
            id="it writes into the application's headers",
        ),
        pytest.param(
            _ANSWERING,
            _LATE,
            "        write.acknowledged(None, None)\n",
            "side_by_side",
            "spans without the broker's answer",
            id="it does not wait for the answer",
        ),
        pytest.param(
            _ANSWERING,
            _LATE,
            "        write.acknowledged(0, 0)\n",
            "side_by_side",
            "assert [",
            id="it makes the answer up",
        ),
        pytest.param(
            _SILENT,
            _LATE,
            _LATE,
            "side_by_side",
            "spans that say `written`",
            id="it says what its client cannot know",
        ),
    ],
)
def test_an_adapter_that_lies_fails(  # noqa: PLR0913, PLR0917 - one lie
    contract: Callable[..., str], test: str, replaced: str, by: str, claim: str, words: str
) -> None:
    """What it declares is held against what stands in the log, with and without the agent."""
    assert replaced in _ADAPTER
    said = contract(test, _ADAPTER.replace(replaced, by), "-k", claim)
    assert "1 failed" in said.splitlines()[-1], said
    assert words in said


def test_a_broker_that_creates_no_topics_is_named(
    mock_broker: Callable[..., MockBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mock of librdkafka does not answer the request."""
    monkeypatch.setattr(sys.modules[Broker.__module__], "_WAIT", 1)
    bootstrap = mock_broker().bootstrap
    words = rf"{bootstrap} has not created the topic orders-\w+ within 1 s; .* Apache Kafka"
    with pytest.raises(TimeoutError, match=words):
        Broker(bootstrap).topic("orders")


def test_a_program_that_does_not_end_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it has printed, and whether the agent was in it."""
    monkeypatch.setattr(testing_programs, "_WAIT", 1)
    program = "import time\nprint('waiting', flush=True)\ntime.sleep(60)"
    words = r"did not end within 1 s, without the agent:\nwaiting"
    with pytest.raises(pytest.fail.Exception, match=words):
        Programs(tmp_path).run(program, bare=True)
