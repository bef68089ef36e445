"""`autoinstrument bench`: what the agent adds to a program, next to another agent."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shlex
import shutil
import sys
import time
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from autoinstrument import __version__
from autoinstrument.bench import (
    brokers,
    other,
    picture,
    pipeline,
    pipeline_picture,
    pipeline_text,
    starts,
)
from autoinstrument.bench.cases import CASES, CLIENTS, GROUPS, Case, at_rate
from autoinstrument.bench.measuring import Bench
from autoinstrument.bench.outcome import NotMeasured
from autoinstrument.bench.running import COMPRESSION, EXPORT_DELAY_MS, variants
from autoinstrument.bench.sink import Sink
from autoinstrument.bench.text import table
from autoinstrument.demo.embedded_broker import NotStarted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from autoinstrument.bench.outcome import Outcome

SUMMARY = "measure what the agent adds to a program, next to another agent"
_FEWEST_ROUNDS = 2
_HIGHEST_RATE = 100_000
_WRONG_USAGE = 2
_INTERRUPTED = 130
_ROUNDS, _ROUNDS_IN_SHORT = 3, 2
_ALL, _PIPELINE = "all", "pipeline"
_NAMED = [name for name in GROUPS if name != "rate"]  # which --rate asks for
_ACCEPTED = f"{', '.join(_NAMED)}, {_ALL}, {_PIPELINE}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[CASE...]` and the options."""
    groups = "; ".join(f"{name}: {GROUPS[name]}" for name in _NAMED)
    parser.add_argument(
        "cases",
        metavar="CASE",
        nargs="*",
        help=f"{groups}; {_ALL}: all of these, in about ten minutes; {_PIPELINE}: the"
        " example service, sync and async (default: the most important cases, in a minute or two)",
    )
    parser.add_argument(
        "--rate",
        metavar="N",
        type=float,
        help="measure the share of a core at N messages per second instead, for each client",
    )
    parser.add_argument(
        "--client", choices=CLIENTS, action="append", help="measure only this client (repeatable)"
    )
    parser.add_argument(
        "--broker",
        metavar="HOST:PORT",
        help="use this broker instead of the embedded one; the topics are deleted afterwards",
    )
    parser.add_argument(
        "--against",
        metavar="COMMAND",
        help="another agent's command, with options if any (default: opentelemetry-instrument,"
        " which is installed in a separate environment if it is not on the PATH)",
    )
    parser.add_argument(
        "--rounds",
        metavar="N",
        type=int,
        help=f"rounds of each case (default: {_ROUNDS}; {_ROUNDS_IN_SHORT} without a CASE)",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write every figure of every round to this file"
    )
    parser.add_argument(
        "--picture", metavar="FILE", help="draw the ratios into this file (.svg or .png)"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Measure and print a table; return 2, with a sentence on stderr, if that is not possible."""
    if parsed.rounds is None:
        parsed.rounds = _ROUNDS if parsed.cases else _ROUNDS_IN_SHORT
    complaint = _complaint(parsed)
    if complaint:
        return _refuse(complaint)
    try:
        against = shlex.split(parsed.against) if parsed.against else _found_or_made()
        return (_pipeline if _PIPELINE in parsed.cases else _measure)(parsed, against)
    except (NotMeasured, NotStarted) as reason:
        return _refuse(str(reason))
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return _INTERRUPTED


def _complaint(parsed: argparse.Namespace) -> str | None:
    unknown = [name for name in parsed.cases if name not in {*_NAMED, _ALL, _PIPELINE}]
    if unknown:
        return f"there is no case {unknown[0]!r}; accepted: {_ACCEPTED}"
    if parsed.rounds < _FEWEST_ROUNDS:
        return f"--rounds {parsed.rounds} is too few; accepted: {_FEWEST_ROUNDS} and more"
    if parsed.rate is not None and not 1 <= parsed.rate <= _HIGHEST_RATE:
        return f"--rate {parsed.rate:g} is not accepted; accepted: 1 to {_HIGHEST_RATE:,}"
    if parsed.rate is not None and parsed.cases:
        return f"--rate is a case of its own; accepted: --rate, or {parsed.cases[0]}"
    if _PIPELINE in parsed.cases and (len(parsed.cases) > 1 or parsed.client or parsed.broker):
        return f"{_PIPELINE} runs alone, on the embedded broker, with its own client"
    return _complaint_of_environment(parsed)


def _complaint_of_environment(parsed: argparse.Namespace) -> str | None:
    command = (shlex.split(parsed.against) or [""])[0] if parsed.against is not None else None
    if command is not None and shutil.which(command) is None:
        return (
            f"{parsed.against!r} is not on the PATH; --against names another agent's command, such"
            " as the opentelemetry-instrument of a virtual environment"
        )
    if parsed.picture and (complaint := picture.complaint(parsed.picture)):
        return complaint
    if parsed.cases != ["start"] and importlib.util.find_spec("confluent_kafka") is None:
        return "the benchmark needs confluent-kafka: pip install 'autoinstrument[bench]'"
    missing = set(parsed.client or ()) - set(other.installed())
    if missing:
        return f"--client {missing.pop()}: it is not installed here"
    return None


def _found_or_made() -> list[str]:
    if shutil.which(other.COMMAND):
        return [other.COMMAND]
    _tell(f"{other.COMMAND} is not on the PATH: creating an environment for it")
    return [other.made()]


def _measure(parsed: argparse.Namespace, against: list[str]) -> int:
    outcomes: list[Outcome] = []
    try:
        _collect(outcomes, parsed, against)
    except KeyboardInterrupt:  # the table shows what there is
        sys.stderr.write("\n")
    outcomes = [each for case in CASES for each in outcomes if each.case == case] or outcomes
    if outcomes:
        sys.stdout.write(f"{_head(parsed, against)}\n\n{table(outcomes)}")
    if parsed.json:
        data = {"head": _head(parsed, against), "cases": [each.as_data() for each in outcomes]}
        Path(parsed.json).write_text(json.dumps(data, indent=1), encoding="utf-8")
    if parsed.picture:
        picture.draw(outcomes, parsed.picture)
    return 0


def _collect(outcomes: list[Outcome], parsed: argparse.Namespace, against: list[str]) -> None:
    cases, ways = _chosen(parsed), variants(against)
    of_start = [case for case in cases if case.group == "start"]
    of_kafka = [case for case in cases if case.group != "start"]
    tell = _bar(parsed.rounds * len(ways) * len(_phases(cases)))
    if of_start:
        outcomes += starts.measured(of_start, ways, parsed.rounds, tell)
    if of_kafka:
        with ExitStack() as stack:
            broker = stack.enter_context(
                brokers.given(parsed.broker) if parsed.broker else brokers.embedded()
            )
            broker.fill()
            bench = Bench(ways, broker, stack.enter_context(closing(Sink())), tell)
            of_kafka.sort(key=lambda case: str(case.program))
            for program, of_program in groupby(of_kafka, lambda case: case.program):
                outcomes += bench.measured(program, list(of_program), parsed.rounds)


def _chosen(parsed: argparse.Namespace) -> list[Case]:
    clients = set(parsed.client or other.installed())
    if parsed.rate is not None:
        cases = at_rate(parsed.rate)
    elif parsed.cases:
        cases = [case for case in CASES if {case.group, _ALL} & set(parsed.cases)]
    else:
        cases = [case for case in CASES if case.short]
    return [case for case in cases if case.group == "start" or case.program.client in clients]


def _pipeline(parsed: argparse.Namespace, against: list[str]) -> int:
    tell = _bar(parsed.rounds * len(pipeline.ways(against)))
    outcome = pipeline.measured(against, parsed.rounds, tell)
    sys.stdout.write(pipeline_text.table(outcome))
    if parsed.json:
        Path(parsed.json).write_text(json.dumps(outcome.as_data(), indent=1), encoding="utf-8")
    if parsed.picture:
        pipeline_picture.draw(outcome, parsed.picture)
    return 0


def _phases(cases: list[Case]) -> set[tuple[object, object]]:
    """Return the distinct phases of a round: several cases may measure the same one."""
    starts = {("start", case.group) for case in cases if case.group == "start"}
    return starts | {(case.program, case.phase) for case in cases if case.group != "start"}


def _head(parsed: argparse.Namespace, against: list[str]) -> str:
    clients = ", ".join(f"{client} {version}" for client, version in other.installed().items())
    broker = f"the broker at {parsed.broker}" if parsed.broker else "the embedded broker"
    return (
        f"What autoinstrument {__version__} adds to the bare program, and {other.words(against)}.\n"
        f"CPython {platform.python_version()}, {os.cpu_count()} cores, {clients}, {broker};"
        f" {parsed.rounds} interleaved rounds, medians (95 % interval).\n"
        f"Spans go over OTLP/HTTP every {EXPORT_DELAY_MS / 1000:g} s, compression {COMPRESSION}."
    )


def _bar(of: int) -> Callable[[], None]:
    """Return a function that advances a progress bar on stderr, if that is a terminal."""
    done, begun = 0, time.monotonic()

    def tell() -> None:
        nonlocal done
        done += 1
        left = (time.monotonic() - begun) / done * (of - done)
        bar = "#" * (30 * done // of)
        _tell("" if done == of else f"[{bar:30}] {done} of {of}, {left:.0f} s left")

    return tell


def _tell(words: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"autoinstrument bench: {sentence}\n")
    return _WRONG_USAGE
