"""When a hooked module has been imported, call its adapters: one finder on `sys.meta_path`.

Nothing is imported here but what every interpreter has loaded or built in, until there is a hit.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import RLock, get_ident

from autoinstrument.start import stand_aside

from .adapters import ADAPTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from autoinstrument.process.guard import Guard

_OURS = "autoinstrument.adapters."
_LOG_RECORDS = "autoinstrument.logs.records"  # no adapter: it serves a process without a client


def install() -> Finder:
    """Put the finder first on `sys.meta_path`, and serve the clients that are imported already."""
    for present in sys.meta_path:
        if isinstance(present, Finder):
            return present
    hooked: dict[str, list[str]] = {}
    for adapter, names in ADAPTERS.items():
        for name in names:
            hooked.setdefault(name, []).append(_OURS + adapter)
    if os.environ.get("AUTOINSTRUMENT_LOG_CORRELATION", "").strip() != "0":
        hooked["logging"] = [_LOG_RECORDS]
    finder = Finder(hooked)
    sys.meta_path.insert(0, finder)
    # Now, not with a client that may be imported late: what the application registers comes before.
    atexit.register(_end)
    for name in filter(_is_kafka, list(sys.modules)):
        finder.before(name)
    for name in list(hooked):
        module = sys.modules.get(name)
        if module is not None:
            finder.executed(name, module)
    return finder


def _end() -> None:
    """Be there at the end of the process, if a client has been."""
    module = sys.modules.get("autoinstrument.process.exit")
    if module is not None:
        module.end()


def remove() -> list[str]:
    """Take the finder away again; return the adapters, as module names, that it has called."""
    called: list[str] = []
    for finder in list(sys.meta_path):
        if isinstance(finder, Finder):
            sys.meta_path.remove(finder)
            called += finder.called
    records = sys.modules.get(_LOG_RECORDS)
    if records is not None:
        records.uninstall()
    return called


class Finder:
    """Finds nothing itself: it asks the other finders, and wraps the loader of a hooked module.

    Somebody else's adapters are found through the entry-point group `autoinstrument_adapters`,
    where an entry's name is the module to hook and its value the adapter: a module with
    `install(module)`. Reading them takes some 37 ms. So they are read once, when the first module
    is executed whose top-level name contains "kafka"; an adapter for any other module serves what
    is imported from then on.
    """

    def __init__(self, hooked: dict[str, list[str]]) -> None:
        """`hooked`: the adapters to call, as module names, by the name of the hooked module."""
        self._hooked = hooked
        self.called: list[str] = []
        """The adapters that have been called."""
        self._guards: dict[str, Guard | None] = {}
        self._asking: set[tuple[str, int]] = set()
        self._entry_points_read = False
        self._reading = RLock()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return what the other finders find, with the loader wrapped, or None if not hooked.

        The caller holds the interpreter's import lock, so nothing may be imported here: a thread
        that is half-way through that import waits for the same lock.
        """
        if name not in self._hooked and (self._entry_points_read or not _is_kafka(name)):
            return None
        question = (name, get_ident())
        if question in self._asking:  # by a finder that asks everybody in turn, as wrapt's does
            return None
        self._asking.add(question)
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self._asking.discard(question)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, name, self)  # type: ignore[assignment] # by duck
        return spec

    def _ask_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        others: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        for finder in others:
            if hasattr(finder, "find_spec"):
                spec: ModuleSpec | None = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
            elif sys.version_info < (3, 12) and finder.find_module(name, path) is not None:
                return None  # a legacy finder's own: the interpreter will ask it again
        return None

    def before(self, name: str) -> None:
        """Read the entry points, if the module that is about to be executed calls for it."""
        if self._entry_points_read or not _is_kafka(name):
            return
        with self._reading:
            guard = self._guard("the search for further adapters")
            if guard and not self._entry_points_read:
                with guard:
                    self._read_entry_points(guard)
                    self._tell_of_unknown_names()
            self._entry_points_read = True

    def _read_entry_points(self, guard: Guard) -> None:
        _reach_dependencies()
        from importlib_metadata import distributions  # noqa: PLC0415 - only now

        for distribution in distributions():
            with guard:  # what one of them has wrong does not hurt the others
                for entry in distribution.entry_points.select(group="autoinstrument_adapters"):
                    adapters = self._hooked.setdefault(entry.name, [])
                    if entry.module not in adapters:
                        adapters.append(entry.module)

    def _tell_of_unknown_names(self) -> None:
        """Warn of what `AUTOINSTRUMENT_DISABLE` has no effect on, now that all adapters are known.

        The variable of OpenTelemetry names the instrumentations of others, too.
        """
        adapters = {adapter for hooked in self._hooked.values() for adapter in hooked}
        known = {_name_of(adapter) for adapter in adapters - {_LOG_RECORDS}}
        unknown = _names_in("AUTOINSTRUMENT_DISABLE") - known - {"", "*"}
        if unknown:
            from autoinstrument.process.notices import tell  # noqa: PLC0415 - only a process with a warning pays

            words = f"AUTOINSTRUMENT_DISABLE={','.join(sorted(unknown))!r} is ignored"
            tell(
                "bad-setting", f"{words}; accepted: {', '.join(sorted(known))}, *", about="DISABLE"
            )

    def executed(self, name: str, module: ModuleType) -> None:
        """Call the adapters of a module that has just been executed."""
        for adapter in self._hooked.get(name, ()):
            guard = None if is_disabled(adapter) else self._guard(f"the adapter {adapter}")
            if guard:
                with guard:
                    self._call(adapter, module)

    def _call(self, adapter: str, module: ModuleType) -> None:
        if adapter == _LOG_RECORDS:
            from autoinstrument.logs.records import install  # noqa: PLC0415 - only now

            install(module)
            return
        _reach_dependencies()
        from importlib import import_module  # noqa: PLC0415 - only now

        import_module(adapter).install(module)
        if adapter not in self.called:
            self.called.append(adapter)

    def _guard(self, part: str) -> Guard | None:
        """Return the guard around a part of the agent, or None when that part is off."""
        if part not in self._guards:
            try:
                from autoinstrument.process.guard import Guard  # noqa: PLC0415 - only now
            except ImportError as error:  # uninstalled while the program runs
                stand_aside(error)
                self._guards[part] = None
            else:
                self._guards[part] = Guard(part)
        guard = self._guards[part]
        return None if guard is None or guard.broken else guard


class _Loader:
    """Stands in for a module's loader until the module is executed, then gives it back.

    The loader itself is left alone: one zipimporter serves all the modules of its archive.
    """

    def __init__(self, loader: object, name: str, finder: Finder) -> None:
        self._loader: Any = loader
        self._name = name
        self._finder = finder

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    @property  # type: ignore[misc] # whoever looks at a spec sees the loader it would have had
    def __class__(self) -> type:
        return type(self._loader)

    def exec_module(self, module: ModuleType) -> None:
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.loader is self:
            spec.loader = self._loader
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._loader
        self._finder.before(self._name)
        self._loader.exec_module(module)
        self._finder.executed(self._name, module)


def _is_kafka(name: str) -> bool:
    return "kafka" in name.partition(".")[0].lower()


def is_disabled(adapter: str) -> bool:
    """Whether the user has switched an adapter off, by its own name or by a star."""
    ours = _names_in("AUTOINSTRUMENT_DISABLE")
    names = ours | _names_in("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
    return "*" in names or _name_of(adapter) in names


def _names_in(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").replace("-", "_").split(",")}


def _name_of(adapter: str) -> str:
    return adapter.removeprefix(_OURS)


def _reach_dependencies() -> None:
    """Add the agent's folder to the end of `sys.path`, where it is not an installed one.

    From a mounted folder the agent starts without being on the path, so that a process that never
    imports a client (pip is one) sees only its own packages.
    """
    from pathlib import Path  # noqa: PLC0415 - only now

    folder = str(Path(__file__).absolute().parents[2])
    if folder not in sys.path:
        sys.path.append(folder)
