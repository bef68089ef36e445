"""Renders a report as one self-contained HTML page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from . import plots
from .graph import graph
from .model import OUTCOMES
from .sentences import cost, legend, notes, writers
from .timeline import over_time
from .traces import packed
from .wording import counted, duration, foreign, label, number, period, significant

if TYPE_CHECKING:
    from .model import Report


_MOST_BYTES = 980_000
_TOPICS = 100
_PARTITIONS = 24
_OPEN_PARTITIONS = 6
_BARS = 24


def page(report: Report) -> str:
    """Return the page: everything that the text has, plus plots and searchable traces.

    All text from the application is escaped, and the page loads nothing from elsewhere.
    """
    environment = Environment(
        loader=PackageLoader("autoinstrument.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, duration=duration, significant=significant, label=label, foreign=foreign
    )
    render = partial(
        environment.get_template("page.html.jinja").render,
        report=report,
        outcomes=[each for each in OUTCOMES if report.count(each) or each == "written"],
        observed=period(report.started, report.ended) if report.started and report.ended else "",
        counted=counted,
        graph=graph(report.flows),
        # matplotlib escapes its text, and the rest are our own numbers.
        over_time=Markup(plots.over_time(report.sample)),  # noqa: S704 - see above
        distribution=Markup(plots.distribution(report.sample)),  # noqa: S704 - see above
        writers=writers(report, quote=""),
        cost=cost(report.cost),
        legend=legend(report) if report.count("written") else "",
        notes=notes(report),
        bars=lambda topic: over_time(topic, report, _BARS),
        open=sum(topic.partitions for topic in report.topics) <= _OPEN_PARTITIONS,
        most_topics=_TOPICS,
        most_partitions=_PARTITIONS,
    )
    without = render(traces="", shown=0, is_whole=True)
    traces, shown, is_whole = packed(report, _MOST_BYTES - len(without.encode()))
    return render(traces=traces, shown=shown, is_whole=is_whole)
