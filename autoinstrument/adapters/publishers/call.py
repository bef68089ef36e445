"""One call of a publisher, from its arguments to the result that says how its write ends."""

from __future__ import annotations

import inspect
from asyncio import CancelledError, isfuture
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import (
    CANCELLED,
    Enclosing,
    Guard,
    exception_name,
    foreign,
    foreign_failure,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CoroutineType, TracebackType

    from autoinstrument.adapter import Write

guard = Guard("the tracing of AUTOINSTRUMENT_TRACE")


class Call(Enclosing):
    """A block around the call of a publisher, and what its result says of its write."""

    __slots__ = ("_sent", "args", "kwargs", "write")

    def __init__(
        self,
        write: Write,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        sent: Callable[[], object],
    ) -> None:
        """Call it with `args` and `kwargs`, which are the application's but for the headers.

        `sent` is called once the publisher has sent the message itself, not through a client that
        is traced.
        """
        super().__init__(write)
        self.write = write
        self.args = args
        self.kwargs = kwargs
        self._sent = sent

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        if error is not None:
            self._failed(error)

    def returned(self) -> None:
        """Close the write: that the publisher has not failed is all that is known."""
        with guard:
            if self.write in self.write.producer.open:
                self.write.unconfirmed()
                self._sent()

    def followed(self, result: Any) -> Any:
        """Close the write with `result`, now or when that is done; return what stands for it."""
        if inspect.iscoroutine(result):
            return self._continued(result)
        if isfuture(result) or isinstance(result, Future):
            with guard.abandoning(self.write):
                result.add_done_callback(self._done)
        else:
            self.returned()
        return result

    def _continued(self, coroutine: CoroutineType[Any, Any, Any]) -> Any:
        async def continued() -> Any:
            with self:
                result = await coroutine
            self.returned()
            return result

        ours: Any = continued()
        ours.__name__, ours.__qualname__ = coroutine.__name__, coroutine.__qualname__
        return ours

    def _done(self, future: Any) -> None:
        with guard:
            if future.cancelled():
                self._failed(CancelledError())
                return
            error = foreign.exception_of(future)
            if error is None:
                self.returned()
            else:
                self._failed(error)

    def _failed(self, error: BaseException) -> None:
        with guard:
            is_cancelled = issubclass(type(error), (CancelledError, GeneratorExit))
            cause = CANCELLED if is_cancelled else exception_name(error)
            self.write.failed(*foreign_failure(error, cause))
