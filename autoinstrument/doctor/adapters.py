"""What is said of an adapter of another package."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from autoinstrument.agent.adapters import FAILED
from autoinstrument.start.adapters import name_of
from autoinstrument.start.finder import is_kafka

from .line import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .notices import Notice

_UNTRACED = "The client that it is for is not traced."
_ENTRY = "Correct the entry point in the package that the adapter comes from."


def said_of(adapter: str, client: str, told: list[Notice]) -> list[Line]:
    """Return what the agent has said of an adapter and its client, which `told` then lacks."""
    beginnings = f"the adapter {adapter} failed", f"{client}: ", f"{adapter}: "
    said = [notice for notice in told if notice.text.startswith(beginnings)]
    told[:] = [notice for notice in told if notice not in said]
    return [notice.line for notice in said]


def unused(adapter: str, modules: Sequence[str]) -> Line:
    """Return that there is no module of the client that an adapter is for."""
    package = modules[0].partition(".")[0]
    return Line(
        "warning",
        "adapter-unused",
        f"{adapter} hooks {', '.join(modules)}, but there is no module {package} here",
        "It has nothing to trace.",
        "Install the client that it is for, or remove the adapter; or correct its entry point.",
    )


def hooks_nothing(adapter: str, modules: Sequence[str], package: str) -> Line:
    """Return that a client is there, but not the module of it that an adapter hooks."""
    return Line(
        "problem",
        FAILED,
        f"{adapter} hooks {', '.join(modules)}, which {package} does not have",
        _UNTRACED,
        _ENTRY,
    )


def no_client(adapter: str, given: object) -> Line:
    """Return that an adapter does not say which client it is for."""
    what = "no CLIENT" if given is None else f"a CLIENT that is a {type(given).__name__}"
    return Line(
        "warning",
        "adapter-incomplete",
        f"{adapter} has {what}; CLIENT must be an autoinstrument.adapter.Client",
        "The version of its client cannot be checked here.",
        "Correct the adapter: `autoinstrument help adapters` says what it must have.",
    )


def not_called(adapter: str, modules: Sequence[str]) -> Line:
    """Return that a client has been imported without its adapter."""
    return Line(
        "problem",
        "adapter-late",
        f"{adapter} was not called when {', '.join(modules)} was imported",
        _UNTRACED,
        "Call autoinstrument.activate() in the program, once the client is imported.",
    )


def late(adapter: str, modules: Sequence[str]) -> list[Line]:
    """Return a warning if an adapter is found only together with another client."""
    if any(map(is_kafka, modules)):
        return []
    return [
        Line(
            "warning",
            "adapter-late",
            f"{adapter} hooks {', '.join(modules)}: that name does not begin with a package that"
            ' has "kafka" in its name',
            "It is called only if a module of such a package is imported first.",
            "Call autoinstrument.activate() in the program, once the client is imported.",
        )
    ]


def rivals(traced: Sequence[tuple[str, str]]) -> list[Line]:
    """Return a warning for each two adapters of one client; `traced` has pairs of those."""
    return [
        Line(
            "warning",
            "adapter-twice",
            f"{client} is traced by two adapters, {first} and {second}",
            "A message may have two spans.",
            f"Switch one of them off: AUTOINSTRUMENT_DISABLE={name_of(second)}",
        )
        for (first, client), (second, other) in combinations(traced, 2)
        if client == other
    ]
