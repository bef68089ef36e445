"""`autoinstrument demo`: the example pipeline on an embedded broker, then its report."""

from __future__ import annotations

import importlib.util
import shlex
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, NoReturn

from autoinstrument.demo.embedded_broker import NotStarted, embedded_broker, unsettled
from autoinstrument.demo.examples import examples

if TYPE_CHECKING:
    import argparse
    from types import FrameType

SUMMARY = "run the example pipeline on an embedded broker and show its report"

_TOPICS = ("events", "profile.login", "profile.purchase")  # no profile.refund: that write fails
_PATIENCE = 30  # seconds for a program that takes 4, 3 of which a new consumer group waits
_INTERRUPTED = 130


class _DemoError(Exception):
    """Why the demo cannot continue; the message is for the user."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


def execute(parsed: argparse.Namespace) -> int:  # noqa: ARG001 - there is nothing in it
    """Run the demo; 0, 1 with a sentence on stderr if it failed, 130 on Ctrl-C."""
    if importlib.util.find_spec("confluent_kafka") is None:
        return _refuse("needs confluent-kafka: pip install 'autoinstrument[demo]'")
    signal.signal(signal.SIGTERM, _end)
    try:
        return _show()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (OSError, NotStarted, _DemoError) as reason:
        return _refuse(f"failed: {reason}")


def _show() -> int:
    record = tempfile.mkdtemp(prefix="autoinstrument-demo-")
    with embedded_broker(_TOPICS) as broker:
        _run_pipeline(broker, record)
    from .report import print_report, write_page  # noqa: PLC0415 - only now

    _say("\n$ autoinstrument report $RECORD")
    code = print_report(record)
    _say("\n$ autoinstrument report $RECORD --html $RECORD/report.html")
    return code or write_page(record, f"{record}/report.html")


def _run_pipeline(broker: str, record: str) -> None:
    _say("# An embedded Kafka broker (librdkafka's mock) for this demo. Your own would do as well.")
    _say(f"$ BROKER={broker} RECORD={shlex.quote(record)}")
    _say("\n# A producer. It knows nothing about autoinstrument.")
    _run("producer.py", broker, record)
    _say("\n# A service, unchanged as well. It forwards each event to the topic of its category.")
    _say("# There is no topic for refunds, so one write fails.")
    _run("profile_service", broker, record, "--count", "21")


def _run(program: str, broker: str, record: str, *options: str) -> None:
    """Show the command and run it, as a user would."""
    agent = ["run", "--record", record, "--"]
    arguments = [str(examples() / program), broker, "events", *options]
    shown = shlex.join(["autoinstrument", *agent, "python", *arguments])
    _say("$ " + shown.replace(broker, "$BROKER").replace(shlex.quote(record), "$RECORD"))
    command = [sys.executable, "-m", "autoinstrument", *agent, sys.executable, *arguments]
    try:
        # On Ctrl-C, or when time is over, this kills what it has started.
        code = subprocess.run(  # noqa: S603 - our own program
            command, env=unsettled(), stdin=subprocess.DEVNULL, timeout=_PATIENCE, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        raise _DemoError(f"{program} did not end within {_PATIENCE} s") from None
    if code:
        raise _DemoError(f"{program} ended with exit code {code}")


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # before a program writes to the same stream


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"autoinstrument demo: {sentence}\n")
    return 1
