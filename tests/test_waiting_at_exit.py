"""A program waits for its last export for as long as the help says, and for no longer.

Each test starts programs, since it is their end that is looked at.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from collectors import Endpoint
    from programs import Run, Runner

HEAD = """
import os, signal, sys, threading, time
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0})
for _ in range(20):
    producer.produce("orders", b"v")
producer.flush()
"""
SECOND = """
def send_later(number):
    time.sleep(1)
    os.kill(os.getpid(), number)
threading.Thread(target=send_later, args=(signal.{name},), daemon=True).start()
"""
ENDS = {
    "Ctrl-C": SECOND.format(name="SIGINT") + "raise KeyboardInterrupt",
    "SIGTERM with a handler": f"""
def leave(*_):
    sys.exit(3)
signal.signal(signal.SIGTERM, leave)
{SECOND.format(name="SIGTERM")}
signal.raise_signal(signal.SIGTERM)
""",
}
KILLED = """
import subprocess
command = f"sleep 1; kill -TERM {os.getpid()}"
killing = subprocess.Popen(["sh", "-c", command], stderr=subprocess.DEVNULL)
killing.returncode = 0  # nobody waits for it
signal.raise_signal(signal.SIGTERM)
"""
"""As uvicorn ends, whom a second signal from outside kills."""
DROPPED = "autoinstrument: the spans of 20 operations were dropped in all (spans-dropped)"
UNANSWERED = (
    "autoinstrument: the last export has had no answer yet (20 operations wait); "
    "for the reason, run: autoinstrument doctor (export-failed)"
)
TIMED = f"""{HEAD}
import subprocess
watch = "import sys, time; b = time.monotonic(); sys.stdin.read(); print(time.monotonic() - b)"
watching = subprocess.Popen([sys.executable, "-I", "-c", watch], stdin=subprocess.PIPE)
watching.returncode = 0  # nobody waits for it: it ends when this process has
"""


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Give the address of a broker."""
    return mock_broker().bootstrap


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ENDS)
def test_a_second_signal_ends_the_waiting(
    run: Runner, broker: str, otlp_endpoint: Endpoint, name: str
) -> None:
    """Same output and exit code as without the agent, but for one line that counts."""
    otlp_endpoint.delay = None
    bare = run(HEAD + ENDS[name], broker, bare=True)
    traced = run(HEAD + ENDS[name], broker, **otlp_endpoint.environment)
    assert (traced.stdout, traced.code) == (bare.stdout, bare.code)
    assert traced.stderr.splitlines() == [*bare.stderr.splitlines(), DROPPED]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("end", "told"),
    [
        (ENDS["Ctrl-C"], [UNANSWERED, DROPPED]),
        (KILLED, [UNANSWERED]),
    ],
)
def test_an_export_that_waits_already_is_told_when_the_end_begins(
    run: Runner, broker: str, otlp_endpoint: Endpoint, end: str, told: list[str]
) -> None:
    """Before a second signal: who ends a program may have little patience."""
    otlp_endpoint.delay = None
    done = run(f"{HEAD}time.sleep(3)\n{end}", broker, **otlp_endpoint.environment)
    assert _told(done)[: len(told)] == told


def test_an_exporter_that_has_failed_is_told_once_more_at_the_end(run: Runner, broker: str) -> None:
    """With the number of operations that wait for it, however long ago it began to fail."""
    program = f"""{HEAD}
import logging
told = threading.Event()
class Told(logging.Handler):
    def emit(self, record):
        told.set()
logging.basicConfig(format="%(message)s")
logging.getLogger("autoinstrument").addHandler(Told())
told.wait()
producer.produce("orders", b"v")
producer.flush()
"""
    url = f"http://127.0.0.1:{free_port()}"
    settings = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
    done = run(program, broker, OTEL_EXPORTER_OTLP_TIMEOUT="1", **settings)
    first, second, _ = _told(done)
    assert "could not export spans" in first
    words = r": \d+ operations? waits? for an exporter that has failed: Connection refused; "
    assert re.search(words, second)


@pytest.mark.parametrize(
    ("end", "least", "most"),
    [
        ("", 4.5, 8.0),
        ("os._exit(0)", 1.5, 4.5),
        ("signal.raise_signal(signal.SIGTERM)", 1.5, 4.5),
    ],
)
def test_an_exporter_that_hangs_is_waited_for_a_limited_time(  # noqa: PLR0913, PLR0917 - fixtures
    run: Runner,
    broker: str,
    otlp_endpoint: Endpoint,
    end: str,
    least: float,
    most: float,
) -> None:
    """Five seconds, or two at an end by which nobody expects to wait; what is lost is counted."""
    otlp_endpoint.delay = None
    done = run(TIMED + end, broker, **otlp_endpoint.environment)
    assert least < float(done.stdout) < most
    assert _told(done) == [UNANSWERED, DROPPED]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_many_children_do_not_each_wait_for_an_exporter_that_hangs(
    run: Runner, broker: str, otlp_endpoint: Endpoint
) -> None:
    """One of them waits for two seconds, and the others know."""
    otlp_endpoint.delay = None
    program = f"""
import os, time
import confluent_kafka
for _ in range(4):
    end, told = os.pipe()
    child = os.fork()
    if not child:
        {HEAD.strip().replace(chr(10), chr(10) + 8 * " ")}
        os.write(told, str(time.monotonic()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    print(time.monotonic() - float(os.read(end, 99)))
"""
    done = run(program, broker, **otlp_endpoint.environment)
    first, *others = map(float, done.stdout.split())
    assert first > 1.5 > max(others)


def test_an_exporter_that_is_down_is_not_waited_for_as_long(run: Runner, broker: str) -> None:
    """It is tried once more at most."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
    done = run(TIMED, broker, **settings)
    assert float(done.stdout) < 4.5
    assert _told(done)[-1] == DROPPED


def test_metrics_that_cannot_be_sent_do_not_add_to_the_waiting(run: Runner, broker: str) -> None:
    """They are due all the time, and each request is tried again for ten seconds."""
    program = TIMED.replace("import subprocess", "time.sleep(3)\nimport subprocess")
    unreachable = f"http://127.0.0.1:{free_port()}"
    settings = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": unreachable,
        "OTEL_METRIC_EXPORT_INTERVAL": "100",
    }
    assert float(run(program, broker, **settings).stdout) < 5


def _told(done: Run) -> list[str]:
    return [line for line in done.stderr.splitlines() if "autoinstrument" in line]
