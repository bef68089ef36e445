"""Work that is handed to a thread or a pool takes its unit along, where OpenTelemetry can do that.

Its instrumentation of `threading` and `concurrent.futures` is the extra `threads`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_ours = False


def follow() -> None:
    """Let contexts follow into threads, unless another agent sees to it; once is enough."""
    global _ours  # noqa: PLW0603 - what has been switched on here is switched off here
    instrumentor = _instrumentor()
    if instrumentor is not None and not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()
        _ours = True


def leave() -> None:
    """Undo what `follow` has done."""
    global _ours  # noqa: PLW0603 - see above
    if _ours:
        _instrumentor().uninstrument()
        _ours = False


@cache
def _instrumentor() -> Any:
    try:
        from opentelemetry.instrumentation.threading import (  # noqa: PLC0415 - an extra
            ThreadingInstrumentor,
        )
    except (ImportError, ValueError):  # not installed; or OTEL_PROPAGATORS is wrong, told elsewhere
        return None
    return ThreadingInstrumentor()
