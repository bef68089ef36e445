"""Other agents that trace the same writes: installed, or active from startup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlib_metadata import PackageNotFoundError, version

from . import coexistence
from .line import Line

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_CONTRIB = "opentelemetry.instrumentation."
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
        coexistence.line(name, f"{name} starts with this interpreter")
        if module in loaded
        else _installed(name, number)
        for name, module in _AGENTS.items()
        if (number := _version(name)) or module in loaded
    ]
    return found or [Line("ok", "other-agents", "no other agent for Kafka is installed")]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _installed(distribution: str, number: str | None) -> Line:
    return Line(
        "ok", "other-agents", f"{distribution} {number} is installed, but not active at startup"
    )
