"""The plots of a page, as SVG that takes its colours from the page."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.dates import ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from .wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from .model import Sample

# matplotlib writes colours, and the page knows whether it is light or dark: each stands for one.
_COLOURS = {"#010101": "currentColor", "#020202": "var(--written)", "#030303": "var(--failed)"}
_INK, _WRITTEN, _FAILED = _COLOURS
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "autoinstrument",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), _INK),
    **dict.fromkeys(("xtick.color", "ytick.color", "xtick.minor.size", "ytick.minor.size"), _INK),
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
}
_INCHES = (7.6, 2.6)


def over_time(sample: Sample) -> str:
    """Return each chosen write as a point: when it was called, how long the answer took."""
    points = [*sample.written, *sample.failed]
    if not points:
        return ""
    with _drawn() as (axes, svg):
        _scatter(axes, sample)
    return svg.getvalue()


def _scatter(axes: Axes, sample: Sample) -> None:
    axes.set_yscale("log")
    for chosen, colour, mark, label in (
        (sample.written, _WRITTEN, ".", "written"),
        (sample.failed, _FAILED, "x", "failed"),
    ):
        if chosen:
            at = [_moment(started) for started, _ in chosen]
            took = [max(1, each) for _, each in chosen]
            axes.plot(at, took, mark, color=colour, markersize=4, label=label)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.15), ncols=2)
    axes.yaxis.set_major_formatter(FuncFormatter(_took))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("call to answer")
    axes.xaxis_date()
    formatter: Any = ConciseDateFormatter
    axes.xaxis.set_major_formatter(formatter(axes.xaxis.get_major_locator()))


def distribution(sample: Sample) -> str:
    """Return how many writes took how long."""
    if not sample.durations:
        return ""
    with _drawn() as (axes, svg):
        _histogram(axes, sample)
    return svg.getvalue()


def _histogram(axes: Axes, sample: Sample) -> None:
    axes.set_xscale("log")
    took = [max(1, each) for each, _ in sample.durations]
    counts = [count for _, count in sample.durations]
    most, least = max(took), min(took)
    steps = 40
    ratio = max(1.0001, (most / least) ** (1 / steps))
    bounds = [least * ratio**step * 0.9999 for step in range(steps + 2)]
    axes.hist(took, bins=bounds, weights=counts, color=_WRITTEN)
    axes.xaxis.set_major_formatter(FuncFormatter(_took))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("call to acknowledgement")
    axes.set_ylabel("messages")


@contextmanager
def _drawn() -> Iterator[tuple[Axes, io.StringIO]]:
    """Give axes to draw on, in the style of the page, and where the SVG will be."""
    svg = io.StringIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        yield figure.subplots(), svg
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    for stand_in, colour in _COLOURS.items():
        text = text.replace(stand_in, colour)
    svg.write(text[text.index("<svg") :])


def _moment(nanoseconds: int) -> float:
    number: Any = date2num
    moment: float = number(datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc))
    return moment


def _took(value: float, _: int | None) -> str:
    return duration(round(value))
