"""Threads: work that is handed to one takes its unit along, and one that dies has failed at its.

The former is done by OpenTelemetry's instrumentation of `threading` and `concurrent.futures`, where
that is installed: the extra `threads`.
"""

from __future__ import annotations

import threading
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from .foreign import is_a
from .guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

_guard = Guard("the end of a thread")
_ours = False
_excepthook: Any = None
"""What `threading.excepthook` was before, once it is ours."""


def follow(died: Callable[[BaseException], None]) -> None:
    """Let contexts follow into threads, unless another agent sees to it; once is enough.

    `died` is called in each thread that an exception ends, before its `threading.excepthook`.
    """
    global _ours, _excepthook  # noqa: PLW0603 - what has been switched on here is switched off here
    if _excepthook is None:
        _excepthook = threading.excepthook
        threading.excepthook = partial(_telling, died)
    instrumentor = _instrumentor()
    if instrumentor is not None and not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()
        _ours = True


def can_follow() -> bool:
    """Whether there is what lets contexts follow."""
    return _instrumentor() is not None


def leave() -> None:
    """Undo what `follow` has done."""
    global _ours, _excepthook  # noqa: PLW0603 - see above
    if getattr(threading.excepthook, "func", None) is _telling:  # else it is the application's
        threading.excepthook, _excepthook = _excepthook, None
    if _ours:
        _instrumentor().uninstrument()
        _ours = False


def _telling(died: Callable[[BaseException], None], args: threading.ExceptHookArgs) -> None:
    with _guard:
        if args.exc_value is not None and not is_a(args.exc_value, SystemExit):
            died(args.exc_value)
    _excepthook(args)


@cache
def _instrumentor() -> Any:
    try:
        from opentelemetry.instrumentation.threading import (  # noqa: PLC0415 - an extra
            ThreadingInstrumentor,
        )
    except (ImportError, ValueError):  # not installed; or OTEL_PROPAGATORS is wrong, told elsewhere
        return None
    return ThreadingInstrumentor()
