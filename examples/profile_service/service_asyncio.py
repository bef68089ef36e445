"""The service once more, as a coroutine on aiokafka: many writes wait for their answers at once."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import stages
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

AT_ONCE = 100


class AsyncProfileService:
    """Reads events and writes each on to the topic of its category.

    The group goes on after a batch when all of its writes are answered.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._counts: Counter[str] = Counter()
        self._writing: set[asyncio.Task[None]] = set()

    def __str__(self) -> str:
        outcomes = ("written", "left out", "failed")
        told = ", ".join(f"{self._counts[outcome]} {outcome}" for outcome in outcomes)
        return f"{self._counts['read']} events read: {told}"

    async def run(self, topic: str, count: float, idle: float) -> None:
        """Read `count` events, or until none has come for `idle` seconds; return when all is out.

        Raises aiokafka.errors.KafkaError when there is no broker.
        """
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self._bootstrap,
            group_id="profile-service-asyncio",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        async with producer, consumer:
            while self._counts["read"] < count:
                at_once = int(min(AT_ONCE, count - self._counts["read"]))
                batches = await consumer.getmany(timeout_ms=int(idle * 1000), max_records=at_once)
                if not batches:
                    break
                for records in batches.values():
                    for record in records:
                        self._process(producer, record)
                await asyncio.gather(*self._writing)
                await consumer.commit()

    def _process(self, producer: AIOKafkaProducer, record: ConsumerRecord) -> None:
        self._counts["read"] += 1
        try:
            profile = stages.init(stages.unpack(record.value))
        except ValueError as error:
            self._failed(f"{record.topic}[{record.partition}]@{record.offset}: {error}")
            return
        if stages.handle(profile):
            task = asyncio.create_task(self._write(producer, profile))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        else:
            self._counts["left out"] += 1

    async def _write(self, producer: AIOKafkaProducer, profile: stages.Profile) -> None:
        try:
            await producer.send_and_wait(profile.topic, profile.payload, profile.key.encode())
        except KafkaError as error:
            self._failed(f"{profile.topic}: {error}")
        else:
            self._counts["written"] += 1

    def _failed(self, reason: str) -> None:
        self._counts["failed"] += 1
        print(reason, file=sys.stderr)
