"""`autoinstrument demo` shows the whole path, in bounded time, and leaves nothing running.

Each test starts it as a user does: it is a program that starts programs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from processes import accepts, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from brokers import MockBroker
    from interpreters import Interpreter

_BROKER = re.compile(r"^\$ BROKER=127\.0\.0\.1:(\d+) ", re.MULTILINE)


_EXPORTING = {
    "AUTOINSTRUMENT_EXCLUDE_TOPICS": "*",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_SDK_DISABLED": "true",
}
"""What a user may have set for programs of their own: the demo is the same with it."""


@pytest.fixture(scope="module")
def ended(
    installed: Interpreter, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """Give a demo that has run to its end: 5 s, 3 of which a new consumer group waits."""
    return _demo(installed, tmp_path_factory.mktemp("demo"), **_EXPORTING)


@pytest.mark.smoke
def test_the_demo_shows_the_commands_their_output_and_the_report(
    ended: subprocess.CompletedProcess[str],
) -> None:
    """What the programs write, the failing delivery included, is in the report that follows."""
    assert ended.stderr == "profile.refund: Broker: Unknown topic or partition\n"
    assert ended.returncode == 0
    programs, report = ended.stdout.split("$ autoinstrument report $RECORD\n")
    assert "\n21 of 21 events written to events\n" in programs
    assert "\n21 events read: 16 written, 4 left out, 1 failed, 0 unanswered\n" in programs
    assert report.startswith("37 messages written, 1 failed, in ")
    assert re.search(r"^ +profile\.refund +0 +1 ", report, re.MULTILINE)
    assert re.search(r"^ +1  UNKNOWN_TOPIC_OR_PARTITION  profile\.refund ", report, re.MULTILINE)


def test_the_demo_leads_to_a_next_command_that_works(
    installed: Interpreter, ended: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    """The recording outlives the demo, with each write, its outcome and who called."""
    (told,) = [line for line in ended.stdout.splitlines() if line.startswith("For details")]
    command = told.removeprefix("For details, run: ")
    assert installed.run_command("sh", "-c", command, cwd=tmp_path).stdout == "Wrote report.html\n"
    assert "<h1>37 messages written" in (tmp_path / "report.html").read_text()
    as_data = command.replace("--html report.html", "--json")
    data = json.loads(installed.run_command("sh", "-c", as_data).stdout)
    assert data["processes"] == 2
    written = {topic["name"]: (topic["written"], topic["failed"]) for topic in data["topics"]}
    assert written == {
        "events": (21, 0),
        "profile.login": (8, 0),
        "profile.purchase": (8, 0),
        "profile.refund": (0, 1),
    }
    [failed] = data["failed"]
    assert failed["error_type"] == "UNKNOWN_TOPIC_OR_PARTITION"
    assert failed["called_from"] == "process events"


def test_the_commands_that_the_demo_shows_can_be_copied(
    installed: Interpreter,
    ended: subprocess.CompletedProcess[str],
    tmp_path: Path,
    mock_broker: Callable[..., MockBroker],
) -> None:
    """Pasted into a shell, with the address of one's own broker, they do what they did."""
    own = mock_broker().bootstrap
    owner = Producer({"bootstrap.servers": own})
    for topic in "events", "profile.login", "profile.purchase":
        owner.list_topics(topic, timeout=10)  # which creates it
    shown, *commands = re.findall(r"^\$ (.+)$", ended.stdout, re.MULTILINE)
    variables = f"BROKER={own} RECORD={tmp_path / 'own'}"
    assert re.fullmatch("BROKER=[^ ]+ RECORD=[^ ]+", shown)
    pasted = installed.run_command("sh", "-c", "\n".join([variables, *commands]), cwd=tmp_path)
    assert pasted.returncode == 0
    said = [line for line in ended.stdout.splitlines() if not re.match(r"[#$]|$", line)]
    assert pasted.stdout.splitlines()[:2] == said[:2]
    assert "37 messages written, 1 failed, " in pasted.stdout


def test_without_a_client_the_demo_says_what_to_install(
    installed: Interpreter, tmp_path: Path
) -> None:
    """The bare package brings no client: one sentence with the command, and exit code 1."""
    without = installed.copy(tmp_path / "without")
    (without.site / "confluent_kafka").unlink()
    ended = _demo(without, tmp_path)
    said = "autoinstrument demo: needs confluent-kafka: pip install 'autoinstrument[demo]'\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)


def test_a_broker_that_does_not_start_is_one_sentence(
    installed: Interpreter, tmp_path: Path
) -> None:
    """As with a client whose library is missing; a traceback would help nobody."""
    broken = tmp_path / "broken" / "confluent_kafka"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('librdkafka.so.1: not found')\n")
    ended = _demo(installed, tmp_path, PYTHONPATH=str(broken.parent))
    reason = "ImportError: librdkafka.so.1: not found"
    said = f"autoinstrument demo: failed: the embedded broker did not start: {reason}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    installed: Interpreter, tmp_path: Path
) -> None:
    """Nothing is started when there is no place for the recording."""
    program = (
        "import sys, tempfile; tempfile.tempdir = '/nowhere'\n"
        "from autoinstrument.commands.main import main; sys.exit(main(['demo']))"
    )
    ended = installed.run("-c", program, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("autoinstrument demo: failed: ")
    assert "/nowhere/" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to signal")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_demo_that_is_ended_leaves_no_process(
    installed: Interpreter, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C reaches the programs too; after a kill, the broker ends with its stdin."""
    with _started(installed, tmp_path) as demo:
        assert demo.stdout is not None
        output = ""
        while "21 of 21 events" not in output:
            output += demo.stdout.readline()
        [port] = _BROKER.findall(output)
        assert accepts(int(port))
        (os.killpg if number == signal.SIGINT else os.kill)(demo.pid, number)
        assert demo.wait(30) == code
        until(lambda: not accepts(int(port)), "the broker still runs")
        if number != signal.SIGKILL:
            until(lambda: not _group_exists(demo.pid), "a program still runs")


def _demo(
    interpreter: Interpreter, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end in `folder`, where its recording is put as well."""
    arguments = ("-m", "autoinstrument", "demo")
    return interpreter.run(*arguments, cwd=folder, TMPDIR=str(folder), **variables)


@contextlib.contextmanager
def _started(interpreter: Interpreter, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the demo in a process group of its own, of which nothing is left after the block."""
    with subprocess.Popen(
        [interpreter.scripts / "autoinstrument", "demo"],
        cwd=folder,
        env=interpreter.environment(TMPDIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as demo:
        try:
            yield demo
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(demo.pid, signal.SIGKILL)


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("arguments", [[], ["orders"], ["-1", "orders"]])
def test_the_mock_broker_says_how_it_is_called(arguments: list[str]) -> None:
    """It is documented, so it is called by hand; its arguments are told in one sentence."""
    command = [sys.executable, "-m", "autoinstrument.demo.mock_broker", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Usage: .* RTT \[TOPIC\.\.\.\]; RTT is .*\n", done.stderr)
