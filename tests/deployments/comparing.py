"""One row of the matrix: a program is run without the agent and with it, and both are compared."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from processes import accepts, free_port, until

from autoinstrument.testing import Run

if TYPE_CHECKING:
    from autoinstrument.testing import Broker, Record, Span

_WAIT = 60  # seconds for a program; the slowest takes three
_RUN = "autoinstrument run -- "
# From Python 3.12, os.fork() warns of the agent's thread, as of any other: see the limits.
_WARNED = re.compile(r".*DeprecationWarning: This process .* is multi-threaded.*\n(?:  .*\n)?")


@dataclass(frozen=True)
class Row:
    """A program and how it is started; one that differs each time is `by_chance`.

    A server, whose command has a {port}, is asked three times and then has the signal `stop`.
    """

    program: str
    command: str = "python app.py"
    by_chance: bool = False
    stop: signal.Signals | None = None

    @property
    def is_server(self) -> bool:
        """Whether it waits for requests."""
        return "{port}" in self.command


@dataclass(frozen=True)
class _Outcome:
    stdout: str
    stderr: str
    code: int
    writes: list[Span]
    log: list[Record]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Partition and offset of each message that a span says was written."""
        attributes = [each.attributes for each in self.writes if each.status_code == "UNSET"]
        partition, offset = "messaging.destination.partition.id", "messaging.kafka.offset"
        return sorted((int(each[partition]), each[offset]) for each in attributes)


def compare(row: Row, folder: Path, kafka: Broker) -> None:
    """Assert that the agent changes nothing of the program and misses none of its messages."""
    _lay_out(row.program, folder)
    bare = _outcome(row, folder, kafka, is_traced=False)
    traced = _outcome(row, folder, kafka, is_traced=True)
    assert bare.log, f"nothing is in the log:\n{bare.stdout}{bare.stderr}"
    if row.by_chance:
        _assert_nothing_is_silent(traced)
        return
    assert _seen(row, traced) == _seen(row, bare)
    assert sorted(each.value for each in traced.log) == sorted(each.value for each in bare.log)
    assert traced.places == [each[:2] for each in traced.log]
    assert len(traced.writes) == len(traced.log)


def _assert_nothing_is_silent(traced: _Outcome) -> None:
    """Each message has a span, whether or not its answer came in time, or is told to have none.

    Unless a signal has killed the program: an interpreter that ends gives up its handlers first.
    """
    assert "autoinstrument/" not in traced.stderr  # as a traceback has it
    assert traced.log
    assert {*traced.places} <= {each[:2] for each in traced.log}
    if traced.code == -signal.SIGTERM:
        return
    told = re.findall(r"the spans of (\d+) operations? were dropped in all", traced.stderr)
    assert len(traced.writes) + sum(map(int, told)) >= len(traced.log)


def _seen(row: Row, outcome: _Outcome) -> tuple[object, ...]:
    """Return what a user sees: the lines of several processes may come in any order.

    What differs each time is masked: addresses and pids, in a server's log each number.
    """
    differs = r"0x[0-9a-f]+|" + (r"\d+" if row.is_server else r"(?<=pid=)\d+|(?<=child )\d+")
    stderr = _WARNED.sub("", outcome.stderr)
    outputs = [re.sub(differs, "N", each) for each in (outcome.stdout, stderr)]
    return *(sorted(each.splitlines()) for each in outputs), outcome.code


def _lay_out(program: str, folder: Path) -> None:
    """Put the program into `folder` in each form that Python can run."""
    text = f"#!{sys.executable}\n{program}"
    (folder / "package").mkdir()
    for name in ("app.py", "package/__main__.py"):
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "app.py").chmod(0o755)
    with zipfile.ZipFile(folder / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", text)


def _outcome(row: Row, folder: Path, kafka: Broker, *, is_traced: bool) -> _Outcome:
    topic = _topic(kafka)
    recording = folder / "recordings" / "recording.jsonl"
    others = ("OTEL_", "AUTOINSTRUMENT_", "PYTHON")
    environment = {n: value for n, value in os.environ.items() if not n.startswith(others)}
    scripts = Path(sys.executable).parent
    environment |= {"BROKER": kafka.bootstrap, "TOPIC": topic}
    environment |= {"PATH": f"{scripts}{os.pathsep}{environment['PATH']}"}
    if is_traced:
        by_run = row.command.startswith(_RUN)
        environment |= {} if by_run else {"AUTOINSTRUMENT_ENABLED": "1"}
        environment |= {"AUTOINSTRUMENT_RECORD": str(recording)}
    command = row.command if is_traced else row.command.removeprefix(_RUN)
    ended = Run(*_ended(row, command, folder, environment), recording)
    name = "messaging.destination.name"
    writes = [each for each in ended.writes if each.attributes[name] == topic]
    return _Outcome(ended.stdout, ended.stderr, ended.code, writes, kafka.records(topic))


def _topic(kafka: Broker) -> str:
    topic = kafka.topic()
    assert kafka.records(topic) == []
    return topic


def _ended(
    row: Row, command: str, folder: Path, environment: dict[str, str]
) -> tuple[str, str, int]:
    """Run a command until all of its processes have ended, or have closed what they print on."""
    port = free_port()
    split = [part.replace("{port}", str(port)) for part in shlex.split(command)]
    process = subprocess.Popen(
        [row.program if part == "PROGRAM" else part for part in split],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        if row.is_server:
            _use(row, process, port, folder / f"{environment['TOPIC']}-*.ready")
        stdout, stderr = process.communicate(None if row.is_server else row.program, _WAIT)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        print(*process.communicate())  # noqa: T201 - pytest shows it
        raise
    return stdout, stderr, process.returncode


def _use(row: Row, process: subprocess.Popen[str], port: int, ready: Path) -> None:
    """Ask a server for what it has when all of its workers are ready, and stop it."""
    workers = int((re.findall(r"--(?:workers|processes) (\d+)", row.command) or [1])[0])
    until(
        lambda: (
            process.poll() is not None
            or (accepts(port) and len(list(ready.parent.glob(ready.name))) >= workers)
        ),
        "the server is not ready",
    )
    for _ in range(3):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=_WAIT) as response:
            assert response.read() == b"written"
    if row.stop:
        process.send_signal(row.stop)
