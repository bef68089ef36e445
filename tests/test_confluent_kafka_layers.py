"""Batches, coroutines and transactions of confluent-kafka, which answer by other ways.

Each test starts a program, since the client can be traced only from its import on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from programs import Runner

HEAD = """
import asyncio, sys
from confluent_kafka import KafkaException, Producer
config = {"bootstrap.servers": sys.argv[1], "log_level": 0}
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


@pytest.mark.batches
def test_each_message_of_a_batch_has_a_span(run: Runner, broker: str) -> None:
    """produce_batch: one span a message, callbacks kept, the application's dicts untouched."""
    program = f"""{HEAD}
producer = Producer(config)
def own(error, message):
    print("own", message.value())
def common(error, message):
    print("common", message.value())
messages = [{{"value": b"1", "callback": own}}, {{"value": b"2", "key": "k"}}, {{"value": None}}]
print(producer.produce_batch("orders", messages, 0, on_delivery=common))
producer.flush()
print([sorted(message) for message in messages])
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert sorted(span.attributes["messaging.kafka.offset"] for span in done.writes) == [0, 1, 2]


@pytest.mark.batches
def test_a_message_that_a_batch_refuses_is_an_error(run: Runner, broker: str) -> None:
    """The error that the client puts into a message's dict is there, and on the span."""
    program = f"""{HEAD}
producer = Producer({{**config, "message.max.bytes": 1000}})
messages = [{{"value": b"1"}}, {{"value": b"2" * 2000}}]
print(producer.produce_batch("orders", messages))
print([message.get("_error") for message in messages])
try:
    producer.produce_batch("orders", [{{"value": 5}}])
except TypeError as error:
    print(error)
producer.flush()
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert [span.attributes.get("error.type") for span in done.writes] == [
        None,
        "MESSAGE_TOO_LARGE",
        "invalid_argument",
    ]


@pytest.mark.batches
def test_a_coroutines_write_is_traced_from_its_call(run: Runner, broker: str) -> None:
    """AIOProducer: opened in the coroutine, with its parent, closed by the worker's report."""
    program = f"""{HEAD}
from confluent_kafka.aio import AIOProducer
from opentelemetry import trace
parent = trace.NonRecordingSpan(trace.SpanContext(0xabc, 0xdef, False, trace.TraceFlags(1)))
async def sell(producer):
    with trace.use_span(parent):
        return await producer.produce("orders", b"child")
async def main():
    producer = AIOProducer(config)
    waiting = [await sell(producer)] + [await producer.produce("orders", b"v") for _ in range(2)]
    await producer.flush()
    print(sorted((await answer).value() for answer in waiting))
    await producer.close()
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert [span.parent_id == f"{0xDEF:016x}" for span in done.writes] == [True, False, False]
    assert all(span.attributes["messaging.kafka.offset"] >= 0 for span in done.writes)
    assert {root.name for root in done.roots} <= {
        "__main__.<listcomp>",  # Python 3.10
        "__main__.main",
        "__main__.main.<locals>.<listcomp>",
    }


@pytest.mark.batches
def test_headers_that_a_coroutine_producer_refuses_are_an_error(run: Runner, broker: str) -> None:
    """AIOProducer cannot send headers: its own exception, one error span."""
    program = f"""{HEAD}
from confluent_kafka.aio import AIOProducer
async def main():
    producer = AIOProducer(config)
    try:
        await producer.produce("orders", b"v", headers=[("a", b"1")])
    except NotImplementedError as error:
        print(error)
    await producer.close()
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == run(program, broker, bare=True).stdout
    assert [span.attributes["error.type"] for span in done.writes] == ["invalid_argument"]


@pytest.mark.batches
def test_what_a_coroutine_producer_purges_is_told(run: Runner, broker: str) -> None:
    """A message that never left the buffer of AIOProducer is purged, not lost at exit."""
    program = f"""{HEAD}
from confluent_kafka.aio import AIOProducer
async def main():
    producer = AIOProducer(config)
    answer = await producer.produce("orders", b"v")
    await producer.purge()
    print(answer.cancelled())
    await producer.close()
asyncio.run(main())
"""
    done = run(program, broker)
    assert done.stdout == "True\n"
    assert [span.attributes["error.type"] for span in done.writes] == ["purged"]


TRANSACTION = f"""{HEAD}
producer = Producer({{**config, "transactional.id": "t", "linger.ms": 0}})
producer.init_transactions()
producer.begin_transaction()
producer.produce("orders", b"v", partition=0)
producer.produce("orders", b"w", partition=0)
"""


def test_a_committed_write_is_written(run: Runner, broker: str) -> None:
    """A write of a committed transaction ends with its acknowledgement, not with the commit."""
    program = f"""{TRANSACTION}
producer.flush()
import time
before = time.time_ns()
producer.commit_transaction()
print(before)
"""
    done = run(program, broker)
    assert [span.attributes["messaging.kafka.offset"] for span in done.writes] == [0, 1]
    assert all(span.end < int(done.stdout) for span in done.writes)


def test_an_aborted_write_is_an_error_although_it_was_acknowledged(
    run: Runner, broker: str
) -> None:
    """Acknowledged or purged, a write of an aborted transaction was not written."""
    program = f"""{TRANSACTION}
producer.flush()
producer.produce("orders", b"x", partition=0)
producer.abort_transaction()
"""
    done = run(program, broker)
    assert [span.attributes["error.type"] for span in done.writes] == ["transaction_aborted"] * 3
    assert all("messaging.kafka.offset" not in span.attributes for span in done.writes)


@pytest.mark.parametrize("end", ["", "del producer"])
def test_a_transaction_without_commit_was_not_written(run: Runner, broker: str, end: str) -> None:
    """The broker aborts what a program leaves uncommitted, or drops."""
    done = run(f"{TRANSACTION}\nproducer.flush()\n{end}", broker)
    assert [span.attributes["error.type"] for span in done.writes] == ["transaction_aborted"] * 2


def test_a_purged_write_is_an_error(run: Runner, broker: str) -> None:
    """Producer.purge throws away what is queued, and the span says so."""
    program = f"""{HEAD}
producer = Producer({{**config, "linger.ms": 10_000}})
producer.produce("orders", b"v")
producer.purge()
producer.flush()
"""
    assert run(program, broker).write(error_type="purged").status_code == "ERROR"
