"""The adapter of kafka-python."""

from __future__ import annotations

from .producer import DISTRIBUTION, OLDEST, install, uninstall

__all__ = ["DISTRIBUTION", "OLDEST", "install", "uninstall"]
