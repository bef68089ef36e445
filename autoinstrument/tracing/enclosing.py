"""A traced call that may write through a traced client, which then has the only span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import set_value

from .operation import current_context, make_current

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.context import Context

    from .operation import Operation

ENCLOSING = "autoinstrument-write"
"""The key of a context's write whose call is under way."""


class Enclosing:
    """A block around a call that writes the message of `write`, perhaps through a traced client.

    If a client opens a write within the block, `write` is abandoned. The message then has one span,
    that of the client's write, whose `traceparent` replaces that of `write`.
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
