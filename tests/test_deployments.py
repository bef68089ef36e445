"""However a program is started, lives and ends: nothing of it changes, and nothing is lost.

Each row starts a program, without the agent and with it: the same output, the same exit code or
signal, the same messages in the log, and one span for each of these. The rows are in the folder
`deployments`; with DEPLOYMENTS=all all combinations of them run, else those that CI has time for.
"""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from deployments.children import CHILDREN
from deployments.comparing import Row, compare
from deployments.ends import ENDS, EVERYWHERE, SUDDEN
from deployments.methods import METHODS
from deployments.pools import POOLS
from deployments.producers import BY_CHANCE, KEPT
from deployments.programs import CLIENTS, ending, program
from deployments.servers import OTHER_SERVERS, SLOW_SERVERS, WEB_SERVERS
from deployments.starts import STARTS
from deployments.threads_and_tasks import THREADS_AND_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brokers import Kafka

pytestmark = [
    pytest.mark.deployments,
    pytest.mark.skipif(os.name == "nt", reason="Windows has neither fork nor such signals"),
]

_ALL = os.environ.get("DEPLOYMENTS") == "all"
_MAIN = "the main thread"
_CONFLUENT = "confluent-kafka"
_SMOKE = {
    "os._exit - the main thread",
    "kill - Process, forkserver",
    "returns - ProcessPoolExecutor, spawn",
    "kill - aiokafka",
    "kill - kafka-python",
    "a Pool closed and joined, fork - confluent-kafka",
    "kill - run",
}
_SERVERS = "celery", "daemon", "granian", "gunicorn", "hypercorn", "pyuwsgi", "twisted", "uvicorn"


def _ends() -> Iterator[tuple[str, Row]]:
    for end in ENDS:
        for method in METHODS:
            # An executor kills what a worker has put in its place, sooner or later.
            is_killed = end.startswith("execv") and "Executor" in method
            if (_ALL or method == _MAIN or end in EVERYWHERE) and not is_killed:
                yield f"{end} - {method}", Row(ending(end, method))
    for client in CLIENTS:
        for end in ENDS if _ALL else (*SUDDEN, *EVERYWHERE):
            if client != _CONFLUENT:
                yield f"{end} - {client}", Row(ending(end, _MAIN, client))


def _lives() -> Iterator[tuple[str, Row]]:
    for life, body in {**POOLS, **CHILDREN, **THREADS_AND_TASKS}.items():
        for client in CLIENTS if _ALL else [_CONFLUENT]:
            yield f"{life} - {client}", Row(program(body, client))
    for client, programs in KEPT.items():
        for life, body in programs.items():
            yield f"{life} - {client}", Row(program(body, client))
    for life, body in BY_CHANCE.items():
        yield life, Row(program(body), by_chance=True)


def _starts() -> Iterator[tuple[str, Row]]:
    for start, command in STARTS.items():
        for end in EVERYWHERE if _ALL else ["kill"]:
            yield f"{end} - {start}", Row(ending(end, _MAIN), command)


def _servers() -> Iterator[tuple[str, Row]]:
    for server, (command, body) in WEB_SERVERS.items():
        yield server, Row(program(body), command, stop=signal.SIGTERM)
    for server, (command, body) in {**OTHER_SERVERS, **(SLOW_SERVERS if _ALL else {})}.items():
        yield server, Row(program(body), command)


def _parameters(rows: list[tuple[str, Row]]) -> list[Any]:
    return [pytest.param(row, id=name, marks=_marks(name)) for name, row in rows]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.smoke] if name in _SMOKE else []


@pytest.mark.parametrize("row", _parameters([*_ends(), *_lives(), *_starts()]))
def test_a_program_lives_as_without_the_agent_and_keeps_its_spans(
    kafka: Kafka, tmp_path: Path, row: Row
) -> None:
    """Same output, exit code or signal, and messages; a span for each message in the log."""
    compare(row, tmp_path, kafka)


@pytest.mark.servers
@pytest.mark.skipif(
    any(find_spec(server) is None for server in _SERVERS),
    reason="needs the dependency group `servers`",
)
@pytest.mark.parametrize("row", _parameters([*_servers()]))
def test_a_server_lives_as_without_the_agent_and_keeps_its_spans(
    kafka: Kafka, tmp_path: Path, row: Row
) -> None:
    """As their users start, use and stop them; what they log may come in another order."""
    compare(row, tmp_path, kafka)
