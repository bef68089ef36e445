"""The example of an adapter as a package of its own, installed as a user would install it."""

from __future__ import annotations

import json
import re
import shutil
from subprocess import CalledProcessError
from typing import TYPE_CHECKING

import pytest
from interpreters import ON, REPOSITORY, Interpreter, build_options
from otlp import spans_of_recording

if TYPE_CHECKING:
    from pathlib import Path

    from brokers import Kafka

pytestmark = pytest.mark.cpython
PLUGIN = REPOSITORY / "examples" / "adapter_plugin"
PROGRAM = """
import sys
from pyrkafka import PyrKafkaProducer
producer = PyrKafkaProducer(sys.argv[1])
def write():
    print(producer.produce(sys.argv[2], b"without a key"))
    print(producer.produce_with_key(topic=sys.argv[2], message=b"with a key", key="k"))
write()
for topic, message in (sys.argv[2], b"secret" * 1_000_000), (sys.argv[2], "text"), (None, b"v"):
    try:
        producer.produce(topic, message)
    except Exception as error:
        print(type(error).__name__, str(error)[:90])
print(producer.flush())
"""


@pytest.fixture(scope="module")
def plugged(installed: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """Give an environment with the agent, pyrkafka from the package index, and the plug-in."""
    folder = tmp_path_factory.mktemp("plugged")
    interpreter = installed.copy(folder / "environment")
    source = shutil.copytree(PLUGIN, folder / "source")
    interpreter.install(*build_options(), source)
    try:
        interpreter.install("--only-binary", ":all:", "pyrkafka<0.2")  # as the plug-in asks
    except CalledProcessError:
        pytest.skip("pip cannot install pyrkafka here: no index, or no wheel for this platform")
    return interpreter


def test_a_client_that_the_agent_does_not_know_is_traced(
    plugged: Interpreter, kafka: Kafka, tmp_path: Path
) -> None:
    """Each write has a span that claims no more than is known; the program sees no difference."""
    topics = kafka.topic(), kafka.topic()
    program, recording = tmp_path / "program.py", tmp_path / "recording.jsonl"
    program.write_text(PROGRAM)
    bare = plugged.run(program, kafka.bootstrap, topics[0])
    done = plugged.run(
        program, kafka.bootstrap, topics[1], AUTOINSTRUMENT_RECORD=str(recording), **ON
    )
    assert (done.returncode, done.stderr) == (bare.returncode, bare.stderr) == (0, "")
    assert done.stdout.replace(topics[1], "t") == bare.stdout.replace(topics[0], "t")
    assert sorted((r.key, r.value) for r in kafka.records(topics[1])) == sorted(
        (r.key, r.value) for r in kafka.records(topics[0])
    )
    spans = spans_of_recording(recording)
    writes = sorted((s for s in spans if s.name == "WriteKafka"), key=lambda span: span.start)
    outcomes = [span.attributes.get("autoinstrument.outcome") for span in writes]
    assert outcomes == ["unconfirmed", "unconfirmed", None, None]
    assert [span.attributes.get("messaging.kafka.message.key") for span in writes[:2]] == [
        None,
        "k",
    ]
    causes = [span.attributes.get("error.type") for span in writes]
    assert causes == [None, None, "MESSAGE_TOO_LARGE", "invalid_argument"]
    assert {span.attributes["messaging.destination.name"] for span in writes} == {topics[1]}
    roots = [span.name for span in spans if "code.function.name" in span.attributes]
    assert roots.count("__main__.write") == 2
    assert "secret" not in recording.read_text()


def test_its_own_tests_run_the_contract(plugged: Interpreter, kafka: Kafka, tmp_path: Path) -> None:
    """As whoever copies the example would run them: each claim that its client can keep."""
    test = shutil.copy(PLUGIN / "test_autoinstrument_pyrkafka.py", tmp_path)
    alone = ("-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", tmp_path)
    done = plugged.run("-m", "pytest", *alone, test, cwd=tmp_path, BOOTSTRAP=kafka.bootstrap)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b3 passed\b", done.stdout)


def test_the_doctor_lists_it(plugged: Interpreter) -> None:
    """With the adapter that traces it, or why that does not."""

    def line(**variables: str) -> str:
        done = plugged.run("-m", "autoinstrument", "doctor", "--json", **variables, **ON)
        (found,) = [each for each in json.loads(done.stdout)["lines"] if "pyrkafka" in each["what"]]
        return str(found["what"])

    assert line().endswith("is traced, in pyrkafka.pyrkafka, by autoinstrument_pyrkafka")
    disabled = line(AUTOINSTRUMENT_DISABLE="autoinstrument-pyrkafka")
    assert "is not traced: AUTOINSTRUMENT_DISABLE" in disabled


def test_without_the_agent_the_plug_in_does_nothing(plugged: Interpreter) -> None:
    """Its module is not imported, nor is anything of the agent's but what starts it."""
    program = "import pyrkafka, sys; print([m for m in sys.modules if 'autoinstrument_' in m])"
    assert plugged.run("-c", program).stdout == "[]\n"
