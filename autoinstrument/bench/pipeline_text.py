"""What the runs of the example say: a table, and a conclusion that follows from its numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from statistics import median
from typing import TYPE_CHECKING

from .pipeline import EVENTS, FAR_MS, Outcome, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOISE = 1.1
"""Medians that are nearer are called alike: the same program differs by as much between rounds."""


def table(outcome: Outcome) -> str:
    """Return milliseconds for all events, with what was written beside each time."""
    rounds = len(next(iter(outcome.seconds.values())))
    title = (
        f"pipeline: {EVENTS} events through the example service, {outcome.place}, {rounds} rounds;"
        " median ms from the first event to the last answer, written and failed in all rounds"
    )
    agents = "".join(f"{agent:>24}" for agent in _agents(outcome))
    lines = [title, f"  {'broker':8}{'writer':9}{'writes':8}{'runner':12}{agents}"]
    for way in _ways(outcome):
        cells = "".join(f"{_cell(outcome, replace(way, agent=a)):>24}" for a in _agents(outcome))
        place = f"{way.rtt_ms} ms" if way.rtt_ms else "local"
        writer = "tuned" if way.tuned else "default"
        lines.append(f"  {place:8}{writer:9}{way.writes:8}{way.runner:12}{cells}")
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in conclusion(outcome))]) + "\n"


def _agents(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(way.agent for way in outcome.seconds))


def _ways(outcome: Outcome) -> Iterator[Way]:
    return (way for way in outcome.seconds if way.agent == "plain")


def _cell(outcome: Outcome, way: Way) -> str:
    failed = f" -{outcome.failed[way]}" if outcome.failed[way] else ""
    return f"{took(outcome, way) * 1e3:,.1f} ({outcome.written[way]:,}{failed})"


def took(outcome: Outcome, way: Way) -> float:
    """Return the median of seconds."""
    return median(outcome.seconds[way])


def conclusion(outcome: Outcome) -> list[str]:
    """Return what the numbers say of sync and async, of the layer, and of the agents."""
    return [
        *(_of_writes(outcome, rtt_ms) for rtt_ms in (0, FAR_MS)),
        *(_of_layer(outcome, writes) for writes in ("sync", "async")),
        _of_tuning(outcome),
        *(_of_agents(outcome, rtt_ms) for rtt_ms in (0, FAR_MS)),
        _of_losses(outcome),
    ]


def _of_writes(outcome: Outcome, rtt_ms: int) -> str:
    words = []
    for runner in ("base", "watermillx"):
        sync, asynchronous = (
            took(outcome, Way(writes, runner, True, rtt_ms, "plain"))  # noqa: FBT003 - tuned
            for writes in ("sync", "async")
        )
        words.append(f"{_times(sync / asynchronous)} ({runner})")
    place = f"{rtt_ms} ms away" if rtt_ms else "local"
    return f"Broker {place}: async writes of a well tuned writer are {' and '.join(words)}."


def _times(ratio: float) -> str:
    if 1 / _NOISE < ratio < _NOISE:
        return "as fast as sync ones"
    if ratio < 1:
        return f"slower than sync ones, {1 / ratio:.1f} times"
    return f"{ratio:.1f} times as fast as sync ones"


def _of_layer(outcome: Outcome, writes: str) -> str:
    base, layer = (
        took(outcome, Way(writes, runner, True, 0, "plain"))  # noqa: FBT003 - tuned
        for runner in ("base", "watermillx")
    )
    added = (layer - base) / EVENTS * 1e6
    return (
        f"watermillx takes {layer / base:.2f} times what the base runner takes with {writes} writes"
        f" (local, plain): {added:+.0f} us an event."
    )


def _of_tuning(outcome: Outcome) -> str:
    ratios = [
        took(outcome, replace(way, tuned=False)) / took(outcome, way)
        for way in _ways(outcome)
        if way.tuned and way.writes == "sync"
    ]
    low, high = min(ratios), max(ratios)
    if high < _NOISE and low > 1 / _NOISE:
        return "Tuning the sync writer changes nothing: flush() does not linger."
    return (
        f"A sync writer with defaults takes {low:.2f} to {high:.2f} times what a tuned one takes."
    )


def _of_agents(outcome: Outcome, rtt_ms: int) -> str:
    words = []
    for writes in ("sync", "async"):
        added = [_added(outcome, Way(writes, "base", True, rtt_ms, a)) for a in ("ours", "other")]  # noqa: FBT003 - tuned
        words.append(f"{added[0]:+.0f} and {added[1]:+.0f} us an event with {writes} writes")
    place = f"{rtt_ms} ms away" if rtt_ms else "local"
    return f"Monitoring the base runner, broker {place}, ours and the other: {', '.join(words)}."


def _added(outcome: Outcome, way: Way) -> float:
    plain = (
        "plain, other" if way.agent == "other" and "plain, other" in _agents(outcome) else "plain"
    )
    before = took(outcome, replace(way, agent=plain))
    return (took(outcome, way) - before) / EVENTS * 1e6


def _of_losses(outcome: Outcome) -> str:
    lost = [
        f"{way.writes}, {way.runner}, {'tuned' if way.tuned else 'default'}, {way.rtt_ms} ms"
        for way in _ways(outcome)
        if _added(outcome, replace(way, agent="ours"))
        > _added(outcome, replace(way, agent="other"))
    ]
    lost += [
        f"async slower than sync: {runner}, {'tuned' if tuned else 'default'}, {rtt_ms} ms"
        for runner, tuned, rtt_ms in product(("base", "watermillx"), (False, True), (0, FAR_MS))
        if took(outcome, Way("async", runner, tuned, rtt_ms, "plain"))
        > took(outcome, Way("sync", runner, tuned, rtt_ms, "plain"))
    ]
    unwritten = [way for way in outcome.written if not _is_whole(outcome, way)]
    lost += [f"not all written: {way}" for way in unwritten]
    return f"Lost: {'; '.join(lost)}." if lost else "Ours and async lost nowhere; all was written."


def _lost(outcome: Outcome, way: Way) -> bool:
    ours, other = (_added(outcome, replace(way, agent=agent)) for agent in ("ours", "other"))
    return ours > other


def _is_whole(outcome: Outcome, way: Way) -> bool:
    return outcome.written[way] == EVENTS * len(outcome.seconds[way])
