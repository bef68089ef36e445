"""`autoinstrument bench`: what the agent adds to a program, beside what another agent adds."""

from __future__ import annotations

import importlib.util
import json
import platform
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoinstrument._embedded_broker import NotStarted
from autoinstrument.bench import picture, pipeline, pipeline_picture, pipeline_text
from autoinstrument.bench.cases import CASES, USUAL, Case
from autoinstrument.bench.running import NotMeasured, Outcome, measured, variants
from autoinstrument.bench.text import table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

SUMMARY = "measure what the agent adds to a program, beside another agent"
_FEWEST_ROUNDS = 2  # the least that has quartiles
_WRONG_USAGE = 2
_INTERRUPTED = 130
_BY_NAME = {case.name: case for case in CASES}
_ROUNDS = 10
_PIPELINE = "pipeline"
_PIPELINE_ROUNDS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[CASE...] [--against COMMAND] [--rounds N] [--json FILE] [--picture FILE]`."""
    parser.add_argument(
        "cases",
        metavar="CASE",
        nargs="*",
        help=f"{', '.join(_BY_NAME)}, or all (default: {' '.join(USUAL)}); or {_PIPELINE}: the"
        " example service in all its ways",
    )
    parser.add_argument(
        "--against",
        metavar="COMMAND",
        default="opentelemetry-instrument",
        help="another agent's command, also with options (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds",
        metavar="N",
        type=int,
        help=f"rounds of each (default: {_ROUNDS}; {_PIPELINE}: {_PIPELINE_ROUNDS}, of 6 minutes)",
    )
    parser.add_argument("--json", metavar="FILE", help="write every figure of every round")
    parser.add_argument("--picture", metavar="FILE", help="draw the ratios (.svg or .png)")


def execute(parsed: argparse.Namespace) -> int:
    """Measure and print a table a case; 2 with a sentence on stderr for what cannot be."""
    other = shlex.split(parsed.against)
    is_pipeline = _PIPELINE in parsed.cases
    if is_pipeline and len(parsed.cases) > 1:
        return _refuse(f"{_PIPELINE} is measured alone; accepted: {_PIPELINE}, or other cases")
    if parsed.rounds is None:
        parsed.rounds = _PIPELINE_ROUNDS if is_pipeline else _ROUNDS
    complaint = _complaint(parsed, other)
    if complaint:
        return _refuse(complaint)
    if is_pipeline:
        return _pipeline(parsed, other)
    names = list(_BY_NAME) if "all" in parsed.cases else parsed.cases or list(USUAL)
    outcomes = []
    try:
        for name in names:
            outcomes.append(_measured(_BY_NAME[name], other, parsed.rounds))
            sys.stdout.write(f"{table(outcomes[-1])}\n")
            sys.stdout.flush()
    except (NotMeasured, NotStarted) as reason:
        return _refuse(str(reason))
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    if parsed.json:
        Path(parsed.json).write_text(json.dumps(_raw(outcomes), indent=1), encoding="utf-8")
    if parsed.picture:
        picture.draw(outcomes, parsed.picture)
    return 0


def _pipeline(parsed: argparse.Namespace, other: list[str]) -> int:
    tell = _bar(_PIPELINE, parsed.rounds * len(pipeline.ways(other)))
    try:
        outcome = pipeline.measured(other, parsed.rounds, tell)
    except (NotMeasured, NotStarted) as reason:
        return _refuse(str(reason))
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return _INTERRUPTED
    sys.stdout.write(pipeline_text.table(outcome))
    if parsed.json:
        Path(parsed.json).write_text(json.dumps(outcome.as_data(), indent=1), encoding="utf-8")
    if parsed.picture:
        pipeline_picture.draw(outcome, parsed.picture)
    return 0


def _complaint(parsed: argparse.Namespace, other: list[str]) -> str | None:
    unknown = [name for name in parsed.cases if name not in {*_BY_NAME, "all", _PIPELINE}]
    if unknown:
        return f"there is no case {unknown[0]!r}; accepted: {', '.join(_BY_NAME)}, all, {_PIPELINE}"
    if parsed.rounds < _FEWEST_ROUNDS:
        return f"--rounds {parsed.rounds} is too few; accepted: {_FEWEST_ROUNDS} and more"
    if not other or shutil.which(other[0]) is None:
        return (
            f"{parsed.against!r} is not on the PATH; --against names another agent's command, such"
            " as the opentelemetry-instrument of a virtual environment"
        )
    if parsed.picture:
        return picture.complaint(parsed.picture)
    names = parsed.cases or USUAL
    if names != ["start"] and importlib.util.find_spec("confluent_kafka") is None:
        return "the embedded broker needs confluent-kafka: pip install 'autoinstrument[bench]'"
    return None


def _measured(case: Case, other: list[str], rounds: int) -> Outcome:
    ways = variants(case, other)
    return measured(case, ways, rounds, _bar(case.name, rounds * len(ways)))


def _bar(name: str, of: int) -> Callable[[], None]:
    """Return what draws a bar of progress, a step a call, where somebody can see it."""
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            bar = "#" * (30 * done // of)
            sys.stderr.write(f"\r{name:24}[{bar:30}] {done} of {of}\x1b[K")
            sys.stderr.write("\r\x1b[K" if done == of else "")
            sys.stderr.flush()

    return tell


def _raw(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cases": [
            {
                "case": outcome.case.as_arguments(),
                "rounds": outcome.rounds,
                "delivered": outcome.delivered,
                "spans": outcome.spans,
                "other_traces": outcome.other_traces,
            }
            for outcome in outcomes
        ],
    }


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"autoinstrument bench: {sentence}\n")
    return _WRONG_USAGE
