"""Names that others do not document, looked for before the agent relies on them.

Any version of an interpreter or a package may be without one. What needs it then stands aside, or
finds another way, and it is told once which name is gone and what follows from that.

`multiprocessing` and `logging` import this module, so it imports nothing that an interpreter has
not loaded.
"""

from __future__ import annotations

from .notices import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import Any


def has_names(holder: Any, *names: str, otherwise: str) -> bool:
    """Whether a module, a class or an object has all of these names; what follows if not is told.

    A class has the names that its instances have, as far as its methods mention them.
    """
    gone = missing_names(holder, *names)
    if gone:
        words = f"{_described(holder)} has no {' and no '.join(gone)}"
        tell("part-unsupported", f"{words}: {otherwise}", about=words)
    return not gone


def missing_names(holder: Any, *names: str) -> list[str]:
    """Return those of the names that `holder` does not have, in the same sense."""
    gone = [name for name in names if not hasattr(holder, name)]
    if gone and isinstance(holder, type):
        mentioned = {name for kind in holder.__mro__ for name in mentioned_names(kind)}
        gone = [name for name in gone if name not in mentioned]
    return gone


def mentioned_names(kind: type) -> Iterator[str]:
    """Yield the names that the methods of a class itself mention."""
    for each in vars(kind).values():
        code: CodeType | None = getattr(getattr(each, "__wrapped__", each), "__code__", None)
        if code is not None:
            yield from code.co_names


def _described(holder: Any) -> str:
    if isinstance(holder, type):
        return f"{holder.__module__}.{holder.__qualname__}"
    return getattr(holder, "__name__", None) or _described(type(holder))
