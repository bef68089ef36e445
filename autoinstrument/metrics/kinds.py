"""What there is to measure, by name and unit."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Labels: TypeAlias = "tuple[tuple[str, str | int], ...]"


class Kind(NamedTuple):
    """What a metric is called, and what it measures."""

    name: str
    unit: str
    description: str


Gauges: TypeAlias = "dict[Kind, dict[Labels, float]]"
