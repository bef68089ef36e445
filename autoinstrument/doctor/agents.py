"""Other agents that trace the same writes: installed, or active from startup."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from importlib_metadata import PackageNotFoundError, version

from . import coexistence
from .line import Line

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_CONTRIB = "opentelemetry.instrumentation."
_PREFIX = "opentelemetry-instrumentation-"
_AGENTS = {
    "opentelemetry-instrumentation-confluent-kafka": f"{_CONTRIB}confluent_kafka",
    "opentelemetry-instrumentation-kafka-python": f"{_CONTRIB}kafka",
    "opentelemetry-instrumentation-aiokafka": f"{_CONTRIB}aiokafka",
    "ddtrace": "ddtrace",
    "newrelic": "newrelic",
    "elastic-apm": "elasticapm",
    "instana": "instana",
}
"""By distribution: the module that is imported when that agent is active."""


def lines(loaded: AbstractSet[str]) -> list[Line]:
    """Return a line for each agent; `loaded` are the modules that startup imported."""
    found = [
        _active(name)
        if module in loaded
        else Line("ok", "other-agents", f"{name} {number} is installed, but not active at startup")
        for name, module in _AGENTS.items()
        if (number := _version(name)) or module in loaded
    ]
    return found or [Line("ok", "other-agents", "no other agent for Kafka is installed")]


def rivalled(loaded: AbstractSet[str]) -> set[str]:
    """Return the clients, by distribution, that OpenTelemetry's own instrumentation traces too."""
    return {
        name.removeprefix(_PREFIX)
        for name, module in _AGENTS.items()
        if name.startswith(_PREFIX) and module in loaded
    }


def _active(name: str) -> Line:
    if not name.startswith(_PREFIX):
        return coexistence.line(name, f"{name} starts with this interpreter")
    client = name.removeprefix(_PREFIX)
    what = f"{client} is traced by this agent, and by {name}, which starts with this interpreter"
    return coexistence.line(name, what, f"To have this agent's spans, {_way_out(name)}")


def _way_out(name: str) -> str:
    if name.endswith("kafka-python"):  # the one whose name for itself is not that of our adapter
        return "set OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=kafka."
    return (
        f"uninstall the other: {sys.executable} -m pip uninstall {name}"
        " (OTEL_PYTHON_DISABLED_INSTRUMENTATIONS turns both off)."
    )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
