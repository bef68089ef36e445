"""kafka-python: answers come in futures."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.structs import OffsetAndMetadata
from watermillx import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watermillx.publishing import Answer

Failure = KafkaError
TUNED = {"linger_ms": 0}
TOPIC_MAY_BE_MISSING_MS = 2000
COMMIT_SECONDS = 1


def producer(**options: Any) -> Callable[[Sequence[str]], KafkaPythonProducer]:
    """Return what connects a producer, with KafkaProducer's `options`."""
    return lambda brokers: KafkaPythonProducer(brokers, options)


def consumer(group: str) -> Callable[[Sequence[str]], KafkaPythonConsumer]:
    """Return what connects a consumer of `group`."""
    return lambda brokers: KafkaPythonConsumer(brokers, group)


def words(error: BaseException) -> str:
    """Return what an error says to a person."""
    return f"{type(error).__name__}: {error}"


class KafkaPythonProducer:
    """A producer that waits for all replicas; from version 3.0 on it does not create topics."""

    def __init__(self, brokers: Sequence[str], options: dict[str, Any]) -> None:
        known = KafkaProducer.DEFAULT_CONFIG.keys()
        self._producer = KafkaProducer(
            bootstrap_servers=list(brokers),
            acks="all",
            max_block_ms=TOPIC_MAY_BE_MISSING_MS,
            **({"allow_auto_create_topics": False} if "allow_auto_create_topics" in known else {}),
            **options,
        )
        self._open: set[Any] = set()

    def send(self, record: Record, answer: Answer) -> None:
        """Queue a record; `answer` is called by the client's own thread."""
        future = self._send(record)
        self._open.add(future)

        def answered(error: Exception | None, partition: int = -1, offset: int = -1) -> None:
            if future in self._open:  # else it was given up
                self._open.discard(future)
                answer(error, partition, offset)

        future.add_callback(lambda metadata: answered(None, metadata.partition, metadata.offset))
        future.add_errback(answered)

    def send_and_wait(self, record: Record) -> tuple[int, int]:
        """Send a record and wait for its answer."""
        metadata = self._send(record).get()
        return metadata.partition, metadata.offset

    def close(self, timeout: float) -> int:
        """Wait for what is queued, and close; return how much is given up without an answer."""
        try:
            self._producer.flush(timeout)
        except KafkaTimeoutError:
            given_up, self._open = len(self._open), set()
            with suppress(KafkaTimeoutError):
                self._producer.close(0)
            return given_up
        self._producer.close(timeout)
        return 0

    def _send(self, record: Record) -> Any:
        partition = None
        if record.key is not None:
            partitions = sorted(self._producer.partitions_for(record.topic))
            partition = partitions[_fnv1a(record.key) % len(partitions)]
        headers = [(name, value or b"") for name, value in record.headers]
        return self._producer.send(record.topic, record.value, record.key, headers, partition)


def _fnv1a(key: bytes) -> int:
    """Return Go's hash of a key, so that a key's messages are where a Go program puts them."""
    found = 0x811C9DC5
    for byte in key:
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found if found < 1 << 31 else (1 << 32) - found  # of a signed number, without its sign


class KafkaPythonConsumer:
    """A consumer from the beginning of the log."""

    def __init__(self, brokers: Sequence[str], group: str) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=list(brokers),
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,  # which would not wait for an acknowledgement
        )
        self._acknowledged: dict[TopicPartition, OffsetAndMetadata] = {}
        self._commit_at = 0.0

    def subscribe(self, topic: str) -> None:
        """Ask for the messages of `topic`."""
        # Or it may join the group before it knows the topic, and be given none of it for minutes.
        self._consumer.partitions_for_topic(topic)
        self._consumer.subscribe([topic])

    def poll(self, seconds: float) -> Record | None:
        """Return the next record, or None after `seconds`; raises Failure."""
        self._consumer.config["consumer_timeout_ms"] = seconds * 1000
        record: Any = next(self._consumer, None)
        if record is None:
            return None
        return Record(
            record.topic,
            record.key,
            record.value,
            list(record.headers),
            record.partition,
            record.offset,
        )

    def acknowledge(self, record: Record) -> None:
        """Have the group go on after `record`; it is told once a second, and on closing."""
        after = (record.offset + 1, "", -1)  # the last is unknown to old versions
        place = TopicPartition(record.topic, record.partition)
        self._acknowledged[place] = OffsetAndMetadata(*after[: len(OffsetAndMetadata._fields)])
        if time.monotonic() >= self._commit_at:
            self._commit()

    def close(self) -> None:
        """Leave the group."""
        if self._acknowledged:
            self._commit()
        self._consumer.close()

    def _commit(self) -> None:
        with suppress(Failure):  # partitions may be another member's by now, who reads them again
            self._consumer.commit(self._acknowledged)
        self._acknowledged = {}
        self._commit_at = time.monotonic() + COMMIT_SECONDS
