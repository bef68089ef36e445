"""The application's own publishers, which the user names in `AUTOINSTRUMENT_TRACE`.

Only the publisher knows what the broker has answered. Its write ends, unconfirmed, when the call
returns, or when the future or coroutine that it returned is done. If a traced client writes within
the call, the message has that client's span, and the publisher's own write has none.

A publisher is replaced by a function again, not by a proxy of wrapt's, which `pickle` and `copy`
refuse.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import wrapt

from autoinstrument.process.locations import tell_of
from autoinstrument.process.settings import settings

from .arguments import Unusable
from .function import TracedFunction

if TYPE_CHECKING:
    from types import ModuleType

    from autoinstrument.process.settings import Publisher

replaced: dict[Any, Any] = {}
"""The functions of modules by those that they replace: other modules may have bound their names."""
_places: list[tuple[Any, str, Any, Any]] = []
"""What was replaced: the owner, the name, the owner's own attribute if it had one, and ours."""


def install(module: ModuleType) -> None:
    """Trace the publishers of `module` that the user names; doing it twice changes nothing."""
    for publisher in settings().trace:
        if publisher.module == module.__name__:
            try:
                _install(module, publisher)
            except Unusable as reason:
                tell_of(publisher, str(reason))


def uninstall() -> None:
    """Put back what was replaced; what is open already is still closed."""
    replaced.clear()
    while _places:
        owner, name, own, ours = _places.pop()
        if vars(owner).get(name) is not ours:  # somebody has replaced it since
            continue
        if own is None:  # it was inherited
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def _install(module: ModuleType, publisher: Publisher) -> None:
    try:
        owner, name, found = wrapt.resolve_path(module, publisher.path)
    except AttributeError:
        raise Unusable(f"the module has no {publisher.path!r}") from None
    kind = type(found) if isinstance(found, (staticmethod, classmethod)) else None
    function = getattr(found, "__func__", found) if kind else found
    if any(ours is found for *_, ours in _places):
        return
    if not inspect.isfunction(function) or not (owner is module or inspect.isclass(owner)):
        raise Unusable("it is not a function of a module or a method of a class")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise Unusable("it is a generator function")
    own = vars(owner).get(name)
    ours = TracedFunction(function, publisher).replacement()
    placed = ours if kind is None else kind(ours)
    setattr(owner, name, placed)
    _places.append((owner, name, own, placed))
    if owner is module:
        replaced[function] = ours
