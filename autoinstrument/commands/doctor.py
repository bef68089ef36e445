"""`autoinstrument doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SUMMARY = "say what is hooked here, what is not, and why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--json] [-- COMMAND...]`."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")


def execute(_parsed: argparse.Namespace) -> int:
    """Print what was found; 0."""
    enabled = os.environ.get("AUTOINSTRUMENT_ENABLED", "").strip() == "1"
    sys.stdout.write(f"python   {platform.python_version()} at {sys.executable}\n")
    sys.stdout.write(f"enabled  {'yes' if enabled else 'no'}\n")
    return 0
