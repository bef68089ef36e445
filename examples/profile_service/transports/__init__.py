"""The clients that can carry the service's messages, by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES = ("confluent", "kafka-python")


def transport(name: str) -> Any:
    """Return a client's module: `producer`, `consumer`, `TUNED`, `Failure` and its `words`."""
    return import_module(f"transports.over_{name.replace('-', '_')}")
