# ruff: noqa: PTH100, PTH103, PTH110, PTH113, PTH118, PTH120, PTH123 - pathlib takes 4 ms to import
"""`autoinstrument run`: a command, with the agent in every Python process that it starts.

The user waits for what is imported here at every start.
"""

from __future__ import annotations

import os
import sys

from autoinstrument.process.signals import bare
from autoinstrument.start import ENABLED, turned_off

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from types import FrameType

SUMMARY = "run a command with the agent in every Python process that it starts"
_FORWARDED = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_BY_KEYBOARD = ("SIGINT", "SIGQUIT")
_WRONG_USAGE, _NOT_EXECUTABLE, _NOT_FOUND = 2, 126, 127


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--record PATH] [--report] -- COMMAND...`."""
    parser.usage = "%(prog)s [--record PATH] [--report] -- COMMAND..."
    parser.add_argument("--record", metavar="PATH", help="record spans into this file or folder")
    parser.add_argument(
        "--report", action="store_true", help="print the report after the command has ended"
    )
    parser.add_argument("command", metavar="COMMAND", nargs="...", help="the command to run")


def execute(parsed: argparse.Namespace) -> int:
    """Start the command that was given, with or without `--` before it."""
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    return start(command, parsed.record, report=parsed.report)


def start(command: list[str], record: str | None = None, *, report: bool = False) -> int:
    """Replace this process by the command; return only if that fails, or with `report`.

    Returns the command's exit code, 128+n if signal n ended it, 2 without a command, 126 or 127 if
    it cannot be started (as `env` does). Where a variable turns the agent off, the command runs
    alone.
    """
    if not any(command[:1]):  # an empty name is none
        return _refuse("no command given; usage: autoinstrument run -- COMMAND...", _WRONG_USAGE)
    off = turned_off()  # an operator's word, who cannot touch commands
    if off and record and not report:
        _say(f"nothing is recorded: {off} turns the agent off")
    if report and not record and not off:
        record = _fresh_folder()
        try:
            os.makedirs(record)
        except OSError as error:
            return _refuse(f"{record} cannot be created: {error.strerror}", 1)
    environment = _as_given(os.environ) if off else with_agent(os.environ, record)
    try:
        if not report and os.name != "nt":
            if not off:
                environment["AUTOINSTRUMENT_RUN"] = str(os.getpid())  # the command will have it
            _replace(command, environment)
        code = _wait_for(command, environment)
    except OSError as error:
        return _refuse_command(command, error)
    if report and off:
        return _refuse(f"nothing was recorded: {off} turns the agent off", code)
    if report:
        from .report import print_report  # noqa: PLC0415 - only now

        print_report(environment["AUTOINSTRUMENT_RECORD"])
    return code


def startup_folder() -> str:
    """Return the folder for PYTHONPATH, which holds the agent's `sitecustomize.py`."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = os.path.join(package, "_startup")
    if os.path.exists(installed):
        return installed
    return os.path.join(os.path.dirname(package), "sitecustomize")


def with_agent(environment: Mapping[str, str], record: str | None) -> dict[str, str]:
    """Return a copy of `environment` in which every Python process starts the agent.

    What it records is where the user expects it, whatever directory a process changes to.
    """
    added = _as_given(environment)
    path = [startup_folder()]
    if environment.get("PYTHONPATH"):  # an empty entry would be the current directory
        path.append(environment["PYTHONPATH"])
    added["PYTHONPATH"] = os.pathsep.join(path)
    added[ENABLED] = "1"
    record = record or environment.get("AUTOINSTRUMENT_RECORD", "").strip()
    if record:
        added["AUTOINSTRUMENT_RECORD"] = _absolute(record)
    added["AUTOINSTRUMENT_FOLDER"] = _absolute(".autoinstrument")
    return added


def _absolute(path: str) -> str:
    """Return an absolute path; a separator at its end stays, by which it is a folder."""
    try:
        absolute = os.path.abspath(path)
    except FileNotFoundError:  # the current directory has been deleted: the agent will say so
        return path
    is_folder = path.endswith((os.sep, os.altsep or os.sep))
    return os.path.join(absolute, "") if is_folder else absolute


def _fresh_folder() -> str:
    import time  # noqa: PLC0415 - only now

    return os.path.join(".autoinstrument", f"run-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")


def _as_given(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of `environment`, without what this interpreter itself has added to it."""
    given = dict(environment)
    if _is_coerced_locale():
        given.pop("LC_CTYPE", None)
    return given


def _is_coerced_locale() -> bool:
    """Whether LC_CTYPE comes from this interpreter (PEP 538) and not from the user."""
    try:
        with open("/proc/self/environ", "rb") as given:
            return not any(name.startswith(b"LC_CTYPE=") for name in given.read().split(b"\0"))
    except OSError:  # not on Linux
        return False


def _replace(command: list[str], environment: Mapping[str, str]) -> None:
    for name in ("SIGPIPE", "SIGXFSZ"):  # ignored by this interpreter, which a command inherits
        bare.signal(getattr(bare, name), bare.SIG_DFL)
    os.execvpe(command[0], command, environment)  # noqa: S606 - the user's own command


def _wait_for(command: list[str], environment: Mapping[str, str]) -> int:
    import signal  # noqa: PLC0415 - only now
    import subprocess  # noqa: PLC0415 - only now

    early: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def forward(number: int, _frame: FrameType | None) -> None:
        if signal.Signals(number).name in _BY_KEYBOARD and _is_from_keyboard():
            return
        if child:
            child.send_signal(number)
        else:
            early.append(number)

    for number in (getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    child = subprocess.Popen(command, env=environment, close_fds=False)  # noqa: S603 - as above
    for sent in early:
        child.send_signal(sent)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _is_from_keyboard() -> bool:
    """Whether the terminal has sent this signal to the command as well."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY)
    except (AttributeError, OSError):  # on Windows, or without a terminal
        return os.name == "nt"
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _refuse_command(command: list[str], error: OSError) -> int:
    name = command[0]
    # A file that is there, and still "not found", names an interpreter that is not.
    missing = isinstance(error, FileNotFoundError) and not (os.sep in name and os.path.exists(name))
    reason = "command not found" if missing else str(error.strerror).lower()
    if name.endswith(".py") and os.path.isfile(name):
        from shlex import join  # noqa: PLC0415 - only now

        reason += f"; try: autoinstrument run -- python {join(command)}"
    return _refuse(f"{name}: {reason}", _NOT_FOUND if missing else _NOT_EXECUTABLE)


def _refuse(sentence: str, code: int) -> int:
    _say(sentence)
    return code


def _say(sentence: str) -> None:
    if sys.stderr:
        sys.stderr.write(f"autoinstrument run: {sentence}\n")
