"""Renders the example's runs as a table, with conclusions."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from .pipeline import EVENTS, FAR_MS, Outcome, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RUNNERS = ("base", "watermillx")
PLACES = (0, FAR_MS)
_NOT_TRACED = (
    "The other command made no spans, so that its cost says nothing: if it is an agent, install its"
    " instrumentation of the client."
)


def table(outcome: Outcome) -> str:
    """Return the table: microseconds per event, messages delivered, and failures."""
    rounds = len(next(iter(outcome.seconds.values())))
    title = (
        f"pipeline: the example service, {outcome.place}, {rounds} rounds of {EVENTS['sync']:,}"
        f" events written sync or {EVENTS['async']:,} async\n"
        "  median us per event, from the first to the last answer"
        " (in all rounds: delivered; failed)"
    )
    agents = agents_of(outcome)
    lines = [
        title,
        f"  {'broker':8}{'writer':9}{'writes':8}{'runner':12}"
        + "".join(f"{agent:>20}" for agent in agents),
    ]
    for way in ways_of(outcome):
        cells = "".join(f"{_cell(outcome, replace(way, agent=a)):>20}" for a in agents)
        place = f"{way.rtt_ms} ms" if way.rtt_ms else "local"
        lines.append(f"  {place:8}{_writer(way):9}{way.writes:8}{way.runner:12}{cells}")
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in conclusion(outcome))]) + "\n"


def agents_of(outcome: Outcome) -> list[str]:
    """Return the agents that were measured, in order."""
    return list(dict.fromkeys(way.agent for way in outcome.seconds))


def ways_of(outcome: Outcome) -> Iterator[Way]:
    """Yield each way once, as the plain program."""
    return (way for way in outcome.seconds if way.agent == "plain")


def per_event(outcome: Outcome, way: Way) -> float:
    """Return the median microseconds per event."""
    return median(_rounds(outcome, way))


def _rounds(outcome: Outcome, way: Way) -> list[float]:
    return [seconds / EVENTS[way.writes] * 1e6 for seconds in outcome.seconds[way]]


def _cell(outcome: Outcome, way: Way) -> str:
    failed = f"; {outcome.failed[way]:,}" if outcome.failed[way] else ""
    return f"{_us(per_event(outcome, way))} ({outcome.delivered[way]:,}{failed})"


def _us(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"  # noqa: PLR2004 - two digits tell


def _writer(way: Way) -> str:
    return "tuned" if way.tuned else "default"


def place_of(rtt_ms: int) -> str:
    """Return where the broker is, in words."""
    return f"{rtt_ms} ms away" if rtt_ms else "local"


def broker_of(rtt_ms: int) -> str:
    """Return which broker that is, in words."""
    return f"Broker {rtt_ms} ms away" if rtt_ms else "Local broker"


def conclusion(outcome: Outcome) -> list[str]:
    """Return conclusions about sync and async, the layer, and the agents."""
    return [
        *(of_writes(outcome, rtt_ms) for rtt_ms in PLACES),
        of_layer(outcome),
        _of_tuning(outcome),
        *([_NOT_TRACED] if _is_not_traced(outcome) else []),
        *(_of_agents(outcome, rtt_ms) for rtt_ms in PLACES),
        _of_losses(outcome),
        _of_deliveries(outcome),
    ]


def of_writes(outcome: Outcome, rtt_ms: int) -> str:
    """Return a sentence on whether async pays."""
    found = []
    for runner in RUNNERS:
        sync, later = (
            _rounds(outcome, Way(writes, runner, True, rtt_ms, "plain"))  # noqa: FBT003 - tuned
            for writes in EVENTS
        )
        found.append(f"{_compared(later, sync, 'one written sync')} ({runner})")
    return f"{broker_of(rtt_ms)}: an event written async takes {', '.join(found)}."


def of_layer(outcome: Outcome) -> str:
    """Return a sentence on what the layer costs."""
    found = []
    for writes in EVENTS:
        base, layer = (
            _rounds(outcome, Way(writes, runner, True, 0, "plain"))  # noqa: FBT003 - tuned
            for runner in RUNNERS
        )
        words = _compared(layer, base, "one in the base runner")
        found.append(f"{words} when written {writes} ({median(layer) - median(base):+,.0f} us)")
    return f"{broker_of(0)}: an event in watermillx takes {', '.join(found)}."


class _Pair(NamedTuple):
    """The rounds of two programs."""

    ours: list[float]
    theirs: list[float]

    @property
    def is_more(self) -> bool:
        """Whether all of ours are above all of theirs, so that it is hardly chance."""
        return min(self.ours) > max(self.theirs)

    @property
    def differs(self) -> bool:
        """Whether the two do not overlap: by chance, five rounds each do so 1 time in 126."""
        return self.is_more or _Pair(self.theirs, self.ours).is_more


def _compared(ours: list[float], theirs: list[float], name: str) -> str:
    """Return how `ours` compares with `theirs`, in words; the same if they overlap."""
    if not _Pair(ours, theirs).differs:
        return f"as long as {name}"
    ratio = median(ours) / median(theirs)
    if ratio > 1:
        return f"{_factor(ratio)} times as long as {name}"
    return f"1/{_factor(1 / ratio)} as long as {name}"


def _factor(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"  # noqa: PLR2004 - three digits tell


def _of_tuning(outcome: Outcome) -> str:
    found = []
    for way in ways_of(outcome):
        if way.tuned and way.writes == "sync":
            default = _Pair(_rounds(outcome, replace(way, tuned=False)), _rounds(outcome, way))
            if default.differs:
                words = _compared(*default, "a tuned one")
                found.append(f"{words} ({way.runner}, {place_of(way.rtt_ms)})")
    if not found:
        return "Tuning gains a sync writer nothing: flush() does not linger."
    return f"A sync writer with the default settings takes {', '.join(found)}; otherwise as long."


def _of_agents(outcome: Outcome, rtt_ms: int) -> str:
    found = []
    for writes in EVENTS:
        ways = [Way(writes, "base", True, rtt_ms, agent) for agent in ("ours", "other")]  # noqa: FBT003 - tuned
        ours, other = (median(_added(outcome, way)) for way in ways)
        found.append(f"{ours:+,.0f} and {other:+,.0f} us per event with {writes} writes")
    costs = ", ".join(found)
    return f"{broker_of(rtt_ms)}: autoinstrument and the other agent add {costs} (base)."


def _is_not_traced(outcome: Outcome) -> bool:
    """Whether the other agent made no spans, although ours did."""
    traced = {way.agent for way, spans in outcome.spans.items() if spans}
    return "ours" in traced and "other" not in traced


def _added(outcome: Outcome, way: Way) -> list[float]:
    """Return what an agent adds to the plain program of its environment, by round."""
    own = way.agent == "other" and "plain-other" in agents_of(outcome)
    plain = replace(way, agent="plain-other" if own else "plain")
    pairs = zip(_rounds(outcome, way), _rounds(outcome, plain), strict=True)
    return [watched - bare for watched, bare in pairs]


def _of_losses(outcome: Outcome) -> str:
    dearer = [
        way
        for way in ways_of(outcome)
        if not _is_not_traced(outcome)
        and _Pair(*(_added(outcome, replace(way, agent=a)) for a in ("ours", "other"))).is_more
    ]
    slower = [
        way
        for way in ways_of(outcome)
        if way.writes == "async"
        and _Pair(_rounds(outcome, way), _rounds(outcome, replace(way, writes="sync"))).is_more
    ]
    found = [f"autoinstrument added more than the other agent: {_listed(dearer)}"] if dearer else []
    found += [f"async took longer than sync: {_listed(slower)}"] if slower else []
    if not found and _is_not_traced(outcome):
        return "Async was never slower than sync."
    if not found:
        return "Autoinstrument never added more than the other agent; async was never slower."
    return f"Exceptions: {'; '.join(found)}."


def _of_deliveries(outcome: Outcome) -> str:
    short = {way: EVENTS[way.writes] * len(each) for way, each in outcome.seconds.items()}
    short = {way: of for way, of in short.items() if outcome.delivered[way] < of}
    failed = sum(outcome.failed.values())
    if not short:
        failures = f", but {failed:,} writes reported a failure" if failed else ""
        return f"Everything was delivered{failures}."
    counts = (f"{outcome.delivered[way]:,} of {of:,} ({_named(way)})" for way, of in short.items())
    return f"NOT everything was delivered, so these times prove nothing: {', '.join(counts)}."


def _listed(ways: Iterable[Way]) -> str:
    return ", ".join(f"({_named(replace(way, agent=''))})" for way in ways)


def _named(way: Way) -> str:
    parts = (way.writes, way.runner, _writer(way), place_of(way.rtt_ms), way.agent)
    return " ".join(part for part in parts if part)
