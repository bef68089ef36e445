"""Draws the example's runs: whether async pays, and what Watermill's layer costs."""

from __future__ import annotations

import textwrap
from itertools import product
from typing import TYPE_CHECKING

from .pipeline import EVENTS, Outcome, Way
from .pipeline_text import PLACES, RUNNERS, agents_of, broker_of, of_layer, of_writes, per_event

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS_A_LINE = 130
# Okabe and Ito's colours, which the colour-blind tell apart, and shapes for a print in black.
_AGENTS = {
    "plain": ("#000000", "o", "without monitoring"),
    "ours": ("#0072B2", "D", "autoinstrument"),
    "plain-other": ("#999999", "o", "without monitoring, in the other agent's environment"),
    "other": ("#D55E00", "s", "the other agent"),
}


def draw(outcome: Outcome, file: str) -> None:
    """Draw microseconds per event: a row for each way, a panel for each broker."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow

    figure = Figure(figsize=(11, 6), layout="constrained")
    panels = figure.subplots(1, len(PLACES), sharex=True, sharey=True)
    for axes, rtt_ms in zip(panels, PLACES, strict=True):
        _panel(axes, outcome, rtt_ms)
    answers = [*(of_writes(outcome, rtt_ms) for rtt_ms in PLACES), of_layer(outcome)]
    lines = [line for answer in answers for line in textwrap.wrap(answer, _LETTERS_A_LINE)]
    figure.suptitle("\n".join(lines), fontsize=10, x=0.01, ha="left")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(file)


def _panel(axes: Axes, outcome: Outcome, rtt_ms: int) -> None:
    rows = list(product(EVENTS, (False, True), RUNNERS))
    for place, (writes, tuned, runner) in enumerate(rows):
        times = {
            agent: per_event(outcome, Way(writes, runner, tuned, rtt_ms, agent))
            for agent in agents_of(outcome)
        }
        ends = min(times.values()), max(times.values())
        axes.plot(ends, (place, place), color="#cccccc", zorder=1)
        for agent, took in times.items():
            colour, shape, label = _AGENTS[agent]
            once = label if place == 0 else f"_{label}"  # which the legend leaves out
            axes.scatter(took, place, s=42, c=colour, marker=shape, label=once, zorder=2)
        axes.annotate(
            f"{times['plain']:,.0f}",
            (times["plain"], place),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    axes.axhspan(len(rows) / 2 - 0.5, len(rows), color="#f0f6fa", zorder=0)  # async
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(f"us per event, median, {outcome.place} (log scale; less is better)")
    axes.grid(axis="x", color="#eeeeee")
    axes.set_yticks(
        range(len(rows)),
        [
            f"{writes}, {'tuned' if tuned else 'default'}, {runner}"
            for writes, tuned, runner in rows
        ],
    )
    axes.set_ylim(len(rows) - 0.5, -0.7)
    axes.set_title(broker_of(rtt_ms))
