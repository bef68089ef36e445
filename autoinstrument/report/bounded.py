"""Counts of distinct things in bounded memory, whatever a recording has."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .model import MOST_DISTINCT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Hashable, Mapping

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")


def count_bounded(counter: Counter[K], key: K) -> None:
    """Count `key`, unless `counter` already has `MOST_DISTINCT` others."""
    if key in counter or len(counter) < MOST_DISTINCT:
        counter[key] += 1


def get_bounded(known: dict[K, V], key: K, make: Callable[[], V]) -> V:
    """Return the value of `key`, made if it is new; it is kept unless there are too many."""
    found = known.get(key)
    if found is None:
        found = make()
        if len(known) < MOST_DISTINCT:
            known[key] = found
    return found


def known_or_other(key: K, counted: Mapping[K, object], other: K) -> K:
    """Return `key`, or `other` if `key` is new and there are too many already."""
    return key if key in counted or len(counted) < MOST_DISTINCT else other
