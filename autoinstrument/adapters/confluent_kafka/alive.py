"""How long a client lives, which nothing tells of a C type."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ALIVE = "__autoinstrument_alive__"
"""Where a client has its `Alive`."""


class Alive:
    """What lives as long as the client that has it.

    The C types have no weak references. A class that gave them any would take that from the
    application's subclasses, whose `__slots__` may name `__weakref__`, once.
    """

    __slots__ = ("__weakref__", "_end")

    def call_at_end(self, function: Callable[[], object]) -> None:
        """Call `function` when the client is destroyed, after all finalizers that may use it."""
        self._end = _End()
        _ends[id(self._end)] = function


_ends: dict[int, Callable[[], object]] = {}


class _End:
    """What the collector frees, not clears.

    It calls back weak references to a cycle before the finalizers of that cycle. An object without
    any field is none of its business.
    """

    __slots__ = ()

    def __del__(self, take: Any = _ends.pop, is_finalizing: Any = sys.is_finalizing) -> None:
        if not is_finalizing():  # else the end of the process decides on what is open
            take(id(self))()
