"""Each finding: a program that provokes it on a real broker, and a near miss that must be silent.

Each test starts programs, as users do: what a program does wrong is seen in its recording alone.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from recordings import recording, request, write

from autoinstrument.report.findings import FINDINGS
from autoinstrument.report.gathering import report
from autoinstrument.report.text import render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import Kafka
    from programs import Run, Runner

    from autoinstrument.report.model import Finding

CONFLUENT = """
import sys, time
from confluent_kafka import Consumer, KafkaException, Producer
bootstrap, topic = sys.argv[1:]
def producer(**options):
    return Producer({"bootstrap.servers": bootstrap, "log_level": 0, **options})
"""
READING = f"""{CONFLUENT}
c = Consumer({{
    "bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 10,
}})
c.subscribe([topic])
while not c.assignment():
    c.poll(0.1)
p = producer()
"""
KAFKA_PYTHON = """
import sys, time, warnings
warnings.simplefilter("ignore")
from kafka import KafkaProducer
bootstrap, topic = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=bootstrap)
"""
AIOKAFKA = """
import asyncio, sys
from aiokafka import AIOKafkaProducer
bootstrap, topic = sys.argv[1:]
async def main(work):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await work(producer)
"""


class Pair(NamedTuple):
    """A fault, and what looks like it and is none."""

    fault: str
    near_miss: str


PAIRS = {
    "synchronous-writes": Pair(
        f"""{CONFLUENT}
p = producer()
for number in range(50):
    p.produce(topic, b"v")
    p.flush()
""",
        f"""{CONFLUENT}
p = producer()
for number in range(50):
    p.produce(topic, b"v")
    p.poll(0)
    if number % 5 == 4:
        p.flush()
""",
    ),
    "synchronous-writes beside other work": Pair(
        f"""{CONFLUENT}
p = producer()
for number in range(50):
    time.sleep(0.001)
    p.produce(topic, b"v")
    p.flush()
""",
        f"""{CONFLUENT}
p = producer()
for number in range(50):
    p.produce(topic, b"v")
    p.poll(0)
    time.sleep(0.01)
p.flush()
""",
    ),
    # Its write lasts until it polls again, but who is idle waits for nothing.
    "synchronous-writes by polls": Pair(
        f"""{CONFLUENT}
p = producer(**{{"linger.ms": 20}})
for number in range(50):
    p.produce(topic, b"v")
    while len(p):
        p.poll(0.1)
""",
        f"""{CONFLUENT}
p = producer()
for number in range(30):
    p.poll(0)
    p.produce(topic, b"v", callback=lambda error, message: None)
    time.sleep(0.05)
p.flush()
""",
    ),
    "synchronous-writes of what is read": Pair(
        f"""{READING}
for number in range(50):
    p.produce(topic, b"v")
p.flush()
for number in range(50):
    message = c.poll(10)
    p.produce(topic, message.value())
    p.flush()
c.close()
""",
        f"""{READING}
p.produce(topic, b"v")
p.flush()
for number in range(50):
    message = c.poll(10)
    time.sleep(0.01)  # what it does with the message
    p.poll(0)
    p.produce(topic, message.value())
p.flush()
c.close()
""",
    ),
    "synchronous-writes of kafka-python": Pair(
        f"""{KAFKA_PYTHON}
for number in range(50):
    producer.send(topic, b"v").get()
producer.close()
""",
        f"""{KAFKA_PYTHON}
futures = []
for number in range(50):
    futures.append(producer.send(topic, b"v"))
    time.sleep(0.01)
for future in futures:
    future.get()
producer.close()
""",
    ),
    "synchronous-writes of aiokafka": Pair(
        f"""{AIOKAFKA}
async def work(producer):
    for number in range(50):
        await producer.send_and_wait(topic, b"v")
asyncio.run(main(work))
""",
        f"""{AIOKAFKA}
async def work(producer):
    for number in range(10):
        await asyncio.gather(*(producer.send_and_wait(topic, b"v") for _ in range(5)))
asyncio.run(main(work))
""",
    ),
    "synchronous-writes in threads": Pair(
        f"""{CONFLUENT}
from threading import Thread
p = producer()
def work():
    for number in range(30):
        p.produce(topic, b"v")
        p.flush()
threads = [Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""",
        f"""{CONFLUENT}
from threading import Thread
p = producer()
def work():
    for number in range(30):
        p.produce(topic, b"v")
        p.poll(0.002)
    p.flush()
threads = [Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""",
    ),
    "synchronous-writes of futures awaited": Pair(
        f"""{AIOKAFKA}
async def work(producer):
    for number in range(50):
        await asyncio.sleep(0.002)
        await (await producer.send(topic, b"v"))
asyncio.run(main(work))
""",
        f"""{AIOKAFKA}
async def work(producer):
    futures = []
    for number in range(50):
        futures.append(await producer.send(topic, b"v"))
        await asyncio.sleep(0.01)
    for future in futures:
        await future
asyncio.run(main(work))
""",
    ),
    "synchronous-writes of many tasks": Pair(
        f"""{AIOKAFKA}
lock = asyncio.Lock()
async def write(producer):
    async with lock:
        await (await producer.send(topic, b"v"))
async def work(producer):
    for number in range(10):
        await asyncio.gather(*(write(producer) for _ in range(5)))
        await asyncio.sleep(0.002)
asyncio.run(main(work))
""",
        f"""{AIOKAFKA}
async def write(producer):
    await (await producer.send(topic, b"v"))
async def work(producer):
    for number in range(10):
        await asyncio.gather(*(write(producer) for _ in range(5)))
        await asyncio.sleep(0.002)
asyncio.run(main(work))
""",
    ),
    "lost-at-exit": Pair(
        f"""{CONFLUENT}
p = producer(**{{"linger.ms": 5000}})
p.produce(topic, b"v")
""",
        f"""{CONFLUENT}
p = producer(**{{"linger.ms": 5000}})
p.produce(topic, b"v")
p.flush()
""",
    ),
    "reports-unserved": Pair(
        f"""{CONFLUENT}
p = producer()
for number in range(5):
    p.produce(topic, b"v")
    time.sleep(0.3)
p.flush()
""",
        f"""{CONFLUENT}
p = producer()
for number in range(5):
    p.produce(topic, b"v")
    p.poll(0.3)
p.flush()
""",
    ),
    "reports-unserved after an early poll": Pair(
        f"""{CONFLUENT}
p = producer()
for number in range(10):  # the oldest client takes a second for its first answer
    p.produce(topic, b"v")
    p.poll(0)
    time.sleep(0.3)
p.flush()
""",
        f"""{CONFLUENT}
from threading import Thread
p = producer()
ended = False
def serve():
    while not ended:
        p.poll(0.1)
thread = Thread(target=serve)
thread.start()
for number in range(5):
    p.produce(topic, b"v")
    p.poll(0)
    time.sleep(0.3)
ended = True
thread.join()
p.flush()
""",
    ),
    "queue-full": Pair(
        f"""{CONFLUENT}
p = producer(**{{"queue.buffering.max.messages": 10, "linger.ms": 500}})
refused = 0
for number in range(20):
    try:
        p.produce(topic, b"v")
    except BufferError:
        refused += 1
p.flush()
assert refused
""",
        f"""{CONFLUENT}
p = producer(**{{"queue.buffering.max.messages": 10, "linger.ms": 0}})
for number in range(20):
    while len(p) >= 10:
        p.poll(0.1)
    p.produce(topic, b"v")
p.flush()
""",
    ),
    "hot-partition": Pair(
        f"""{CONFLUENT}
p = producer()
for number in range(200):
    p.produce(topic, b"v", key="all")
p.flush()
""",
        f"""{CONFLUENT}
p = producer()
for number in range(200):
    p.produce(topic, b"v", key="all" if number % 20 < 9 else str(number))
p.flush()
""",
    ),
    # librdkafka spreads what has an empty key; it goes from one partition to the next in 10 ms.
    "hot-partition of an empty key": Pair(
        f"""{KAFKA_PYTHON}
for number in range(200):
    producer.send(topic, b"v", key=b"")
    time.sleep(0.001)
producer.close()
""",
        f"""{CONFLUENT}
p = producer()
p.list_topics(topic, timeout=10)  # what it sends to a topic it does not know yet stays together
for number in range(200):
    p.produce(topic, b"v", key=b"")
    p.poll(0.001)
p.flush()
""",
    ),
    "hot-partition of an empty key at once": Pair(
        f"""{KAFKA_PYTHON}
for number in range(200):
    producer.send(topic, b"v", key=b"" if number % 20 < 11 else b"%d" % number)
    time.sleep(0.001)
producer.close()
""",
        f"""{CONFLUENT}
p = producer()
for number in range(200):
    p.produce(topic, b"v", key=b"")
p.flush()
""",
    ),
    "slow-acks": Pair(
        f"""{CONFLUENT}
p = producer(**{{"linger.ms": 1000}})
for number in range(80):
    p.produce(topic, b"v")
    p.poll(0.05)
while len(p):
    p.poll(0.1)
""",
        f"""{CONFLUENT}
p = producer(**{{"linger.ms": 500}})
for number in range(80):
    p.produce(topic, b"v")
while len(p):
    p.poll(0.1)
""",
    ),
    "failures-by-cause": Pair(
        f"""{CONFLUENT}
p = producer()
p.produce(topic, b"v" * 5000)
p.flush()
""",
        f"""{CONFLUENT}
p = producer()
p.produce(topic, b"v" * 800)
p.flush()
""",
    ),
    "unflushed-transaction": Pair(
        f"""{CONFLUENT}
p = producer(**{{"transactional.id": topic}})
p.init_transactions()
p.begin_transaction()
p.produce(topic, b"v")
p.flush()
""",
        f"""{CONFLUENT}
p = producer(**{{"transactional.id": topic}})
p.init_transactions()
p.begin_transaction()
p.produce(topic, b"v")
p.abort_transaction()
""",
    ),
    "failed-processing": Pair(
        f"""{READING}
p.produce(topic, b"no number")
p.flush()
try:
    int(c.poll(10).value())
except ValueError:
    c.close()
    raise SystemExit(0)
""",
        f"""{READING}
p.produce(topic, b"no number")
p.flush()
c.poll(10)
c.close()
""",
    ),
    "oversized-headers": Pair(
        f"""{CONFLUENT}
p = producer(**{{"message.max.bytes": 1000}})
largest = 0
for size in range(700, 1000, 10):
    try:
        p.produce(topic, b"v" * size)
    except KafkaException:
        break
p.flush()
""",
        f"""{CONFLUENT}
p = producer(**{{"message.max.bytes": 1000}})
p.produce(topic, b"v" * 850)
p.flush()
""",
    ),
    "oversized-headers of a topic's own limit": Pair(
        f"""{CONFLUENT}
p = producer()
p.produce(topic, b"v" * 900)
p.flush()
""",
        f"""{CONFLUENT}
p = producer()
p.produce(topic, b"v" * 800)
p.flush()
""",
    ),
    "acks-zero": Pair(
        f"""{CONFLUENT}
p = producer(acks=0)
p.produce(topic, b"v")
p.flush()
""",
        f"""{CONFLUENT}
p = producer(acks=1)
p.produce(topic, b"v")
p.flush()
""",
    ),
}
PRODUCES = f"""{CONFLUENT}
p = producer()
for number in range(20):
    p.produce(topic, b"v")
p.flush()
"""
CONSUMES = f"""{CONFLUENT}
c = Consumer({{"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"}})
c.subscribe([topic])
seen = 0
while seen < 20:
    seen += c.poll(10) is not None
c.close()
"""


@pytest.fixture
def found(run: Runner, kafka: Kafka) -> Callable[[str, str], dict[str, Finding]]:
    """Return what runs a program on a topic, and gives the findings of its recording."""

    def findings(program: str, topic: str) -> dict[str, Finding]:
        return _findings(run(program, kafka.bootstrap, topic))

    return findings


def _findings(done: Run) -> dict[str, Finding]:
    assert done.code == 0, done.stderr
    return {finding.slug: finding for finding in report(done.recording).findings}


@pytest.mark.parametrize("name", PAIRS)
def test_a_fault_is_found_and_a_near_miss_is_not(
    found: Callable[[str, str], dict[str, Finding]], kafka: Kafka, name: str
) -> None:
    """On the real broker, with its topic, and with a remedy."""
    slug, pair = name.partition(" ")[0], PAIRS[name]
    limits = {"failures-by-cause": "1000", "oversized-headers of a topic's own limit": "1000"}
    options = {"max_message_bytes": limits[name]} if name in limits else {}
    topic = kafka.topic("findings", **options)
    finding = found(pair.fault, topic)[slug]
    assert topic in f"{finding.headline} {finding.evidence}"
    assert finding.remedy
    assert slug not in found(pair.near_miss, kafka.topic("findings", **options))


@pytest.mark.parametrize("propagated", [False, True])
def test_messages_without_context_are_found(run: Runner, kafka: Kafka, *, propagated: bool) -> None:
    """What reads them says which topic they came from."""
    topic = kafka.topic("orphans")
    run(PRODUCES, kafka.bootstrap, topic, AUTOINSTRUMENT_PROPAGATE=str(int(propagated)))
    found = _findings(run(CONSUMES, kafka.bootstrap, topic))
    assert ("broken-trace" in found) is not propagated
    if not propagated:
        assert f"20 of 20 messages from {topic}" in found["broken-trace"].headline
        assert "AIOProducer, produce_batch() and" in found["broken-trace"].remedy


def test_links_are_context_enough(run: Runner, kafka: Kafka) -> None:
    """A consumed message whose trace is linked is not without one."""
    topic = kafka.topic("linked")
    run(PRODUCES, kafka.bootstrap, topic)
    done = run(CONSUMES, kafka.bootstrap, topic, AUTOINSTRUMENT_LINKS="link")
    assert "broken-trace" not in _findings(done)


WAITING = {
    "beside work of its own": (
        f"""{CONFLUENT}
p = producer()
p.list_topics(topic, timeout=10)
for number in range(300):
    time.sleep(0.001)
    p.produce(topic, b"v")
    WAIT
p.flush()
""",
        "p.flush()",
        "p.poll(0)",
    ),
    "of kafka-python": (
        f"""{KAFKA_PYTHON}
for number in range(300):
    time.sleep(0.001)
    future = producer.send(topic, b"v")
    WAIT
producer.close()
""",
        "future.get()",
        "pass",
    ),
    "of aiokafka": (
        f"""{AIOKAFKA}
async def write(producer):
    futures = []
    for number in range(300):
        await asyncio.sleep(0.001)
        futures.append(await producer.send(topic, b"v"))
        WAIT
    await asyncio.gather(*futures)
asyncio.run(main(write))
""",
        "await futures[-1]",
        "pass",
    ),
}


@pytest.mark.once
@pytest.mark.parametrize("name", WAITING)
def test_the_estimated_gain_is_that_of_the_changed_program(
    run: Runner, kafka: Kafka, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """What writing without waiting would take is within a factor of 2 of what it takes."""
    program, waits, goes_on = WAITING[name]
    pairs = [
        [
            run(program.replace("WAIT", each), kafka.bootstrap, kafka.topic())
            for each in (waits, goes_on)
        ]
        for _ in range(3)
    ]
    before, after = zip(*pairs, strict=True)
    # The least of three: what else the machine does can only add to a time.
    findings = [_findings(each)["synchronous-writes"] for each in before]
    finding = min(findings, key=lambda found: found.numbers["after_ns"])
    estimated, took = finding.numbers["after_ns"] / 1e9, min(map(_taken, after))
    with capsys.disabled():
        sys.stdout.write(f"estimated {estimated:.3f} s, took {took:.3f} s: {finding.evidence}\n")
    assert took / 2 < estimated < took * 2
    assert finding.numbers["before_ns"] > finding.numbers["after_ns"]
    assert not any("synchronous-writes" in _findings(each) for each in after)


def test_the_first_write_waits_for_its_connection_in_any_case(tmp_path: Path) -> None:
    """What it takes is no gain, and it does not hide that the others wait."""
    waits = {"autoinstrument__waited": "flush", "offset": 0}
    first = write(trace=1, ms=1_000, **waits)
    others = [write(trace=n + 2, at=1_000 + n * 2, ms=0.5, **waits) for n in range(50)]
    found = report(recording(tmp_path / "connects.jsonl", [request([first, *others])]))
    (finding,) = found.findings
    assert finding.slug == "synchronous-writes"
    assert finding.numbers == {"before_ns": 1_098_500_000, "after_ns": 1_073_500_000}


def test_the_gain_is_told_as_what_it_is_at_best(tmp_path: Path) -> None:
    """What large messages need on the wire looks like waiting, and no batch saves it."""
    waits = {"autoinstrument__waited": "flush", "offset": 0}
    writes = [write(trace=n + 1, at=n * 10, ms=9, **waits) for n in range(100)]
    (found,) = report(recording(tmp_path / "large.jsonl", [request(writes)])).findings
    assert "at best: up to 9.2 times as fast." in found.evidence


def test_no_more_time_is_waited_than_passes(tmp_path: Path) -> None:
    """Where a few writes overlap, as where a program polls 10 ms for each, theirs is one time."""
    writes = [write(trace=n + 1, at=n * 10, ms=30 if n % 50 == 0 else 10) for n in range(200)]
    (finding,) = report(recording(tmp_path / "overlap.jsonl", [request(writes)])).findings
    assert finding.slug == "synchronous-writes"
    assert finding.evidence.startswith("100% of the time is spent waiting: 2.00 s of 2.00 s.")
    assert finding.numbers == {"before_ns": 2_000_000_000, "after_ns": 30_000_000}


def test_the_processes_of_a_service_have_one_finding_and_several_services_are_named(
    tmp_path: Path,
) -> None:
    """Ten workers with one fault are one thing to mend, and somebody must know in which program."""
    lines = []
    for pid in range(10):
        writes = [
            write(trace=pid * 100 + n + 1, at=n * 2, ms=1.5, offset=n, autoinstrument__waited="get")
            for n in range(30)
        ]
        lines.append(request(writes, service="shop", pid=pid))
    alone = report(recording(tmp_path / "shop.jsonl", lines))
    (finding,) = alone.findings
    assert finding.headline.startswith("300 writes to profiles each wait")
    assert "shop" not in finding.evidence
    lines.append(request([write(error="no", error_type="queue_full")], service="mail"))
    both = report(recording(tmp_path / "both.jsonl", lines))
    assert {found.slug: found.evidence.rpartition(" (")[2] for found in both.findings} == {
        "queue-full": "service mail).",
        "synchronous-writes": "service shop).",
    }


def test_a_full_queue_that_the_program_heeds_is_not_called_a_loss(
    run: Runner, kafka: Kafka
) -> None:
    """The textbook's loop: it polls and writes again, so that in the end all is written."""
    program = f"""{CONFLUENT}
p = producer(**{{"queue.buffering.max.messages": 100, "linger.ms": 50}})
for number in range(2000):
    while True:
        try:
            p.produce(topic, b"v")
            break
        except BufferError:
            p.poll(0.5)
p.flush()
"""
    found = _findings(run(program, kafka.bootstrap, kafka.topic()))["queue-full"]
    assert "found the client's queue full" in found.headline
    assert "Nothing is lost if the program then polls and writes again" in found.evidence


@pytest.mark.parametrize(("refused", "written", "lost"), [(9, 1_000, False), (500, 1_000, True)])
def test_who_meets_the_full_queue_again_and_again_may_lose_messages(
    tmp_path: Path, *, refused: int, written: int, lost: bool
) -> None:
    """Only where room was found for many after each refusal it is taken as heeded."""
    full = [write(error="full", error_type="queue_full") for _ in range(refused)]
    writes = [write(ms=0) for _ in range(written)]
    (found,) = report(recording(tmp_path / "full.jsonl", [request([*full, *writes])])).findings
    assert ("was full and rejected" in found.headline) is lost
    assert ("Nothing is lost" in found.evidence) is not lost
    assert "kafka-python 2: buffer_memory" in found.remedy


def test_a_remedy_is_none_that_the_program_follows_already(run: Runner, kafka: Kafka) -> None:
    """It polls after each produce(), which is too early."""
    early = PAIRS["reports-unserved after an early poll"].fault
    found = _findings(run(early, kafka.bootstrap, kafka.topic()))["reports-unserved"]
    assert "right after produce() is too early" in found.remedy


def test_every_finding_is_provoked_here() -> None:
    """A finding without a program that shows it is no finding."""
    provoked = {name.partition(" ")[0] for name in PAIRS} | {"broken-trace"}
    assert provoked == FINDINGS.keys()


def test_the_first_screen_says_it(run: Runner, kafka: Kafka) -> None:
    """A person's minute: what is wrong and what to do come before every number."""
    done = run(PAIRS["lost-at-exit"].fault, kafka.bootstrap, kafka.topic("seen"))
    shown = render(report(done.recording)).splitlines()
    assert shown[3:5] == [
        "Findings",
        "  lost-at-exit: 1 message had no answer when the program ended.",
    ]
    assert shown[6].startswith("    Fix: Call flush() before the program ends")


def _taken(done: Run) -> float:
    return (max(write.end for write in done.writes) - done.writes[0].start) / 1e9
