"""The program that is measured: it knows a client, and nothing of what traces it.

Called with a case as JSON and the address of a broker, it prints one line of JSON: the seconds in
the client's calls (`in_calls`), from the first to the last answer (`elapsed`), and of CPU before
the measurement (`cpu_before`); what follows of CPU is for its parent to see.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_BURST = 1000
_API = 2, 0  # of Kafka, which kafka-python does not find out of the embedded broker
_IDLE = 1.5  # seconds, for the exporter to be done with the warm-up


def main(case: dict[str, Any], broker: str) -> None:
    """Warm up, work, and print what it took."""
    work = _WORKS[case["client"], case["action"]](case, broker)
    next(work)
    time.sleep(_IDLE)
    gc.collect()
    cpu_before, begun = time.process_time(), time.perf_counter()
    in_calls = next(work)
    elapsed = time.perf_counter() - begun
    json.dump({"in_calls": in_calls, "elapsed": elapsed, "cpu_before": cpu_before}, sys.stdout)
    sys.stdout.flush()


def _confluent_produce(case: dict[str, Any], broker: str) -> Any:
    from confluent_kafka import Producer

    limits = {"queue.buffering.max.messages": 1_000_000, "queue.buffering.max.kbytes": 1_000_000}
    producer = Producer({"bootstrap.servers": broker, "log_level": 0, "linger.ms": 5, **limits})
    value = b"x" * case["bytes"]
    topics = [f"out-{number}" for number in range(case["topics"])]

    def burst(count: int) -> float:
        chosen = [topics[number % len(topics)] for number in range(count)]
        begun = time.perf_counter()
        for topic in chosen:
            producer.produce(topic, value)
        return time.perf_counter() - begun

    def paced(count: int) -> float:
        taken, due = 0.0, time.perf_counter()
        for _ in range(count):
            taken += burst(1)
            producer.poll(0)
            due += 1 / case["per_second"]
            time.sleep(max(0.0, due - time.perf_counter()))
        return taken

    def write(count: int) -> float:
        if case["per_second"]:
            return paced(count)
        taken = 0.0
        for left in range(count, 0, -_BURST):
            taken += burst(min(left, _BURST))
            producer.flush()
        return taken

    write(case["warm_up"])
    producer.flush()
    yield
    taken = _in_threads(write, case)
    producer.flush()
    yield taken


def _in_threads(write: Any, case: dict[str, Any]) -> float:
    share, count = case["messages"] // case["threads"], case["threads"]
    with ThreadPoolExecutor(count) as pool:
        return float(sum(pool.map(write, [share] * count)))


def _confluent_consume(case: dict[str, Any], broker: str) -> Any:
    from confluent_kafka import Consumer, TopicPartition

    settings = {"group.id": "bench", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": broker, "log_level": 0, **settings})
    consumer.assign([TopicPartition("in", 0, 0)])

    def read(count: int) -> float:
        begun = time.perf_counter()
        while count:
            count -= consumer.poll(1) is not None
        return time.perf_counter() - begun

    read(case["warm_up"])
    yield
    taken = read(case["messages"])
    consumer.close()
    yield taken


def _kafka_python_produce(case: dict[str, Any], broker: str) -> Any:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=broker, api_version=_API)
    value = b"x" * case["bytes"]

    def write(count: int) -> float:
        taken = 0.0
        for left in range(count, 0, -_BURST):
            begun = time.perf_counter()
            for _ in range(min(left, _BURST)):
                producer.send("out-0", value)
            taken += time.perf_counter() - begun
            producer.flush()
        return taken

    write(case["warm_up"])
    yield
    yield write(case["messages"])
    producer.close()


def _kafka_python_consume(case: dict[str, Any], broker: str) -> Any:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=broker, auto_offset_reset="earliest", api_version=_API
    )
    consumer.assign([TopicPartition("in", 0)])

    def read(count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            next(consumer)
        return time.perf_counter() - begun

    read(case["warm_up"])
    yield
    taken = read(case["messages"])
    consumer.close()
    yield taken


def _aiokafka_produce(case: dict[str, Any], broker: str) -> Any:
    from aiokafka import AIOKafkaProducer

    loop = asyncio.new_event_loop()
    value = b"x" * case["bytes"]

    async def start() -> Any:
        producer = AIOKafkaProducer(bootstrap_servers=broker)
        await producer.start()
        return producer

    async def write(count: int) -> float:
        taken = 0.0
        for left in range(count, 0, -_BURST):
            begun = time.perf_counter()
            for _ in range(min(left, _BURST)):
                await producer.send("out-0", value)
            taken += time.perf_counter() - begun
            await producer.flush()
        return taken

    producer = loop.run_until_complete(start())
    loop.run_until_complete(write(case["warm_up"]))
    yield
    taken = loop.run_until_complete(write(case["messages"]))
    loop.run_until_complete(producer.stop())
    yield taken


def _aiokafka_consume(case: dict[str, Any], broker: str) -> Any:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    loop = asyncio.new_event_loop()

    async def start() -> Any:
        consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([TopicPartition("in", 0)])
        return consumer

    async def read(count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            await consumer.getone()
        return time.perf_counter() - begun

    consumer = loop.run_until_complete(start())
    loop.run_until_complete(read(case["warm_up"]))
    yield
    taken = loop.run_until_complete(read(case["messages"]))
    loop.run_until_complete(consumer.stop())
    yield taken


_WORKS: dict[tuple[str, str], Any] = {
    ("confluent_kafka", "produce"): _confluent_produce,
    ("confluent_kafka", "consume"): _confluent_consume,
    ("kafka", "produce"): _kafka_python_produce,
    ("kafka", "consume"): _kafka_python_consume,
    ("aiokafka", "produce"): _aiokafka_produce,
    ("aiokafka", "consume"): _aiokafka_consume,
}

if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])
