"""The one line that a command started by `run` ends with, on a terminal."""

from __future__ import annotations

import os
import sys
from shlex import quote
from typing import TYPE_CHECKING

from autoinstrument.export.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from autoinstrument.export.queue import Finisher


def say(finisher: Finisher, exporters: Iterable[object]) -> None:
    """Say what became of the writes, and what to type next; only on a terminal, only under `run`.

    Of the processes that the command starts, only the first has the pid that `run` has noted.
    """
    noted = os.environ.get("AUTOINSTRUMENT_RUN") == str(os.getpid())
    if not noted or not finisher.exported or not sys.stderr or not sys.stderr.isatty():
        return
    words = f"{finisher.exported} writes, {finisher.failed} of them failed"
    path = next((each.path for each in exporters if isinstance(each, Recording)), None)
    if path is not None and path.exists():
        words += f"; see: autoinstrument report {quote(_shown(path))}"
    sys.stderr.write(f"autoinstrument: {words}\n")


def _shown(path: Path) -> str:
    try:
        return os.path.relpath(path)
    except OSError:  # the current directory has been deleted
        return str(path)
