"""The last moment at which a program can do something: when its own objects are gone.

What stands in a module, or in a cycle, is finalized after the handlers of `atexit`: a publisher may
flush its producer in `__del__`. CPython collects that first. Then it empties the modules that
something still refers to, and begins with the one that was imported last.
https://github.com/python/cpython/blob/v3.13.0/Python/pylifecycle.c#L1627
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = "autoinstrument._last"


def call_last(function: Callable[[], object]) -> bool:
    """Call `function` at that moment, to be asked for as late as can be; whether there is one.

    Nothing can be imported by then, and no other thread runs.
    """
    if sys.implementation.name != "cpython":
        return False
    module: Any = ModuleType(_NAME)
    module.last = _Last(function)
    sys.modules[_NAME] = module
    sys._autoinstrument_last = module  # type: ignore[attr-defined] # noqa: SLF001 - `sys` is emptied after it
    return True


class _Last:
    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __del__(self) -> None:
        with suppress(BaseException):  # of a signal's handler: there is nobody to tell
            self._function()
