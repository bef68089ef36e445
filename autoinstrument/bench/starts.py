"""Measures the startup of `python -c pass`, without Kafka."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from autoinstrument.demo.embedded_broker import unsettled

from .outcome import Outcome
from .running import OURS, Variant, ended, in_turn, under_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cases import Case

_NOWHERE = "http://127.0.0.1:9"  # nothing listens: the program exports nothing
_STARTS = 4  # per round, since one is short


def measured(
    cases: list[Case], variants: list[Variant], rounds: int, tell: Callable[[], None]
) -> list[Outcome]:
    """Return the outcomes of `rounds` rounds; `tell` is called after each round of each variant."""
    outcomes = [Outcome(case) for case in cases]
    for variant in variants:
        _warm_up(variant)
    for number in range(rounds):
        for variant in in_turn(variants, number):
            took = {False: _started(variant)}
            if variant.name == OURS:
                took[True] = _started(under_run())
            for outcome in outcomes:
                under = outcome.case.phase.does == "run" and variant.name == OURS
                outcome.add(variant.name, {"elapsed": took[under]})
            tell()
    return outcomes


def _warm_up(variant: Variant) -> None:
    """Start it once, so that its files are compiled and cached, as after an installation."""
    environment = {**unsettled(), **variant.exporting(_NOWHERE)}
    del environment["PYTHONDONTWRITEBYTECODE"]
    ended([*variant.command, "-c", "pass"], environment)


def _started(variant: Variant) -> float:
    environment = unsettled() | variant.exporting(_NOWHERE)
    begun = perf_counter()
    for _ in range(_STARTS):
        ended([*variant.command, "-c", "pass"], environment)
    return (perf_counter() - begun) / _STARTS
