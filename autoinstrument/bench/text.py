"""Renders the outcomes as a table: a row for each case, a block for each group."""

from __future__ import annotations

from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from .cases import BACKLOGS, GROUPS
from .comparing import Estimate, added, is_result, middle, ratio
from .outcome import MEASURES, Outcome
from .running import OTHER, OURS, PLAIN, THEIR_PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MANY = 100  # larger numbers need no decimals
_INSTRUMENTATIONS = {
    "confluent-kafka": "opentelemetry-instrumentation-confluent-kafka",
    "kafka-python": "opentelemetry-instrumentation-kafka-python",
    "aiokafka": "opentelemetry-instrumentation-aiokafka",
}


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the table, with notes on rows that are no result."""
    outcomes = list(outcomes)
    lines = []
    for group, of_group in groupby(outcomes, lambda outcome: outcome.case.group):
        lines += [GROUPS[group], *_block(list(of_group)), ""]
    return "\n".join([*lines, *_counts(outcomes)]) + "\n"


def _block(outcomes: list[Outcome]) -> list[str]:
    head = ("", "", "bare", "ours", "other", "ours / other", "goal", "spans")
    rows = [head, *map(_row, outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  " + "  ".join(_aligned(row, widths)).rstrip() for row in rows]


def _aligned(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if column < 2 else cell.rjust(width)  # noqa: PLR2004 - the words


def _row(outcome: Outcome) -> tuple[str, ...]:
    case = outcome.case
    program = case.program
    words = (
        case.words
        if case.group == "start"
        else f"{program.client}, {case.words}, {program.sampling}"
    )
    ours, theirs = added_by(outcome)
    return (
        words,
        MEASURES[case.measure].unit,
        _shown(median(outcome.figures[PLAIN])),
        _with_spread(middle(ours), "+"),
        _with_spread(middle(theirs), "+"),
        _compared(outcome),
        "" if case.goal is None else f"{case.goal:g}",
        _spans(outcome),
    )


def added_by(outcome: Outcome) -> tuple[list[float], list[float]]:
    """Return what ours and the other add in each round, each to its own plain program."""
    figures = outcome.figures
    their_plain = figures.get(THEIR_PLAIN, figures[PLAIN])
    return added(figures[OURS], figures[PLAIN]), added(figures[OTHER], their_plain)


def ratio_of(outcome: Outcome) -> Estimate | None:
    """Return what ours adds divided by what the other adds; None if that is no result."""
    ours, theirs = added_by(outcome)
    compares = MEASURES[outcome.case.measure].compares and outcome.other_traces
    return ratio(ours, theirs) if compares and is_result(ours, theirs) else None


def _compared(outcome: Outcome) -> str:
    if not MEASURES[outcome.case.measure].compares:
        return ""
    if not outcome.other_traces:
        return "not traced"
    found = ratio_of(outcome)
    return "no result" if found is None else _with_spread(found)


def _with_spread(found: Estimate, sign: str = "") -> str:
    if not found.spread:
        return _shown(found.value, sign)
    return f"{_shown(found.value, sign)} ({_shown(found.low)} to {_shown(found.high)})"


def _shown(value: float, sign: str = "") -> str:
    if abs(value) >= _MANY:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.{1 if abs(value) >= 1 else 2 if abs(value) >= 0.1 else 3}f}"  # noqa: PLR2004 - three digits


def _spans(outcome: Outcome) -> str:
    if not MEASURES[outcome.case.measure].exports:  # the phase did not wait for them
        return ""
    return " / ".join(
        f"{outcome.spans[agent] / outcome.handled[agent]:.1g}" for agent in (OURS, OTHER)
    )


def _counts(outcomes: list[Outcome]) -> list[str]:
    lines = [*_delivered(outcomes)]
    if any(outcome.figures and _compared(outcome) == "no result" for outcome in outcomes):
        lines.append(
            "No result: the rounds differ by more than the two agents do; --rounds N adds rounds."
        )
    untraced = dict.fromkeys(o.case.program.client for o in outcomes if not o.other_traces)
    return lines + [
        f"Not traced: the other command makes no spans of {client}'s messages. If it is an"
        f" agent, install its instrumentation, such as {_INSTRUMENTATIONS[client]}."
        for client in untraced
    ]


def _delivered(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield whether the log has all messages; cases with the same phase share theirs."""
    phases = {(outcome.case.program, outcome.case.phase): outcome for outcome in outcomes}
    written = [
        outcome
        for (_, phase), outcome in phases.items()
        if outcome.case.group != "start" and not set(phase.topics) & set(BACKLOGS)
    ]
    missing = [
        f"{outcome.case.name}: {variant} wrote {handled:,} messages, but the broker's log"
        f" has {outcome.delivered[variant]:,} of them."
        for outcome in written
        for variant, handled in outcome.handled.items()
        if outcome.delivered[variant] != handled
    ]
    if written and not missing:
        count = sum(outcome.handled.total() for outcome in written)
        yield f"The broker's log has all {count:,} messages written."
    yield from missing
