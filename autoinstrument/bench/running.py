"""Runs the cases: each variant in turn, so that noise meets all alike."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter
from typing import TYPE_CHECKING, Any

from autoinstrument._embedded_broker import embedded_broker, unsettled

from .cases import ALL
from .sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .cases import Case

_WORKLOAD = str(Path(__file__).with_name("workload.py"))
_TRACEPARENT = b"00-%032x-%016x-01"
_STARTS = 4  # the start of a program is short: so many for a round

Measures = dict[str, float]
"""A round's figures: microseconds a message, milliseconds, or what `UNITS` says."""
UNITS = {
    "in the call": "us a message",
    "CPU": "us a message",
    "throughput": "messages a second",
    "memory": "MB",
    "start": "ms",
}


class NotMeasured(Exception):  # noqa: N818 - it is an answer to the user, not a mishap
    """Why a case or a command cannot be measured, in words for the user."""


@dataclass(frozen=True)
class Variant:
    """One way to run a program."""

    name: str
    command: list[str]
    environment: dict[str, str]


@dataclass
class Outcome:
    """All rounds of one case by variant: figures, messages in the log, and spans received."""

    case: Case
    rounds: dict[str, list[Measures]] = field(default_factory=dict)
    delivered: dict[str, int] = field(default_factory=dict)
    spans: dict[str, int] = field(default_factory=dict)
    other_traces: bool = True
    """Whether the other agent makes spans of such messages at all: else nothing compares."""


def variants(case: Case, other: list[str]) -> list[Variant]:
    """Return plain, the ways to start ours, and the other agent.

    With its own plain, where it belongs to another interpreter.
    """
    ours, theirs = sys.executable, interpreter_of(other[0])
    found = [
        Variant("plain", [ours], {}),
        Variant("AUTOINSTRUMENT_ENABLED=1", [ours], {"AUTOINSTRUMENT_ENABLED": "1"}),
    ]
    if case.action == "start":  # what differs between the two ways
        command = shutil.which("autoinstrument", path=str(Path(ours).parent))
        run = [command] if command else [ours, "-m", "autoinstrument"]
        found.append(Variant("autoinstrument run --", [*run, "run", "--", ours], {}))
    # Not their real paths: two environments may share one interpreter, and differ in the client.
    if Path(theirs).absolute().parent != Path(ours).absolute().parent:
        found.append(Variant("plain, other", [theirs], {}))
    return [*found, Variant(Path(other[0]).name, [*other, theirs], {})]


def interpreter_of(command: str) -> str:
    """Return the interpreter that `command` belongs to, which may be another environment's."""
    beside = Path(shutil.which(command) or "").with_name("python")
    return str(beside) if beside.exists() else sys.executable


def measured(case: Case, ways: list[Variant], rounds: int, tell: Callable[[], None]) -> Outcome:
    """Return `rounds` of each variant; `tell` is called after each.

    Raises NotMeasured with what a program has complained of.
    """
    outcome = Outcome(case)
    with closing(Sink()) as sink, _broker(case) as address:
        idle = {way.name: _idle(case, way, address, sink) for way in ways}
        outcome.other_traces = case.action == "start" or _traces(case, ways[-1], address, sink)
        for _ in range(rounds):
            for way in ways:
                before = _written(case, address)
                figures, spans = _round(case, way, address, sink)
                figures = _without_exit(case, figures, idle[way.name])
                outcome.rounds.setdefault(way.name, []).append(figures)
                written = _written(case, address) - before
                delivered = outcome.delivered.get(way.name, 0)
                outcome.delivered[way.name] = delivered + written
                outcome.spans[way.name] = outcome.spans.get(way.name, 0) + spans
                tell()
    return outcome


def _idle(case: Case, way: Variant, address: str, sink: Sink) -> float:
    """Return the seconds of CPU that the end of a program takes that has only warmed up.

    Files are cached and topics are there after this first run.
    """
    if case.action == "start":
        _round(case, way, address, sink)
        return 0.0
    figures, _ = _round(replace(case, messages=0), way, address, sink)
    return figures["CPU"]


def _traces(case: Case, way: Variant, address: str, sink: Sink) -> bool:
    """Whether an agent makes spans of the messages of the warm-up, where none is sampled out."""
    _, spans = _round(replace(case, messages=0, sampler=ALL), way, address, sink)
    return spans > 0


def _without_exit(case: Case, figures: Measures, idle: float) -> Measures:
    if case.action == "start":
        return figures
    return {**figures, "CPU": (figures["CPU"] - idle) / case.messages * 1e6}


def _round(case: Case, way: Variant, address: str, sink: Sink) -> tuple[Measures, int]:
    environment = (
        unsettled() | way.environment | exporting(sink.url, case.sampler, case.sampler_arg)
    )
    if case.action == "start":
        return _start(way, environment), sink.taken()
    given = json.dumps(case.as_arguments())
    said, usage = ended([*way.command, _WORKLOAD, given, address], environment)
    own = json.loads(said)
    messages = max(case.messages, 1)
    figures = {
        "in the call": own["in_calls"] / messages * 1e6,
        "CPU": usage.ru_utime + usage.ru_stime - own["cpu_before"],
        "throughput": case.messages / own["elapsed"],
        "memory": usage.ru_maxrss / 1024,
    }
    return figures, sink.taken()


def exporting(url: str, sampler: str = ALL, argument: str = "") -> dict[str, str]:
    """Return settings that are the same for every agent; a full queue would be an advantage."""
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_BSP_MAX_QUEUE_SIZE": "1000000",
        "OTEL_TRACES_SAMPLER": sampler,
        "OTEL_TRACES_SAMPLER_ARG": argument,
    }


def _start(way: Variant, environment: dict[str, str]) -> Measures:
    begun = perf_counter()
    for _ in range(_STARTS):
        ended([*way.command, "-c", "pass"], environment)
    return {"start": (perf_counter() - begun) / _STARTS * 1e3}


def ended(
    command: list[str], environment: dict[str, str], *, quietly: bool = True
) -> tuple[str, Any]:
    """Run a command; return its stdout and what it has used of the machine.

    Raises NotMeasured if it fails, or if it complains where it must end `quietly`.
    """
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        # Not run(): only wait4 says what this very child has used.
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=err)  # noqa: S603 - the user's own
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, complaint = out.read(), err.read().strip().rpartition("\n")[2]
    if (complaint and quietly) or process.returncode:
        shown = shlex.join(Path(part).name for part in command[:2])
        words = complaint or f"exit code {process.returncode}"
        raise NotMeasured(f"{shown} does not start cleanly: {words}")
    return said, usage


@contextmanager
def _broker(case: Case) -> Iterator[str]:
    """Run a broker for one case, with something to consume; give its address."""
    if case.action == "start":
        yield ""
        return
    with embedded_broker(["in", *(f"out-{number}" for number in range(case.topics))]) as address:
        if case.action == "consume":
            _fill(address, case.messages + case.warm_up)
        yield address


def _fill(address: str, messages: int) -> None:
    from confluent_kafka import Producer  # noqa: PLC0415 - an extra

    producer = Producer({"bootstrap.servers": address, "queue.buffering.max.messages": 100_000})
    for number in range(1, messages + 1):
        header: list[tuple[str, str | bytes | None]] = [
            ("traceparent", _TRACEPARENT % (number, number))
        ]
        producer.produce("in", b"x" * 100, partition=0, headers=header)
    producer.flush()


def _written(case: Case, address: str) -> int:
    return in_log(address, "out-") if case.action == "produce" else 0


def in_log(address: str, prefix: str) -> int:
    """Count what a broker has of the topics whose names begin with `prefix`."""
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415 - an extra

    consumer = Consumer({"bootstrap.servers": address, "group.id": "bench", "log_level": 0})
    topics = consumer.list_topics(timeout=5).topics
    ends = [
        consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=5)[1]
        for name, topic in topics.items()
        if name.startswith(prefix)
        for partition in topic.partitions
    ]
    consumer.close()
    return sum(ends)
