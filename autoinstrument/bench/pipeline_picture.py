"""One picture of the example's runs: whether async pays, and what the layer costs."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from .pipeline import EVENTS, FAR_MS, Outcome, Way
from .pipeline_text import took

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AGENTS = {"plain": "#7f7f7f", "ours": "#1f77b4", "other": "#d62728"}
_WIDTH = 0.26


def draw(outcome: Outcome, file: str) -> None:
    """Draw events a second, a panel for each place: both ways of writing, both runners, agents."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    for axes, rtt_ms in zip(figure.subplots(1, 2), (0, FAR_MS), strict=True):
        _panel(axes, outcome, rtt_ms)
    figure.suptitle(f"{EVENTS} events through the example service, {outcome.place}, tuned writer")
    figure.savefig(file)


def _panel(axes: Axes, outcome: Outcome, rtt_ms: int) -> None:
    groups = list(product(("sync", "async"), ("base", "watermillx")))
    for number, (agent, colour) in enumerate(_AGENTS.items()):
        rates = [
            EVENTS / took(outcome, Way(writes, runner, True, rtt_ms, agent))  # noqa: FBT003 - tuned
            for writes, runner in groups
        ]
        at = [place + (number - 1) * _WIDTH for place in range(len(groups))]
        bars = axes.bar(at, rates, _WIDTH, color=colour, label=agent)
        axes.bar_label(bars, [f"{rate:,.0f}" for rate in rates], fontsize=7, padding=1)
    axes.set_yscale("log")
    axes.set_xticks(range(len(groups)), ["\n".join(group) for group in groups])
    axes.set_ylabel("events a second")
    axes.set_title(f"broker {rtt_ms} ms away" if rtt_ms else "broker on this machine")
    axes.legend(frameon=False)
