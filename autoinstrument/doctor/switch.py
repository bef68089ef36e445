"""What the environment says of the agent's own switch, `AUTOINSTRUMENT_ENABLED`."""

from __future__ import annotations

import os

from autoinstrument.start import ENABLED, misspelt, switched

from .line import Line


def line() -> Line:
    """Return what becomes of a program that starts in this environment."""
    words = misspelt()
    if words:
        return Line(
            "problem",
            "bad-setting",
            words,
            "A program that starts without `run` is not traced.",
            "Set it to 1.",
        )
    is_on = switched(ENABLED)
    value = os.environ.get(ENABLED, "").strip()
    if is_on:
        return Line("ok", "enabled", f"{ENABLED}={value} is set here")
    if is_on is None:
        return Line(
            "off",
            "not-enabled",
            f"{ENABLED} is not set here; the other checks are those under `autoinstrument run`",
            "A program that starts without `run` is not traced.",
            f"Start it with `autoinstrument run -- COMMAND`, or set {ENABLED}=1.",
        )
    return Line(
        "off",
        "switched-off",
        f"{ENABLED}={value} turns the agent off here",
        "No program is traced, not even under `autoinstrument run`, and nothing else was examined.",
        f"To turn it on, remove the variable, or set {ENABLED}=1.",
    )
