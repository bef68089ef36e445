"""Programs of an application, run in a real interpreter with the agent, and what it wrote of them.

The agent starts through the installed package's start file, as in a user's environment.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import pytest
from otlp import points_of_recording, spans_of_recording

from autoinstrument.testing import Programs

if TYPE_CHECKING:
    from pathlib import Path

    from otlp import Point, Span

_CONFLUENT = import_module("confluent_kafka") if find_spec("confluent_kafka") else None
_NEEDS = {
    "batches": (
        "produce_batch, confluent-kafka 2.12",
        hasattr(getattr(_CONFLUENT, "Producer", None), "produce_batch"),
    ),
    "share_groups": (
        "a ShareConsumer",
        hasattr(_CONFLUENT, "ShareConsumer"),
    ),
    "coroutines": (
        "confluent_kafka.aio, 2.13",
        _CONFLUENT is not None and find_spec("confluent_kafka.aio") is not None,
    ),
    "blocks": (
        "clients for a with statement, confluent-kafka 2.13",
        hasattr(getattr(_CONFLUENT, "Consumer", None), "__exit__"),
    ),
    "deserializing_coroutines": (
        "AsyncDeserializingConsumer, confluent-kafka 2.16",
        _CONFLUENT is not None
        and find_spec("confluent_kafka.aio") is not None
        and find_spec("confluent_kafka.aio._AsyncDeserializingConsumer") is not None,
    ),
    "cpython": (
        "CPython, which counts references and has wheels of all packages",
        sys.implementation.name == "cpython",
    ),
    "golang": ("go, for Go's own Watermill", shutil.which("go") is not None),
    "flushes_at_exit": (
        "a kafka-python that waits for its messages at exit, 3.0",
        int(version("kafka-python").partition(".")[0]) > 2,
    ),
}


def pytest_configure(config: pytest.Config) -> None:
    """Register a marker for what not every client or Python has."""
    for name, (what, _) in _NEEDS.items():
        config.addinivalue_line("markers", f"{name}: needs {what}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this client or Python does not have; CI runs the newest as well."""
    missing = {name for name, (_, is_here) in _NEEDS.items() if not is_here}
    left_out = [item for item in items if missing & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@dataclass(frozen=True)
class Run:
    """One finished program: what it printed, how it ended, its spans and its metrics."""

    stdout: str
    stderr: str
    code: int
    spans: list[Span] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    recording: str = ""
    """Where they stand; a file that is not there if there are none."""

    @property
    def writes(self) -> list[Span]:
        """The WriteKafka spans, in the order in which they began."""
        found = [s for s in self.spans if s.attributes.get("messaging.operation.type") == "send"]
        return sorted(found, key=lambda span: span.start)

    @property
    def places(self) -> list[tuple[int, int]]:
        """The partition and offset of each message that a span says was written."""
        return [
            (
                int(span.attributes["messaging.destination.partition.id"]),
                span.attributes["messaging.kafka.offset"],
            )
            for span in self.writes
            if span.status_code == "UNSET"
        ]

    @property
    def roots(self) -> list[Span]:
        """The spans that the agent opened around a write."""
        return [span for span in self.spans if "code.function.name" in span.attributes]

    def write(self, **attributes: str) -> Span:
        """Return the only write with these attributes, whose dots are underscores here."""
        wanted = {name.replace("_", "."): value for name, value in attributes.items()}
        (found,) = [span for span in self.writes if wanted.items() <= span.attributes.items()]
        return found


class Runner(Protocol):
    """Run the text of a program with arguments and settings; without the agent if `bare`."""

    def __call__(self, source: str, *arguments: str, bare: bool = False, **settings: str) -> Run:
        """Return the finished run."""
        ...


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Return what starts programs; each has a recording of its own and fails if the agent did."""
    programs = Programs(tmp_path)

    def start(source: str, *arguments: str, bare: bool = False, **settings: str) -> Run:
        if "OTEL_TRACES_EXPORTER" in settings:  # which a recording would be beside
            settings = {"AUTOINSTRUMENT_RECORD": "", **settings}
        done = programs.run(source, *arguments, bare=bare, **settings)
        is_recorded = done.recording.exists()
        spans = spans_of_recording(done.recording) if is_recorded else []
        points = points_of_recording(done.recording) if is_recorded else []
        return Run(done.stdout, done.stderr, done.code, spans, points, str(done.recording))

    return start
