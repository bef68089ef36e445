"""Ends without `atexit`: the program ends as it does without the agent, and nothing is lost.

Each test starts programs, since it is their end that is looked at.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from brokers import Kafka
    from programs import Runner

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither fork nor such signals")

CLIENTS = {
    "confluent-kafka": """
from confluent_kafka import Producer
def write(count):
    producer = Producer({"bootstrap.servers": sys.argv[1]})
    for number in range(count):
        producer.produce(sys.argv[2], str(number))
    producer.flush()
""",
    "kafka-python": """
from kafka import KafkaProducer
def write(count):
    producer = KafkaProducer(bootstrap_servers=sys.argv[1], retries=5)  # a new topic has no leader
    for future in [producer.send(sys.argv[2], b"v") for _ in range(count)]:
        future.get()
""",
    "aiokafka": """
import asyncio
from aiokafka import AIOKafkaProducer
def write(count):
    async def main():
        async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
            for _ in range(count):
                await producer.send_and_wait(sys.argv[2], b"v")
    asyncio.run(main())
""",
}
HEAD = """
import atexit, os, signal, sys, threading, warnings
warnings.simplefilter("ignore")
atexit.register(print, "atexit")
"""
ENDS = {
    "os._exit": "os._exit(3)",
    "os.abort": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.abort()",
    "raise_signal": "signal.raise_signal(signal.SIGTERM)",
    "raise_signal, imported early": "raise_signal(signal.SIGTERM)",
    "as uvicorn does": """
signal.signal(signal.SIGTERM, lambda *_: None)
signal.raise_signal(signal.SIGTERM)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
""",
    "kill": "os.kill(os.getpid(), signal.SIGTERM)",
    "kill, which nothing can catch": "os.kill(os.getpid(), signal.SIGKILL)",
    "kill of group 0": "os.setpgrp(); os.kill(0, signal.SIGTERM)",
    "killpg": "os.setpgrp(); os.killpg(os.getpgrp(), signal.SIGHUP)",
    "pthread_kill": "signal.pthread_kill(threading.get_ident(), signal.SIGTERM)",
    "kill from a thread": """
thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM))
thread.start()
thread.join()
""",
    "execv": "os.execv(sys.executable, [sys.executable, '-c', 'print(4)'])",
    "execvpe": "os.execvpe('sh', ['sh', '-c', 'echo $MORE'], {**os.environ, 'MORE': '5'})",
    "execl in a forked child": """
if os.fork() == 0:
    write(2)
    os.execl(sys.executable, sys.executable, "-c", "print(6)")
os.wait()
""",
    "a signal that is blocked": """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
write(2)
print(signal.sigwait([signal.SIGTERM]))
""",
    "an exec that fails": """
try:
    os.execvp("no-such-command", ["no-such-command"])
except FileNotFoundError:
    print("not found")
write(2)
""",
    "an exec that fails late": """
open("empty", "w").close()
os.chmod("empty", 0o755)
try:
    os.execv("./empty", ["empty"])
except OSError as error:
    print(error)
write(2)
""",
    "a signal that does nothing": "os.kill(os.getpid(), signal.SIGCHLD); write(2)",
    "a probe": "os.kill(os.getpid(), 0); write(2)",
    "wrong arguments": """
for call in (lambda: os.kill("me"), lambda: os._exit("3"), lambda: signal.raise_signal(999)):
    try:
        call()
    except (TypeError, ValueError, OSError) as error:
        print(type(error).__name__, error)
write(2)
""",
    "a handler": """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
os.kill(os.getpid(), signal.SIGTERM)
""",
}


@pytest.mark.parametrize("name", ENDS)
def test_a_program_ends_as_without_the_agent_and_keeps_its_spans(
    run: Runner, kafka: Kafka, name: str
) -> None:
    """Same output, same exit code or signal, and a span for each message in the log."""
    early = "from signal import raise_signal\n" if "early" in name else ""
    program = HEAD + CLIENTS["confluent-kafka"] + early + "write(5)\n" + ENDS[name]
    bare = run(program, kafka.bootstrap, kafka.topic(), bare=True)
    topic = kafka.topic()
    traced = run(program, kafka.bootstrap, topic)
    assert (traced.stdout, traced.stderr, traced.code) == (bare.stdout, bare.stderr, bare.code)
    written = [(record.partition, record.offset) for record in kafka.records(topic)]
    assert written
    assert sorted(traced.places) == written


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("end", ["os._exit", "raise_signal", "execv"])
def test_every_client_keeps_its_spans(run: Runner, kafka: Kafka, client: str, end: str) -> None:
    """Whatever thread the client has its answers from."""
    topic = kafka.topic()
    done = run(HEAD + CLIENTS[client] + "write(5)\n" + ENDS[end], kafka.bootstrap, topic)
    assert len(done.places) == len(kafka.records(topic)) == 5


def test_a_signal_in_the_midst_of_the_end_does_not_come_out_of_it(
    run: Runner, kafka: Kafka
) -> None:
    """A handler that raises, inherited by a child that leaves by os._exit: the parent cleans."""
    program = f"""{HEAD}{CLIENTS["confluent-kafka"]}
import time
exiting = False
def on_term(*_):
    if exiting:
        sys.exit(0)
signal.signal(signal.SIGTERM, on_term)
parent = os.getpid()
try:
    pid = os.fork()
    if pid == 0:
        write(20)
        exiting = True
        os._exit(0)
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.002)
finally:
    print("cleaned by", "parent" if os.getpid() == parent else "child")
"""
    topic = kafka.topic()
    done = run(program, kafka.bootstrap, topic)
    assert (done.stdout, done.stderr, done.code) == ("cleaned by parent\natexit\n", "", 0)
    assert len(done.places) == len(kafka.records(topic)) == 20


def test_what_is_unanswered_at_a_sudden_end_is_told(run: Runner, kafka: Kafka) -> None:
    """A write whose answer nobody has asked for is lost, as at any other end."""
    program = f"""{HEAD}{CLIENTS["confluent-kafka"]}
Producer({{"bootstrap.servers": sys.argv[1]}}).produce(sys.argv[2], b"v")
keep = Producer({{"bootstrap.servers": sys.argv[1]}})
keep.produce(sys.argv[2], b"v")
signal.raise_signal(signal.SIGTERM)
"""
    done = run(program, kafka.bootstrap, kafka.topic())
    assert {span.attributes["error.type"] for span in done.writes} == {"lost_at_exit"}
    assert "lost-at-exit" in done.stderr


def test_the_agents_thread_takes_no_signal_from_the_program(run: Runner, kafka: Kafka) -> None:
    """A handler runs as soon as its signal comes, in a main thread that sleeps or reads."""
    program = f"""{HEAD}{CLIENTS["confluent-kafka"]}
import subprocess, time
write(5)
took = []
def on_alarm(*_):
    raise TimeoutError
signal.signal(signal.SIGALRM, on_alarm)
for _ in range(20):
    begun = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        time.sleep(3)
    except TimeoutError:
        took.append(time.monotonic() - begun)
print(len(took), max(took) < 2)
"""
    assert run(program, kafka.bootstrap, kafka.topic()).stdout == "20 True\natexit\n"
