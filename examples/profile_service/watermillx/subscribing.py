"""Subscribing: one message after the other, each acknowledged before the next."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from .logs import LoggerAdapter, NopLogger

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from .marshaling import Record, Unmarshaler
    from .message import Message

_LOOK_UP_SECONDS = 0.1


class Consumer(Protocol):
    """What a subscriber needs of a Kafka client."""

    def subscribe(self, topic: str) -> None:
        """Ask for the messages of `topic`."""
        ...

    def poll(self, seconds: float) -> Record | None:
        """Return the next record, or None after `seconds`; raises what keeps it from reading."""
        ...

    def acknowledge(self, record: Record) -> None:
        """Have the group go on after `record`, now or when it is next told."""
        ...

    def close(self) -> None:
        """Leave the group, which is told of what is acknowledged."""
        ...


class SubscriberClosedError(Exception):
    """The subscriber was closed."""


class Subscriber:
    """Gives topics' messages; a refused one comes again, after `resend_after` seconds.

    One that is not acknowledged when its reader ends comes again to the next of the group. Where a
    message has stood in the log is in its context: `topic`, `partition`, `offset`.
    """

    def __init__(
        self,
        brokers: Sequence[str],
        unmarshaler: Unmarshaler | None,
        connect: Callable[[Sequence[str]], Consumer],
        *,
        logger: LoggerAdapter | None = None,
        resend_after: float = 0.1,
    ) -> None:
        """`connect` makes a client for the brokers; raises ValueError for what is missing."""
        if not brokers:
            raise ValueError("missing brokers")
        if unmarshaler is None:
            raise ValueError("missing unmarshaler")
        self._brokers = brokers
        self._unmarshaler = unmarshaler
        self._connect = connect
        self._log = logger or NopLogger()
        self._resend_after = resend_after
        self._closed = threading.Event()

    def messages(self, topic: str, idle: float) -> Generator[Message, None, None]:
        """Yield messages until none has come for `idle` seconds, or the subscriber is closed.

        Each call has a client of its own, which leaves the group when the generator ends. The next
        message comes when the last was acknowledged; who asks before that waits. Raises
        SubscriberClosedError, and what the client raises when the topic cannot be read.
        """
        if self._closed.is_set():
            raise SubscriberClosedError("subscriber closed")
        consumer = self._connect(self._brokers)
        try:
            consumer.subscribe(topic)
            last = time.monotonic()
            while not self._closed.is_set() and time.monotonic() - last < idle:
                record = consumer.poll(_LOOK_UP_SECONDS)
                if record is not None:
                    yield from self._until_acknowledged(consumer, record)
                    last = time.monotonic()
        finally:
            consumer.close()

    def _until_acknowledged(
        self, consumer: Consumer, record: Record
    ) -> Generator[Message, None, None]:
        message = self._unmarshaler.unmarshal(record)
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        fields = {**place, "message_uuid": message.uuid}
        while not self._closed.is_set():
            message.context.update(place)
            self._log.finest("Message received", fields)
            try:
                yield message
                while not message.wait(_LOOK_UP_SECONDS) and not self._closed.is_set():
                    pass
            finally:  # also when its reader goes no further
                if message.acked.is_set():
                    consumer.acknowledge(record)
            if message.acked.is_set():
                return
            self._log.debug("Message refused", fields)
            self._closed.wait(self._resend_after)
            message = message.copy()

    def close(self) -> None:
        """End `messages`, from any thread: each when it is next asked. Again is nothing."""
        self._closed.set()
