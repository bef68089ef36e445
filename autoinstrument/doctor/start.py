"""Whether the agent starts in this interpreter, and if not, why not.

This module imports only the standard library, so that it works where the agent does not.
"""

from __future__ import annotations

import os
import platform
import site
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from .line import Line, installing

_START_FILE = "autoinstrument.pth"
_FINDER = "autoinstrument.start.finder"
_BOOT = "from autoinstrument.start import boot"  # by this any sitecustomize of ours is known


def lines() -> list[Line]:
    """Return what is known about this interpreter and the start of the agent in it."""
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    found = [Line("ok", "python", python)]
    if not started():
        return [*found, _why_not()]
    start_file = _start_file()
    if start_file:
        found.append(Line("ok", "started", f"{start_file} starts the agent"))
    else:
        found += [
            Line("ok", "started", f"the sitecustomize of {_home()} starts the agent"),
            _not_installed("off"),
        ]
    return [*found, *_other_sitecustomize()]


def started() -> bool:
    """Whether the agent is active and waits for a client."""
    return any(type(finder).__module__ == _FINDER for finder in sys.meta_path)


def _why_not() -> Line:
    for reason in (_no_site, _sdk_disabled, _damaged, _shadowed, _skipped):
        line = reason()
        if line:
            return line
    return _not_installed("problem")


def _no_site() -> Line | None:
    if not sys.flags.no_site:
        return None
    return Line(
        "problem",
        "no-site",
        "the interpreter runs with -S, which skips .pth files and sitecustomize",
        "The agent does not start.",
        "Remove -S.",
    )


def _sdk_disabled() -> Line | None:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true":
        return None
    return Line(
        "off",
        "sdk-disabled",
        "OTEL_SDK_DISABLED=true turns off all of OpenTelemetry, and the agent with it",
        "No program is traced, not even under `autoinstrument run`.",
        "To have spans, remove the variable.",
    )


def _damaged() -> Line | None:
    if not getattr(sys, "_autoinstrument_unusable", False):
        return None
    try:
        import autoinstrument.start.finder  # noqa: F401, PLC0415 - only to see what it says
    except BaseException as error:  # noqa: BLE001 - a damaged module may raise anything
        reason = f": {type(error).__name__}: {error}"
    else:
        reason = ""
    return Line(
        "problem",
        "agent-failed",
        f"the agent cannot start{reason}",
        "Its installation is damaged or incomplete.",
        installing("--force-reinstall"),
    )


def _shadowed() -> Line | None:
    ours = [entry for entry in _pythonpath() if _is_ours(Path(entry, "sitecustomize.py"))]
    first = _sitecustomize(sys.path)
    if not ours or sys.flags.ignore_environment or first is None or _is_ours(first):
        return None
    return Line(
        "problem",
        "sitecustomize-shadowed",
        f"{first} runs instead of the agent's, which comes later on the path",
        "Python runs only the first sitecustomize, so that the agent does not start.",
        f"Put {ours[0]} first in PYTHONPATH; the agent then runs the other one as well.",
    )


def _skipped() -> Line | None:
    start_file = _start_file()
    if not start_file:
        return None
    return Line(
        "problem",
        "start-file-skipped",
        f"{start_file} exists, but did not run",
        "The agent does not start.",
        f"{sys.executable} -v shows what the interpreter did with it. `autoinstrument run` does not"
        " need it.",
    )


def _not_installed(status: str) -> Line:
    ignored = "; -E and -I make it ignore PYTHONPATH" if sys.flags.ignore_environment else ""
    if status == "problem":
        return Line(
            "problem",
            "start-file-missing",
            f"{_START_FILE} is not in the site-packages of this interpreter{ignored}",
            "The agent does not start.",
            installing(),
        )
    return Line(
        "off",
        "start-file-missing",
        "autoinstrument is not installed in this interpreter, but is on PYTHONPATH",
        "Child processes with -I, with -E or without this PYTHONPATH are not traced.",
        installing(),
    )


def _other_sitecustomize() -> list[Line]:
    other = _sitecustomize([entry for entry in sys.path if not _holds_ours(entry)])
    if other is None:
        return []
    module = sys.modules.get("sitecustomize")
    if module is not None and Path(str(module.__file__)) == other:
        return [Line("ok", "sitecustomize", f"{other} runs as well")]
    return [
        Line(
            "warning",
            "sitecustomize-broken",
            f"{other} raises an exception",
            "The rest of that file does not run, with or without the agent.",
            f"{sys.executable} {other} shows the exception.",
        )
    ]


def _sitecustomize(path: list[str]) -> Path | None:
    spec = PathFinder.find_spec("sitecustomize", path)
    return Path(spec.origin) if spec and spec.origin else None


def _holds_ours(entry: str) -> bool:
    return _is_ours(Path(entry, "sitecustomize.py"))


def _is_ours(file: Path) -> bool:
    try:
        return _BOOT in file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _pythonpath() -> list[str]:
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def _start_file() -> Path | None:
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    files = (Path(folder, _START_FILE) for folder in folders)
    return next((file for file in files if file.is_file()), None)


def _home() -> Path:
    return Path(__file__).absolute().parents[2]
