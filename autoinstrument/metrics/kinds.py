"""The metrics, by name and unit."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Labels: TypeAlias = "tuple[tuple[str, str | int], ...]"


class Kind(NamedTuple):
    """The name, unit and description of a metric."""

    name: str
    unit: str
    description: str


Gauges: TypeAlias = "dict[Kind, dict[Labels, float]]"
