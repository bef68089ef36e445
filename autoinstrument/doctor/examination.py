"""The examination from outside: it starts the interpreter as the service would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autoinstrument.start import ENABLED, switched

from . import coexistence, switch
from .interpreters import NoInterpreterError, interpreter
from .line import Line, without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATIENCE = 60  # seconds for an examination that takes 1, and 3 more for a silent endpoint
_MARK = "autoinstrument-doctor:"  # other programs of the start may print as well
# Every Python understands this, also one that is too old for the agent.
_INSIDE = """\
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
borrowed = sys.argv[2] if sys.argv[2] not in sys.path else ""
sys.path.append(sys.argv[2])
if sys.version_info < (3, 10):
    sys.exit(sys.argv[1] + "%d.%d.%d" % sys.version_info[:3])
from autoinstrument.doctor.inside import main
main(sys.argv[1], borrowed)
"""
_LAUNCHERS = ("opentelemetry-instrument", "ddtrace-run", "newrelic-admin", "elasticapm-run")
_WAY_OUT = (
    "To have this agent's spans, uninstall the other's package for your client, an"
    " opentelemetry-instrumentation-...; OTEL_PYTHON_DISABLED_INSTRUMENTATIONS turns both off."
)


def examine(command: Sequence[str], with_agent: Mapping[str, str]) -> list[Line]:
    """Return the findings for the interpreter that `command` starts; without one, for this one.

    It starts in the current environment if the agent is enabled there, otherwise in that of
    `autoinstrument run`, which is `with_agent`. Where it is switched off, there is nothing else to
    find.
    """
    if switched(ENABLED) is False:
        return [switch.line()]
    try:
        python = interpreter(command) if command else [sys.executable]
    except NoInterpreterError as reason:
        slug, words = reason.args
        return [switch.line(), _not_known(slug, words)]
    return [switch.line(), *_launched(command), *_found_in(python, with_agent)]


def _launched(command: Sequence[str]) -> list[Line]:
    name = Path(command[0]).stem if command else ""
    if name not in _LAUNCHERS:
        return []
    what = f"{name} starts another agent, which was not active during these checks"
    return [coexistence.line(name, what, _WAY_OUT if name == _LAUNCHERS[0] else "")]


def _found_in(python: Sequence[str], with_agent: Mapping[str, str]) -> list[Line]:
    home = str(Path(__file__).absolute().parents[2])
    try:
        ended = subprocess.run(  # noqa: S603 - the user's own interpreter
            [*python, "-c", _INSIDE, _MARK, home],
            env=os.environ if switched(ENABLED) else with_agent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as error:
        return [_dead(python[0], str(error.strerror))]
    except subprocess.TimeoutExpired:
        return [_dead(python[0], f"it did not end within {_PATIENCE} s")]
    for line in ended.stdout.splitlines():
        if line.startswith(_MARK):
            return [Line(**found) for found in json.loads(line.removeprefix(_MARK))]
    said = ended.stderr.strip().splitlines() or [""]
    if said[-1].startswith(_MARK):
        return [_too_old(python[0], said[-1].removeprefix(_MARK))]
    words = without_secrets(said[-1] if said[0].startswith("Traceback") else said[0])
    return [_dead(python[0], f"exit code {ended.returncode}{words and ': '}{words}")]


def _not_known(slug: str, words: str) -> Line:
    return Line(
        "problem",
        slug,
        words,
        "The interpreter of the service could not be examined.",
        "Name the interpreter: autoinstrument doctor -- /path/to/python",
    )


def _too_old(python: str, version: str) -> Line:
    return Line(
        "problem",
        "python-unsupported",
        f"{python} is Python {version}; the agent needs 3.10 or later",
        "The agent does not start; the program runs without it.",
        "Run the service on a newer Python.",
    )


def _dead(python: str, reason: str) -> Line:
    return Line(
        "problem",
        "python-fails",
        f"{python} cannot be examined: {reason}",
        "The interpreter of the service could not be examined.",
        "Check that it starts: run `python -c pass` in the same environment.",
    )
