"""A report on a terminal: colours where it has them, nothing of the kind anywhere else.

The command is a process with a terminal of its own, since only that is one.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest
from recordings import recording, request, root, span_id, write

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def faulty(tmp_path: Path) -> str:
    """Return a recording with a finding, longer as text than a small terminal."""
    lines = []
    for number in range(20):
        parent = span_id()
        failed = {"error": "too large", "error_type": "MESSAGE_TOO_LARGE"} if number % 2 else {}
        lines.append(
            request(
                [
                    write(trace=number + 1, parent=parent, offset=number, **failed),
                    root("app.send", trace=number + 1, identifier=parent),
                ]
            )
        )
    return recording(tmp_path / "faulty.jsonl", lines)


def on_terminal(
    command: list[str], lines: int = 50, stdout: int | None = None, **settings: str
) -> str:
    """Return what a command writes to a terminal of 100 columns and so many lines."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 100, 0, 0))
    said: list[bytes] = []

    def read() -> None:
        while chunk := _chunk(ours):
            said.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env={**_inherited(), "TERM": "xterm-256color", **settings},
        check=True,
        timeout=60,
    )
    os.close(theirs)
    reader.join(10)
    os.close(ours)
    return b"".join(said).decode().replace("\r\n", "\n")


def _chunk(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other side is closed: the end, on Linux
        return b""


def report(path: str, *options: str) -> list[str]:
    """Return the command."""
    return [sys.executable, "-m", "autoinstrument", "report", path, *options]


def piped(path: str) -> str:
    """Return the text that a pipe gets."""
    done = subprocess.run(
        report(path), env=_inherited(), capture_output=True, text=True, check=True
    )
    return done.stdout


def _inherited() -> dict[str, str]:
    """Return this process's environment without what it says of its own terminal."""
    own = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")
    return {name: value for name, value in os.environ.items() if name not in own}


@pytest.mark.parametrize(
    ("settings", "styles"),
    [
        ({}, {"1;31", "1;32", "1", "36", "31", "0"}),
        ({"NO_COLOR": "1"}, {"1", "0"}),
        ({"TERM": "dumb"}, set()),
    ],
    ids=["colours", "NO_COLOR", "dumb"],
)
def test_a_terminal_has_colours_and_the_same_words(
    faulty: str, settings: dict[str, str], styles: set[str]
) -> None:
    """What is found is red, what to do is green; without colours the text is that of a pipe."""
    shown = on_terminal(report(faulty), **settings)
    assert {code[2:-1] for code in ESCAPE.findall(shown)} == styles
    assert ESCAPE.sub("", shown) == piped(faulty)
    assert "\x1b" not in piped(faulty)
    assert ("\x1b[1;31m  failures-by-cause\x1b[0m" in shown) is ("31" in styles)


def test_where_the_top_has_scrolled_away_the_end_names_the_findings(faulty: str) -> None:
    """The last screen says what was on the first, before the command to type next."""
    *_, found, closer = ESCAPE.sub("", on_terminal(report(faulty), lines=24)).splitlines()
    assert found == "Findings above: failures-by-cause."
    assert closer.startswith("For details, run: autoinstrument report ")
    assert "Findings above" not in on_terminal(report(faulty), lines=50)


def test_data_for_another_program_has_no_colours(faulty: str) -> None:
    """Also where a person looks at it."""
    assert "\x1b" not in on_terminal(report(faulty, "--json"))


def test_a_large_recording_has_a_progress_bar_beside_the_report(tmp_path: Path) -> None:
    """On stderr, where it is a terminal; the report itself may go into a file."""
    line = request([write(trace=number + 1, offset=number) for number in range(100)])
    large = recording(tmp_path / "large.jsonl", [line] * (33 * (1 << 20) // len(line) + 1))
    with (tmp_path / "text").open("wb") as file:
        shown = on_terminal(report(large), stdout=file.fileno())
    assert "Reading" in shown
    assert "100%" in shown
    text = (tmp_path / "text").read_text()
    assert "\x1b" not in text
    assert " messages written in " in text


@pytest.mark.parametrize("options", [[], ["--follow"]], ids=["report", "follow"])
def test_a_full_disk_is_one_sentence(faulty: str, options: list[str]) -> None:
    """On stderr, with exit code 1."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            report(faulty, *options), stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    said = b"autoinstrument: stdout cannot be written: No space left on device.\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize("command", ["report", "doctor", "report --json", "--help"])
def test_a_closed_stdout_takes_everything(faulty: str, command: str) -> None:
    """Who has closed it wants to see nothing."""
    words = [sys.executable, "-m", "autoinstrument", *command.split()]
    words += [faulty] if command.startswith("report") else []
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *words],
        env=_inherited(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
