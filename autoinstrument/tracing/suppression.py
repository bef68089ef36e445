"""When a write has no span of ours: if the application says so, or another agent has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api

from autoinstrument.process.notices import tell

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

# The key is private to the API, and every instrumentation of OpenTelemetry reads it. Older ones
# read the plain name, which is still set by `suppress_instrumentation` of contrib before 0.44.
_KEY = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
_OLD_KEY = "suppress_instrumentation"
_OTHER_AGENTS = {
    "opentelemetry.instrumentation.confluent_kafka",
    "opentelemetry.instrumentation.kafka",
    "opentelemetry.instrumentation.aiokafka",
}


def suppressed(context: Context, span: Span) -> bool:
    """Whether a write in `context`, where `span` is current, is not ours to trace."""
    if context.get(_KEY) or context.get(_OLD_KEY):
        return True
    if _scope_name(span) not in _OTHER_AGENTS or _kind(span) != "PRODUCER":
        return False
    tell("other-agent", f"{_scope_name(span)} already traces writes; they get no span of ours")
    return True


def _scope_name(span: Any) -> str | None:
    return getattr(getattr(span, "instrumentation_scope", None), "name", None)


def _kind(span: Any) -> str | None:
    return getattr(getattr(span, "kind", None), "name", None)
