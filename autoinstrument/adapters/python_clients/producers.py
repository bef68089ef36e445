"""The producers of kafka-python and aiokafka, and the writes of their messages."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from autoinstrument.adapter import (
    NO_CONTEXT,
    TracedProducer,
    Transaction,
    Write,
    committing,
    deciding,
    flush_span,
    foreign,
    is_interruption,
    open_write,
)

from .calls import enclose
from .errors import failure
from .traced_objects import TracedObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import FrameType

    from autoinstrument.adapter import CallSpan, Guard, Headers, Patches


class RecordProducer(TracedProducer):
    """A producer whose client goes on without it: in a thread, or in a task of the event loop.

    So nothing is lost when the application drops it. This object lives as long as anything that
    could still answer a write, since that holds the write, and the write this object.
    """

    def dropped(self, _: object = None) -> None:
        """Do nothing: the client still delivers what it has."""

    def __del__(self) -> None:
        with self.guard:
            self.give_up()


class RecordWrite(Write):
    """The write of one message, which the client serializes and then appends to a batch."""

    __slots__ = ("sent", "stage")

    sent: Headers | None
    """The headers of the record; the client asks again if that gets into another batch."""
    stage: Literal["called", "appending", "appended"]
    """How far the client has got with the message; once it is appended, it will be answered."""

    def raised(self, error: BaseException) -> None:
        """Close the write: the call itself has failed."""
        if self.stage == "appended":  # a signal handler has raised, and the message goes out
            return
        with self.producer.guard.abandoning(self):
            if self.stage == "appending" and _is_from_outside(error):
                self.unconfirmed()
            else:
                self.failed(*failure(error))

    def call_ended(self) -> None:
        """Let go of the application's context, which only the call needs."""
        self.outer = NO_CONTEXT


def _is_from_outside(error: BaseException) -> bool:
    return not foreign.is_a(error, Exception) or is_interruption(error)


P = TypeVar("P", bound=RecordProducer)
W = TypeVar("W", bound=RecordWrite)


class Producers(TracedObjects[P], Generic[P, W]):
    """The producers of one client."""

    def __init__(
        self, guard: Guard, trace: Callable[[Any], P], write: type[W], *, initialised_by: str
    ) -> None:
        """`trace` and `write` make what is traced of a producer and of a message."""
        super().__init__(guard, trace, initialised_by)
        self._write = write

    def open_write(  # noqa: PLR0913, PLR0917 - what a write consists of
        self, producer: Any, topic: Any, value: Any, key: Any, headers: Any, frame: FrameType
    ) -> W | None:
        """Open the write of one message; None where there must be none, as `open_write` has it."""
        traced = self.of(producer)
        if traced is None or not isinstance(topic, str):
            return None
        understood = headers if isinstance(headers, list) else None
        write = open_write(self._write, traced, topic, key, value, understood, frame)
        if write is not None:
            write.sent, write.stage = None, "called"
        return write

    def enclose_calls(
        self, patches: Patches, kind: type, *, close: str, can_abort: Callable[[Any], bool]
    ) -> None:
        """Trace what a producer of class `kind` does beside writing.

        `close` is the name of the method that closes it. `can_abort` says of a producer, after a
        failure, whether it can still abort its transaction.
        """

        def commit(producer: Any) -> AbstractContextManager[None]:
            known = self.known(producer)
            return committing(self.guard, known, lambda _: can_abort(producer))

        def decide(outcome: Callable[[Transaction], None]) -> Any:
            return lambda producer: deciding(self.guard, self.known(producer), outcome)

        blocks = {
            "flush": self._flush,
            "begin_transaction": self._begin_transaction,
            "commit_transaction": commit,
            "abort_transaction": decide(Transaction.aborted),
            close: decide(Transaction.end),
        }
        enclose(patches, kind, blocks)

    def _flush(self, producer: Any) -> CallSpan:
        return flush_span(self.guard, self.known(producer), failure)

    @contextmanager
    def _begin_transaction(self, producer: Any) -> Iterator[None]:
        yield
        with self.guard:
            traced = self.of(producer)
            if traced is not None:
                traced.begin_transaction()
