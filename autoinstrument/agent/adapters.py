"""The adapters of other packages, and what contains whatever any adapter does."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autoinstrument.process.foreign import words_of
from autoinstrument.process.guard import Guard
from autoinstrument.process.notices import tell
from autoinstrument.start.adapters import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

GROUP = "autoinstrument_adapters"
"""The group of entry points: a name is the module to hook, a value the adapter."""
FAILED = "adapter-failed"
"""The slug of what is wrong with an adapter of another package."""


class AdapterGuard(Guard):
    """Contains what an adapter raises when it is imported, installed or uninstalled.

    Somebody else's module may end in a SystemExit, or in the panic of a library in Rust, which is
    no Exception either. An interrupt is the user's, and what a signal handler raises the program's.
    """

    __slots__ = ("slug",)

    def __init__(self, adapter: str) -> None:
        super().__init__(f"the adapter {adapter}", most=1)
        self.slug = super().slug if adapter.startswith(OURS) else FAILED

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or isinstance(error, KeyboardInterrupt):
            return False
        self.caught(error)
        return True

    def _described(self, error: BaseException) -> str:
        """Return its words, too: at an import there is no message that they could quote."""
        return f"{type(error).__name__}: {words_of(error)}"


_guards: dict[str, AdapterGuard] = {}
"""By adapter. The process's, since one that has failed is not asked by a later `activate()`."""


def guard_of(adapter: str) -> AdapterGuard:
    """Return the guard of an adapter, which is off once the adapter has failed."""
    return _guards.get(adapter) or _guards.setdefault(adapter, AdapterGuard(adapter))


def announced() -> Iterator[tuple[str, str]]:
    """Yield the modules that other packages hook, each with its adapter, and warn of the rest."""
    from importlib_metadata import distributions  # noqa: PLC0415 - not before a client is imported

    guard = Guard("the search for further adapters", most=1)
    for distribution in distributions():
        entries: dict[str, str] = {}
        with guard:  # what one of them has wrong does not hurt the others
            entries = _entries(distribution.read_text("entry_points.txt") or "")
        for name, adapter in entries.items():
            if all(part.isidentifier() for part in adapter.split(".")):
                yield name, adapter
            else:
                words = f"the entry point {name} = {adapter!r} names no module"
                tell(FAILED, words, about=f"{name}={adapter}")


def _entries(text: str) -> dict[str, str]:
    """Return the entry points for adapters in a distribution's list.

    importlib-metadata takes none of the list where it finds fault with one, or each as it is, by
    its version. Format: https://packaging.python.org/en/latest/specifications/entry-points/
    """
    if GROUP not in text:
        return {}
    from configparser import ConfigParser  # noqa: PLC0415 - 14 ms, which few need

    found = ConfigParser(delimiters="=", interpolation=None, strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    found.read_string(text)
    return dict(found[GROUP]) if GROUP in found else {}


def loaded(adapter: str) -> Any:
    """Import an adapter; raises what its import raises, or TypeError if it is none."""
    module = import_module(adapter)
    if not callable(getattr(module, "install", None)):
        raise TypeError(f"{adapter} has no install(module)")
    return module


def replaced_by(adapters: Iterable[str]) -> dict[type, type]:
    """Return the classes that the application should have, by those that they replace."""
    found: dict[type, type] = {}
    for name in adapters:
        replaced = getattr(sys.modules.get(name), "replaced", {})
        if isinstance(replaced, dict):
            found.update(replaced)
    return found


def put_back(adapters: Iterable[str]) -> None:
    """Undo what adapters have replaced, also where one of them raises."""
    bind({ours: original for original, ours in replaced_by(adapters).items()})
    for name in adapters:
        uninstall = getattr(sys.modules.get(name), "uninstall", None)
        if uninstall is not None:  # somebody else's adapter may have none
            with guard_of(name):
                uninstall()


def bind(replaced: Mapping[type, type]) -> None:
    """Bind the names of all modules, but the agent's own, to what replaces their values."""
    by_identity = {id(original): ours for original, ours in replaced.items()}
    for module in _modules():
        for name, value in list(vars(module).items()):
            ours = by_identity.get(id(value))
            # A class names itself in its own module: super(SerializingProducer, self).
            if ours is not None and value.__module__ != module.__name__:
                setattr(module, name, ours)


def _modules() -> Iterator[Any]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != "autoinstrument" and isinstance(
            getattr(module, "__dict__", None), dict
        ):
            yield module
