"""Where the modules are that `AUTOINSTRUMENT_TRACE` names, without importing any of them."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from .notices import tell
from .settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

    from .settings import Publisher


def tell_of_missing() -> None:
    """Warn of what is named and could not be traced, since no import can bring it."""
    for publisher in settings().trace:
        if publisher.module not in sys.modules:
            reason = why_missing(publisher.module)
            if reason is not None:
                tell_of(publisher, reason)


def tell_of(publisher: Publisher, reason: str) -> None:
    """Warn of a publisher that is not traced."""
    words = f"AUTOINSTRUMENT_TRACE: {publisher.name} is not traced: {reason}"
    tell("bad-setting", words, about=publisher.name)


def why_missing(module: str) -> str | None:
    """Return why nothing imports `module`; None if it can be imported."""
    spec = located(module)
    if spec is None:
        return f"there is no module {module!r}"
    loader = getattr(sys.modules.get("__main__"), "__loader__", None)
    program = getattr(loader, "path", None)  # the module's `__file__` is gone when this is asked
    if program is not None and spec.origin == os.path.abspath(program):  # noqa: PTH100 - as a loader has it
        return "the main module cannot be traced; move it to a module that the program imports"
    return None


def located(module: str, folders: Sequence[str] = ()) -> ModuleSpec | None:
    """Find a module, in `folders` first; what it is in is not imported either."""
    top, *names = module.split(".")
    try:
        spec = PathFinder.find_spec(top, [*folders]) or importlib.util.find_spec(top)
    except ValueError:  # it is imported, and has no spec
        return None
    for name in names:
        if spec is None or spec.submodule_search_locations is None:
            return None
        top = f"{top}.{name}"
        spec = PathFinder.find_spec(top, spec.submodule_search_locations)
    return spec
