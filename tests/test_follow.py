"""`report --follow`: what is being written now.

The command is a process, as it runs until Ctrl-C.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from recordings import recording, request, write

from autoinstrument.commands.follow import follow
from autoinstrument.report.following import Following, Tail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from brokers import MockBroker

SERVICE = """
import sys, time
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "linger.ms": 200, "log_level": 0})
until = time.monotonic() + 4
while time.monotonic() < until:
    producer.produce("orders", b"v")
    producer.poll(0)
    time.sleep(0.01)
producer.flush()
"""


def test_a_running_service_is_seen_live(
    tmp_path: Path, mock_broker: Callable[..., MockBroker]
) -> None:
    """Rate, in flight, latencies by topic, before the program has ended; Ctrl-C ends it with 0."""
    recorded = tmp_path / "live.jsonl"
    service = [sys.executable, "-c", SERVICE, mock_broker().bootstrap]
    follow = [sys.executable, "-m", "autoinstrument", "report", str(recorded), "--follow"]
    settings = {"AUTOINSTRUMENT_ENABLED": "1", "AUTOINSTRUMENT_RECORD": str(recorded)}
    with (
        subprocess.Popen(service, env={**os.environ, **settings}) as running,
        subprocess.Popen(follow, stdout=subprocess.PIPE, text=True) as following,
    ):
        assert running.wait(30) == 0
        following.send_signal(signal.SIGINT)
        shown, _ = following.communicate(timeout=10)
    assert following.returncode == 0
    assert " in flight" in shown
    rows = [line.split() for line in shown.splitlines() if line.startswith("  orders")]
    assert len(rows) > 1
    written = [int(row[2]) for row in rows]
    assert written == sorted(written)
    assert 0 < written[0] < written[-1]
    assert float(rows[-1][1]) > 1


def test_what_is_rotated_away_is_read_to_its_end(tmp_path: Path) -> None:
    """A line that is only begun is waited for; a new file is read from its beginning."""
    path = tmp_path / "live.jsonl"
    recording(path, [request([write(trace=1)])])
    tail = Tail(str(path))
    line = request([write(trace=2)])
    with path.open("a") as file:
        file.write(line[:50])
        file.flush()
        assert list(tail.lines()) == []
        file.write(line[50:])
    path.rename(f"{path}.1")
    recording(path, [request([write(trace=3)])])
    found = [each.decode() for each in tail.lines()]
    tail.close()
    assert [f'"traceId": "{number:032x}"' in "".join(found) for number in (1, 2, 3)] == [
        False,
        True,
        True,
    ]


def test_a_service_that_starts_later_is_followed_from_its_first_write(tmp_path: Path) -> None:
    """The folder of its recording may not be there yet."""
    folder = tmp_path / "recording"
    tail = Tail(str(folder))
    assert list(tail.lines()) == []
    for service in "one", "two":
        recording(folder / f"{service}.jsonl", [request([write(trace=1)], service=service)])
    assert len(list(tail.lines())) == 2
    tail.close()


def test_no_line_of_a_view_is_too_wide() -> None:
    """Foreign names are cut and cannot speak to the terminal; before the first there is a view."""
    now = time.time_ns()
    following = Following(now)
    assert "Nothing yet." in following.view(now, 80)
    for name in "\x1b[2J" * 100, "orders":
        following.add(request([write(name, trace=1)]).encode())
    for width in 50, 80:
        view = following.view(now, width)
        assert max(map(len, view.splitlines())) <= width
        assert "\x1b" not in view
        assert "orders" in view
        assert "p99" in view


def test_a_place_without_a_folder_is_one_sentence(tmp_path: Path) -> None:
    """Nothing will ever come there."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "autoinstrument",
            "report",
            str(tmp_path / "no" / "where"),
            "--follow",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 1
    assert "there is no folder for" in done.stderr


def test_a_stream_that_cannot_hold_a_topics_letters_gets_their_escapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the C locale; the next view comes all the same."""
    live = str(tmp_path / "live.jsonl")
    stdout = io.TextIOWrapper(io.BytesIO(), "ascii")
    seconds = iter(range(2))

    def pause(_: float) -> None:
        if next(seconds, None) is None:
            raise KeyboardInterrupt
        recording(tmp_path / "live.jsonl", [request([write("\u0437")])])

    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(time, "sleep", pause)
    assert follow(live) == 0
    stdout.seek(0)
    assert stdout.read().count("\n  \\u0437 ") == 2
