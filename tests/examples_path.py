"""Where the example's modules are, so that tests can import them: in the wheel, or in the clone."""

from __future__ import annotations

import sys
from pathlib import Path

import autoinstrument

_PACKAGE = Path(autoinstrument.__file__).parent
EXAMPLES = next(
    folder for folder in (_PACKAGE / "_examples", _PACKAGE.parent / "examples") if folder.is_dir()
)
sys.path.append(str(EXAMPLES / "profile_service"))
