"""Threads of the agent's own: a program lives and ends as if there were none.

Where a test starts a program, all of its threads are looked at.
"""

from __future__ import annotations

import _thread
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from autoinstrument.process import background

if TYPE_CHECKING:
    from brokers import Kafka
    from collectors import Endpoint
    from programs import Runner

HEAD = """
import logging, os, sys, threading, time
from confluent_kafka import Producer
def write(count):
    producer = Producer({"bootstrap.servers": sys.argv[1]})
    for number in range(count):
        producer.produce(sys.argv[2], str(number))
    assert producer.flush(20) == 0
"""
JOINING = f"""{HEAD}
logging.basicConfig(level="INFO")
write(3)
time.sleep(1.5)
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
print(threading.active_count())
"""
FORKING = f"""{HEAD}
def fork():
    if os.fork() == 0:
        in_child()
    else:
        begun = time.monotonic()
        print(os.waitstatus_to_exitcode(os.wait()[1]), time.monotonic() - begun < 10)
thread = threading.Thread(target=fork)
def in_child():
    write(2)
"""


def test_a_program_may_join_all_other_threads(
    run: Runner, kafka: Kafka, otlp_endpoint: Endpoint
) -> None:
    """The agent's is never listed, also where it has logged."""
    settings = {"AUTOINSTRUMENT_LOG": "all", **otlp_endpoint.environment}
    done = run(JOINING, kafka.bootstrap, kafka.topic(), **settings)
    assert (done.stdout, done.code) == ("1\n", 0)
    assert done.stderr.count("INFO:autoinstrument:") == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.parametrize(
    ("more", "count"),
    [
        ("", 2),
        ("    threading.Thread(target=later).start()\ndef later(): time.sleep(0.5); write(3)", 5),
    ],
    ids=["when it returns", "when its own thread returns"],
)
def test_a_child_that_a_thread_has_forked_ends(
    run: Runner, kafka: Kafka, more: str, count: int
) -> None:
    """It ends with its last thread, by no handler of `atexit`, and loses nothing."""
    topic = kafka.topic()
    program = f"{FORKING}{more}\nthread.start()\nthread.join()"
    done = run(program, kafka.bootstrap, topic)
    assert (done.stdout, done.stderr, done.code) == ("0 True\n", "", 0)
    assert len(done.places) == len(kafka.records(topic)) == count


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_child_that_a_thread_has_forked_tells_what_it_loses(run: Runner, kafka: Kafka) -> None:
    """What is unanswered when its last thread returns is lost, as at any other end."""
    more = """
    Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}).produce("orders", b"v")
thread.start()
thread.join()
"""
    done = run(FORKING + more, kafka.bootstrap, kafka.topic())
    assert (done.stdout, done.code) == ("0 True\n", 0)
    assert "lost-at-exit" in done.stderr
    errors = [each.attributes.get("error.type") for each in done.writes]
    assert errors == [None, None, "lost_at_exit"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_thread_that_has_not_begun_takes_no_signal_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It inherits what is blocked where it is started, which is as before then."""
    start, masks = _thread.start_new_thread, []

    def noting(*args: Any) -> int:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        return start(*args)

    monkeypatch.setattr(_thread, "start_new_thread", noting)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    background.start(bool)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert masks[0] >= signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP} - {32, 33}
