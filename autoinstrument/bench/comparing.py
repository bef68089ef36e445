"""The statistics: added costs, their ratio, and confidence intervals."""

from __future__ import annotations

from random import Random
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_RESAMPLES = 2000
_CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A value, with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """The width of the interval."""
        return self.high - self.low


def added(figures: list[float], plain: list[float]) -> list[float]:
    """Return what a program adds in each round to the plain program of the same round."""
    return [figure - bare for figure, bare in zip(figures, plain, strict=True)]


def middle(rounds: list[float]) -> Estimate:
    """Return the median of the rounds."""
    estimate = _estimated(len(rounds), lambda chosen: median(rounds[each] for each in chosen))
    assert estimate is not None  # noqa: S101 - a median always exists
    return estimate


def ratio(ours: list[float], theirs: list[float]) -> Estimate | None:
    """Return what ours adds divided by what theirs adds; None if theirs adds nothing.

    Both are resampled by round, since what slows one program of a round slows the other as well.
    """

    def of(chosen: Sequence[int]) -> float | None:
        below = median(theirs[each] for each in chosen)
        return median(ours[each] for each in chosen) / below if below > 0 else None

    return _estimated(len(ours), of)


def is_result(ours: list[float], theirs: list[float]) -> bool:
    """Whether the difference of the two costs is larger than the uncertainty of either."""
    mine, other = middle(ours), middle(theirs)
    return max(mine.spread, other.spread) < abs(mine.value - other.value)


def _estimated(count: int, of: Callable[[Sequence[int]], float | None]) -> Estimate | None:
    """Return a statistic of `count` rounds with its interval, by bootstrap."""
    value = of(range(count))
    if value is None:
        return None
    random = Random(count)  # noqa: S311 - the same data give the same interval
    drawn = (of(random.choices(range(count), k=count)) for _ in range(_RESAMPLES))
    found = sorted(each for each in drawn if each is not None)
    tail = int(len(found) * (1 - _CONFIDENCE) / 2)
    return Estimate(value, found[tail], found[-1 - tail])
