"""Renders a report as plain text; that of an ordinary service fits on one screen."""

from __future__ import annotations

import math
import shlex
import textwrap

from . import waterfall
from .model import OUTCOMES, Finding, Flow, Report, Topic, Write
from .sentences import cost, legend, notes, writers
from .table import Column, table
from .timeline import over_time
from .wording import counted, distinct, duration, foreign, number, period, shortened, significant

_NARROWEST = 80
_FINDINGS = 8
_EXPLAINED = 3
_LONGEST_SENTENCE = 300
_SPARKLINE = 12
_TOPICS = 10
_CAUSES = 5
_WRITES = 5
_NONE = "-"


def render(report: Report, width: int = 100, height: float = math.inf) -> str:
    """Return `report` as text, in lines of at most `width` characters, 80 or more.

    Only the last line may be longer, since it has the recording's path. If the text has more than
    `height` lines, the first ones scroll off a terminal, so the end names the findings again.
    """
    width = max(width, _NARROWEST)
    sections = (
        _summary(report, width),
        _findings(report.findings, width),
        _topics(report, width),
        _flows(report.flows, width),
        _causes(report, width),
        _writes("Slowest writes", report.slowest, 0, width),
        _writes("Last failed writes", report.failed, report.count("failed"), width),
        waterfall.render(report.longest),
        "\n".join(_filled(note, width) for note in notes(report)),
        _filled(cost(report.cost), width),
    )
    text = "\n\n".join(section for section in sections if section) + "\n\n"
    if report.findings and text.count("\n") >= height:
        slugs = dict.fromkeys(finding.slug for finding in report.findings)
        text += _filled(f"Findings above: {', '.join(slugs)}.", width) + "\n"
    recording = foreign(shlex.quote(report.path))
    return f"{text}For details, run: autoinstrument report {recording} --html report.html\n"


def _summary(report: Report, width: int) -> str:
    if not report.spans:
        return "No messages were written: the recording has no spans."
    others = [
        f", {number(count)} {outcome}"
        for outcome in OUTCOMES[1:]
        if (count := report.count(outcome))
    ]
    happened = f"{counted(report.count('written'), 'message')} written{''.join(others)}"
    if not report.topics:
        happened = "No messages were written"
    seen = f"{counted(report.spans, 'span')} in {counted(report.files, 'file')}"
    if report.started and report.ended:
        happened += f"{',' if others else ''} in {duration(report.duration)}"
        seen = f"{period(report.started, report.ended)}, {seen}"
    if report.sent is not None and not report.sent.is_complete:
        seen += f": {number(report.sent.recorded)} of {counted(report.sent.counted, 'message')}"
    return _filled(f"{happened}: {writers(report)}.", width) + "\n" + _filled(f"{seen}.", width)


def _findings(findings: tuple[Finding, ...], width: int) -> str:
    if not findings:
        return ""
    lines = ["Findings"]
    for finding in findings[:_FINDINGS]:
        lines.append(_filled(f"  {finding.slug}: {_foreign(finding.headline)}", width, 4))
        if len(lines) <= 3 * _EXPLAINED:
            lines.append(_filled(f"    {_foreign(finding.evidence)}", width, 4))
            lines.append(_filled(f"    Fix: {_foreign(finding.remedy)}", width, 9))
    if len(findings) > _EXPLAINED:
        lines.append(f"  The page (--html) has the evidence and the fix of all {len(findings)}.")
    return "\n".join([*lines, *_more(len(findings) - _FINDINGS)])


def _foreign(sentence: str) -> str:
    return shortened(foreign(sentence), _LONGEST_SENTENCE)


def _topics(report: Report, width: int) -> str:
    if not report.topics:
        return ""
    shown = report.topics[:_TOPICS]
    counts = [outcome for outcome in OUTCOMES if report.count(outcome) or outcome == "written"]
    columns = [
        _words("topic", [topic.name for topic in shown], least=16),
        *(Column(name, [number(getattr(topic, name)) for topic in shown]) for name in counts),
        *(_of_written(shown, report) if report.count("written") else ()),
    ]
    more = _more(len(report.topics) - len(shown))
    explained = [_filled(f"  {legend(report)}", width)] if report.count("written") else []
    return "\n".join([table(columns, width), *more, *explained])


def _of_written(shown: tuple[Topic, ...], report: Report) -> list[Column]:
    """Return the columns about messages written."""
    return [
        Column("per s", [_rate(topic) for topic in shown], leaves=2),
        Column("partitions", [distinct(topic.partitions) for topic in shown], leaves=3),
        *(
            Column(
                name,
                [_latency(topic, name) for topic in shown],
                leaves=1 if name == "p90" else 0,
            )
            for name in ("p50", "p90", "p99", "max")
        ),
        Column(
            "over time",
            [over_time(topic, report, _SPARKLINE) for topic in shown],
            right=False,
            leaves=4,
        ),
    ]


def _rate(topic: Topic) -> str:
    return significant(topic.per_second) if topic.per_second else _NONE


def _latency(topic: Topic, percentile: str) -> str:
    return _NONE if topic.latency is None else duration(getattr(topic.latency, percentile))


def _flows(flows: tuple[Flow, ...], width: int) -> str:
    if not flows:
        return ""
    shown = flows[:_TOPICS]
    rates = [_NONE if flow.per_second is None else significant(flow.per_second) for flow in shown]
    columns = [
        _words("from", [flow.source for flow in shown], least=16),
        _words("to", [flow.target for flow in shown], least=16),
        Column("messages", [number(flow.messages) for flow in shown]),
        Column("per s", rates),
    ]
    return "\n".join(["Pipeline", table(columns, width), *_more(len(flows) - len(shown))])


def _causes(report: Report, width: int) -> str:
    if not report.causes:
        return ""
    shown = report.causes[:_CAUSES]
    columns = [
        Column("failed", [number(cause.count) for cause in shown]),
        _words("error", [cause.error_type for cause in shown], least=24),
        _words("topic", [cause.topic for cause in shown], least=16),
        _words("error message", [cause.description or _NONE for cause in shown], least=32),
        Column("last trace", [cause.trace_id for cause in shown], right=False, leaves=1),
    ]
    more = _more(len(report.causes) - len(shown))
    return "\n".join(["Failures by cause", table(columns, width), *more])


def _writes(title: str, writes: tuple[Write, ...], of: int, width: int) -> str:
    if not writes:
        return ""
    shown = writes[:_WRITES]
    columns = [
        Column("took", [_took(write) for write in shown]),
        _words("topic[partition]@offset", [_place(write) for write in shown], least=36),
        Column("trace", [write.trace_id for write in shown], right=False),
        _words("called from", [write.called_from or _NONE for write in shown], least=20, leaves=1),
    ]
    if any(write.error_type for write in shown):
        columns[1:2] = [
            _words("error", [write.error_type or _NONE for write in shown], least=24),
            _words("topic", [_place(write) for write in shown], least=16),
        ]
    more = _more(of - len(shown))
    return "\n".join([title, table(columns, width), *more])


def _took(write: Write) -> str:
    return _NONE if write.duration is None else duration(write.duration)


def _place(write: Write) -> str:
    """Return `topic[partition]@offset`, without what is not known."""
    partition = "" if write.partition is None else f"[{write.partition}]"
    offset = "" if write.offset is None else f"@{write.offset}"
    return f"{write.topic}{partition}{offset}"


def _words(title: str, cells: list[str], least: int, leaves: int = 0) -> Column:
    return Column(title, list(map(foreign, cells)), right=False, least=least, leaves=leaves)


def _more(count: int) -> list[str]:
    return [f"  and {number(count)} more"] if count > 0 else []


def _filled(sentence: str, width: int, indent: int = 2) -> str:
    return textwrap.fill(sentence, width, break_on_hyphens=False, subsequent_indent=" " * indent)
