"""`autoinstrument help`: the documents in the package."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from autoinstrument.help import document, subjects
from autoinstrument.report.wording import foreign

from . import screen

if TYPE_CHECKING:
    import argparse

SUMMARY = "list the help subjects, or show one"

_WRONG_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[SUBJECT]`."""
    parser.add_argument(
        "subject", nargs="?", metavar="SUBJECT", help=f"one of: {', '.join(subjects())}"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Show the list or one document; 2 with a sentence on stderr for an unknown subject."""
    if parsed.subject is None:
        return screen.show(_overview(), coloured=False)
    known = subjects()
    if parsed.subject not in known:
        sys.stderr.write(
            f"autoinstrument help: unknown subject {foreign(parsed.subject)!r};"
            f" accepted: {', '.join(known)}\n"
        )
        return _WRONG_USAGE
    return screen.show_markdown(document(parsed.subject), shutil.get_terminal_size((100, 24))[0])


def _overview() -> str:
    known = subjects()
    width = max(map(len, known))
    listed = "\n".join(f"  {subject:{width}}  {sentence}" for subject, sentence in known.items())
    return f"Usage: autoinstrument help SUBJECT\n\n{listed}\n"
