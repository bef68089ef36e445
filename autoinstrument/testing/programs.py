"""Programs of an application, run by this Python, with and without the agent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from . import recording

if TYPE_CHECKING:
    from pathlib import Path

    from .recording import Span

_WAIT = 60  # seconds


@dataclass(frozen=True)
class Run:
    """One finished program: what it printed, how it ended, and where its spans are."""

    stdout: str
    stderr: str
    code: int
    recording: Path
    """A file, which does not exist if there are no spans."""

    @cached_property
    def spans(self) -> list[Span]:
        """All spans, also those of its child processes."""
        return list(recording.read(self.recording))

    @property
    def writes(self) -> list[Span]:
        """A span for each message that it wrote, in the order in which they began."""
        return self._of_type("send")

    @property
    def units(self) -> list[Span]:
        """A span for each message that it processed, in the order in which they began."""
        return self._of_type("process")

    def _of_type(self, operation: str) -> list[Span]:
        key = "messaging.operation.type"
        found = [span for span in self.spans if span.attributes.get(key) == operation]
        return sorted(found, key=lambda span: span.start)


class Programs:
    """Runs programs in `folder`; each has a recording of its own.

    The installed package's start file starts the agent, as it does for a user. Python's warnings
    are errors in these programs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0

    def run(self, source: str, *arguments: str, bare: bool = False, **settings: str) -> Run:
        """Run the text of a program to its end, without the agent if `bare`.

        `settings` are environment variables; of OpenTelemetry's and the agent's there are no
        others. The test fails if the agent or the adapter does, or if the program does not end.
        """
        self._runs += 1
        program = self._folder / "program.py"
        program.write_text(source, encoding="utf-8")
        recorded = self._folder / f"recording-{self._runs}.jsonl"
        ours = {"AUTOINSTRUMENT_ENABLED": "1", "AUTOINSTRUMENT_RECORD": str(recorded)}
        others = ("OTEL_", "AUTOINSTRUMENT_")
        environment = {n: value for n, value in os.environ.items() if not n.startswith(others)}
        try:
            done = subprocess.run(
                [sys.executable, "-W", "error", program.name, *arguments],
                env={**environment, **({} if bare else ours), **settings},
                cwd=self._folder,
                capture_output=True,
                text=True,
                timeout=_WAIT,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            with_agent = "without the agent" if bare else "with the agent"
            said = f"{_text(late.stdout)}\n{_text(late.stderr)}"
            pytest.fail(f"the program did not end within {_WAIT} s, {with_agent}:\n{said}")
        if re.search(r"\((agent|adapter)-failed\)", done.stderr):
            pytest.fail(f"the agent, or the adapter, has failed:\n{done.stderr}")
        return Run(done.stdout, done.stderr, done.returncode, recorded)


def _text(output: str | bytes | None) -> str:
    """Return what a program had printed; Python gives it as bytes if the time was over."""
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
