"""Classes in the place of confluent-kafka's C types, which only a subclass can trace."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

from . import inherited
from .alive import ALIVE, Alive

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TRACED = "__autoinstrument__"
"""The attribute for what is traced of a client; not for one of those that the client documents."""
_PROTOCOL_WITH_WORDS_OF_C = 2  # copyreg, which serves the older ones, has the type's bare name


def subclass(original: type, methods: dict[str, Callable[..., Any]]) -> type:
    """Return a subclass of a C type with these methods, as far as the type has them."""
    # A slot adds only what is needed: the C types have no __dict__ either.
    names: dict[str, Any] = {
        "__slots__": (TRACED, ALIVE),
        "__module__": original.__module__,
        "__doc__": original.__doc__,
    }
    for name, method in {**methods, "__reduce_ex__": _reduce}.items():
        if hasattr(original, name):  # older versions have fewer
            names[name] = update_wrapper(method, getattr(original, name), updated=())
            method.__module__ = original.__module__
    made = type(original.__name__, (original,), names)
    delattr(made, "__slots__")  # by which `__getstate__` would find what is ours
    _ours.add(made)
    return made


_ours: set[type] = set()


def initialize(original: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Initialize a client; C tells no keywords from an empty dict of them."""
    if kwargs:
        original.__init__(client, *args, **kwargs)
    else:
        original.__init__(client, *args)
    alive = Alive()
    # A subclass's own __setattr__ need not know of it.
    object.__setattr__(client, ALIVE, alive)
    inherited.watch(alive)


def trace(client: Any, described: Callable[[Alive], T]) -> T:
    """Keep with `client` what is traced of it; `described` is given what lives as long."""
    traced = described(getattr(client, ALIVE))
    object.__setattr__(client, TRACED, traced)
    return traced


def _reduce(self: Any, protocol: Any, /) -> Any:
    """Refuse in the words of the C type, whose name a subclass cannot have."""
    try:
        return object.__reduce_ex__(self, protocol)
    except TypeError:
        kind = type(self)
        if kind not in _ours:
            raise
        name = kind.__name__
        if protocol >= _PROTOCOL_WITH_WORDS_OF_C:
            name = f"{kind.__module__}.{name}"
        raise TypeError(f"cannot pickle {name!r} object") from None
