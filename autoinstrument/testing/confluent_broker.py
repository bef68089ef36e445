"""A broker through confluent-kafka."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import cached_property
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from .record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT = 30  # seconds


class Broker:
    """An Apache Kafka at `bootstrap`, a "host:port"."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    @cached_property
    def _admin(self) -> AdminClient:
        reconnecting = {"reconnect.backoff.max.ms": 200, "log_level": 0}
        return AdminClient({"bootstrap.servers": self.bootstrap, **reconnecting})

    def size(self) -> int:
        """Return how many brokers answer."""
        try:
            return len(self._admin.list_topics(timeout=5).brokers)
        except KafkaException:
            return 0

    def topic(self, name: str = "topic", partitions: int = 3, **config: str) -> str:
        """Create a topic that nobody else has and return its name, which begins with `name`.

        `config` has the topic's own settings, with `_` for the dot: `max_message_bytes="1000"`.
        Raises TimeoutError if the broker does not answer, and KafkaException if it refuses.
        """
        unique = f"{name}-{secrets.token_hex(4)}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(unique, partitions, replication_factor=1, config=settings)
        try:
            self._admin.create_topics([topic])[unique].result(_WAIT)
        except FutureTimeoutError:
            raise TimeoutError(
                f"{self.bootstrap} has not created the topic {unique} within {_WAIT} s;"
                " the contract needs an Apache Kafka, and a mock of one creates no topics"
            ) from None
        while self._admin.list_topics(unique, timeout=_WAIT).topics[unique].error is not None:
            time.sleep(0.01)  # until its partitions have leaders, as those of an older one have
        return unique

    def records(
        self,
        topic: str,
        *,
        read_committed: bool = False,
        # A default is out of the agent's reach: the log is read by the client as it is.
        consumer_type: type[Consumer] = Consumer,
    ) -> list[Record]:
        """Return what is in the log of `topic`, by partition and offset.

        Raises TimeoutError if the broker does not give all of it, and KafkaException for an error.
        """
        consumer = consumer_type(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "log-readers",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "isolation.level": "read_committed" if read_committed else "read_uncommitted",
            }
        )
        try:
            found = self._admin.list_topics(topic, timeout=_WAIT).topics[topic]
            partitions = set(found.partitions)
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            found_in_it = _until_the_end(consumer, topic, partitions)
            return sorted(found_in_it, key=lambda record: record[:2])
        finally:
            consumer.close()


def _until_the_end(consumer: Consumer, topic: str, partitions: set[int]) -> Iterator[Record]:
    while partitions:
        message: Any = consumer.poll(_WAIT)
        if message is None:
            waiting = ", ".join(map(str, sorted(partitions)))
            raise TimeoutError(f"{topic}: no end of partition {waiting} within {_WAIT} s")
        error = message.error()
        if error is None:
            key, value, headers = message.key(), message.value(), message.headers() or []
            yield Record(message.partition(), message.offset(), key, value, headers)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name is all that is private
            partitions.discard(message.partition())
        else:
            raise KafkaException(error)
