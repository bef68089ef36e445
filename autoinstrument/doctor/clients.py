"""The Kafka clients that are installed, and whether they are traced, by importing them."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from importlib_metadata import PackageNotFoundError, entry_points, version

from autoinstrument.process.settings import settings
from autoinstrument.start.adapters import ADAPTERS, OURS, is_disabled  # the finder's own rule

from .line import Line, installing
from .start import started

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from .notices import Notice


def lines(told: list[Notice], borrowed: str) -> list[Line]:
    """Return a line for each client, and for each adapter of others; `told` is what they say.

    What the folder `borrowed` holds is not counted, unless that is "".
    """
    found: list[Line] = []
    served: set[str] = set()
    for name, modules in _adapters().items():
        try:
            adapter = import_module(name)
        except Exception as error:  # noqa: BLE001 - somebody else's adapter may raise anything
            words = f"{name} cannot be imported: {type(error).__name__}: {error}"
            found.append(_unusable(name, words))
            continue
        if not callable(getattr(adapter, "install", None)):
            found.append(_unusable(name, f"{name} is no adapter: it has no install(module)"))
            continue
        distribution = _distribution(adapter, modules[0].partition(".")[0])
        served.add(distribution)
        if _is_here(modules[0].partition(".")[0], borrowed):
            found.append(_Client(adapter, distribution, modules).line(told))
        elif not name.startswith(OURS):
            found.append(_unused(name, distribution))
    is_any = any(line.slug != "adapter-unused" for line in found)
    return found if is_any or settings().trace else [*found, _none(served)]


def _adapters() -> dict[str, list[str]]:
    """Return the hooked modules by adapter, of those in this package and of all others."""
    adapters = {f"{OURS}{name}": [*names] for name, names in ADAPTERS.items()}
    for entry in entry_points(group="autoinstrument_adapters"):
        adapters.setdefault(entry.module, []).append(entry.name)
    return adapters


def _is_here(package: str, borrowed: str) -> bool:
    spec = importlib.util.find_spec(package)
    if spec is None:
        return False
    return not (borrowed and spec.origin and spec.origin.startswith(borrowed + os.sep))


class _Client:
    """An installed client and its adapter; the adapter is watched while the client is imported."""

    def __init__(self, adapter: Any, distribution: str, modules: Sequence[str]) -> None:
        self._adapter = adapter
        self._name = distribution
        self._modules = modules
        self._version = _version(distribution)
        self._hooked: list[str] = []

    def line(self, told: list[Notice]) -> Line:
        """Return whether this client is traced; a reason in `told` is not said again."""
        known = " ".join(filter(None, (self._name, self._version)))
        if is_disabled(self._adapter.__name__):
            return _disabled(known)
        if self._is_too_old():
            return self._too_old()
        if not started():
            return Line("ok", self._name, f"{known} can be traced")
        return self._tried(known, told)

    def _tried(self, known: str, told: list[Notice]) -> Line:
        early = [name for name in self._modules if name in sys.modules]
        before = len(told)
        error = self._import()
        if error is not None:
            return _broken(known, error)
        if len(told) > before:
            return told.pop(before).line
        if early and self._is_stale():
            return _early(known)
        what = f"{known} is traced, in {', '.join(early + self._hooked)}"
        name = self._adapter.__name__
        return Line("ok", self._name, what if name.startswith(OURS) else f"{what}, by {name}")

    def _is_too_old(self) -> bool:
        client = getattr(self._adapter, "CLIENT", None)
        oldest = () if client is None else client.oldest
        numbers = [int(number) for number in re.findall(r"\d+", self._version or "")]
        return bool(numbers) and tuple(numbers[: len(oldest)]) < tuple(oldest)

    def _too_old(self) -> Line:
        oldest = ".".join(map(str, self._adapter.CLIENT.oldest))
        return Line(
            "problem",
            "client-unsupported",
            f"{self._name} {self._version} is not traced; {oldest} and later are",
            "Its writes have no spans.",
            f"{sys.executable} -m pip install '{self._name}>={oldest}'",
        )

    def _import(self) -> Exception | None:
        """Import what the application may import; return why the client itself cannot be."""
        install = self._adapter.install

        def watched(module: ModuleType) -> None:
            install(module)
            self._hooked.append(module.__name__)

        self._adapter.install = watched
        try:
            import_module(self._modules[0])
        except Exception as error:  # noqa: BLE001 - the client's own
            return error
        for name in self._modules[1:]:
            with suppress(Exception):  # it takes what is not installed, or is newer than the client
                import_module(name)
        return None

    def _is_stale(self) -> bool:
        """Whether the package has bound a class before the adapter replaced it."""
        module = sys.modules[self._modules[0]]
        package = sys.modules[module.__name__.partition(".")[0]]
        return any(
            isinstance(kind, type)
            and isinstance(bound := getattr(package, name, kind), type)
            and not issubclass(bound, kind)
            for name, kind in vars(module).items()
        )


def _distribution(adapter: Any, otherwise: str) -> str:
    client = getattr(adapter, "CLIENT", None)
    return otherwise if client is None else str(client.distribution)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _disabled(known: str) -> Line:
    return Line(
        "off",
        "client-disabled",
        f"{known} is not traced: AUTOINSTRUMENT_DISABLE or OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
        " names it",
        "Its writes have no spans.",
        "Remove it from that variable if you want spans.",
    )


def _none(served: set[str]) -> Line:
    return Line(
        "problem",
        "client-missing",
        f"no supported Kafka client is installed here ({', '.join(sorted(served))})",
        "There is nothing to trace in this interpreter.",
        "Examine the interpreter of the service: autoinstrument doctor -- COMMAND",
    )


def _early(known: str) -> Line:
    return Line(
        "problem",
        "imported-early",
        f"{known} is imported at startup, before the agent starts",
        "Names that are already bound do not change, so that these writes have no spans.",
        "Find the .pth file or sitecustomize that imports it; `autoinstrument run` may start first."
        " autoinstrument.activate() reaches names in modules, and returns what it cannot reach.",
    )


def _broken(known: str, error: Exception) -> Line:
    return Line(
        "problem",
        "client-broken",
        f"{known} cannot be imported: {type(error).__name__}: {error}",
        "The import also fails without the agent.",
        "Reinstall the client.",
    )


def _unused(adapter: str, distribution: str) -> Line:
    return Line(
        "warning",
        "adapter-unused",
        f"{adapter} is for {distribution}, which is not installed here",
        "It has nothing to trace.",
        f"{sys.executable} -m pip install {distribution}",
    )


def _unusable(adapter: str, what: str) -> Line:
    if adapter.startswith(OURS):
        return Line(
            "problem",
            "agent-failed",
            what,
            "The client that it is for is not traced.",
            installing("--force-reinstall"),
        )
    return Line(
        "problem",
        "adapter-unusable",
        what,
        "The client that it is for is not traced.",
        "Install the package that it comes from anew, or remove it; the documentation of"
        " autoinstrument.adapter says what an adapter must have.",
    )
