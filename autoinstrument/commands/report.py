"""`autoinstrument report`: show what a recording says."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from autoinstrument.report.data import as_data
from autoinstrument.report.gathering import report
from autoinstrument.report.reading import NotARecording
from autoinstrument.report.text import render
from autoinstrument.report.wording import foreign

if TYPE_CHECKING:
    import argparse

SUMMARY = "show what was written: counts, failures, latencies, slowest writes"

_WIDEST = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `report` accepts."""
    parser.add_argument(
        "path",
        nargs="?",
        metavar="PATH",
        default=os.environ.get("AUTOINSTRUMENT_RECORD") or ".autoinstrument",
        help="a recording, file or folder (default: $AUTOINSTRUMENT_RECORD or .autoinstrument)",
    )
    parser.add_argument("--json", action="store_true", help="print data instead of text")


def execute(parsed: argparse.Namespace) -> int:
    """Print the report that was asked for."""
    return print_report(parsed.path, as_json=parsed.json)


def print_report(path: str, *, as_json: bool = False) -> int:
    """Print the report on the recording at `path`; 0, or 1 with a sentence on stderr if it is none.

    The text is as wide as the terminal, at most 120 characters, and 100 where there is none. With
    `as_json` it is the object that `autoinstrument.report.data.as_data` describes.
    """
    try:
        found = report(path)
    except NotARecording as reason:
        sys.stderr.write(f"autoinstrument: {foreign(str(reason))}.\n")
        return 1
    if as_json:
        _print(json.dumps(as_data(found), indent=2) + "\n")
    else:
        columns = shutil.get_terminal_size((100, 24)).columns
        _print(render(found, min(columns, _WIDEST)))
    return 0


def _print(text: str) -> None:
    # A stream that cannot hold a letter, as in the C locale, gets its escape.
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough. https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
