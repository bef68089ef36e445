"""A producer of confluent-kafka and its writes, each the callback of its own delivery report."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, detach, get_current

from autoinstrument.adapter import Client, Guard, TracedProducer, Write, is_interruption, open_write

from . import inherited
from .errors import error_type, exception_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

TRACED = "__autoinstrument__"
"""The one attribute that is ours; not to be taken for one of those that the client documents."""
OPENED = "autoinstrument"
"""Where a message that AIOProducer buffers keeps its open write."""

_LATE = 200_000  # ns: no broker answers sooner; a program that polls as it writes never comes here

CLIENT = Client("confluent-kafka", "confluent_kafka", oldest=(2, 3))
guard = Guard("the tracing of confluent-kafka's producer")


class ConfluentProducer(TracedProducer):
    """A producer, with what its configuration says about delivery reports."""

    guard = guard
    client = CLIENT

    def __init__(self, producer: Any, configuration: Mapping[str, Any]) -> None:
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
        self.on_delivery: Callable[[Any, Any], Any] | None = configuration.get("on_delivery")
        only_error = str(configuration.get("delivery.report.only.error", "")).lower()
        self.only_errors = only_error in {"true", "1"}
        self.served = perf_counter_ns()
        """When the application has last let reports be served."""
        self.unserved = 0
        """For how long it had not, before it does so now; 0 once that is noted."""

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


class ConfluentWrite(Write):
    """The write of one message, which is itself the callback for its delivery report."""

    __slots__ = ("callback",)

    producer: ConfluentProducer
    callback: Callable[[Any, Any], Any] | None

    def __call__(self, error: Any, message: Any) -> None:
        """Record the answer, then call the application in the context of its own call."""
        try:
            if error is None:
                if self.producer.unserved > _LATE:
                    self.producer.note_delay(self)
                self.acknowledged(message.partition(), message.offset())
            else:
                partition = None if message is None else message.partition()
                known = partition if partition is not None and partition >= 0 else None
                self.failed(error_type(error), error.str(), known, sent=True)
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, self)
        finally:  # the application's report comes also where a signal interrupts the above
            callback = self.callback
            if callback is not None:
                if get_current() is self.outer:
                    callback(error, message)
                else:
                    token = attach(self.outer)
                    try:
                        callback(error, message)
                    finally:
                        detach(token)

    def raised(self, exception: Exception) -> None:
        """Close the write: the call itself has failed, so there will be no report.

        Except where a signal handler has raised: C is not interrupted, and the client has taken it.
        """
        with guard.abandoning(self):
            if not is_interruption(exception):
                self.failed(exception_type(exception), str(exception))

    def given_up(self, own: Exception) -> None:
        """Close the write that the client has not seen, at which `own` was raised."""
        try:
            if is_interruption(own):
                self.failed(exception_type(own), str(own))
        finally:
            guard.caught(own, self)


def open_confluent_write(  # noqa: PLR0913, PLR0917 - what a write consists of
    traced: ConfluentProducer,
    topic: str,
    value: Any,
    key: Any,
    headers: Any,
    frame: FrameType,
) -> ConfluentWrite | None:
    """Begin the write of one message; headers of a kind that the client refuses are not read."""
    understood = headers if isinstance(headers, (list, dict)) else None
    write = open_write(ConfluentWrite, traced, topic, key, value, understood, frame)
    if write is not None:
        write.callback = None
    return write


def traced_producer(producer: Any) -> ConfluentProducer | None:
    """Return the client of a producer; None for one that was never initialised, or not traced."""
    return None if guard.is_off else getattr(producer, TRACED, None)


def initialize(original: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Initialize a client; C tells no keywords from an empty dict of them."""
    if kwargs:
        original.__init__(client, *args, **kwargs)
    else:
        original.__init__(client, *args)
    inherited.watch(client)
