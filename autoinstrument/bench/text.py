"""The outcome of a case as a table."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from .comparing import Ratio, Rounds, ratio, spread
from .running import UNITS

if TYPE_CHECKING:
    from .running import Outcome

_MANY = 1000  # from here on a decimal says nothing
_HIGHER_IS_BETTER = {"throughput"}
_INSTRUMENTATIONS = {
    "confluent_kafka": "opentelemetry-instrumentation-confluent-kafka",
    "kafka": "opentelemetry-instrumentation-kafka-python",
    "aiokafka": "opentelemetry-instrumentation-aiokafka",
}


def table(outcome: Outcome) -> str:
    """Return the table of one case: every measure of every variant, and the ratios."""
    lines = [f"{outcome.case.name}: {outcome.case.words}"]
    measures = next(iter(outcome.rounds.values()))[0]
    for measure in measures:
        lines.append(f"  {measure}, {UNITS[measure]}")
        for name, rounds in outcome.rounds.items():
            values = [each[measure] for each in rounds]
            low, middle, high = spread(values)
            quartiles = f"{_shown(low)} to {_shown(high)}"
            shown = f"    {name:24}{_shown(middle):>12}   {quartiles:>22}"
            lines.append(shown + _added(outcome, measure, name))
    lines += _counts(outcome)
    return "\n".join(lines) + "\n"


def _added(outcome: Outcome, measure: str, name: str) -> str:
    if name.startswith("plain"):
        return ""
    rounds = _rounds_of(outcome, measure, name)
    if name == list(outcome.rounds)[-1]:
        return f"{_shown(median(rounds.theirs) - median(rounds.their_plain), '+'):>14}"
    shown = f"{_shown(median(rounds.ours) - median(rounds.plain), '+'):>14}"
    found = None if measure in _HIGHER_IS_BETTER else ratio_of(outcome, measure, name)
    return shown if found is None else f"{shown}   {words_of(found)}"


def _shown(value: float, sign: str = "") -> str:
    return f"{value:{sign},.{0 if abs(value) >= _MANY else 1}f}"


def ratio_of(outcome: Outcome, measure: str, ours: str) -> Ratio | None:
    """Return the ratio of a measure; None if the other agent adds nothing, or traces nothing."""
    return ratio(_rounds_of(outcome, measure, ours)) if outcome.other_traces else None


def _rounds_of(outcome: Outcome, measure: str, ours: str) -> Rounds:
    """Return the figures of a measure, each agent's with those of its own plain program."""
    their_plain = "plain, other" if "plain, other" in outcome.rounds else "plain"
    return Rounds(
        *(
            [each[measure] for each in outcome.rounds[name]]
            for name in ("plain", ours, their_plain, list(outcome.rounds)[-1])
        )
    )


def ways_of_ours(outcome: Outcome) -> list[str]:
    """Return the names of the variants that are neither plain nor the other agent."""
    return [name for name in list(outcome.rounds)[:-1] if not name.startswith("plain")]


def words_of(found: Ratio) -> str:
    """Return a ratio in words, such as `0.13 of the other's (0.11 to 0.16)`."""
    return f"{found.value:.3g} of the other's ({found.low:.3g} to {found.high:.3g})"


def _counts(outcome: Outcome) -> list[str]:
    if outcome.case.action == "start":
        return []
    rounds = len(next(iter(outcome.rounds.values())))
    expected = (outcome.case.messages + outcome.case.warm_up) * rounds
    lines = [f"  in {rounds} rounds, {expected:,} messages handled, the warm-up included"]
    for name in outcome.rounds:
        delivered = ""
        if outcome.case.action == "produce":
            delivered = f"{outcome.delivered[name]:>12,} in the log"
        lines.append(f"    {name:24}{delivered}{outcome.spans[name]:>12,} spans received")
    return lines if outcome.other_traces else [*lines, *_why_no_ratio(outcome)]


def _why_no_ratio(outcome: Outcome) -> list[str]:
    other, needed = list(outcome.rounds)[-1], _INSTRUMENTATIONS[outcome.case.client]
    return [
        f"  There is no ratio: {other} makes no span of such messages.",
        f"  Where it is another agent, install its instrumentation beside it, such as {needed}.",
    ]
