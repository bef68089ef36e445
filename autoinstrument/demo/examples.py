"""The folder of the examples: next to the package in a clone, inside it when installed."""

from __future__ import annotations

from pathlib import Path


def examples() -> Path:
    """Return the folder of the examples, relative if it is below the current one."""
    package = Path(__file__).absolute().parents[1]
    installed = package / "_examples"
    folder = installed if installed.is_dir() else package.parent / "examples"
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
