"""What becomes of a write where another agent is active as well."""

from __future__ import annotations

import os

from .line import Line

_TRUE = {"1", "true"}  # as ddtrace reads it


def line(agent: str, what: str, remedy: str = "") -> Line:
    """Return the warning about an active agent, the name of a distribution or of a command."""
    if agent.startswith("opentelemetry-") or (agent.startswith("ddtrace") and _is_bridged()):
        return Line(
            "warning",
            "other-agent",
            what,
            "If it makes a span of a write, this agent makes none: the message has that one span.",
            remedy or "To have this agent's spans, turn its Kafka tracing off.",
        )
    return Line(
        "warning",
        "other-agent",
        what,
        "It may trace the same writes, and sends what it makes of them to its own backend: this"
        " agent's spans are made as well.",
        "If you do not need it, turn its Kafka tracing off.",
    )


def _is_bridged() -> bool:
    """Whether ddtrace is the OpenTelemetry of the process."""
    return os.environ.get("DD_TRACE_OTEL_ENABLED", "").strip().lower() in _TRUE
