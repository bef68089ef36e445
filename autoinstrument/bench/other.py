"""Installs OpenTelemetry's own agent, the default for comparison."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

from .cases import CLIENTS
from .outcome import NotMeasured
from .running import interpreter_of

COMMAND = "opentelemetry-instrument"
_PACKAGES = [
    "opentelemetry-distro",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-instrumentation-confluent-kafka",
    "opentelemetry-instrumentation-kafka-python",
    "opentelemetry-instrumentation-aiokafka",
]


def made() -> str:
    """Return the path of `opentelemetry-instrument`, in an environment with the same clients.

    The first call installs it, in a virtual environment in the user's cache folder. Raises
    NotMeasured if that fails.
    """
    wanted = [*_PACKAGES, *(f"{client}=={found}" for client, found in installed().items())]
    key = sha256(repr((sys.executable, sys.version, wanted)).encode()).hexdigest()[:12]
    folder = _cache() / f"opentelemetry-instrument-{key}"
    complete = folder / "complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)  # an interrupted installation
        _run([sys.executable, "-m", "venv", str(folder)], "venv")
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
        ]
        # The pip of Python 3.11 fails to resolve these requirements.
        _run([*pip, "install", "--upgrade", "pip>=25.1"], "pip")
        _run([*pip, "install", *wanted], "pip")
        complete.touch()
    return str(folder / "bin" / COMMAND)


def words(command: list[str]) -> str:
    """Return the name of a command, with its version if it is OpenTelemetry's."""
    name = Path(command[0]).name
    if name != COMMAND:
        return name
    asked = "from importlib.metadata import version; print(version('opentelemetry-distro'))"
    said = subprocess.run(  # noqa: S603 - the other agent's own interpreter
        [interpreter_of(command[0]), "-c", asked], capture_output=True, text=True, check=False
    )
    return f"{name} {said.stdout.strip()}".strip()


def installed() -> dict[str, str]:
    """Return the version of each client that is installed here."""
    here = {found.name: found.version for found in distributions()}
    return {client: here[client] for client in CLIENTS if client in here}


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "autoinstrument"


def _run(command: list[str], what: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if ended.returncode:
        words = (ended.stderr or ended.stdout).strip().rpartition("\n")[2]
        raise NotMeasured(
            f"{COMMAND} is not on the PATH, and {what} could not create an environment for it"
            f" ({words}); --against names another agent's command"
        )
