"""Threads of the agent's own: a program lives and ends as if there were none.

Each test starts a program, since all of its threads are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def test_a_program_may_join_all_other_threads(
    run: Runner, kafka: Kafka, otlp_endpoint: Endpoint
) -> None:
    """The agent's is never listed, also where it has logged."""
    settings = {"AUTOINSTRUMENT_LOG": "all", **otlp_endpoint.environment}
    done = run(JOINING, kafka.bootstrap, kafka.topic(), **settings)
    assert (done.stdout, done.code) == ("1\n", 0)
    assert done.stderr.count("INFO:autoinstrument:") == 3
