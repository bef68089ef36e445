"""When a hooked module has been imported, call its adapters: one finder on `sys.meta_path`.

Nothing is imported here but what every interpreter has loaded or built in. What is done on a hit
stands above the start, which knows it by name only.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import RLock, get_ident

from . import load, stand_aside, switched
from .adapters import ADAPTERS, OURS, PUBLISHERS, is_disabled, named_modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_INSTALLATION = "autoinstrument.agent.installation"
_CHILDREN = "autoinstrument.process.children"
_EXIT = "autoinstrument.process.exit"
_GUARD = "autoinstrument.process.guard"
_LOCATIONS = "autoinstrument.process.locations"
_LOG_RECORDS = "autoinstrument.logs.records"
_SETTINGS = "autoinstrument.process.settings"


def install() -> Finder:
    """Put the finder first on `sys.meta_path`, and serve the clients that are imported already."""
    for present in sys.meta_path:
        if isinstance(present, Finder):
            return present
    hooked = _hooked()
    without_client = {"multiprocessing.popen_fork": _CHILDREN}
    if switched("AUTOINSTRUMENT_LOG_CORRELATION") is not False:
        without_client["logging"] = _LOG_RECORDS
    finder = Finder(hooked, without_client)
    sys.meta_path.insert(0, finder)
    # Now, not with a client that may be imported late: what the application registers comes before.
    atexit.register(_end)
    for name in filter(is_kafka, list(sys.modules)):
        finder.before(name)
    for name in [*hooked, *without_client]:
        module = sys.modules.get(name)
        if module is not None:
            finder.executed(name, module)
    return finder


def _hooked() -> dict[str, list[str]]:
    hooked: dict[str, list[str]] = {}
    for adapter, names in ADAPTERS.items():
        for name in names:
            hooked.setdefault(name, []).append(OURS + adapter)
    for name in named_modules():
        if name:
            hooked.setdefault(name, []).append(PUBLISHERS)
        else:
            load(_SETTINGS).settings()  # which says what is wrong with the variable
    return hooked


def _end() -> None:
    """End the tracing, if a client was ever imported."""
    module = sys.modules.get(_EXIT)
    # A process that the program only starts by the way may well not have what is named.
    is_first = os.environ.get("AUTOINSTRUMENT_RUN") == str(os.getpid())
    if os.environ.get("AUTOINSTRUMENT_TRACE") and (module is not None or is_first):
        with _contained:
            load(_LOCATIONS).tell_of_missing()
    if module is not None:
        module.end()


def remove() -> list[str]:
    """Take the finder away again; return the adapters, as module names, that it has called."""
    called: list[str] = []
    for finder in list(sys.meta_path):
        if isinstance(finder, Finder):
            sys.meta_path.remove(finder)
            called += finder.called
    return called


class Finder:
    """Finds nothing itself: it asks the other finders, and wraps the loader of a hooked module.

    Somebody else's adapters are found through the entry-point group `autoinstrument_adapters`,
    where an entry's name is the module to hook and its value the adapter: a module with
    `install(module)`. Reading them takes some 37 ms. So they are read once, when the first module
    is executed whose top-level name contains "kafka"; an adapter for any other module serves what
    is imported from then on, or earlier where the program calls `activate()`.
    """

    def __init__(
        self, hooked: dict[str, list[str]], without_client: Mapping[str, str] | None = None
    ) -> None:
        """`hooked`: the adapters to call, as module names, by the name of the hooked module.

        `without_client` has the parts of the agent that serve a module in a process without one.
        """
        self._hooked = hooked
        self._without_client = without_client or {}
        self._asking: set[tuple[str, int]] = set()
        self._entry_points_read = False
        self._reading = RLock()

    @property
    def called(self) -> list[str]:
        """The adapters that have been called."""
        installation = vars(self).get("_installation")
        return [] if installation is None else installation.called

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
        is_awaited = name in self._hooked or name in self._without_client
        if not is_awaited and (self._entry_points_read or not is_kafka(name)):
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
        if is_kafka(name):
            self._read_entry_points()

    def read_now(self) -> None:
        """Read the entry points whatever is imported, and serve the modules that they name."""
        known = set(self._hooked)
        self._read_entry_points()
        for name in self._hooked.keys() - known:
            module = sys.modules.get(name)
            if module is not None:
                self.executed(name, module)

    def _read_entry_points(self) -> None:
        if self._entry_points_read:
            return
        with _contained, self._reading:
            if not self._entry_points_read:
                try:
                    self._load_installation().read_entry_points()
                finally:
                    self._entry_points_read = True

    def executed(self, name: str, module: ModuleType) -> None:
        """Call the adapters of a module that has just been executed."""
        with _contained:
            part = self._without_client.get(name)
            if part is not None and not is_disabled(part):
                load(part).install(module)
            for adapter in self._hooked.get(name, ()):
                if not is_disabled(adapter):
                    self._load_installation().call(adapter, module)

    def _load_installation(self) -> Any:
        """Return what calls adapters, imported with the first client."""
        known = vars(self).get("_installation")
        if known is None:
            # The same for all threads, without a lock: who waits for it may hold an import's.
            made = load(_INSTALLATION).Installation(self._hooked)
            known = vars(self).setdefault("_installation", made)
        return known


class _Contained:
    """A block that fails where the agent is uninstalled, or replaced, while the program runs.

    What runs in it has guards of its own, but these may be gone as well.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if not isinstance(error, Exception):
            return False
        try:
            guard = load(_GUARD)
        except ImportError:
            pass
        else:
            if guard.reraise or guard.is_interruption(error):
                return False
        stand_aside(error)
        return True


_contained = _Contained()


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


def is_kafka(name: str) -> bool:
    """Whether a module is one before which the entry points are read."""
    return "kafka" in name.partition(".")[0].lower()
