"""Draws the plots of the page, as SVG in the page's colours."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from matplotlib import dates, rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    StrMethodFormatter,
)

from .wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from .model import Sample

_dates: Any = dates  # which has no types

# Only the page knows whether it is light or dark, so these colours stand for variables of its CSS.
_COLOURS = {
    "#010101": "currentColor",
    "#020202": "var(--written)",
    "#030303": "var(--failed)",
    "#040404": "var(--line)",
}
_INK, _WRITTEN, _FAILED, _LINE = _COLOURS
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "autoinstrument",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), _INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), _INK),
    **dict.fromkeys(("xtick.minor.size", "ytick.minor.size"), 0),
}
_INCHES = (6.8, 2.9)
_STEPS = 40
_NARROWEST = 4.0  # ratio of the ends of an axis: a narrower one may have no round number
_DECADES = 1_000.0
_BESIDE = 0.03
_SECOND, _DAY, _MONTH = 1 / 86_400, 1.0, 30.0


def over_time(sample: Sample) -> str:
    """Return a plot of the latency of each sampled write over time; empty without any."""
    if not (sample.written or sample.failed):
        return ""
    with _drawn() as (axes, svg):
        _scatter(axes, sample)
    return svg.getvalue()


def _scatter(axes: Axes, sample: Sample) -> None:
    for chosen, colour, mark, label in (
        (sample.written, _WRITTEN, ".", "written"),
        (sample.failed, _FAILED, "x", "failed"),
    ):
        if chosen:
            at = [_moment(started) for started, _ in chosen]
            took = [max(1, each) for _, each in chosen]
            axes.plot(at, took, mark, color=colour, markersize=4, label=label)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderpad=0)
    axes.set_yscale("log")
    axes.set_ylim(_limits([took for _, took in (*sample.written, *sample.failed)]))
    _durations(axes.yaxis)
    axes.set_ylabel("latency")
    axes.grid(axis="y")
    _clock(axes, [started for started, _ in (*sample.written, *sample.failed)])


def distribution(sample: Sample) -> str:
    """Return a plot of the distribution of latencies; empty without any."""
    if not sample.durations:
        return ""
    with _drawn() as (axes, svg):
        _histogram(axes, sample)
    return svg.getvalue()


def _histogram(axes: Axes, sample: Sample) -> None:
    took = [max(1, each) for each, _ in sample.durations]
    counts = [count for _, count in sample.durations]
    ratio = max(1.02, (max(took) / min(took)) ** (1 / _STEPS))
    bounds = [min(took) * ratio ** (step - 0.5) for step in range(_STEPS + 2)]
    axes.hist(took, bins=bounds, weights=counts, color=_WRITTEN, rwidth=0.9)
    axes.set_xscale("log")
    axes.set_xlim(_limits(took))
    _durations(axes.xaxis)
    axes.set_xlabel("latency")
    axes.set_ylabel("messages")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="y")
    for percent, side, away in ((50, "right", -4), (99, "left", 4)):
        at = _percentile(took, counts, percent)
        axes.axvline(at, color=_INK, linewidth=1, linestyle="--")
        axes.annotate(
            f"p{percent} {duration(at)}",
            (at, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(away, 4),
            textcoords="offset points",
            ha=side,
        )


def _percentile(took: list[int], counts: list[int], percent: int) -> int:
    wanted = -(-sum(counts) * percent // 100)
    return took[next(at for at, sum_ in enumerate(accumulate(counts)) if sum_ >= wanted)]


def _limits(shown: list[int]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis, far enough apart for a round duration."""
    least, most = max(1, min(shown)) / 1.2, max(2, *shown) * 1.2
    wider = max(1.0, (_NARROWEST * least / most) ** 0.5)
    return least / wider, most * wider


def _durations(axis: Axis) -> None:
    """Label round durations on an axis that has its limits."""
    least, most = axis.get_view_interval()
    subs = (1.0,) if most / least > _DECADES else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _round(value)))
    axis.set_minor_formatter(NullFormatter())


def _round(value: float) -> str:
    """Return a round duration without trailing zeros."""
    number, _, unit = duration(round(value)).partition(" ")
    return f"{float(number.replace(',', '')):g} {unit}"


def _clock(axes: Axes, instants: list[int]) -> None:
    """Label the time axis with times of day, and with the date."""
    first, last = _moment(min(instants)), _moment(max(instants))
    beside = max((last - first) * _BESIDE, _SECOND / 200)
    axes.set_xlim(first - beside, last + beside)
    axes.xaxis_date()
    axes.xaxis.set_major_locator(_dates.AutoDateLocator(minticks=3, maxticks=5))
    style = "%H:%M:%S"
    if last - first > _DAY:
        style = "%Y-%m-%d" if last - first > _MONTH else "%m-%d %H:%M"
    digits = -5 if last - first > _SECOND else -3
    fine = last - first < 10 * _SECOND

    def label(value: float, _: int | None) -> str:
        moment = _dates.num2date(value)
        return f"{moment:%H:%M:%S.%f}"[:digits] if fine else f"{moment:{style}}"

    axes.xaxis.set_major_formatter(FuncFormatter(label))
    axes.set_xlabel(f"{_dates.num2date(first):%Y-%m-%d}, UTC")


@contextmanager
def _drawn() -> Iterator[tuple[Axes, io.StringIO]]:
    """Yield axes to draw on, in the style of the page, and the buffer that the SVG goes to."""
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
    return float(_dates.date2num(datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc)))
