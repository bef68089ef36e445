"""What takes long to download or to build: kept outside the clone, and made where it is missing.

`python cached.py NAME RECIPE COMMAND...` runs the command; `{}` in it is the folder that it fills,
and `{place}` where that is moved to; without a command it prints that place.
The variable TEST_CACHE names another place for all of them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def place(name: str, recipe: Path) -> Path:
    """Return the folder of what is made by the file `recipe`; another content, another folder."""
    key = hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]
    return _cache() / f"{name}-{key}"


def fill(folder: Path, *command: str) -> None:
    """Run the command unless the folder is there; one that is interrupted leaves no such folder."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as beside:
        made = Path(beside, "made")
        parts = [part.replace("{}", str(made)).replace("{place}", str(folder)) for part in command]
        subprocess.run(parts, check=True)
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():  # another clone was quicker
                raise


def _cache() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TEST_CACHE") or Path(caches, "autoinstrument"))


if __name__ == "__main__":
    _name, _recipe, *_command = sys.argv[1:]
    _folder = place(_name, Path(_recipe))
    if not _command:
        sys.stdout.write(f"{_folder}\n")
    else:
        try:
            fill(_folder, *_command)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(str(error))
