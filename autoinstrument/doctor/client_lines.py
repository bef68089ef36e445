"""What is said of a client."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from autoinstrument.process.foreign import name_of, words_of

from .line import Line

if TYPE_CHECKING:
    from collections.abc import Sequence


def traced(name: str, known: str, modules: Sequence[str], adapter: str) -> Line:
    """Return that a client is traced, by an `adapter` of another package if that is not ""."""
    by = f", by {adapter}" if adapter else ""
    return Line("ok", name, f"{known} is traced, in {', '.join(modules)}{by}")


def traceable(name: str, known: str) -> Line:
    """Return that a client would be traced if the agent started."""
    return Line("ok", name, f"{known} can be traced")


def disabled(known: str) -> Line:
    """Return that the user has switched an adapter off."""
    return Line(
        "off",
        "client-disabled",
        f"{known} is not traced: AUTOINSTRUMENT_DISABLE or OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
        " names it",
        "Its writes have no spans.",
        "Remove it from that variable if you want spans.",
    )


def too_old(name: str, installed: str | None, oldest: tuple[int, ...]) -> Line:
    """Return that a client is older than the adapter can trace."""
    least = ".".join(map(str, oldest))
    return Line(
        "problem",
        "client-unsupported",
        f"{name} {installed} is not traced; {least} and later are",
        "Its writes have no spans.",
        f"{sys.executable} -m pip install '{name}>={least}'",
    )


def missing(names: Sequence[str]) -> Line:
    """Return that there is no client at all."""
    return Line(
        "problem",
        "client-missing",
        f"no supported Kafka client is installed here ({', '.join(names)})",
        "There is nothing to trace in this interpreter.",
        "Examine the interpreter of the service: autoinstrument doctor -- COMMAND",
    )


def imported_early(known: str) -> Line:
    """Return that a client has bound its classes before the agent could replace them."""
    return Line(
        "problem",
        "imported-early",
        f"{known} is imported at startup, before the agent starts",
        "Names that are already bound do not change, so that these writes have no spans.",
        "Find the .pth file or sitecustomize that imports it; `autoinstrument run` may start first."
        " autoinstrument.activate() reaches names in modules, and returns what it cannot reach.",
    )


def broken(known: str, error: BaseException) -> Line:
    """Return that a client fails by itself."""
    return Line(
        "problem",
        "client-broken",
        f"{known} cannot be imported: {name_of(type(error))}: {words_of(error)}",
        "The import also fails without the agent.",
        "Reinstall the client.",
    )
