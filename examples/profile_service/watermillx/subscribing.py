"""Subscribing: one message after the other, each acknowledged before the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from .logs import LoggerAdapter, NopLogger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .marshaling import Record, Unmarshaler
    from .message import Message


class Consumer(Protocol):
    """What a subscriber needs of a Kafka client."""

    def subscribe(self, topic: str) -> None:
        """Ask for the messages of `topic`."""
        ...

    def poll(self, seconds: float) -> Record | None:
        """Return the next record, or None after `seconds`; raises what keeps it from reading."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class SubscriberClosedError(Exception):
    """The subscriber was closed."""


class Subscriber:
    """Gives a topic's messages; a refused one comes again, after `resend_after` seconds.

    Where a message has stood in the log is in its context: `topic`, `partition`, `offset`.
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
        """`connect` makes the client for the brokers; raises ValueError for what is missing."""
        if not brokers:
            raise ValueError("missing brokers")
        if unmarshaler is None:
            raise ValueError("missing unmarshaler")
        self._unmarshaler = unmarshaler
        self._log = logger or NopLogger()
        self._resend_after = resend_after
        self._is_closed = False
        self._consumer = connect(brokers)

    def messages(self, topic: str, idle: float) -> Iterator[Message]:
        """Yield messages until none has come for `idle` seconds, or it is closed.

        The next comes when the last was acknowledged; who asks before that waits. Raises
        SubscriberClosedError, and what the client raises when the topic cannot be read.
        """
        if self._is_closed:
            raise SubscriberClosedError("subscriber closed")
        self._consumer.subscribe(topic)
        last = time.monotonic()
        while not self._is_closed and time.monotonic() - last < idle:
            record = self._consumer.poll(0.1)
            if record is None:
                continue
            yield from self._until_acknowledged(record)
            last = time.monotonic()

    def _until_acknowledged(self, record: Record) -> Iterator[Message]:
        message = self._unmarshaler.unmarshal(record)
        while not self._is_closed:
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            message.context.update(place)
            self._log.finest("Message received", {**place, "message_uuid": message.uuid})
            yield message
            message.wait()
            if message.acked.is_set():
                return
            self._log.debug("Message refused", {**place, "message_uuid": message.uuid})
            time.sleep(self._resend_after)
            message = message.copy()

    def close(self) -> None:
        """End `messages` and leave the group; again is nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._consumer.close()
