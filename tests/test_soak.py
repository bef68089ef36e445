"""Many messages, whatever the exporter does: memory is flat, and every message is accounted for.

Each test starts a program, whose memory is looked at. `make soak` has a million messages each.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from autoinstrument.bench.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from brokers import MockBroker

pytestmark = pytest.mark.once

MESSAGES = int(os.environ.get("SOAK_MESSAGES", "60000"))
QUEUE = 4096
"""Operations that may wait: so few that the queue is full long before the memory is measured."""
PROGRAM = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0, "linger.ms": 5})
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
messages = int(sys.argv[2])
for number in range(messages):
    producer.produce("orders", b"v" * 100)
    if number % 1000 == 999:
        producer.flush()
    if number == messages // 3:
        before = resident()
producer.flush()
print(resident() - before)
"""


def _slow() -> int:
    time.sleep(0.2)
    return 200


EXPORTERS: dict[str, Callable[[], int] | None] = {
    "up": lambda: 200,
    "slow": _slow,
    "refusing": lambda: 400,
    "absent": None,
}


@pytest.fixture(params=EXPORTERS)
def sink(request: pytest.FixtureRequest) -> Iterator[Sink]:
    """Return an endpoint that answers in one of these ways; one that is absent is closed."""
    answer = EXPORTERS[request.param]
    found = Sink(answer or (lambda: 200))
    if answer is None:
        found.close()
        yield found
        return
    with closing(found):
        yield found


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from /proc")
def test_every_message_is_exported_or_counted_as_dropped(
    sink: Sink, mock_broker: Callable[..., MockBroker], tmp_path: Path
) -> None:
    """Sent = exported + dropped; memory does not follow the number of messages."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    settings = {
        "AUTOINSTRUMENT_ENABLED": "1",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE),
    }
    done = subprocess.run(
        [sys.executable, str(program), mock_broker().bootstrap, str(MESSAGES)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    exported = sink.taken() // 2  # each with its root
    told = re.search(r"the spans of (\d+) operations? were dropped", done.stderr)
    dropped = int(told[1]) if told else 0
    assert exported + dropped == MESSAGES
    assert int(done.stdout) < 20_000  # kB; each message would be one, were it kept
