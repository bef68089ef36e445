"""Draws the ratios of all cases."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from .cases import GROUPS
from .text import ratio_of

if TYPE_CHECKING:
    from .outcome import Outcome

_KINDS = {".svg", ".png"}
_COLOURS = dict(zip(GROUPS, (f"C{number}" for number in range(10)), strict=False))
_INCHES_A_BAR = 0.32


def complaint(file: str) -> str | None:
    """Return why no picture can be drawn into `file`; None if it can."""
    if Path(file).suffix not in _KINDS:
        return f"--picture {file!r} is neither .svg nor .png"
    if importlib.util.find_spec("matplotlib") is None:
        return "a picture needs matplotlib: pip install 'autoinstrument[bench]'"
    return None


def draw(outcomes: list[Outcome], file: str) -> None:
    """Draw a bar for each ratio, with its confidence interval, and a line at 1."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow

    bars = [
        (outcome.case.name, _COLOURS[outcome.case.group], found)
        for outcome in outcomes
        if (found := ratio_of(outcome)) is not None
    ]
    figure = Figure(figsize=(11, 1.4 + _INCHES_A_BAR * len(bars)), layout="constrained")
    axes = figure.subplots()
    for place, (_, colour, found) in enumerate(reversed(bars)):
        around = [[max(0, found.value - found.low)], [max(0, found.high - found.value)]]
        axes.barh(place, found.value, color=colour, xerr=around, capsize=2)
        axes.text(found.high + 0.01, place, f"{found.value:.2g}", va="center", fontsize=8)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in reversed(bars)], fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("cost of autoinstrument relative to the other agent (1 = equal)")
    axes.set_xlim(left=0)
    figure.savefig(file)
