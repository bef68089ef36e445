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

ENABLED = "AUTOINSTRUMENT_ENABLED"
SWITCH = {
    "1": True,
    "0": False,
    "true": True,
    "false": False,
    "yes": True,
    "no": False,
    "on": True,
    "off": False,
}
"""What turns a variable of the agent's on or off, in any case of letters."""
ACCEPTED = ", ".join(SWITCH)

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
        if turned_off() is None and switched(ENABLED):
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


def turned_off() -> str | None:
    """Return the variable, with its value, that turns the agent off whoever starts it, if any.

    A wrong word for the agent's own switch is told, and turns nothing off.
    """
    words = misspelt()
    if words:
        load(_NOTICES).tell("bad-setting", words, about=ENABLED)
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":  # its one accepted word
        return "OTEL_SDK_DISABLED=true"
    if switched(ENABLED) is False:
        return f"{ENABLED}={os.environ[ENABLED].strip()}"
    return None


def misspelt() -> str | None:
    """Return the sentence about a wrong word for the agent's own switch; None if there is none."""
    value = os.environ.get(ENABLED, "").strip()
    if not value or switched(ENABLED) is not None:
        return None
    return f"{ENABLED}={value!r} is ignored; accepted: {ACCEPTED}"


def switched(variable: str) -> bool | None:
    """Return whether a variable is on or off; None if it says neither."""
    return SWITCH.get(os.environ.get(variable, "").strip().lower())


def load(name: str) -> Any:
    """Import another part of the agent, by its name."""
    __import__(name)
    return sys.modules[name]
