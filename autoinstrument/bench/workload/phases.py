"""The phases: each writes or reads messages, and returns what it measured itself.

A phase is a generator. What comes before its first `yield` and after its second is not measured;
the second yields its own figures.
"""

from __future__ import annotations

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

from .clients import poll_one
from .messages import BURST, WARM_UP, bursts, keys

_CEILING_SECONDS = 1.5


def _write_steadily(client: Any, phase: dict[str, Any]) -> Any:
    """Write at a steady rate."""
    send, serve = client.sender(phase), client.serve
    yield
    due = time.perf_counter()
    for key in keys(phase):
        send(key)
        serve()
        due += 1 / phase["rate"]
        time.sleep(max(0.0, due - time.perf_counter()))
    client.flush()
    yield {}


def _write_in_a_loop(client: Any, phase: dict[str, Any]) -> Any:
    """Write bursts as fast as possible; wait for the answers after each."""
    send, taken = client.sender(phase), 0.0
    yield
    for burst in bursts(phase):
        begun = time.perf_counter()
        for key in burst:
            send(key)
        taken += time.perf_counter() - begun
        client.flush()
    yield {"in_calls": taken}


def _read(client: Any, phase: dict[str, Any]) -> Any:
    """Read messages one by one from a backlog."""
    read_one, close = client.reader(phase["topics"][0])
    for _ in range(WARM_UP):
        read_one()
    yield
    for _ in range(phase["messages"]):
        read_one()
    yield {}
    close()


def _write_without_sleep(client: Any, phase: dict[str, Any]) -> Any:
    """Write for some time without waiting for anything."""
    send, serve = client.sender(phase), client.serve
    yield
    begun = time.perf_counter()
    for number, key in enumerate(keys(phase), 1):
        send(key)
        if not number % 100:
            serve()
            if time.perf_counter() - begun > _CEILING_SECONDS:
                break
    yield {"messages": number, "in_calls": time.perf_counter() - begun}
    client.flush()


def _write_many(client: Any, phase: dict[str, Any]) -> Any:
    """Write bursts; measure the memory that all but the first quarter of them add."""
    send = client.sender(phase)
    yield
    before = 0
    for number, burst in enumerate(bursts(phase)):
        for key in burst:
            send(key)
        client.flush()
        if number * BURST == phase["messages"] // 4:
            before = _memory()
    yield {"bytes": _memory() - before}


def _hold(client: Any, phase: dict[str, Any]) -> Any:
    """Measure the memory of messages that wait to be sent."""
    producer = client.new_producer(
        **{"linger.ms": 60_000, "batch.num.messages": 1_000_000, "batch.size": 2**30}
    )
    send = client.sender(phase, producer)
    producer.list_topics(phase["topics"][0])  # connects it
    yield
    before = _memory()
    for key in keys(phase):
        send(key)
    yield {"bytes": _memory() - before}
    producer.flush()


def _service(client: Any, phase: dict[str, Any]) -> Any:
    """Write, flush, read back and commit, in one thread per topic."""
    topics = phase["topics"]
    shares = [
        dict(phase, topics=[topic], messages=phase["messages"] // len(topics)) for topic in topics
    ]
    consumers = [client.consumer(topic, from_end=True) for topic in topics]

    def work(share: dict[str, Any], consumer: Any) -> None:
        send = client.sender(share, partition=0)
        for key in keys(share):
            send(key)
            client.serve()
        client.flush()
        for _ in range(share["messages"]):
            last = poll_one(consumer)
        consumer.commit(last, asynchronous=False)
        consumer.close()  # in the thread that has polled: contrib complains of another

    yield
    with ThreadPoolExecutor(len(topics)) as pool:
        list(pool.map(work, shares, consumers))
    yield {}


def _wake_beside_writes(client: Any, phase: dict[str, Any]) -> Any:
    """Measure how late one thread wakes while another writes at a steady rate."""
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
    """Return the bytes of memory that this process has; its maximum where /proc does not say."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


PHASES = {
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
"""The phases, by the names that are asked for."""
