"""`autoinstrument bench`: what the agent adds to a start, beside what another agent adds."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SUMMARY = "measure what the agent adds to a start, beside another agent"
_FEWEST_ROUNDS = 2  # the least that has quartiles
_WRONG_USAGE = 2
_PROGRAM = ["-c", "pass"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--against COMMAND] [--rounds N]`."""
    parser.add_argument(
        "--against",
        metavar="COMMAND",
        default="opentelemetry-instrument",
        help="another agent's command, also with options (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", metavar="N", type=int, default=20, help="starts of each (default: %(default)s)"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Measure and print a table; 2 with a sentence on stderr for what cannot be measured."""
    other = shlex.split(parsed.against)
    if parsed.rounds < _FEWEST_ROUNDS:
        return _refuse(f"--rounds {parsed.rounds} is too few; accepted: {_FEWEST_ROUNDS} and more")
    if not other or shutil.which(other[0]) is None:
        return _refuse(
            f"{parsed.against!r} is not on the PATH; --against names another agent's command, such"
            " as the opentelemetry-instrument of a virtual environment"
        )
    starts = _starts(other)
    for command, _ in starts.values():
        complaint = _started(command, _environment(enabled=False))
        if complaint:
            return _refuse(f"{shlex.join(command)} does not start cleanly: {complaint}")
    sys.stdout.write(_table(_measured(starts, parsed.rounds)))
    return 0


def _starts(other: list[str]) -> dict[str, tuple[list[str], bool]]:
    """Return, by name, a command and whether the variable switches the agent on for it."""
    run = shutil.which("autoinstrument", path=str(Path(sys.executable).parent))
    ours = [run] if run else [sys.executable, "-m", "autoinstrument"]
    program = [sys.executable, *_PROGRAM]
    return {
        "plain": (program, False),
        "AUTOINSTRUMENT_ENABLED=1": (program, True),
        "autoinstrument run --": ([*ours, "run", "--", *program], False),
        Path(other[0]).name: ([*other, _interpreter_of(other[0]), *_PROGRAM], False),
    }


def _interpreter_of(command: str) -> str:
    """Return the interpreter that `command` belongs to, which may be another environment's."""
    beside = Path(shutil.which(command) or "").with_name("python")
    return str(beside) if beside.exists() else sys.executable


def _measured(starts: dict[str, tuple[list[str], bool]], rounds: int) -> dict[str, list[float]]:
    """Return the times of each start in milliseconds: in turn, so that noise meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(rounds):
        for name, (command, enabled) in starts.items():
            environment = _environment(enabled=enabled)
            begun = perf_counter_ns()
            _started(command, environment)
            times[name].append((perf_counter_ns() - begun) / 1e6)
    return times


def _environment(*, enabled: bool) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("AUTOINSTRUMENT_")}
    return {**kept, "AUTOINSTRUMENT_ENABLED": "1"} if enabled else kept


def _started(command: list[str], environment: dict[str, str]) -> str:
    """Run a command to its end; return the last line of what it complains of, if it does."""
    ended = subprocess.run(  # noqa: S603 - the user's own
        command, env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    said = ended.stderr.strip().rpartition("\n")[2]
    return said or (f"exit code {ended.returncode}" if ended.returncode else "")


def _table(times: dict[str, list[float]]) -> str:
    """Return the table: added is minus plain, and the ratio is to what the last adds."""
    plain, *_, theirs = (median(each) for each in times.values())
    rounds = len(times["plain"])
    shown = shlex.join(["python", *_PROGRAM])
    lines = [
        f"The start of `{shown}`, {rounds} rounds, CPython {sys.version.split()[0]}; ms",
        f"{'':34}{'median':>8}{'quartiles':>18}{'added':>9}  of the other's",
    ]
    for name, each in times.items():
        low, _, high = quantiles(each, n=4)
        added = median(each) - plain
        shown = f"{name:34}{median(each):8.1f}{f'{low:.1f} to {high:.1f}':>18}"
        if name != "plain":
            shown += f"{added:9.1f}"
        if name not in {"plain", list(times)[-1]} and theirs > plain:
            shown += f"  1/{(theirs - plain) / added:.0f}" if added > 0 else "  too little to tell"
        lines.append(shown)
    return "\n".join(lines) + "\n"


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"autoinstrument bench: {sentence}\n")
    return _WRONG_USAGE
