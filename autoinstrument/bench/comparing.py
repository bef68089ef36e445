"""Added costs, their ratio, and how far it can be trusted."""

from __future__ import annotations

from random import Random
from statistics import median, quantiles
from typing import NamedTuple

_RESAMPLES = 2000
_CONFIDENCE = 0.95


class Ratio(NamedTuple):
    """What ours adds by what the other adds; `low` and `high` hold it with 95 % confidence."""

    value: float
    low: float
    high: float


class Rounds(NamedTuple):
    """The figures of one measure: ours and theirs, each with its own plain program."""

    plain: list[float]
    ours: list[float]
    their_plain: list[float]
    theirs: list[float]


def ratio(rounds: Rounds) -> Ratio | None:
    """Return the ratio of added costs by bootstrap; None if the other adds nothing to speak of.

    Rounds are drawn together: what has slowed one of a round has slowed its neighbours.
    """
    count = len(rounds.plain)
    value = _ratio(rounds, range(count))
    if value is None:
        return None
    random = Random(count)  # noqa: S311 - the same data give the same interval
    drawn = (_ratio(rounds, random.choices(range(count), k=count)) for _ in range(_RESAMPLES))
    found = sorted(each for each in drawn if each is not None)
    tail = int(len(found) * (1 - _CONFIDENCE) / 2)
    return Ratio(value, found[tail], found[-1 - tail])


def _ratio(rounds: Rounds, chosen: range | list[int]) -> float | None:
    plain, ours, their_plain, theirs = (
        median([of_way[index] for index in chosen]) for of_way in rounds
    )
    added = theirs - their_plain
    return (ours - plain) / added if added > 0 else None


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return low, middle, high
