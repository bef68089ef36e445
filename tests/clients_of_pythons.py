"""What a Python can have of clients and exporters, and a program that tries them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from interpreters import REPOSITORY

_HEAD = """
import os, sys, warnings
warnings.simplefilter("ignore")  # kafka-python's own
server = os.environ["BROKER"]
def was_read(value):
    assert value == b"v", value
    print("read")
"""
PROGRAMS = {
    "confluent-kafka": f"""{_HEAD}
from confluent_kafka import Consumer, Producer, TopicPartition
common = {{"bootstrap.servers": server, "log_level": 0}}
producer = Producer(common)
producer.produce("t", b"v", partition=0)
producer.flush()
consumer = Consumer({{**common, "group.id": "g", "auto.offset.reset": "earliest"}})
consumer.assign([TopicPartition("t", 0, 0)])
was_read(consumer.poll(30).value())
consumer.close()
""",
    "kafka-python": f"""{_HEAD}
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
common = {{"bootstrap_servers": server, "api_version": (2, 0)}}
producer = KafkaProducer(**common)
producer.send("t", b"v", partition=0).get(30)
producer.close()
consumer = KafkaConsumer(**common, auto_offset_reset="earliest", consumer_timeout_ms=30000)
consumer.assign([TopicPartition("t", 0)])
was_read(next(consumer).value)
consumer.close()
""",
    "aiokafka": f"""{_HEAD}
import asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
async def main():
    async with AIOKafkaProducer(bootstrap_servers=server) as producer:
        await producer.send_and_wait("t", b"v", partition=0)
    consumer = AIOKafkaConsumer(bootstrap_servers=server, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("t", 0)])
    was_read((await consumer.getone()).value)
    await consumer.stop()
asyncio.run(main())
""",
}
"""Each writes a message and reads it."""


_PROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


def pythons() -> dict[str, Path]:
    """Return the Pythons that pyproject.toml names and CI would find here, the oldest first."""
    bash = "/bin/bash"
    if not Path(bash).exists():  # CI is written for Linux
        return {}
    minors = re.findall(r'Python :: 3\.(\d+)"', _PROJECT)
    names = {**{minor: f"3.{minor}" for minor in minors}, "pypy": "PyPy 3.11"}
    asked = f". .ci/stages.sh; for name in {' '.join(names)}; do interpreter $name || echo; done"
    said = subprocess.run(
        [bash, "-c", asked], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
    found = zip(names.values(), said, strict=True)
    return {name: Path(path) for name, path in found if path}


class Environment:
    """A virtual environment of a Python in `folder`, without the agent, in which programs run."""

    def __init__(self, python: Path, folder: Path) -> None:
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin" / "python"

    def install(self, *requirements: str | Path) -> str:
        """Install what wheels there are of; return the first package without one, if any."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        ended = subprocess.run(
            [*pip, "--only-binary", ":all:", *requirements],
            capture_output=True,
            text=True,
            check=False,
        )
        missing = re.search(r"No matching distribution found for ([\w.-]+)", ended.stderr)
        if ended.returncode and not missing:
            raise RuntimeError(ended.stderr)
        return missing[1] if missing else ""

    def install_client(self, name: str) -> str:
        """Install a client in the newest version that the agent takes, like `install`."""
        wanted = re.search(rf'"({name}>=[^"]+)"', _PROJECT)
        assert wanted
        return self.install(wanted[1])

    def version(self, package: str) -> str:
        """Return the version of a package, empty if it is not here."""
        program = f"from importlib.metadata import version; print(version({package!r}))"
        return self.run(program).stdout.strip()

    def run(self, program: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program with these variables, and none else of the agent's or Python's."""
        others = ("AUTOINSTRUMENT_", "OTEL_", "PYTHON")
        environment = {n: value for n, value in os.environ.items() if not n.startswith(others)}
        return subprocess.run(
            [self.python, "-c", program],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
