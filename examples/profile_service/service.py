"""The service: a consumer, the stages and a producer, in one loop."""

from __future__ import annotations

import sys
import time
from collections import Counter

import stages
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

FLUSH_SECONDS = 10


class ProfileService:
    """Reads events and writes each on to the topic of its category.

    Those topics must exist: a category that nobody has planned for does not create one.
    """

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "profile-service",
                "auto.offset.reset": "earliest",
            }
        )
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "allow.auto.create.topics": False,
                "topic.metadata.propagation.max.ms": 500,  # how long a topic may be missing
            }
        )
        self._counts: Counter[str] = Counter()

    def __str__(self) -> str:
        outcomes = ("written", "left out", "failed", "unanswered")
        told = ", ".join(f"{self._counts[outcome]} {outcome}" for outcome in outcomes)
        return f"{self._counts['read']} events read: {told}"

    def run(self, topic: str, count: int, idle: float) -> None:
        """Read `count` events, or until none has come for `idle` seconds; return when all is out.

        Raises KafkaException when the topic cannot be read.
        """
        self._consumer.subscribe([topic])
        last = time.monotonic()
        try:
            while self._counts["read"] < count and time.monotonic() - last < idle:
                self._producer.poll(0)
                message = self._consumer.poll(0.1)
                if message is None:
                    continue
                if error := message.error():
                    raise KafkaException(error)
                self._process(message)
                last = time.monotonic()
        finally:
            self._consumer.close()
            self._counts["unanswered"] = self._producer.flush(FLUSH_SECONDS)

    def _process(self, message: Message) -> None:
        self._counts["read"] += 1
        try:
            profile = stages.init(stages.unpack(message.value()))
        except ValueError as error:
            self._failed(f"{message.topic()}[{message.partition()}]@{message.offset()}: {error}")
            return
        if stages.handle(profile):
            stages.write(self._producer, profile, self._delivered)
        else:
            self._counts["left out"] += 1

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._counts["written"] += 1
        else:
            self._failed(f"{message.topic()}: {error.str()}")

    def _failed(self, reason: str) -> None:
        self._counts["failed"] += 1
        print(reason, file=sys.stderr)
