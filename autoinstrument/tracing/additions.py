"""What an application adds to a unit's span, as far as a span has room for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.process import foreign
from autoinstrument.process.limits import SPAN, TEXT, cut

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEAST = 16
"""What an attribute or an event takes at least, in characters."""
_LEAST_INTEGER, _INTEGERS_END = -(2**63), 2**63  # what OTLP has


class Room:
    """How much may still be added to one span: characters, of names and values."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = 0

    def fitting(self, attributes: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the attributes for which there is room; the last of them may be cut."""
        found: dict[str, Any] = {}
        for name, value in attributes.items():
            if not self.has_some():
                break
            key = text_of(name)
            self.taken += len(key)
            found[key] = self._fitting(value)
        return found

    def without(self, attributes: Mapping[str, Any]) -> None:
        """Make room again of attributes that are to be replaced."""
        self.taken -= sum(_LEAST + len(name) + _size(of) for name, of in attributes.items())

    def has_some(self) -> bool:
        """Whether there is room for one more, which takes some of it."""
        self.taken += _LEAST
        return self.taken < SPAN

    def _fitting(self, value: Any) -> Any:
        kind = type(value)
        if value is None or issubclass(kind, (bool, float)):
            return value
        if issubclass(kind, int) and _LEAST_INTEGER <= value < _INTEGERS_END:
            return value
        most = max(SPAN - self.taken, 1)
        if issubclass(kind, bytes):
            found = bytes.__getitem__(value, slice(most))
            self.taken += len(found)
            return found
        if issubclass(kind, (list, tuple)):
            items = []
            for each in value:
                if not self.has_some():
                    break
                items.append(self._fitting(each))
            return items
        text = cut(value if issubclass(kind, str) else foreign.words_of(value), most)
        self.taken += len(text)
        return text


def _size(value: Any) -> int:
    if isinstance(value, list):
        return sum(_LEAST + _size(each) for each in value)
    return len(value) if isinstance(value, (str, bytes)) else 0


def text_of(words: Any, most: int = TEXT) -> str:
    """Return a name or words that an application has given, which need not be a text."""
    return cut(words if issubclass(type(words), str) else foreign.words_of(words), most)
