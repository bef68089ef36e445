"""The adapter of confluent-kafka."""

from __future__ import annotations

from .producer import DISTRIBUTION, OLDEST, install, replaced, uninstall

__all__ = ["DISTRIBUTION", "OLDEST", "install", "replaced", "uninstall"]
