"""What happens when a client is imported: entry points are read, and adapters are called."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from autoinstrument.process.guard import Guard
from autoinstrument.process.notices import tell
from autoinstrument.start.adapters import OURS, name_of, names_in

from .adapters import announced, guard_of, loaded, put_back

if TYPE_CHECKING:
    from types import ModuleType

    from autoinstrument.adapter import Client


class Installation:
    """Calls the adapters that one finder knows, each in a guard of its own."""

    def __init__(self, hooked: dict[str, list[str]]) -> None:
        """`hooked` is the finder's, to which further adapters are added."""
        self._hooked = hooked
        self.called: list[str] = []
        """The adapters that have been called and have not failed, as module names."""

    def read_entry_points(self) -> None:
        """Add the adapters of other packages to those that are hooked."""
        with Guard("the search for further adapters", most=1):
            _reach_dependencies()
            for module, adapter in announced():
                adapters = self._hooked.setdefault(module, [])
                if adapter not in adapters:
                    adapters.append(adapter)
            self._tell_of_unknown_names()

    def _tell_of_unknown_names(self) -> None:
        """Warn of what `AUTOINSTRUMENT_DISABLE` has no effect on, now that all adapters are known.

        The variable of OpenTelemetry names the instrumentations of others, too.
        """
        adapters = {adapter for hooked in self._hooked.values() for adapter in hooked}
        known = {name_of(adapter) for adapter in adapters}
        unknown = names_in("AUTOINSTRUMENT_DISABLE") - known - {"", "*"}
        if unknown:
            given, accepted = (
                [name.replace("_", "-") for name in sorted(names)] for names in (unknown, known)
            )
            words = f"AUTOINSTRUMENT_DISABLE={','.join(given)!r} is ignored"
            tell("bad-setting", f"{words}; accepted: {', '.join(accepted)}, *", about="DISABLE")

    def call(self, adapter: str, module: ModuleType) -> None:
        """Let an adapter trace a module that has just been executed.

        An adapter that fails is not asked again, and puts back what it has replaced so far.
        """
        guard = guard_of(adapter)
        if guard.is_off:
            return
        with guard:
            self._install(adapter, module)
        if guard.is_off:
            self.called = [each for each in self.called if each != adapter]
            put_back([adapter])

    def _install(self, adapter: str, module: ModuleType) -> None:
        _reach_dependencies()
        from autoinstrument.process.quiet import unheard  # noqa: PLC0415 - it imports `logging`

        with unheard:  # OpenTelemetry, which says what it makes of the environment
            from autoinstrument.adapter import Client, Unsupported  # noqa: PLC0415 - see there

            from .pipeline import connect  # noqa: PLC0415 - as above

        connect()
        imported = loaded(adapter)
        client = getattr(imported, "CLIENT", None)
        try:
            if isinstance(client, Client) and not adapter.startswith(OURS):  # ours know more
                _require_version(client)
            imported.install(module)
        except Unsupported as reason:
            name = client.distribution if isinstance(client, Client) else adapter
            tell("client-unsupported", f"{name}: {reason}", about=adapter)
            return
        if adapter not in self.called:
            self.called.append(adapter)


def _require_version(client: Client) -> None:
    from importlib_metadata import PackageNotFoundError, version  # noqa: PLC0415 - as above

    with suppress(PackageNotFoundError):  # the module lies in a folder of the application's
        client.require(version(client.distribution))


def _reach_dependencies() -> None:
    """Add the agent's folder to the end of `sys.path`, where it is not an installed one.

    From a mounted folder the agent starts without being on the path, so that a process that never
    imports a client (pip is one) sees only its own packages.
    """
    folder = str(Path(__file__).absolute().parents[2])
    if folder not in sys.path:
        sys.path.append(folder)
