"""The clients: what the phases need of each, and the phases that only one can do its own way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from .messages import HEADERS, VALUE, WARM_UP, bursts, keys

_UNLIMITED = {"queue.buffering.max.messages": 2_000_000, "queue.buffering.max.kbytes": 2_000_000}


class _Confluent:
    """confluent-kafka: producers, and a consumer that polls."""

    def __init__(self, broker: str, _: Any) -> None:
        from confluent_kafka import Producer

        self._quiet = {"bootstrap.servers": broker, "log_level": 0}
        self._new = Producer
        self.producer = self.new_producer()

    def new_producer(self, **settings: Any) -> Any:
        return self._new({**self._quiet, "linger.ms": 5, **_UNLIMITED, **settings})

    def sender(self, phase: dict[str, Any], producer: Any = None, **partition: int) -> Any:
        produce, topic = (producer or self.producer).produce, phase["topics"][0]
        if phase["headers"]:  # a list for each call: contrib appends to it
            return lambda key: produce(topic, VALUE, key, headers=list(HEADERS), **partition)
        if phase["key"]:
            return lambda key: produce(topic, VALUE, key)
        return lambda _: produce(topic, VALUE)

    def serve(self) -> None:
        self.producer.poll(0)

    def flush(self) -> None:
        self.producer.flush()

    close = flush

    def consumer(self, topic: str, *, from_end: bool) -> Any:
        from confluent_kafka import Consumer, TopicPartition

        settings = {"group.id": f"bench-{time.time_ns()}", "enable.auto.commit": False}
        consumer = Consumer({**self._quiet, **settings})
        end = consumer.get_watermark_offsets(TopicPartition(topic, 0))[1]
        consumer.assign([TopicPartition(topic, 0, end if from_end else 0)])
        return consumer

    def reader(self, topic: str) -> tuple[Any, Any]:
        consumer = self.consumer(topic, from_end=False)
        return (lambda: poll_one(consumer)), consumer.close


def poll_one(consumer: Any) -> Any:
    """Return the next message of a confluent-kafka consumer, however long that takes."""
    while True:
        message = consumer.poll(1)
        if message is not None and not message.error():
            return message


class _KafkaPython:
    """kafka-python: a producer, and a consumer that is iterated."""

    def __init__(self, broker: str, api_version: Any) -> None:
        from kafka import KafkaProducer

        self._at: dict[str, Any] = {"bootstrap_servers": broker}
        if api_version:
            self._at["api_version"] = tuple(api_version)
        self.producer = KafkaProducer(**self._at)

    def sender(self, phase: dict[str, Any]) -> Any:
        send, topic = self.producer.send, phase["topics"][0]
        return lambda key: send(topic, VALUE, key)

    def serve(self) -> None:
        """Do nothing: a thread of the client reads the answers."""

    def flush(self) -> None:
        self.producer.flush()

    def close(self) -> None:
        self.producer.close()

    def reader(self, topic: str) -> tuple[Any, Any]:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(**self._at, auto_offset_reset="earliest")
        consumer.assign([TopicPartition(topic, 0)])
        return (lambda: next(consumer)), consumer.close


class _Aiokafka:
    """aiokafka: its phases are coroutines, which run in one event loop."""

    def __init__(self, broker: str, _: Any) -> None:
        self._broker = broker
        self._loop = asyncio.new_event_loop()
        self._producer = self.run(self._started())

    async def _started(self) -> Any:
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(bootstrap_servers=self._broker)
        await producer.start()
        return producer

    def run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        self.run(self._producer.stop())
        self._loop.close()

    def write_steadily(self, phase: dict[str, Any]) -> Any:
        yield
        yield self.run(self._steadily(phase))

    async def _steadily(self, phase: dict[str, Any]) -> dict[str, Any]:
        due = time.perf_counter()
        for key in keys(phase):
            await self._producer.send(phase["topics"][0], VALUE, key)
            due += 1 / phase["rate"]
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await self._producer.flush()
        return {}

    def write_in_a_loop(self, phase: dict[str, Any]) -> Any:
        yield
        yield self.run(self._in_a_loop(phase))

    async def _in_a_loop(self, phase: dict[str, Any]) -> dict[str, Any]:
        taken = 0.0
        for burst in bursts(phase):
            begun = time.perf_counter()
            for key in burst:
                await self._producer.send(phase["topics"][0], VALUE, key)
            taken += time.perf_counter() - begun
            await self._producer.flush()
        return {"in_calls": taken}

    def read(self, phase: dict[str, Any]) -> Any:
        from aiokafka import AIOKafkaConsumer, TopicPartition

        async def started() -> Any:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._broker, auto_offset_reset="earliest"
            )
            await consumer.start()
            consumer.assign([TopicPartition(phase["topics"][0], 0)])
            return consumer

        async def get(count: int) -> dict[str, Any]:
            for _ in range(count):
                await consumer.getone()
            return {}

        consumer = self.run(started())
        self.run(get(WARM_UP))
        yield
        yield self.run(get(phase["messages"]))
        self.run(consumer.stop())


CLIENTS = {"confluent_kafka": _Confluent, "kafka": _KafkaPython, "aiokafka": _Aiokafka}
"""The clients, by the name of their module."""
