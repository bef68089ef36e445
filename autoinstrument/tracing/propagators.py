"""Which propagators the user wants; what the standard two do, the agent does faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from autoinstrument.process.notices import tell

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator

try:
    from opentelemetry import propagate
except ValueError as error:  # OTEL_PROPAGATORS, read by that import, names what is not installed
    tell(
        "bad-setting",
        f"OTEL_PROPAGATORS is ignored: {str(error).rstrip('.')}; trace context and baggage are"
        " propagated",
        "OTEL_PROPAGATORS",
    )
    _stand_in = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])

    def global_textmap() -> TextMapPropagator:
        """Return the standard two."""
        return _stand_in

else:
    global_textmap = propagate.get_global_textmap


STANDARD_FIELDS = frozenset({"traceparent"})
standard: TextMapPropagator | None = None
"""The global propagator, once it was found to be `tracecontext,baggage`."""


def has_standard_propagators() -> bool:
    """Whether the user wants `tracecontext,baggage`, which the agent does faster itself."""
    textmap = global_textmap()
    return textmap is standard or _is_standard(textmap)


def context_fields() -> frozenset[str]:
    """Return the names, in lower case, of the headers that give a message's creation context.

    They are `STANDARD_FIELDS` itself where the user has the standard propagators.
    """
    textmap = global_textmap()
    if textmap is standard or _is_standard(textmap):
        return STANDARD_FIELDS
    return frozenset(map(str.lower, textmap.fields)) - {"baggage", "tracestate"}


def _is_standard(textmap: TextMapPropagator) -> bool:
    global standard  # noqa: PLW0603 - remembers the one propagator that was checked
    parts = getattr(textmap, "_propagators", None)
    if isinstance(textmap, CompositePropagator) and parts is not None:
        kinds = {type(part) for part in parts}
        if kinds == {TraceContextTextMapPropagator, W3CBaggagePropagator}:
            standard = textmap
            return True
    return False
