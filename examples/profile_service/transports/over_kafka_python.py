"""kafka-python: answers come in futures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from watermillx import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watermillx.publishing import Answer

Failure = KafkaError
TUNED = {"linger_ms": 0}


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
    """A producer that waits for all replicas."""

    def __init__(self, brokers: Sequence[str], options: dict[str, Any]) -> None:
        self._producer = KafkaProducer(bootstrap_servers=list(brokers), acks="all", **options)

    def send(self, record: Record, answer: Answer) -> None:
        """Queue a record; `answer` is called by the client's own thread."""
        future = self._send(record)
        future.add_callback(lambda metadata: answer(None, metadata.partition, metadata.offset))
        future.add_errback(lambda error: answer(error, -1, -1))

    def send_and_wait(self, record: Record) -> tuple[int, int]:
        """Send a record and wait for its answer."""
        metadata = self._send(record).get()
        return metadata.partition, metadata.offset

    def close(self, timeout: float) -> int:
        """Wait for what is queued, and close; what has got no answer in time raises."""
        self._producer.flush(timeout)
        self._producer.close(timeout)
        return 0

    def _send(self, record: Record) -> Any:
        headers = [(name, value or b"") for name, value in record.headers]
        return self._producer.send(record.topic, record.value, record.key, headers)


class KafkaPythonConsumer:
    """A consumer from the beginning of the log."""

    def __init__(self, brokers: Sequence[str], group: str) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=list(brokers), group_id=group, auto_offset_reset="earliest"
        )

    def subscribe(self, topic: str) -> None:
        """Ask for the messages of `topic`."""
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

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
