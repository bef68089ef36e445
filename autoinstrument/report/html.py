"""A report as one page of HTML that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from . import plots
from .graph import graph
from .model import OUTCOMES
from .traces import packed
from .wording import counted, duration, foreign, number, period, significant

if TYPE_CHECKING:
    from .model import Report


def page(report: Report) -> str:
    """Return the page: everything that the text has, plots, and traces that can be searched.

    All text of the application is escaped, and the page may ask no other for anything.
    """
    environment = Environment(
        loader=PackageLoader("autoinstrument.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, duration=duration, significant=significant, foreign=foreign
    )
    traces, shown, known = packed(report)
    return environment.get_template("page.html.jinja").render(
        report=report,
        outcomes=[each for each in OUTCOMES if report.count(each) or each == "written"],
        observed=period(report.started, report.ended)
        if report.started and report.ended
        else "no time",
        counted=counted,
        graph=graph(report.flows),
        # Text that matplotlib has escaped itself, around numbers of ours.
        over_time=Markup(plots.over_time(report.sample)),  # noqa: S704 - see above
        distribution=Markup(plots.distribution(report.sample)),  # noqa: S704 - see above
        traces=traces,
        shown=shown,
        known=known,
    )
