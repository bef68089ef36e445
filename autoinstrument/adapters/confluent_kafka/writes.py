"""A producer of confluent-kafka and its writes, each the callback of its own delivery report."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.context import attach, detach, get_current

from autoinstrument.adapter import (
    NO_CONTEXT,
    Client,
    Guard,
    TracedProducer,
    Write,
    foreign,
    interruption,
    open_write,
)

from .answers import noting, original, read_answers, read_last, read_portion
from .classes import TRACED
from .errors import error_type, failure, is_fatal, is_kafka_exception
from .refusals import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from autoinstrument.adapter import Failure

    from .alive import Alive
    from .refusals import Errors

OPENED = "autoinstrument"
"""Where a message that AIOProducer buffers keeps its open write."""

_SECOND = 1e9  # ns
_LATE = 200_000  # ns: no broker answers sooner; a program that polls as it writes never comes here

CLIENT = Client("confluent-kafka", "confluent_kafka", oldest=(2, 3))
guard = Guard("the tracing of confluent-kafka's producer")


class ConfluentProducer(TracedProducer):
    """A producer, with what its configuration says about delivery reports."""

    guard = guard
    client = CLIENT

    def __init__(self, producer: Alive, configuration: Mapping[str, Any], errors: Errors) -> None:
        topic_level = configuration.get("default.topic.config") or {}
        acks = [
            str(level[name])
            for level in (configuration, topic_level)
            for name in ("acks", "request.required.acks")
            if name in level
        ]
        super().__init__(
            producer,
            client_id=str(configuration.get("client.id", "rdkafka")),
            servers=str(
                configuration.get("bootstrap.servers")
                or configuration.get("metadata.broker.list")
                or ""
            ),
            unconfirmed=acks[:1] == ["0"],
        )
        producer.call_at_end(self.destroyed)
        self.on_delivery: Callable[[Any, Any], Any] | None = configuration.get("on_delivery")
        only_error = str(configuration.get("delivery.report.only.error", "")).lower()
        self.only_errors = only_error in {"true", "1"}
        self.served = perf_counter_ns()
        """When the application has last let reports be served."""
        self.unserved = 0
        """For how long it had not, before it does so now; 0 once that is noted."""
        self.errors = errors
        self._fatal: Failure | None = None

    def serves(self) -> None:
        """Note that the application lets reports be served, and how long it had not."""
        self.unserved = perf_counter_ns() - self.served if self.open else 0

    def note_delay(self, write: ConfluentWrite) -> None:
        """Tell for how long no answer could come for want of a poll.

        Only with the first report that a poll serves, as each note costs, and it is the oldest.
        """
        unserved, self.unserved = self.unserved, 0
        late = min(unserved, self.served + unserved - write.ticks)
        if late > _LATE:
            write.note({"autoinstrument.unserved": late})

    def note_fatal(self, exception: BaseException) -> None:
        """Remember why the client will answer nothing more, if `exception` says so."""
        if is_fatal(exception):
            self._fatal = failure(exception)

    def read_answers(self) -> bool:
        """Settle writes whose answers C has noted; return whether there are more."""
        return read_portion()

    def end(self) -> int:
        """Decide on what the end of the process leaves open, when all answers are read."""
        read_last()
        self._fail_for_good()
        return super().end()

    def dropped(self, _: object = None) -> None:
        """Do nothing yet: a finalizer may still flush."""

    def destroyed(self) -> None:
        """Close what is open as lost, and let the client keep nothing of it."""
        with guard:
            read_answers()
            self.on_delivery = None
            for write in self.open.copy():
                cast("ConfluentWrite", write).leave_behind()
            self._fail_for_good()
            self.give_up()

    def _fail_for_good(self) -> None:
        if self._fatal is not None:
            for write in self.open.copy():
                with guard.abandoning(write):
                    write.failed(*self._fatal)


class ConfluentWrite(Write):
    """The write of one message, which is itself the callback for its delivery report."""

    __slots__ = ("callback",)

    producer: ConfluentProducer
    callback: Callable[[Any, Any], Any] | None

    def __call__(self, error: Any, message: Any) -> None:
        """Record the answer, then call the application in the context of its own call."""
        callback, outer = self.callback, self.outer
        try:
            self.answered(error, message)
        except BaseException as own:  # noqa: BLE001 - raised again, unless it is the agent's own
            self.broken_off(own, error, message)
        finally:  # the application's report comes also where a signal interrupts the above
            self.callback = None
            if callback is not None:
                if get_current() is outer:
                    callback(error, message)
                else:
                    token = attach(outer)
                    try:
                        callback(error, message)
                    finally:
                        detach(token)

    def answered(self, error: Any, message: Any, elapsed: int | None = None) -> None:
        """Close the write with a delivery report, which took `elapsed` ns if not until now."""
        if error is None:
            if self.producer.unserved > _LATE:
                self.producer.note_delay(self)
            self.acknowledged(message.partition(), message.offset(), elapsed=elapsed)
        else:
            partition = None if message is None else message.partition()
            known = partition if partition is not None and partition >= 0 else None
            cause = error_type(error)
            words = explained(cause, error.str(), self.producer.errors)
            self.failed(cause, words, known, sent=True, elapsed=elapsed)

    def broken_off(
        self, own: BaseException, error: Any, message: Any, elapsed: int | None = None
    ) -> None:
        """Close the write all the same, and raise what is not the agent's own failure."""
        pending = original(own)
        raised = _from_outside(own) if pending is own else pending
        if raised is None:
            guard.caught(own, self)
            return
        self.reopen()
        self.answered(error, message, elapsed)
        raise raised

    def leave_behind(self) -> None:
        """Have another take the place of this one, which keeps nothing.

        The client never frees the callbacks of a producer that is dropped before they are called.
        """
        self.producer.open.discard(self)
        other = self.moved()
        other.callback = None
        other.producer.open.add(other)
        if other.unit is not None:
            other.unit.began(other)
            other.unit.abandoned(self)

    def raised(self, exception: Exception) -> None:
        """Close the write: the call itself has failed, so there will be no report.

        Except where a signal handler has raised: C is not interrupted, and the client has taken it.
        """
        with guard.abandoning(self):
            if interruption(exception) is None:
                self.failed(*failure(exception))

    def given_up(self, own: BaseException) -> None:
        """Close the write that the client has not seen, at which `own` was raised.

        Raises what a signal's handler has raised.
        """
        raised = _from_outside(own)
        if raised is None:
            guard.caught(own, self)
        else:
            self.not_sent(raised)
            raise raised

    def not_sent(self, error: BaseException) -> None:
        """Close the write of a message that the client has not taken, for `error`."""
        with guard.abandoning(self):
            self.failed(*failure(error))


class UnreportedWrite(ConfluentWrite):
    """The write of a message of which the application wants no report."""

    __slots__ = ()

    __call__ = noting

    def read(self, error: Any, message: Any, come_now: bool) -> None:  # noqa: FBT001 - for speed
        """Close the write with a delivery report, which came when the client made the message."""
        elapsed = None
        try:
            if not come_now:
                latency = message.latency()
                elapsed = None if latency is None else int(latency * _SECOND)
            if error is None and self.producer.unserved <= _LATE:
                self.acknowledged(message.partition(), message.offset(), elapsed=elapsed)
            else:
                self.answered(error, message, elapsed)
        except BaseException as own:  # noqa: BLE001 - raised again, unless it is the agent's own
            self.broken_off(own, error, message, elapsed)

    def unreadable(self, raised: BaseException) -> None:
        """Close the write, of which `raised` has kept the report from coming."""
        with guard.abandoning(self):
            if is_kafka_exception(raised):
                self.failed(*failure(raised), sent=True)
            else:
                self.unconfirmed()


def _from_outside(error: BaseException) -> BaseException | None:
    """Return what `error` stands for, unless it is a failure of the agent."""
    return interruption(error) if foreign.is_a(error, Exception) else error


def kind_of(callback: Callable[[Any, Any], Any] | None) -> type[ConfluentWrite]:
    """Return what the write is of a message for which the application has that callback."""
    return UnreportedWrite if callback is None else ConfluentWrite


def open_confluent_write(  # noqa: PLR0913, PLR0917 - what a write consists of
    kind: type[ConfluentWrite],
    traced: ConfluentProducer,
    topic: str,
    value: Any,
    key: Any,
    headers: Any,
    frame: FrameType,
) -> ConfluentWrite | None:
    """Begin the write of one message; headers of a kind that the client refuses are not read."""
    understood = headers if isinstance(headers, (list, dict)) else None
    write = open_write(kind, traced, topic, key, value, understood, frame)
    if write is not None:
        write.callback = None
        if kind is UnreportedWrite:
            write.outer = NO_CONTEXT
    return write


def traced_producer(producer: Any) -> ConfluentProducer | None:
    """Return the client of a producer; None for one that was never initialised, or not traced."""
    return None if guard.is_off else getattr(producer, TRACED, None)
