"""The ledger: what is in the log of an Apache Kafka, message by message, against the spans.

Each test starts a program, since the client can be traced only from its import on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from otlp import Span, spans_of_recording
from processes import until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from brokers import Cluster, Kafka, OwnKafka, Record
    from programs import Runner

HEAD = """
import sys
from confluent_kafka import KafkaException, Producer
bootstrap, topic = sys.argv[1:3]
config = {"bootstrap.servers": bootstrap, "log_level": 0}
"""
# Some 200 messages a second until it is told to end; each prints what it has handed over.
UNTIL_THE_END = """
import logging, signal, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.ERROR)
bootstrap, topic = sys.argv[1:3]
number, going = 0, True
def end(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, end)
"""
STEADY = {
    "confluent-kafka": f"""{UNTIL_THE_END}
from confluent_kafka import Producer
producer = Producer({{"bootstrap.servers": bootstrap, "log_level": 0, "enable.idempotence": True,
                     "delivery.timeout.ms": 3000, "reconnect.backoff.max.ms": 100}})
while going:
    producer.produce(topic, b"v", key=str(number))
    number += 1
    producer.poll(0.005)
producer.flush()
print(number)
""",
    "kafka-python": f"""{UNTIL_THE_END}
from kafka import KafkaProducer
short = dict(delivery_timeout_ms=3000, request_timeout_ms=1000, reconnect_backoff_max_ms=100)
known = {{name: of for name, of in short.items() if name in KafkaProducer.DEFAULT_CONFIG}}
producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", **known)
while going:
    try:
        producer.send(topic, b"v", key=str(number).encode())
    except Exception:  # its metadata has not come in time
        pass
    number += 1
    time.sleep(0.005)
try:
    producer.flush(5)
except Exception:  # it may leave messages unanswered for ever
    pass
print(number, flush=True)
""",
    "aiokafka": f"""{UNTIL_THE_END}
import asyncio
from aiokafka import AIOKafkaProducer
async def main():
    global number
    known = dict(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=3000)
    async with AIOKafkaProducer(**known) as producer:
        while going:
            try:
                await producer.send(topic, b"v", key=str(number).encode())
            except Exception:  # there is no room any more
                pass
            number += 1
            await asyncio.sleep(0.005)
        try:
            await asyncio.wait_for(producer.flush(), 5)
        except asyncio.TimeoutError:
            pass
    print(number)
asyncio.run(main())
""",
}


@pytest.fixture(params=STEADY)
def steady(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[list[str], Path]:
    """Return the command of a program that writes all the time, and where its spans will be."""
    (tmp_path / "steady.py").write_text(STEADY[request.param])
    recording = tmp_path / "steady.jsonl"
    command = [sys.executable, "-m", "autoinstrument", "run", "--record", str(recording), "--"]
    return [*command, sys.executable, str(tmp_path / "steady.py")], recording


@pytest.mark.smoke
def test_the_log_and_the_spans_agree_one_to_one(run: Runner, kafka: Kafka) -> None:
    """Threads, keys, serializers: each record has one span, whose context is in its header."""
    topic = kafka.topic()
    program = f"""{HEAD}
from concurrent.futures import ThreadPoolExecutor
from confluent_kafka import SerializingProducer
from confluent_kafka.serialization import StringSerializer
plain = Producer(config)
typed = SerializingProducer({{**config, "value.serializer": StringSerializer()}})
def write(number):
    plain.produce(topic, b"v", key=str(number % 5), headers=[("own", b"1"), ("own", b"2")])
    plain.produce(topic, None, str(number))
    typed.produce(topic, value="text", headers={{"own": b"3"}})
with ThreadPoolExecutor(4) as pool:
    list(pool.map(write, range(100)))
plain.flush()
typed.flush()
"""
    done = run(program, kafka.bootstrap, topic)
    records = kafka.records(topic)
    assert len(records) == 300
    assert _of_spans(done.writes) == _of_records(records)
    own = Counter(tuple(h for h in record.headers if h[0] == "own") for record in records)
    assert own == {(("own", b"1"), ("own", b"2")): 100, (): 100, (("own", b"3"),): 100}


def test_a_record_that_the_broker_refuses_is_an_error(run: Runner, kafka: Kafka) -> None:
    """The topic's own limit is known to the broker alone: its answer is on the span."""
    topic = kafka.topic(max_message_bytes="500")
    program = f"""{HEAD}
producer = Producer(config)
def reported(error, message):
    print(error and error.name())
producer.produce(topic, b"v" * 1000, on_delivery=reported)
producer.flush()
producer.produce(topic, b"v", on_delivery=reported)
producer.flush()
"""
    done = run(program, kafka.bootstrap, topic)
    assert done.stdout == run(program, kafka.bootstrap, topic, bare=True).stdout
    refused, written = done.writes
    assert refused.status_code == "ERROR"
    assert refused.attributes["error.type"] == "MESSAGE_TOO_LARGE"
    assert "messaging.kafka.offset" not in refused.attributes
    assert written.status_code == "UNSET"


def test_only_what_is_committed_is_called_written(run: Runner, kafka: Kafka) -> None:
    """Aborted, or left open at the end: an error, although the broker had acknowledged it."""
    topic = kafka.topic()
    program = f"""{HEAD}
producer = Producer({{**config, "transactional.id": topic}})
producer.init_transactions()
for outcome in producer.commit_transaction, producer.abort_transaction, None:
    producer.begin_transaction()
    for number in range(10):
        producer.produce(topic, b"v", key=outcome.__name__ if outcome else "left")
    producer.flush()
    if outcome:
        outcome()
"""
    done = run(program, kafka.bootstrap, topic)
    written = [span for span in done.writes if span.status_code == "UNSET"]
    assert _of_spans(written) == _of_records(kafka.records(topic, read_committed=True))
    assert len(written) == 10
    rest = [span for span in done.writes if span.status_code == "ERROR"]
    assert {span.attributes["error.type"] for span in rest} == {"transaction_aborted"}
    assert len(rest) == 20


def test_offsets_are_committed_with_what_was_written(run: Runner, kafka: Kafka) -> None:
    """Read, write and commit in one transaction: the offsets are there, the writes are written."""
    topic = kafka.topic()
    program = f"""{HEAD}
from confluent_kafka import Consumer, TopicPartition
plain = Producer(config)
plain.produce(topic, b"v", partition=0)
plain.flush()
consumer = Consumer({{**config, "group.id": topic, "enable.auto.commit": False}})
consumer.assign([TopicPartition(topic, 0, 0)])
message = consumer.poll(10)
producer = Producer({{**config, "transactional.id": topic}})
producer.init_transactions()
producer.begin_transaction()
producer.produce(topic, message.value(), partition=1)
offsets = [TopicPartition(topic, 0, message.offset() + 1)]
producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
producer.commit_transaction()
print(consumer.committed([TopicPartition(topic, 0)])[0].offset)
consumer.close()
"""
    done = run(program, kafka.bootstrap, topic)
    assert done.stdout == "1\n"
    assert [span.status_code for span in done.writes] == ["UNSET"] * 2
    assert _of_spans(done.writes) == _of_records(kafka.records(topic, read_committed=True))


def test_a_fenced_commit_is_undecided(run: Runner, kafka: Kafka) -> None:
    """A commit is refused since another producer has the id: an earlier try may have succeeded."""
    topic = kafka.topic()
    program = f"""{HEAD}
first = Producer({{**config, "transactional.id": topic}})
first.init_transactions()
first.begin_transaction()
first.produce(topic, b"v", key="first")
first.flush()
second = Producer({{**config, "transactional.id": topic}})
second.init_transactions()
try:
    first.commit_transaction()
except KafkaException as error:
    print(error.args[0].name())
"""
    done = run(program, kafka.bootstrap, topic)
    assert done.stdout == run(program, kafka.bootstrap, topic, bare=True).stdout
    (span,) = done.writes
    assert span.attributes["autoinstrument.outcome"] == "undecided"
    assert kafka.records(topic, read_committed=True) == []


def test_after_faults_the_ledger_is_even(
    own_kafka: OwnKafka, steady: tuple[list[str], Path]
) -> None:
    """A broker is paused, killed and started again: each message has one span, and none lies.

    The program must go on while its broker does not, and end by a signal.
    """
    topic = own_kafka.topic()
    command, recording = steady
    program = subprocess.Popen(
        [*command, own_kafka.bootstrap, topic], stdout=subprocess.PIPE, text=True
    )
    with program:
        until(recording.exists, "nothing was written")
        own_kafka.pause()
        time.sleep(4)
        own_kafka.resume()
        time.sleep(1)
        own_kafka.kill()
        own_kafka.start()
        time.sleep(1)
        program.terminate()
        handed_over = int(program.communicate(timeout=60)[0])
    _assert_even(recording, handed_over, own_kafka.records(topic))


def test_after_the_faults_of_a_cluster_the_ledger_is_even(
    cluster: Cluster, steady: tuple[list[str], Path]
) -> None:
    """Of three brokers one after the other is paused, killed, started again: no span lies.

    The program must go on while its brokers do not, and end by a signal.
    """
    topic = cluster.replicated_topic()
    command, recording = steady
    program = subprocess.Popen(
        [*command, cluster.bootstrap, topic], stdout=subprocess.PIPE, text=True
    )
    with program:
        until(recording.exists, "nothing was written")
        for number in range(3):
            cluster.processes[number].pause()
            time.sleep(1.5)
            cluster.processes[number].resume()
            cluster.processes[number].kill()
            time.sleep(1)
            cluster.restart(number)
            time.sleep(2)
        program.terminate()
        handed_over = int(program.communicate(timeout=60)[0])
    _assert_even(recording, handed_over, cluster.records(topic))


def test_a_killed_program_loses_at_most_its_last_second(
    kafka: Kafka, steady: tuple[list[str], Path]
) -> None:
    """SIGKILL leaves no time for anything: what was answered earlier is in the recording."""
    topic = kafka.topic()
    command, recording = steady
    program = subprocess.Popen([*command, kafka.bootstrap, topic], start_new_session=True)
    with program:
        until(recording.exists, "nothing was written")
        time.sleep(2)
        killed = time.time_ns()
        os.killpg(program.pid, signal.SIGKILL)
    _cut_off_half_a_line(recording)
    spans = [s for s in spans_of_recording(recording) if s.kind == "PRODUCER"]
    assert max(span.end for span in spans) >= killed - 1_500_000_000
    assert set(_of_spans(spans)) <= set(_of_records(kafka.records(topic)))


def _cut_off_half_a_line(recording: Path) -> None:
    # A signal that kills ends a write(2) in its midst, too: the kernel copies page by page.
    whole, newline, _ = recording.read_bytes().rpartition(b"\n")
    recording.write_bytes(whole + newline)


def _assert_even(recording: Path, handed_over: int, records: list[Record]) -> None:
    """Each message has one span; what is called written is in the log, the rest may be."""
    spans = [s for s in spans_of_recording(recording) if s.kind == "PRODUCER"]
    keys = Counter(span.attributes["messaging.kafka.message.key"] for span in spans)
    assert keys == Counter(str(number) for number in range(handed_over))
    written = [span for span in spans if span.status_code == "UNSET"]
    failed = [span for span in spans if span.status_code == "ERROR"]
    assert len(written) + len(failed) == len(spans)
    causes = {span.attributes["error.type"] for span in failed}
    assert causes <= {
        "delivery_timeout",
        "REQUEST_TIMED_OUT",
        "NOT_LEADER_OR_FOLLOWER",
        "connection",
        "queue_full",
        "lost_at_exit",
    }
    in_log = _of_records(records)
    assert written
    assert set(_of_spans(written)) <= set(in_log)
    # A client that is not idempotent writes a message twice when only the answer was lost:
    # more records than spans then, yet none that is of no span.
    assert {traceparent for _, _, traceparent in in_log} <= {_traceparent(s) for s in spans}


def _of_spans(spans: Iterable[Span]) -> list[tuple[int, int, bytes]]:
    return sorted(
        (
            int(span.attributes["messaging.destination.partition.id"]),
            span.attributes["messaging.kafka.offset"],
            _traceparent(span),
        )
        for span in spans
    )


def _traceparent(span: Span) -> bytes:
    return f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xFF:02x}".encode()


def _of_records(records: Iterable[Record]) -> list[tuple[int, int, bytes]]:
    found = []
    for record in records:
        (traceparent,) = [value for name, value in record.headers if name == "traceparent"]
        assert traceparent is not None
        found.append((record.partition, record.offset, traceparent))
    return sorted(found)
