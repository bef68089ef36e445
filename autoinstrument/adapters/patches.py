"""Methods that are replaced on a client's own classes, and can be put back."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Patches:
    """The replaced methods of one client; `original` has them by name, also after `undo`."""

    def __init__(self) -> None:
        self.original: dict[str, Callable[..., Any]] = {}
        self._places: list[tuple[type, str, Any]] = []

    def replace(self, kind: type, name: str, replacement: Callable[..., Any]) -> None:
        """Put `replacement` in the place of a method, whose name, signature and words it gets."""
        self.original[name] = original = getattr(kind, name)
        self._places.append((kind, name, vars(kind).get(name)))
        setattr(kind, name, update_wrapper(replacement, original))

    def undo(self) -> None:
        """Put the client's own methods back."""
        while self._places:
            kind, name, own = self._places.pop()
            if own is None:  # it was inherited
                delattr(kind, name)
            else:
                setattr(kind, name, own)
