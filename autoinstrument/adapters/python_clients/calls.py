"""A `with` block around each call of one method, be that a function or a coroutine function."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from autoinstrument.adapter import Patches

    Block = Callable[[Any], AbstractContextManager[None]]


def enclose(patches: Patches, kind: type, blocks: dict[str, Block]) -> None:
    """Enclose the calls of methods of `kind`, by name, in what a block returns for the object.

    A method that this version of the client does not have is left out.
    """
    for name, block in blocks.items():
        method = getattr(kind, name, None)
        if method is not None:
            enclosed = _coroutine if iscoroutinefunction(method) else _function
            patches.replace(kind, name, enclosed(method, block))


def _function(method: Callable[..., Any], block: Block) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with block(self):
            return method(self, *args, **kwargs)

    return call


def _coroutine(method: Callable[..., Any], block: Block) -> Callable[..., Any]:
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with block(self):
            return await method(self, *args, **kwargs)

    return call
