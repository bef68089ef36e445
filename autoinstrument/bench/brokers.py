"""The broker that the benchmark's programs write to and read from."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from autoinstrument.demo.embedded_broker import embedded_broker

from .cases import BACKLOG, BACKLOGS, TOPICS
from .outcome import NotMeasured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATIENCE = 10
"""How many seconds a broker may take to answer."""
_EMBEDDED_API = [2, 0]  # Kafka's version, which kafka-python cannot ask the embedded broker for


@dataclass(frozen=True)
class Broker:
    """A broker, with a suffix for the names of the benchmark's topics on it."""

    address: str
    suffix: str = ""
    api_version: list[int] | None = None

    def topic(self, name: str) -> str:
        """Return the full name of a topic."""
        return name + self.suffix

    def fill(self) -> None:
        """Write messages with trace context to each topic that is read."""
        from confluent_kafka import Producer  # noqa: PLC0415 - an extra

        producer = Producer({"bootstrap.servers": self.address, "log_level": 0})
        for (name, one_in), number in product(BACKLOGS.items(), range(1, BACKLOG + 1)):
            header = b"00-%032x-%016x-%02x" % (number, number, number % one_in == 0)
            headers: list[tuple[str, str | bytes | None]] = [("traceparent", header)]
            producer.produce(self.topic(name), b"x" * 100, b"key", partition=0, headers=headers)
        producer.flush()

    def written(self) -> int:
        """Count the messages in the log of the topics that are written to."""
        return in_log(self.address, map(self.topic, set(TOPICS) - set(BACKLOGS)))


@contextmanager
def embedded() -> Iterator[Broker]:
    """Run librdkafka's embedded broker."""
    with embedded_broker(TOPICS) as address:
        yield Broker(address, api_version=_EMBEDDED_API)


@contextmanager
def given(address: str) -> Iterator[Broker]:
    """Use the broker at `address`, with topics that are deleted afterwards.

    Raises NotMeasured if it does not answer.
    """
    from confluent_kafka import KafkaException  # noqa: PLC0415 - an extra
    from confluent_kafka.admin import (  # type: ignore[attr-defined] # noqa: PLC0415 - an extra; both are public
        AdminClient,
        NewTopic,
    )

    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    broker = Broker(address, f"-autoinstrument-bench-{secrets.token_hex(4)}")
    topics = [NewTopic(broker.topic(name), 1) for name in TOPICS]
    try:
        for created in admin.create_topics(topics, request_timeout=PATIENCE).values():
            created.result()
    except KafkaException as reason:
        words = reason.args[0].str()
        raise NotMeasured(
            f"the broker at {address!r} does not answer as expected: {words}"
        ) from None
    try:
        yield broker
    finally:
        for deleted in admin.delete_topics([topic.topic for topic in topics]).values():
            deleted.result()


def in_log(address: str, topics: Iterable[str]) -> int:
    """Count the messages in the log of `topics`."""
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415 - an extra

    consumer = Consumer({"bootstrap.servers": address, "group.id": "bench", "log_level": 0})
    known = consumer.list_topics(timeout=PATIENCE).topics
    ends = [
        consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=PATIENCE)[1]
        for name in topics
        if name in known
        for partition in known[name].partitions
    ]
    consumer.close()
    return sum(ends)
