"""The application's own publishers, as `AUTOINSTRUMENT_TRACE` names them: looked at, never run."""

from __future__ import annotations

import inspect
import os
from types import CodeType
from typing import TYPE_CHECKING

from autoinstrument.process.locations import located
from autoinstrument.process.settings import settings
from autoinstrument.start.adapters import PUBLISHERS, is_disabled

from .line import Line
from .notices import Notice

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from autoinstrument.process.settings import Publisher

_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def lines(told: list[Notice]) -> list[Line]:
    """Return a line for each publisher that the user names; what is in `told` is not said again."""
    value, named = os.environ.get("AUTOINSTRUMENT_TRACE", "").strip(), settings().trace
    if named or not value or any("AUTOINSTRUMENT_TRACE=" in notice.text for notice in told):
        return [_line(publisher) for publisher in named]
    words = f"AUTOINSTRUMENT_TRACE={value!r} is ignored; the program says what is accepted"
    return [Notice(words, "bad-setting").line]


def _line(publisher: Publisher) -> Line:
    if is_disabled(PUBLISHERS):
        return Line(
            "off",
            "client-disabled",
            f"{publisher.name} is not traced: AUTOINSTRUMENT_DISABLE or"
            " OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names publishers",
            "Its writes get no span.",
            "Take it out of those variables where spans are wanted.",
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
            f"{publisher.name}, which AUTOINSTRUMENT_TRACE names, is not in the source of"
            f" {publisher.module}",
            "It may be inherited or imported there; if there is none, its writes get no span.",
            "See that the program says nothing of AUTOINSTRUMENT_TRACE when it has imported it.",
        )
    reason = _why_not(publisher, code)
    if reason is not None:
        return _wrong(publisher, reason)
    arguments = ", ".join(f"{each}={name}" for each, name in publisher.arguments.items())
    return Line("ok", "publisher", f"{publisher.name}({arguments}) is traced, once imported")


def _wrong(publisher: Publisher, reason: str) -> Line:
    return Line(
        "problem",
        "bad-setting",
        f"AUTOINSTRUMENT_TRACE: {publisher.name} is not traced: {reason}",
        "Its writes get no span.",
        "Correct the variable, or start the doctor in the folder of the service.",
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
        return "it is a generator, whose call writes nothing yet"
    accepted = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    missing = set(publisher.arguments.values()) - set(accepted)
    if missing and not code.co_flags & inspect.CO_VARKEYWORDS:
        return f"it has no argument {', '.join(sorted(missing))}, but: {', '.join(accepted)}"
    return None
