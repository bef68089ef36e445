"""The closing line of a command that `run` has started, on a terminal."""

from __future__ import annotations

import os
import sys
from shlex import quote
from typing import TYPE_CHECKING

from autoinstrument.export.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from autoinstrument.export.queue import ExportQueue


def say(queue: ExportQueue, exporters: Iterable[object]) -> None:
    """Print the number of writes and the next command; only on a terminal, only under `run`.

    Of the processes that the command starts, only the first has the pid that `run` has noted.
    """
    noted = os.environ.get("AUTOINSTRUMENT_RUN") == str(os.getpid())
    if not noted or not queue.exported or not sys.stderr or not sys.stderr.isatty():
        return
    plural = "" if queue.exported == 1 else "s"
    words = f"{queue.exported} write{plural}, {queue.failed} failed"
    path = next((each.path for each in exporters if isinstance(each, Recording)), None)
    if path is not None and path.exists():
        words += f"; for the report, run: autoinstrument report {quote(_shown(path))}"
    sys.stderr.write(f"autoinstrument: {words}\n")


def _shown(path: Path) -> str:
    try:
        return os.path.relpath(path)
    except OSError:  # the current directory has been deleted
        return str(path)
