"""Environment variables that mean nothing to the agent, by their value or by their name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .credentials import without_credentials
from .limits import KEY, cut
from .notices import tell

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_OURS = "AUTOINSTRUMENT_"
_SECRET = re.compile(r"HEADERS|_CLIENT_KEY|CREDENTIAL|PASSWORD|SECRET|TOKEN")


def refuse(variable: str, value: str, accepted: str) -> None:
    """Warn once that a variable's value is ignored, and say what is accepted."""
    tell("bad-setting", f"{shown(variable, value)} is ignored; accepted: {accepted}", variable)


def shown(variable: str, value: str) -> str:
    """Return a variable with its value, or alone if that may be a secret."""
    if _SECRET.search(variable):
        return variable
    return f"{variable}={without_credentials(cut(value, KEY))!r}"


def tell_of_unknown(environment: Mapping[str, str], known: Collection[str]) -> None:
    """Warn of each variable that begins as the agent's own do, and is not `known`."""
    for name in sorted(environment):
        if name.startswith(_OURS) and name not in known:
            words = f"{cut(name, KEY)} is ignored: there is no such setting; {_hint(name, known)}"
            tell("bad-setting", words, about=name)


def _hint(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - not where all names are right

    names = [each.removeprefix(_OURS) for each in known]
    nearest = get_close_matches(name.removeprefix(_OURS), names, 1)
    if nearest:
        return f"did you mean {_OURS}{nearest[0]}?"
    return "for all of them, run: autoinstrument help settings"
