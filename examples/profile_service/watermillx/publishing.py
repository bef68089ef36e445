"""Publishing: marshal, produce, and either wait for the answer or hear of it later."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from .logs import LoggerAdapter, NopLogger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .marshaling import Marshaler, Record
    from .message import Message

    Answer = Callable[[Exception | None, int, int], None]
    """Is told why a record was not written, or its partition and offset."""


class Producer(Protocol):
    """What a publisher needs of a Kafka client."""

    def send(self, record: Record, answer: Answer) -> None:
        """Hand `record` over; `answer` is called once it is known, or the call raises."""
        ...

    def send_and_wait(self, record: Record) -> tuple[int, int]:
        """Hand `record` over, wait for the answer, return partition and offset, or raise."""
        ...

    def close(self, timeout: float) -> int:
        """Wait for what is open and close it; return how many have got no answer."""
        ...


class PublishError(Exception):
    """Why a message was not published; its cause is the error that it wraps, if any."""


class CloseError(Exception):
    """Why a publisher has not closed in order; `unanswered` counts what has got no answer."""

    def __init__(self, reason: object, unanswered: int = 0) -> None:
        super().__init__(f"cannot close Kafka producer: {reason}")
        self.unanswered = unanswered


class Publisher:
    """Publishes messages to topics; any thread may do so.

    With `wait` each message is answered before the next is sent, and a failure raises. Without,
    failures that come later are told to `on_error(message, error)`. Either way
    `on_success(message)` is told what is written; an exception of these two is logged, as it
    changes nothing about the message.
    """

    def __init__(  # noqa: PLR0913 - what there is to choose
        self,
        brokers: Sequence[str],
        marshaler: Marshaler | None,
        connect: Callable[[Sequence[str]], Producer],
        *,
        wait: bool = True,
        on_success: Callable[[Message], None] | None = None,
        on_error: Callable[[Message, Exception], None] | None = None,
        logger: LoggerAdapter | None = None,
        patience: float = 10,
    ) -> None:
        """`connect` makes the client for the brokers; `patience`, in seconds, is for closing.

        Raises ValueError for what is missing, and PublishError when the client cannot be made.
        """
        if not brokers:
            raise ValueError("missing brokers")
        if marshaler is None:
            raise ValueError("missing marshaler")
        self._marshaler = marshaler
        self._wait = wait
        self._on_success = on_success
        self._on_error = on_error
        self._log = logger or NopLogger()
        self._patience = patience
        self._is_closed = False
        self._publishing = 0
        self._changed = threading.Condition()
        try:
            self._producer = connect(brokers)
        except Exception as error:
            raise PublishError(f"cannot create Kafka producer: {error}") from error

    def publish(self, topic: str, *messages: Message) -> None:
        """Publish `messages` in order; the first failure raises and leaves the rest unsent."""
        with self._held_open():
            for message in messages:
                self._publish(topic, message)

    def _publish(self, topic: str, message: Message) -> None:
        fields = {"topic": topic, "message_uuid": message.uuid}
        self._log.finest("Sending message to Kafka", fields)
        try:
            record = self._marshaler.marshal(topic, message)
        except Exception as error:
            raise PublishError(f"cannot marshal message {message.uuid}: {error}") from error
        answer = self._answer_for(message, fields)
        try:
            if self._wait:
                answer(None, *self._producer.send_and_wait(record))
            else:
                self._producer.send(record, answer)
        except Exception as error:
            self._log.error("send message to kafka error", error, fields)
            raise PublishError(f"cannot produce message {message.uuid}: {error}") from error

    def _answer_for(self, message: Message, fields: dict[str, str]) -> Answer:
        def answer(error: Exception | None, partition: int, offset: int) -> None:
            if error is None:
                place = {"kafka_partition": partition, "kafka_partition_offset": offset}
                self._log.finest("Message sent to Kafka", {**fields, **place})
                self._tell(self._on_success, fields, message)
            else:
                self._log.error("send message to kafka error", error, fields)
                self._tell(self._on_error, fields, message, error)

        return answer

    def _tell(
        self, handler: Callable[..., None] | None, fields: dict[str, str], *answer: Any
    ) -> None:
        if handler is None:
            return
        try:
            handler(*answer)
        except Exception as error:  # noqa: BLE001 - it may raise anything, in a thread of the client
            self._log.error("Handler of an answer failed", error, fields)

    @contextmanager
    def _held_open(self) -> Iterator[None]:
        """Keep the client from being closed in this block; raises PublishError if it has been."""
        with self._changed:
            if self._is_closed:
                raise PublishError("publisher closed")
            self._publishing += 1
        try:
            yield
        finally:
            with self._changed:
                self._publishing -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Wait for what is open, and close; again is nothing. Raises CloseError."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.wait_for(lambda: not self._publishing, self._patience)
        try:
            unanswered = self._producer.close(self._patience)
        except Exception as error:
            raise CloseError(error) from error
        if unanswered:
            raise CloseError(f"{unanswered} messages unanswered", unanswered)
