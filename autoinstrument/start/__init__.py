"""Where every way of starting the agent ends: `boot()`.

It runs in every interpreter that has the agent switched on, before the program: it imports nothing
but the finder, which imports nothing. Nothing in this folder imports another part of the agent: the
parts that are needed later are known by name.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NOTICES = "autoinstrument.process.notices"
_booted = False


def boot() -> None:
    """Wait for the Kafka clients, if the environment asks for it, and never raise.

    Only the first call does anything: the lines of a `.pth` run twice in a virtual environment
    (https://github.com/python/cpython/issues/75723).
    """
    global _booted  # noqa: PLW0603 - once a process
    if _booted:
        return
    _booted = True
    try:
        if _asked_for():
            from .finder import install  # noqa: PLC0415 - not in a process that is switched off

            install()
    except BaseException as error:  # noqa: BLE001 - site ends the interpreter on a SystemExit
        stand_aside(error)


def stand_aside(error: BaseException) -> None:
    """Say once on stderr that the agent is unusable, with nothing that could be missing as well.

    The mark is on `sys` because the start files say the same when even this module is gone.
    """
    if not getattr(sys, "_autoinstrument_unusable", False):
        sys._autoinstrument_unusable = True  # type: ignore[attr-defined] # noqa: SLF001 - see above
        if sys.stderr:
            reason = f"{type(error).__name__}: {error}"
            sys.stderr.write(f"autoinstrument: not started: {reason} (agent-failed)\n")


def _asked_for() -> bool:
    value = os.environ.get("AUTOINSTRUMENT_ENABLED", "").strip()
    if value not in {"", "0", "1"}:
        name = "AUTOINSTRUMENT_ENABLED"
        words = f"{name}={value!r} is ignored; accepted: 1, 0"
        load(_NOTICES).tell("bad-setting", words, about=name)
    return value == "1" and not is_disabled_sdk()


def load(name: str) -> Any:
    """Import another part of the agent, by its name."""
    __import__(name)
    return sys.modules[name]


def is_disabled_sdk() -> bool:
    """Whether the user has switched OpenTelemetry off, and the agent with it."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
