"""`autoinstrument report`: show what a recording contains."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autoinstrument.report.data import as_data
from autoinstrument.report.gathering import report
from autoinstrument.report.reading import NotARecording
from autoinstrument.report.text import render
from autoinstrument.report.wording import foreign

from . import screen

if TYPE_CHECKING:
    import argparse

    from autoinstrument.report.model import Report

SUMMARY = "show what was written, what is wrong, and how to fix it"

_WIDEST = 120
_NEEDED = {"jinja2", "matplotlib"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `report` accepts."""
    parser.add_argument(
        "path",
        nargs="?",
        metavar="PATH",
        default=os.environ.get("AUTOINSTRUMENT_RECORD") or ".autoinstrument",
        help="a recording, file or folder (default: $AUTOINSTRUMENT_RECORD or .autoinstrument)",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print JSON instead of text")
    shown.add_argument("--html", metavar="FILE", help="write a page for a browser")
    shown.add_argument(
        "--follow", action="store_true", help="show what is being written until you press Ctrl-C"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Print the report that was asked for."""
    if parsed.follow:
        from .follow import follow  # noqa: PLC0415 - only now

        return follow(parsed.path)
    if parsed.html is not None:
        return write_page(parsed.path, parsed.html)
    return print_report(parsed.path, as_json=parsed.json)


def print_report(path: str, *, as_json: bool = False) -> int:
    """Print the report on the recording at `path`; return 0, or 1 with a sentence on stderr.

    The text is as wide as the terminal, at most 120 characters, and 100 without one. With `as_json`
    it is the object that `autoinstrument.report.data.as_data` describes.
    """
    found = _reported(path)
    if found is None:
        return 1
    if as_json:
        return screen.show(json.dumps(as_data(found), indent=2) + "\n", coloured=False)
    columns, lines = shutil.get_terminal_size((100, 24))
    height = lines if sys.stdout.isatty() else math.inf
    return screen.show(render(found, min(columns, _WIDEST), height))


def write_page(path: str, file: str) -> int:
    """Write the report on the recording at `path` as a page; return as `print_report` does."""
    missing = sorted(name for name in _NEEDED if importlib.util.find_spec(name) is None)
    if missing:
        return _refuse(
            f"the page needs {' and '.join(missing)}: pip install 'autoinstrument[report]'"
        )
    try:
        from autoinstrument.report.html import page  # noqa: PLC0415 - takes a second to import
    except ImportError as error:
        return _refuse(
            "what the page needs is installed, but does not load on this Python:"
            f" {str(error).strip().partition(chr(10))[0]}; run the report with the Python that it"
            " was installed for, or install it here"
        )
    found = _reported(path)
    if found is None:
        return 1
    try:
        Path(file).write_text(page(found), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return _refuse(f"`{file}` cannot be written: {error.strerror}")
    return screen.show(f"Wrote {foreign(file)}\n", coloured=False)


def _reported(path: str) -> Report | None:
    try:
        with screen.progress(path) as watch:
            return report(path, watch)
    except NotARecording as reason:
        _refuse(str(reason))
        return None


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"autoinstrument: {foreign(sentence)}.\n")
    return 1
