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
    from typing import Any

_GIVES = "STORE_ATTR"


def has_names(holder: Any, *names: str, otherwise: str) -> bool:
    """Whether a module, a class or an object has all of these names; what follows if not is told.

    A class has the attributes that its methods give to its instances.
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
        given = {name for kind in holder.__mro__ for name in _names_given_by(kind)}
        gone = [name for name in gone if name not in given]
    return gone


def _names_given_by(kind: type) -> Iterator[str]:
    from dis import get_instructions  # noqa: PLC0415 - see above
    from types import CodeType  # noqa: PLC0415 - see above

    for each in vars(kind).values():
        code = getattr(getattr(each, "__wrapped__", each), "__code__", None)
        if isinstance(code, CodeType):
            steps = get_instructions(code)
            yield from (step.argval for step in steps if step.opname == _GIVES)


def _described(holder: Any) -> str:
    if isinstance(holder, type):
        return f"{holder.__module__}.{holder.__qualname__}"
    return getattr(holder, "__name__", None) or _described(type(holder))
