"""The publishers that `AUTOINSTRUMENT_TRACE` names, as their source shows them: none is run."""

from __future__ import annotations

import inspect
import os
from dataclasses import replace
from types import CodeType
from typing import TYPE_CHECKING

from autoinstrument.process.locations import located
from autoinstrument.process.settings import settings
from autoinstrument.start.adapters import PUBLISHERS, is_disabled

from .line import Line

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from autoinstrument.process.settings import Publisher

    from .notices import Notice

_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def lines(told: list[Notice]) -> list[Line]:
    """Return a line for each publisher that the user names; what is in `told` is not said again."""
    refused = [notice for notice in told if notice.text.startswith("AUTOINSTRUMENT_TRACE=")]
    told[:] = [notice for notice in told if notice not in refused]
    unread = [
        replace(notice.line, status="problem", why="None of the publishers in it is traced.")
        for notice in refused
    ]
    return [*unread, *(_line(publisher) for publisher in settings().trace)]


def _line(publisher: Publisher) -> Line:
    if is_disabled(PUBLISHERS):
        return Line(
            "off",
            "client-disabled",
            f"{publisher.name} is not traced: AUTOINSTRUMENT_DISABLE or"
            " OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names publishers",
            "Its writes have no spans.",
            "Remove it from that variable if you want spans.",
        )
    spec = located(publisher.module, [os.getcwd()])  # noqa: PTH109 - as a path has it
    if spec is None:
        return _wrong(publisher, f"there is no module {publisher.module!r}")
    code = _code(spec)
    for name in publisher.path.split("."):
        code = None if code is None else _within(code, name)
    if code is None:
        return Line(
            "warning",
            "publisher-unseen",
            f"AUTOINSTRUMENT_TRACE: {publisher.name} is not in the source of {publisher.module}",
            "It may be inherited or imported there; if not, its writes have no spans.",
            "Start the service and look for a warning about AUTOINSTRUMENT_TRACE.",
        )
    reason = _why_not(publisher, code)
    if reason is not None:
        return _wrong(publisher, reason)
    arguments = ", ".join(f"{each}={name}" for each, name in publisher.arguments.items())
    return Line("ok", "publisher", f"{publisher.name}({arguments}) is traced once it is imported")


def _wrong(publisher: Publisher, reason: str) -> Line:
    return Line(
        "problem",
        "bad-setting",
        f"AUTOINSTRUMENT_TRACE: {publisher.name} is not traced: {reason}",
        "Its writes have no spans.",
        "Correct the variable, or run the doctor in the directory of the service.",
    )


def _code(spec: ModuleSpec) -> CodeType | None:
    get_code = getattr(spec.loader, "get_code", None)
    try:
        code: CodeType | None = get_code(spec.name) if get_code else None
    except (ImportError, SyntaxError):  # the program will fail at it, too
        return None
    return code


def _within(code: CodeType, name: str) -> CodeType | None:
    """Return the code of a class or function in `code`, the last of that name."""
    found = None
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_name == name:
                found = each
            elif each.co_name.startswith("<generic parameters"):
                found = _within(each, name) or found
    return found


def _why_not(publisher: Publisher, code: CodeType) -> str | None:
    if code.co_flags & _GENERATOR:
        return "it is a generator function"
    accepted = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    missing = set(publisher.arguments.values()) - set(accepted)
    if missing and not code.co_flags & inspect.CO_VARKEYWORDS:
        unknown = ", ".join(sorted(missing))
        return f"it has no argument {unknown}; its arguments are: {', '.join(accepted)}"
    return None
