"""When a write has no span of ours: if the application says so, or another agent has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api

from autoinstrument.process.notices import tell
from autoinstrument.process.private_names import has_names

if TYPE_CHECKING:
    from types import FrameType

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

_OLD_KEY = "suppress_instrumentation"
# The key is private to the API, and every instrumentation of OpenTelemetry reads it. Older ones
# read the plain name, which is still set by `suppress_instrumentation` of contrib before 0.44.
KEY: str = (
    context_api._SUPPRESS_INSTRUMENTATION_KEY  # noqa: SLF001 - as above
    if has_names(
        context_api,
        "_SUPPRESS_INSTRUMENTATION_KEY",
        otherwise="what suppresses instrumentation by that key is not obeyed",
    )
    else _OLD_KEY
)
"""The key of a context in which nothing is to be traced."""
_CONTRIB = "opentelemetry.instrumentation."
_AGENTS = {f"{_CONTRIB}confluent_kafka", f"{_CONTRIB}kafka", f"{_CONTRIB}aiokafka", "ddtrace"}
_DATADOG_COMPONENTS = {"kafka", "aiokafka"}
CALLERS = {f"{_CONTRIB}aiokafka.utils"}
"""The modules that end the span of a write, and then call the client with its headers.

https://github.com/open-telemetry/opentelemetry-python-contrib/issues/4871
"""


def suppressed(context: Context, span: Span) -> bool:
    """Whether a write in `context`, where `span` is current, is not ours to trace."""
    if context.get(KEY) or context.get(_OLD_KEY):
        return True
    agent = _other_agent(span)
    return agent is not None and _is_told(agent)


def traced_by_caller(caller: FrameType) -> bool:
    """Whether the caller, one of `CALLERS`, has made a span for this write and ended it.

    One of its variables is all that still refers to that span.
    """
    agents = map(_other_agent, list(caller.f_locals.values()))
    return any(agent is not None and _is_told(agent) for agent in agents)


def _other_agent(span: Any) -> str | None:
    """Return the instrumentation that has made `span` for a write; None where none has.

    One that is there and makes no spans, for want of a provider say, does not count.
    """
    scope = getattr(span, "instrumentation_scope", None)
    if scope is not None:
        agent = getattr(scope, "name", None)
    elif getattr(span, "_ddspan", None) is not None:
        agent = _datadog(span)
    else:
        return None
    return agent if agent in _AGENTS and _is_of_producer(span) else None


def _datadog(span: Any) -> str | None:
    """Return the name of ddtrace for a span that one of its integrations of Kafka has made.

    With DD_TRACE_OTEL_ENABLED, its spans are current for OpenTelemetry as well.
    """
    component = span._ddspan.get_tag("component")  # noqa: SLF001 - its scope, so to speak
    return "ddtrace" if component in _DATADOG_COMPONENTS else None


def _is_of_producer(span: Any) -> bool:
    kind = getattr(span, "kind", None)
    return str(getattr(kind, "name", kind)).upper() == "PRODUCER"  # ddtrace has it as a word


def _is_told(agent: str) -> bool:
    words = f"{agent} traces the writes already, so this agent makes no spans of them"
    tell("other-agent", f"{words}; to have this agent's spans, turn the other one off", about=agent)
    return True
