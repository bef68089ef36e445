"""confluent-kafka: answers come while one polls."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import confluent_kafka
from confluent_kafka import TopicPartition
from watermillx import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watermillx.publishing import Answer

Failure = confluent_kafka.KafkaException
# Go's hash of a key, so that a key's messages are where a Go program puts them.
PARTITIONER = "fnv1a_random"
TOPIC_MAY_BE_MISSING_MS = 500
POLL_SECONDS = 0.1
TUNED = {"linger.ms": 0}


def producer(**options: Any) -> Callable[[Sequence[str]], ConfluentProducer]:
    """Return what connects a producer, with librdkafka's `options`."""
    return lambda brokers: ConfluentProducer(brokers, options)


def consumer(group: str) -> Callable[[Sequence[str]], ConfluentConsumer]:
    """Return what connects a consumer of `group`."""
    return lambda brokers: ConfluentConsumer(brokers, group)


def words(error: BaseException) -> str:
    """Return what an error says to a person."""
    cause = error.args[0] if error.args else error
    return cause.str() if isinstance(cause, confluent_kafka.KafkaError) else str(error)


class ConfluentProducer:
    """A producer that does not create topics."""

    def __init__(self, brokers: Sequence[str], options: dict[str, Any]) -> None:
        self._producer: Any = confluent_kafka.Producer(
            {
                "bootstrap.servers": ",".join(brokers),
                "partitioner": PARTITIONER,
                "allow.auto.create.topics": False,
                "topic.metadata.propagation.max.ms": TOPIC_MAY_BE_MISSING_MS,
                **options,
            }
        )
        # Up to version 2.3 it looks for a topic that it does not know only once a second.
        with suppress(Failure):
            self._producer.list_topics(timeout=1)
        self._closed = threading.Event()
        threading.Thread(target=self._poll, daemon=True).start()

    def _poll(self) -> None:
        """Have answers come although nothing more is sent."""
        while not self._closed.wait(POLL_SECONDS):
            self._producer.poll(0)

    def send(self, record: Record, answer: Answer) -> None:
        """Queue a record; `answer` is called by whichever thread polls."""
        self._produce(record, answer)
        self._producer.poll(0)

    def send_and_wait(self, record: Record) -> tuple[int, int]:
        """Send a record and wait for its answer, and for those of other threads by the way."""
        answers: list[tuple[Exception | None, int, int]] = []
        self._produce(record, lambda *answer: answers.append(answer))
        while not answers:
            self._producer.flush(1)  # others may go on producing
        ((error, partition, offset),) = answers
        if error is not None:
            raise error
        return partition, offset

    def close(self, timeout: float) -> int:
        """Wait for what is queued; return how much has got no answer."""
        unanswered: int = self._producer.flush(timeout)
        self._closed.set()
        return unanswered

    def _produce(self, record: Record, answer: Answer) -> None:
        """Queue a record; when the queue is full, wait until there is room."""

        def answered(error: Any, message: Any) -> None:
            if error is not None:
                answer(Failure(error), -1, -1)
            else:
                answer(None, message.partition(), message.offset())

        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    headers=record.headers,
                    on_delivery=answered,
                )
            except BufferError:  # noqa: PERF203 - which is what it waits for
                self._producer.poll(0.1)
            else:
                return


class ConfluentConsumer:
    """A consumer from the beginning of the log."""

    def __init__(self, brokers: Sequence[str], group: str) -> None:
        self._consumer: Any = confluent_kafka.Consumer(
            {
                "bootstrap.servers": ",".join(brokers),
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.offset.store": False,
            }
        )

    def subscribe(self, topic: str) -> None:
        """Ask for the messages of `topic`."""
        self._consumer.subscribe([topic])

    def poll(self, seconds: float) -> Record | None:
        """Return the next record, or None after `seconds`; raises Failure."""
        message: Any = self._consumer.poll(seconds)
        if message is None:
            return None
        if error := message.error():
            raise Failure(error)
        return Record(
            message.topic(),
            message.key(),
            message.value(),
            message.headers() or [],
            message.partition(),
            message.offset(),
        )

    def acknowledge(self, record: Record) -> None:
        """Have the group go on after `record`; it is told every few seconds, and on closing."""
        after = TopicPartition(record.topic, record.partition, record.offset + 1)
        with suppress(Failure):  # the partition may be another member's by now, who reads it again
            self._consumer.store_offsets(offsets=[after])

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
