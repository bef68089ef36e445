"""The command line: one module a command, listed once."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = ("run", "report", "doctor", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for a problem found, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="autoinstrument",
        description="Trace what a Python program writes to Kafka, without changing it.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in _COMMANDS:
        module = importlib.import_module(f"autoinstrument.commands.{name}")
        command = commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.add_arguments(command)
        command.set_defaults(execute=module.execute)
    parsed = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    code: int = parsed.execute(parsed)
    return code
