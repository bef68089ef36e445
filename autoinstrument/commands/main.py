"""The command line: one module for each command."""

from __future__ import annotations

import os
import sys

from autoinstrument.process.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130  # what shells say of a program that Ctrl-C has ended
_COMMANDS = ("run", "report", "doctor", "demo", "bench", "help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0, 1 for a problem found, 2 for wrong usage, 130 where Ctrl-C has ended it.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:2] == ["run", "--"]:  # at every start of a service: the rest of this takes 45 ms
        from .run import start  # noqa: PLC0415 - see above

        return start(given[2:])
    _open_closed_streams()
    return _parse_and_execute(given)


def _open_closed_streams() -> None:
    """Let what is written to a stream that this process was started without go nowhere.

    Python has None there, and the next file to be opened would get its number.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end


def _parse_and_execute(given: list[str]) -> int:
    import argparse  # noqa: PLC0415 - see above
    import importlib  # noqa: PLC0415 - see above

    parser = argparse.ArgumentParser(
        prog="autoinstrument",
        description="Trace what a Python program writes to Kafka and reads from it, without"
        " changing the program.",
        epilog="`autoinstrument help` lists the documents.",
    )
    words = f"%(prog)s {__version__}"
    parser.add_argument("--version", action="version", version=words, help="show the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    # All of them only for the list in the help.
    for name in given[:1] if given[:1] and given[0] in _COMMANDS else _COMMANDS:
        module = importlib.import_module(f"autoinstrument.commands.{name}")
        summary = module.SUMMARY
        sentence = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(name, help=summary, description=sentence)
        module.add_arguments(command)
        command.set_defaults(execute=module.execute)
    parsed = parser.parse_args(given)
    try:
        code: int = parsed.execute(parsed)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code
