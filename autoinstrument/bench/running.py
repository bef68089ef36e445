"""Starts the same program plain, under this agent, and under the other."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from autoinstrument.demo.embedded_broker import unsettled

from .cases import CLIENTS
from .outcome import NotMeasured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .brokers import Broker
    from .cases import Phase

PLAIN, OURS, OTHER = "plain", "ours", "other"
THEIR_PLAIN = "plain-other"
"""The plain program in the other agent's environment, if that differs from ours."""
EXPORT_DELAY_MS = 1000
COMPRESSION = "none"
_EXPORT_SECONDS = 0.25  # how long an export may take
_DESCRIPTION = f"""
import sys
from importlib.metadata import distributions
versions = {{each.metadata["Name"]: each.version for each in distributions()}}
print(sys.version, [versions.get(client) for client in {list(CLIENTS)!r}])
"""
# Not `-m`, which looks into the current directory first.
_WORKLOAD = """
import sys
sys.path[0] = sys.argv.pop(1)
from workload.program import main
main()
"""
_FOLDER = str(Path(__file__).parent)


@dataclass(frozen=True)
class Variant:
    """One way to run a program."""

    name: str
    command: list[str]
    environment: dict[str, str]

    def exporting(self, url: str) -> dict[str, str]:
        """Return its environment, with the same settings for every agent.

        Each variant has its own path at the endpoint. Queues are large, since an agent that drops
        spans would have an advantage.
        """
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"{url}/{self.name}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": COMPRESSION,
            "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_DELAY_MS),
            "OTEL_BSP_MAX_QUEUE_SIZE": "1000000",
            **self.environment,
        }


def variants(other: list[str]) -> list[Variant]:
    """Return plain, ours, other, and plain in the other's environment if that differs."""
    ours, theirs = sys.executable, interpreter_of(other[0])
    found = [
        Variant(PLAIN, [ours], {}),
        Variant(OURS, [ours], {"AUTOINSTRUMENT_ENABLED": "1"}),
    ]
    if _described(theirs) != _described(ours):
        found.append(Variant(THEIR_PLAIN, [theirs], {}))
    return [*found, Variant(OTHER, [*other, theirs], {})]


def under_run() -> Variant:
    """Return our agent, started by `autoinstrument run`."""
    ours = sys.executable
    command = shutil.which("autoinstrument", path=str(Path(ours).parent))
    run = [command] if command else [ours, "-m", "autoinstrument"]
    return Variant(OURS, [*run, "run", "--", ours], {})


def interpreter_of(command: str) -> str:
    """Return the interpreter of the environment that `command` is in."""
    beside = Path(shutil.which(command) or "").with_name("python")
    return str(beside) if beside.exists() else sys.executable


def _described(interpreter: str) -> str:
    """Return the versions of Python and of the clients, as text."""
    said = subprocess.run(  # noqa: S603 - the user's own interpreters
        [interpreter, "-c", _DESCRIPTION], capture_output=True, text=True, check=False
    )
    return said.stdout or interpreter


def in_turn(variants: list[Variant], number: int) -> list[Variant]:
    """Return the variants in the order of round `number`: each time another one is first."""
    first = number % len(variants)
    return variants[first:] + variants[:first]


class Workload:
    """A running workload, which does phases on request."""

    def __init__(self, process: subprocess.Popen[str], broker: Broker) -> None:
        self._process = process
        self._broker = broker
        self._is_settled = True

    def measured(self, phase: Phase, *, exports: bool = True) -> dict[str, float]:
        """Have a phase done; return what the workload measured, its `exports` included or not.

        The exports of an earlier phase are over when it begins.
        """
        settling = EXPORT_DELAY_MS / 1000 + _EXPORT_SECONDS
        asked = {
            "does": phase.does,
            "messages": phase.messages,
            "rate": phase.rate,
            "key": phase.key,
            "headers": phase.headers,
            "settling_before": 0 if self._is_settled else settling,
            "settling_after": settling if exports else 0,
            "topics": [self._broker.topic(topic) for topic in phase.topics],
        }
        self._is_settled = exports
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise TypeError("the program's stdin and stdout must be pipes")
        with suppress(BrokenPipeError):
            print(json.dumps(asked), file=stdin, flush=True)
        line = stdout.readline()
        if not line:
            raise _Ended
        found: dict[str, float] = json.loads(line)
        return found


class _Ended(Exception):  # noqa: N818 - why is in the program's own words
    """A workload ended without an answer."""


@contextmanager
def workload(
    variant: Variant,
    module: str,
    broker: Broker,
    environment: dict[str, str],
    *,
    quietly: bool = True,
) -> Iterator[Workload]:
    """Run the workload of a client's `module` for a `with` block.

    Raises NotMeasured if it fails or, with `quietly`, if it writes to stderr.
    """
    command = [*variant.command, "-c", _WORKLOAD, _FOLDER]
    with TemporaryFile("w+") as err:
        process = subprocess.Popen(  # noqa: S603 - the user's own interpreter
            [*command, module, broker.address, json.dumps(broker.api_version)],
            env=unsettled() | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
        with process:
            try:
                yield Workload(process, broker)
            except _Ended:
                pass
            except BaseException:
                process.kill()
                raise
            process.communicate()
        _look_for_complaints(command, process.returncode, err, quietly=quietly)


def ended(
    command: list[str], environment: dict[str, str], *, quietly: bool = True
) -> tuple[str, Any]:
    """Run a command; return its stdout and its resource usage.

    Raises NotMeasured if it fails or, with `quietly`, if it writes to stderr.
    """
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        # Not run(): only wait4 has the resource usage of this one child.
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=err)  # noqa: S603 - the user's own
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        _look_for_complaints(command, process.returncode, err, quietly=quietly)
        out.seek(0)
        return out.read(), usage


def _look_for_complaints(
    command: list[str], returncode: int, err: IO[str], *, quietly: bool = True
) -> None:
    err.seek(0)
    complaint = err.read().strip().rpartition("\n")[2]
    if (complaint and quietly) or returncode:
        shown = shlex.join(Path(part).name for part in command[:2])
        words = complaint or f"exit code {returncode}"
        raise NotMeasured(f"{shown} does not run cleanly: {words}")
