"""A call that may hand its message to a client that is traced: it is that client's then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import set_value

from .operation import current_context, make_current

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.context import Context

    from .operation import Operation

ENCLOSING = "autoinstrument-write"
"""Where a context keeps the write whose call is under way."""


class Enclosing:
    """A block around a call that writes the message of `write`, be it through a traced client.

    If a client opens a write within the block, `write` is abandoned: the message has one span, of
    the write that is answered, and that write's `traceparent` where it already had the other's.
    """

    __slots__ = ("_before", "_within")
    _before: Context

    def __init__(self, write: Operation) -> None:
        self._within = set_value(ENCLOSING, write, write.outer)

    def __enter__(self) -> None:
        self._before = current_context()
        make_current(self._within)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if current_context() is self._within:  # else the application has made another current
            make_current(self._before)
