"""Which interpreter a command starts, and with which options that affect startup."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PYTHON = re.compile(r"(python|pypy)[\d.]*[a-z]*(\.exe)?")
_LONG_PATH = "'''exec'"  # by this line of sh, installers name an interpreter that no shebang can
_MOST = 1024  # bytes of a script in which its interpreter is named


class NoInterpreterError(Exception):
    """Why it cannot be known which Python a command starts: a slug and words for the user."""


def interpreter(command: Sequence[str]) -> list[str]:
    """Return the interpreter that `command` starts, then its options.

    Raises NoInterpreterError if there is no such command, or if it is not a Python program.
    """
    name = command[0]
    if _is_python(name):
        return [name, *_options(command[1:])]
    found = shutil.which(name)
    if found is None:
        raise NoInterpreterError("command-not-found", f"{name}: command not found")
    words = _shebang(Path(found))
    if words and _is_python(words[0]):
        return [words[0], *_options(words[1:])]
    raise NoInterpreterError(
        "command-unknown",
        f"{found} is not a Python program, so its interpreter is unknown",
    )


def _is_python(name: str) -> bool:
    return bool(_PYTHON.fullmatch(Path(name).name.lower()))


def _shebang(script: Path) -> list[str]:
    try:
        with script.open("rb") as file:
            first, _, rest = file.read(_MOST).decode("utf-8", "replace").partition("\n")
    except OSError:
        return []
    if not first.startswith("#!"):
        return []
    words = shlex.split(first[2:])
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if word not in {"-S", "--split-string"}]
    if rest.startswith(_LONG_PATH):
        words = shlex.split(rest.partition("\n")[0].removeprefix(_LONG_PATH))
    return words


def _options(arguments: Sequence[str]) -> list[str]:
    """Return the options before the program that change what is done at the start.

    https://docs.python.org/3/using/cmdline.html
    """
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--check-hash-based-pycs":
            next(rest, None)
        elif not argument.startswith("-") or argument in {"-", "--"}:
            return kept
        elif not argument.startswith("--"):
            for at, letter in enumerate(argument[1:], 2):
                if letter in "cm":  # the rest belongs to the program
                    return kept
                if letter in "EIPSs":
                    kept.append(f"-{letter}")
                if letter in "WX":
                    value = argument[at:] or next(rest, "")
                    kept += [f"-X{value}"] if letter == "X" else []
                    break
    return kept
