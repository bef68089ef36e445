"""Brokers for tests: Apache Kafka itself, and the one that librdkafka brings for its own tests."""

from __future__ import annotations

import base64
import re
import secrets
import shutil
import socket
import string
import subprocess
import sys
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cached import place
from interpreters import REPOSITORY
from processes import Process, accepts, free_port, until

from autoinstrument.testing import Broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HERE = Path(__file__).parent
_LIBS = place("kafka", _HERE / "kafka" / "pom.xml")
_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m")
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_HERE_IS_CONFLUENT = find_spec("confluent_kafka") is not None
_WITH_CONFLUENT = sys.executable if _HERE_IS_CONFLUENT else REPOSITORY / ".venv" / "bin" / "python"
_LIFELINE = pytest.StashKey[int]()


class Kafka(Broker):
    """An Apache Kafka at `bootstrap`, a "host:port", which the Java process `pid` serves."""

    def __init__(self, bootstrap: str, pid: int) -> None:
        super().__init__(bootstrap)
        self.pid = pid


class OwnKafka(Kafka):
    """A Kafka that belongs to one test, which may pause, kill and restart it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self._address,) = _format(folder)
        self.start()

    def start(self) -> None:
        """Start it, also after `kill()`: at the same address, with the same log."""
        self._process = _start(self._folder, self._address)
        super().__init__(self._address, self._process.pid)

    def pause(self) -> None:
        """Leave every connection open and every request unanswered, until `resume()`."""
        self._process.pause()

    def resume(self) -> None:
        """Answer what has come in the meantime, and go on."""
        self._process.resume()

    def kill(self) -> None:
        """End the broker as a power failure does."""
        self._process.kill()


class Cluster(Kafka):
    """Three brokers that belong to one test; each message is on all, and two must have it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folders = [folder / str(number) for number in range(3)]
        self._addresses = _format(*self._folders)
        # None listens before two of them have met.
        self.processes = [_launched(folder) for folder in self._folders]
        for process, address in zip(self.processes, self._addresses, strict=True):
            _listening(process, address)
        super().__init__(",".join(self._addresses), self.processes[0].pid)
        until(lambda: self.size() == len(self._folders), "the brokers have not met", 60)

    def restart(self, number: int) -> None:
        """Start a killed broker again: at the same address, with the same log."""
        self.processes[number] = _launched(self._folders[number])
        _listening(self.processes[number], self._addresses[number])

    def kill(self) -> None:
        """End all of them."""
        for process in self.processes:
            process.kill()

    def replicated_topic(self) -> str:
        """Create a topic with three partitions that any two brokers can keep going."""
        from confluent_kafka.admin import NewTopic

        unique = f"topic-{secrets.token_hex(4)}"
        topic = NewTopic(unique, 3, replication_factor=3, config={"min.insync.replicas": "2"})
        self._admin.create_topics([topic])[unique].result(30)
        return unique


class MockBroker:
    """A cluster of librdkafka's in a process of its own; a new topic has four partitions.

    It creates each topic that it is asked for, and no admin client can: CreateTopics stays
    unanswered. https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
    """

    _PROGRAM = """
import sys, threading, confluent_kafka
brokers, rtt_ms = sys.argv[1:]
cluster = {"bootstrap.servers": "mock", "test.mock.num.brokers": brokers,
           "test.mock.broker.rtt": rtt_ms}
owner = confluent_kafka.Producer(cluster)
found = owner.list_topics(timeout=30).brokers.values()
print("at", ",".join(f"{broker.host}:{broker.port}" for broker in found), flush=True)
threading.Event().wait()
"""

    def __init__(self, log: Path, brokers: int, rtt_ms: int) -> None:
        command = [_WITH_CONFLUENT, "-c", self._PROGRAM, str(brokers), str(rtt_ms)]
        self._process = Process(command, log)
        self.bootstrap: str = self._process.until(self._address)[1]

    def _address(self) -> re.Match[str] | None:
        return re.search(r"^at (.+)$", self._process.output(), re.MULTILINE)

    def kill(self) -> None:
        """End the cluster at once; what it held is gone."""
        self._process.kill()


def pytest_configure(config: pytest.Config) -> None:
    """Listen, in the run's first process only: the shared broker ends when that socket does."""
    if hasattr(config, "workerinput"):
        config.stash[_LIFELINE] = config.workerinput["lifeline"]
        return
    lifeline = socket.create_server(("127.0.0.1", 0))
    config.add_cleanup(lifeline.close)
    config.stash[_LIFELINE] = lifeline.getsockname()[1]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker of pytest-xdist where the lifeline is."""
    node.workerinput["lifeline"] = node.config.stash[_LIFELINE]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what takes a real Kafka, so that `-m "not kafka"` leaves it out."""
    if "cluster" in getattr(item, "fixturenames", ()):
        item.add_marker("cluster")
    if {"kafka", "own_kafka", "secured_kafka", "cluster"} & set(getattr(item, "fixturenames", ())):
        item.add_marker("kafka")


def shared(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    more: Callable[[Path], str] = lambda _: "",
) -> tuple[Path, Kafka]:
    """Return the Apache Kafka of this `name`, and its folder; the first who asks starts it.

    `more` makes what its configuration has beyond that of the others.
    """
    _skip_without_kafka()
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / name
    running = folder / "running"
    try:
        folder.mkdir()
    except FileExistsError:
        until(running.exists, f"another worker has not started the broker in {folder}", 60)
        address, pid = running.read_text().split()
        return folder, Kafka(address, int(pid))
    (address,) = _format(folder, more=more(folder))
    with socket.create_connection(("127.0.0.1", request.config.stash[_LIFELINE])) as lifeline:
        process = _start(folder, address, lifeline)
    process.leave()
    (folder / "started").write_text(f"{address} {process.pid}")
    (folder / "started").rename(running)
    return folder, Kafka(address, process.pid)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kafka:
    """Give the Apache Kafka of this test run, which all of its workers share."""
    return shared(request, tmp_path_factory, "kafka")[1]


@pytest.fixture
def bootstrap(kafka: Kafka) -> str:
    """Give the address of that Kafka to the contract of `autoinstrument.testing`."""
    return kafka.bootstrap


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[OwnKafka]:
    """Give an Apache Kafka that only this test has: some 5 s, for tests that stop the broker."""
    _skip_without_kafka()
    broker = OwnKafka(tmp_path / "own-kafka")
    yield broker
    broker.kill()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Give a cluster of three brokers that only this test has: some 15 s."""
    _skip_without_kafka()
    brokers = Cluster(tmp_path / "cluster")
    yield brokers
    brokers.kill()


@pytest.fixture
def mock_broker(tmp_path: Path) -> Iterator[Callable[..., MockBroker]]:
    """Give a function that starts a mock cluster: `mock_broker(brokers=1, rtt_ms=0)`."""
    started: list[MockBroker] = []

    def start(brokers: int = 1, rtt_ms: int = 0) -> MockBroker:
        log = tmp_path / f"mock-broker-{len(started)}.log"
        started.append(MockBroker(log, brokers, rtt_ms))
        return started[-1]

    yield start
    for broker in started:
        broker.kill()


def _skip_without_kafka() -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("needs Apache Kafka, which needs Java 17 or later: no java on the PATH")
    if not any(_LIBS.glob("*.jar")):
        pytest.skip(f"needs Apache Kafka: not in {_LIBS}, where `make kafka` puts it with Maven")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < 17:
        pytest.skip(f"needs Apache Kafka, which needs Java 17 or later: java says {said!r}")


def _format(*folders: Path, more: str = "") -> list[str]:
    """Write the configuration and empty log of each broker of a cluster; return their addresses.

    What `more` sets as well, it sets instead.
    """
    ports = [(free_port(), free_port()) for _ in folders]
    voters = ",".join(f"{n}@127.0.0.1:{controller}" for n, (_, controller) in enumerate(ports, 1))
    template = string.Template((_HERE / "kafka" / "server.properties").read_text() + more)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    formatting = (*_java("kafka.tools.StorageTool"), "format", f"--cluster-id={cluster}")
    for node, (folder, (port, controller)) in enumerate(zip(folders, ports, strict=True), 1):
        folder.mkdir(exist_ok=True)
        (folder / "server.properties").write_text(
            template.substitute(
                node=node,
                voters=voters,
                port=port,
                controller=controller,
                data=folder / "data",
                copies=len(folders),
            )
        )
        subprocess.run([*formatting, "-c", folder / "server.properties"], check=True)
    return [f"127.0.0.1:{port}" for port, _ in ports]


def _start(folder: Path, address: str, lifeline: socket.socket | None = None) -> Process:
    """Start the broker of a formatted `folder` and return it when it answers."""
    process = _listening(_launched(folder, lifeline), address)
    until(Broker(address).size, f"{address} does not answer")
    return process


def _launched(folder: Path, lifeline: socket.socket | None = None) -> Process:
    """Start the broker of a formatted `folder`, which takes some seconds to listen."""
    command = [*_java("kafka.Kafka"), folder / "server.properties"]
    return Process(command, folder / "broker.log", lifeline)


def _listening(process: Process, address: str) -> Process:
    """Return a launched broker when it listens."""
    port = int(address.rpartition(":")[2])
    process.until(lambda: accepts(port), 60)
    return process


def _java(main: str) -> list[str]:
    return ["java", *_OPTIONS, _QUIET, "-cp", str(_LIBS / "*"), main]
