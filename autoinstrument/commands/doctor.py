"""`autoinstrument doctor`: what keeps spans from appearing, and how to fix it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .run import with_agent

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from autoinstrument.doctor.line import Line

SUMMARY = "show what is traced here and what is not, why, and how to fix it"

_WIDEST = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--json] [-- COMMAND...]`."""
    parser.usage = "%(prog)s [--json] [-- COMMAND...]"
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "command",
        metavar="COMMAND",
        nargs="...",
        help="examine the Python that this command would start (default: the current one)",
    )


def execute(parsed: argparse.Namespace) -> int:
    """Print what was found in the interpreter of the command; 1 if there is a problem, else 0."""
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    from autoinstrument.doctor.examination import examine  # noqa: PLC0415 - not for other commands

    lines = examine(command, with_agent(os.environ, None))
    problem = any(line.status == "problem" for line in lines)
    return _print(lines, as_json=parsed.json) or int(problem)


def _print(lines: Sequence[Line], *, as_json: bool) -> int:
    import json  # noqa: PLC0415 - as above
    import shutil  # noqa: PLC0415 - as above

    from autoinstrument.doctor.text import as_data, render  # noqa: PLC0415 - as above

    from .screen import show  # noqa: PLC0415 - as above

    columns = min(shutil.get_terminal_size((100, 24)).columns, _WIDEST)
    text = json.dumps(as_data(lines), indent=2) + "\n" if as_json else render(lines, columns)
    return show(text, coloured=False)
