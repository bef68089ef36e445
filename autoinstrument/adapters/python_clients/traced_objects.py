"""What is traced of a client's object, kept in the one attribute of it that is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.adapter import Guard

T = TypeVar("T")
_ATTRIBUTE = "_autoinstrument"


class TracedObjects(Generic[T]):
    """The producers, or the consumers, of one client, and what is traced of each."""

    def __init__(self, guard: Guard, trace: Callable[[Any], T], initialised_by: str) -> None:
        """`trace` makes what is traced of an object, which has the attribute `initialised_by`.

        An object without that was never initialised, as the client itself will say.
        """
        self.guard = guard
        self._trace = trace
        self._initialised_by = initialised_by

    def known(self, client_object: Any) -> T | None:
        """Return what is traced of an object, if that has begun."""
        traced: T | None = None if self.guard.is_off else client_object.__dict__.get(_ATTRIBUTE)
        return traced

    def of(self, client_object: Any) -> T | None:
        """Return what is traced of an object, from now on; None if it must not be traced."""
        if self.guard.is_off:
            return None
        attributes = client_object.__dict__
        traced: T | None = attributes.get(_ATTRIBUTE)
        if traced is None and self._initialised_by in attributes:
            traced = self._trace(client_object)
            attributes[_ATTRIBUTE] = traced  # not by the __setattr__ of a subclass
        return traced


def server_list(servers: Any) -> str:
    """Return bootstrap servers as one text, be they a text already or several."""
    return servers if isinstance(servers, str) else ",".join(map(str, servers))
