"""What this service is called: the standard variables say, or else the program's file."""

from __future__ import annotations

import os
import sys

_known: str | None = None


def service_name() -> str:
    """Return the name of `service.name`, as the agent's own resource has it."""
    global _known  # noqa: PLW0603 - it does not change, and each log record asks
    if _known is None:
        from .limits import cut  # noqa: PLC0415 - not in each process that imports `logging`

        _known = cut(_configured() or program())
    return _known


def _configured() -> str:
    name = os.environ.get("OTEL_SERVICE_NAME", "").strip()
    for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _, value = pair.partition("=")
        if key.strip() == "service.name" and not name:
            name = _decoded(value.strip())
    return name


def _decoded(value: str) -> str:
    """Return a value as the standard has it: it is encoded like a part of a URL."""
    if "%" not in value:
        return value
    from urllib.parse import unquote  # noqa: PLC0415 - 3 ms that few processes pay

    return unquote(value)


def program() -> str:
    """Return the name of the script, or of the package that was run with `python -m`."""
    path = sys.argv[0] if getattr(sys, "argv", None) else ""
    folder, file = os.path.split(path)
    name = os.path.basename(folder) if file == "__main__.py" else os.path.splitext(file)[0]  # noqa: PTH119, PTH122 - as above
    return name if name and not name.startswith("-") else "python"
