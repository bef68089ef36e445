"""The Kafka clients that are installed, and whether they are traced, by importing them."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from importlib_metadata import PackageNotFoundError, version

from autoinstrument.adapter import Client
from autoinstrument.agent.adapters import announced, guard_of, loaded
from autoinstrument.process.settings import settings
from autoinstrument.start.adapters import ADAPTERS, OURS, is_disabled, name_of
from autoinstrument.start.finder import Finder

from . import adapters, client_lines
from .start import started

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .line import Line
    from .notices import Notice

_NOT_IMPORTED = Exception, SystemExit  # what the import of a client may end in


def lines(told: list[Notice], borrowed: str) -> list[Line]:
    """Return the lines of each client, and of each adapter of others; `told` is what they say.

    What the folder `borrowed` holds is not counted, unless that is "".
    """
    found: list[Line] = []
    clients = [_Client(name, modules, borrowed) for name, modules in _hooked().items()]
    for client in clients:
        with guard_of(client.adapter):  # somebody else's may have anything in its module
            found += client.lines(told)
    found += adapters.rivals([(each.adapter, each.name) for each in clients if each.is_traced])
    if any(client.is_here for client in clients) or settings().trace:
        return found
    return [*found, client_lines.missing(sorted(client.name for client in clients))]


def _hooked() -> dict[str, list[str]]:
    """Return the hooked modules by adapter, of those in this package and of all others."""
    found = {f"{OURS}{name}": [*modules] for name, modules in ADAPTERS.items()}
    for module, adapter in announced():
        modules = found.setdefault(adapter, [])
        if module not in modules:
            modules.append(module)
    return found


class _Client:
    """A client and its adapter, which is imported after the client, as in an application."""

    def __init__(self, adapter: str, modules: Sequence[str], borrowed: str) -> None:
        self.adapter = adapter
        self.name = name_of(adapter).replace("_", "-") if self._is_ours else _package(modules[0])
        """The client's distribution, or its package as long as that is not known."""
        self.is_here = _is_here(_package(modules[0]), borrowed)
        self.is_traced = False
        self._modules = modules

    @property
    def _is_ours(self) -> bool:
        return self.adapter.startswith(OURS)

    def lines(self, told: list[Notice]) -> list[Line]:
        """Return what is known of this client; a reason in `told` is not said again."""
        if is_disabled(self.adapter):
            return [client_lines.disabled(self._known)] if self.is_here else []
        if self.is_here:
            return self._tried(told)
        return [] if self._is_ours else [adapters.unused(self.adapter, self._modules)]

    @property
    def _known(self) -> str:
        return " ".join(filter(None, (self.name, _version(self.name))))

    def _tried(self, told: list[Notice]) -> list[Line]:
        early = [name for name in self._modules if name in sys.modules]
        error = self._import() if started() else None
        client, odd = self._look_at_adapter()
        said = adapters.said_of(self.adapter, self.name, told)
        if client is not None and _is_older(_version(self.name), client.oldest):
            return [client_lines.too_old(self.name, _version(self.name), client.oldest)]
        if error is not None:
            return [self._not_imported(error)]
        if said:
            return said
        self.is_traced = True
        return [self._verdict(early), *odd, *adapters.late(self.adapter, self._modules)]

    def _verdict(self, early: Sequence[str]) -> Line:
        if not started():
            return client_lines.traceable(self.name, self._known)
        if early and self._is_stale(early[0]):
            return client_lines.imported_early(self._known)
        imported = [name for name in self._modules if name in sys.modules]
        if not any(self.adapter in finder.called for finder in _finders()):
            return adapters.not_called(self.adapter, imported)
        by = "" if self._is_ours else self.adapter
        return client_lines.traced(self.name, self._known, imported, by)

    def _import(self) -> BaseException | None:
        """Import what the application may import; return why none of it can be."""
        failure = None
        for name in self._modules:
            try:
                import_module(name)
            except _NOT_IMPORTED as error:  # noqa: PERF203 - it takes what is not there, or is newer
                failure = failure or error
        return None if any(name in sys.modules for name in self._modules) else failure

    def _not_imported(self, error: BaseException) -> Line:
        package = _package(self._modules[0])
        if package not in sys.modules:
            return client_lines.broken(self._known, error)
        is_missing = isinstance(error, ModuleNotFoundError) and error.name in self._modules
        if is_missing and not self._is_ours:
            return adapters.hooks_nothing(self.adapter, self._modules, package)
        return client_lines.broken(self._known, error)

    def _look_at_adapter(self) -> tuple[Client | None, list[Line]]:
        """Return what the adapter says of its client, and what is odd about that."""
        adapter: Any = None
        with guard_of(self.adapter):  # which tells
            adapter = loaded(self.adapter)
        client = getattr(adapter, "CLIENT", None)
        if not isinstance(client, Client):
            return None, [] if adapter is None else [adapters.no_client(self.adapter, client)]
        self.name = client.distribution
        return client, []

    def _is_stale(self, name: str) -> bool:
        """Whether the package has bound a class before the adapter replaced it."""
        package = sys.modules[_package(name)]
        return any(
            isinstance(kind, type)
            and isinstance(bound := getattr(package, own, kind), type)
            and not issubclass(bound, kind)
            for own, kind in vars(sys.modules[name]).items()
        )


def _finders() -> list[Finder]:
    return [finder for finder in sys.meta_path if isinstance(finder, Finder)]


def _package(module: str) -> str:
    return module.partition(".")[0]


def _is_here(package: str, borrowed: str) -> bool:
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(package)
        if spec is not None:
            return not (borrowed and spec.origin and spec.origin.startswith(borrowed + os.sep))
    return False


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):  # the latter for a name that is none
        return None


def _is_older(installed: str | None, oldest: tuple[int, ...]) -> bool:
    numbers = [int(number) for number in re.findall(r"\d+", installed or "")]
    return bool(numbers) and tuple(numbers[: len(oldest)]) < oldest
