"""A broker through kafka-python 3, for Pythons that have no confluent-kafka."""

from __future__ import annotations

import secrets
import warnings
from typing import TYPE_CHECKING

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it does as Python 3.11 no longer likes
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError, KafkaTimeoutError

from .record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT = 30_000  # milliseconds


class Broker:
    """An Apache Kafka at `bootstrap`, a "host:port"."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def size(self) -> int:
        """Return how many brokers answer."""
        try:
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        except KafkaError:
            return 0
        try:
            return len(admin.describe_cluster()["brokers"])
        finally:
            admin.close()

    def topic(self, name: str = "topic", partitions: int = 3, **config: str) -> str:
        """Create a topic that nobody else has and return its name, which begins with `name`.

        `config` has the topic's own settings, with `_` for the dot: `max_message_bytes="1000"`.
        Raises TimeoutError if the broker does not answer, and KafkaError if it refuses.
        """
        unique = f"{name}-{secrets.token_hex(4)}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": settings}
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics({unique: wanted}, timeout_ms=_WAIT, wait_for_metadata=True)
        except KafkaTimeoutError as late:
            raise TimeoutError(f"{self.bootstrap} has not created the topic {unique}") from late
        finally:
            admin.close()
        return unique

    def records(self, topic: str, *, read_committed: bool = False) -> list[Record]:
        """Return what is in the log of `topic`, by partition and offset.

        Raises TimeoutError if the broker does not give all of it, and KafkaError for an error.
        """
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=10,
            isolation_level="read_committed" if read_committed else "read_uncommitted",
        )
        try:
            found = consumer.partitions_for_topic(topic) or ()
            consumer.assign([TopicPartition(topic, number) for number in found])
            consumer.seek_to_beginning()
            return sorted(_until_the_end(consumer), key=lambda record: record[:2])
        finally:
            consumer.close()


def _until_the_end(consumer: KafkaConsumer) -> Iterator[Record]:
    ends = consumer.end_offsets(consumer.assignment())
    while any(consumer.position(place) < end for place, end in ends.items()):
        before = [consumer.position(place) for place in ends]
        polled = consumer.poll(timeout_ms=_WAIT)
        for record in (record for records in polled.values() for record in records):
            where, headers = (record.partition, record.offset), list(record.headers)
            yield Record(*where, record.key, record.value, headers)
        if not polled and before == [consumer.position(place) for place in ends]:
            raise TimeoutError(f"no end of {ends} within {_WAIT} ms")
