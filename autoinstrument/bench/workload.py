"""The program to measure: it knows a client, and nothing about tracing.

Called with a client's module, the address of a broker and the version of its interface (JSON, null
for whatever the client finds), it reads a phase a line, as JSON, does it, and prints what it took
as a line of JSON: `messages`; the seconds of CPU until all is exported (`cpu`), until the phase had
its answers (`elapsed`) and, where that is measured, in the client's calls (`in_calls`); `bytes` a
phase has held, and how many seconds late a sleeping thread woke (`late`).
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

_VALUE = b"x" * 100
_HEADERS = [(f"x-header-{number}", b"a value of usual length") for number in range(5)]
_BURST = 1000  # written in a row before the answers are waited for
_WARM_UP = 500
_CEILING_SECONDS = 1.5
_UNLIMITED = {"queue.buffering.max.messages": 2_000_000, "queue.buffering.max.kbytes": 2_000_000}


class _Confluent:
    """confluent-kafka: a producer, and as many consumers as are asked for."""

    def __init__(self, broker: str, _: Any) -> None:
        from confluent_kafka import Producer

        self._quiet = {"bootstrap.servers": broker, "log_level": 0}
        self._new = Producer
        self.producer = self.made()

    def made(self, **settings: Any) -> Any:
        return self._new({**self._quiet, "linger.ms": 5, **_UNLIMITED, **settings})

    def sender(self, phase: dict[str, Any], producer: Any = None, **partition: int) -> Any:
        produce, topic = (producer or self.producer).produce, phase["topics"][0]
        if phase["headers"]:  # a list a call: contrib appends to the caller's
            return lambda key: produce(topic, _VALUE, key, headers=list(_HEADERS), **partition)
        if phase["key"]:
            return lambda key: produce(topic, _VALUE, key)
        return lambda _: produce(topic, _VALUE)

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
        return (lambda: _poll_one(consumer)), consumer.close


def _poll_one(consumer: Any) -> Any:
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
        return lambda key: send(topic, _VALUE, key)

    def serve(self) -> None:
        """Do nothing: a thread of the client does."""

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
    """aiokafka, in a loop of its own that runs for each phase."""

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
        for key in _keys(phase):
            await self._producer.send(phase["topics"][0], _VALUE, key)
            due += 1 / phase["rate"]
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await self._producer.flush()
        return {}

    def write_in_a_loop(self, phase: dict[str, Any]) -> Any:
        yield
        yield self.run(self._in_a_loop(phase))

    async def _in_a_loop(self, phase: dict[str, Any]) -> dict[str, Any]:
        taken = 0.0
        for burst in _bursts(phase):
            begun = time.perf_counter()
            for key in burst:
                await self._producer.send(phase["topics"][0], _VALUE, key)
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
        self.run(get(_WARM_UP))
        yield
        yield self.run(get(phase["messages"]))
        self.run(consumer.stop())


def _keys(phase: dict[str, Any]) -> Any:
    """Return a key for each message: a thousand different ones, made before they are needed."""
    made = [b"customer-%d" % number for number in range(1000)]
    return itertools.islice(itertools.cycle(made), phase["messages"])


def _bursts(phase: dict[str, Any]) -> Any:
    every = _keys(phase)
    return iter(lambda: list(itertools.islice(every, _BURST)), [])


def _write_steadily(client: Any, phase: dict[str, Any]) -> Any:
    send, serve = client.sender(phase), client.serve
    yield
    due = time.perf_counter()
    for key in _keys(phase):
        send(key)
        serve()
        due += 1 / phase["rate"]
        time.sleep(max(0.0, due - time.perf_counter()))
    client.flush()
    yield {}


def _write_in_a_loop(client: Any, phase: dict[str, Any]) -> Any:
    send, taken = client.sender(phase), 0.0
    yield
    for burst in _bursts(phase):
        begun = time.perf_counter()
        for key in burst:
            send(key)
        taken += time.perf_counter() - begun
        client.flush()
    yield {"in_calls": taken}


def _read(client: Any, phase: dict[str, Any]) -> Any:
    read_one, close = client.reader(phase["topics"][0])
    for _ in range(_WARM_UP):
        read_one()
    yield
    for _ in range(phase["messages"]):
        read_one()
    yield {}
    close()


def _write_without_sleep(client: Any, phase: dict[str, Any]) -> Any:
    send, serve = client.sender(phase), client.serve
    yield
    begun = time.perf_counter()
    for number, key in enumerate(_keys(phase), 1):
        send(key)
        if not number % 100:
            serve()
            if time.perf_counter() - begun > _CEILING_SECONDS:
                break
    yield {"messages": number, "in_calls": time.perf_counter() - begun}
    client.flush()


def _write_many(client: Any, phase: dict[str, Any]) -> Any:
    send = client.sender(phase)
    yield
    before = 0
    for number, burst in enumerate(_bursts(phase)):
        for key in burst:
            send(key)
        client.flush()
        if number * _BURST == phase["messages"] // 4:
            before = _memory()
    yield {"bytes": _memory() - before}


def _hold(client: Any, phase: dict[str, Any]) -> Any:
    producer = client.made(
        **{"linger.ms": 60_000, "batch.num.messages": 1_000_000, "batch.size": 2**30}
    )
    send = client.sender(phase, producer)
    producer.list_topics(phase["topics"][0])  # has it connected
    yield
    before = _memory()
    for key in _keys(phase):
        send(key)
    yield {"bytes": _memory() - before}
    producer.flush()


def _service(client: Any, phase: dict[str, Any]) -> Any:
    topics = phase["topics"]
    shares = [
        dict(phase, topics=[topic], messages=phase["messages"] // len(topics)) for topic in topics
    ]
    consumers = [client.consumer(topic, from_end=True) for topic in topics]

    def work(share: dict[str, Any], consumer: Any) -> None:
        send = client.sender(share, partition=0)
        for key in _keys(share):
            send(key)
            client.serve()
        client.flush()
        for _ in range(share["messages"]):
            last = _poll_one(consumer)
        consumer.commit(last, asynchronous=False)
        consumer.close()  # in the thread that has polled: contrib complains of another

    yield
    with ThreadPoolExecutor(len(topics)) as pool:
        list(pool.map(work, shares, consumers))
    yield {}


def _wake_beside_writes(client: Any, phase: dict[str, Any]) -> Any:
    writing = _write_steadily(client, phase)
    next(writing)
    writer, late = Thread(target=lambda: next(writing)), []
    yield
    writer.start()
    while writer.is_alive():
        begun = time.perf_counter()
        time.sleep(0.001)
        late.append(time.perf_counter() - begun - 0.001)
    yield {"late": sorted(late)[len(late) * 99 // 100]}


def _memory() -> int:
    """Return the memory that this process has now, in bytes; where only that is told, the most."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


_CLIENTS = {"confluent_kafka": _Confluent, "kafka": _KafkaPython, "aiokafka": _Aiokafka}
_PHASES = {
    each.__name__[1:]: each
    for each in (
        _write_steadily,
        _write_in_a_loop,
        _read,
        _write_without_sleep,
        _write_many,
        _hold,
        _service,
        _wake_beside_writes,
    )
}


def _measured(client: Any, phase: dict[str, Any]) -> dict[str, Any]:
    """Do a phase: what comes before its first `yield` and after its second is not measured."""
    does = getattr(client, phase["does"], None)
    steps = does(phase) if does else _PHASES[phase["does"]](client, phase)
    next(steps)
    gc.collect()
    time.sleep(phase["settling_before"])
    cpu, begun = time.process_time(), time.perf_counter()
    found = next(steps)
    elapsed = time.perf_counter() - begun
    time.sleep(phase["settling_after"])
    cpu = time.process_time() - cpu
    next(steps, None)
    return {"messages": phase["messages"], "cpu": cpu, "elapsed": elapsed, **found}


def main(module: str, broker: str, api_version: Any) -> None:
    """Do each phase that stdin asks for."""
    client: Any = _CLIENTS[module](broker, api_version)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_measured(client, json.loads(line))) + "\n")
        sys.stdout.flush()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
