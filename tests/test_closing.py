"""The closing line of a command under `run`, which only a person at a terminal sees.

Each test starts a command on a pseudo-terminal, since that is what decides.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")

_PROGRAM = """
import os, sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0, "message.max.bytes": 1000})
producer.produce("orders", b"v")
try:
    producer.produce("orders", b"v" * 2000)
except Exception:
    pass
producer.flush()
if os.fork() == 0:
    own = Producer({"bootstrap.servers": sys.argv[1], "log_level": 0})
    own.produce("orders", b"v")
    own.flush()
    sys.stderr.flush()
    os._exit(0)
os.wait()
if "GONE" in os.environ:
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
"""


@pytest.fixture
def said(tmp_path: Path, mock_broker: Callable[..., MockBroker]) -> Callable[..., str]:
    """Give a function that runs the program under `run` and returns what its terminal has shown."""
    (tmp_path / "program.py").write_text(_PROGRAM)
    broker = mock_broker().bootstrap

    def said(*options: str, **settings: str) -> str:
        ours, theirs = os.openpty()
        command = [sys.executable, "-W", "ignore", "program.py", broker]  # fork, from 3.12 on
        subprocess.run(
            [sys.executable, "-m", "autoinstrument", "run", *options, "--", *command],
            cwd=tmp_path,
            env={**os.environ, **settings},
            stderr=theirs,
            timeout=60,
            check=True,
        )
        os.close(theirs)
        try:
            return os.read(ours, 10_000).decode()
        except OSError:  # so says Linux when the other end is closed and nothing was said
            return ""
        finally:
            os.close(ours)

    return said


def test_a_command_on_a_terminal_ends_with_one_line(said: Callable[..., str]) -> None:
    """It counts the writes and names the next command; a forked child adds nothing."""
    line = (
        r"autoinstrument: 2 writes, 1 failed; for the report, run: "
        r"autoinstrument report \S+\.jsonl\r\n"
    )
    assert re.fullmatch(line, said())


def test_there_is_no_line_where_nothing_is_exported(said: Callable[..., str]) -> None:
    """A line that counts nothing would be noise."""
    assert not said(OTEL_TRACES_EXPORTER="none")


def test_a_recording_far_from_a_folder_that_is_gone_has_its_whole_name(
    said: Callable[..., str], tmp_path: Path
) -> None:
    """Nothing is relative to where the program has ended."""
    path = tmp_path / "r.jsonl"
    line = said(GONE="1", AUTOINSTRUMENT_RECORD=str(path))
    assert line.endswith(f"; for the report, run: autoinstrument report {path}\r\n")
