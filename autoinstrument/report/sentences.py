"""Sentences that both the text and the page have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import UNCONFIRMED_BY
from .wording import counted, distinct, duration, foreign, number, shortened

if TYPE_CHECKING:
    from .model import Cost, Report, Sent

_SERVICES = 3
_LONGEST_NAME = 60
_UNCONFIRMED = {
    "client": "the client cannot know whether the message was written, as with acks=0 or"
    " delivery.report.only.error=true",
    "publisher": "a publisher that AUTOINSTRUMENT_TRACE names does not say what the broker"
    " answered",
    "agent": "the other agent that made the span does not say what the broker answered",
}


def writers(report: Report, quote: str = "`") -> str:
    """Return the names of up to three services, each in quotes, and the number of processes."""
    names = [f"{quote}{shortened(foreign(name), _LONGEST_NAME)}{quote}" for name in report.services]
    if len(names) > _SERVICES:
        names[_SERVICES:] = [f"{number(len(names) - _SERVICES)} more"]
    processes = f"{distinct(report.processes)} process{'' if report.processes == 1 else 'es'}"
    if not names:
        return processes
    return f"{'service' if len(names) == 1 else 'services'} {', '.join(names)}, {processes}"


def cost(cost: Cost | None) -> str:
    """Return a sentence about the agent's overhead; empty if it is not known."""
    if cost is None:
        return ""
    call = "" if cost.call is None else f"{duration(cost.call)} in the call, "
    background = duration(cost.background or 0)
    dropped = f"; {counted(cost.dropped, 'span')} dropped" if cost.dropped else ""
    return f"Agent overhead per operation: {call}{background} in the background{dropped}."


def legend(report: Report) -> str:
    """Return the legend of the latency columns."""
    none = "" if all(topic.latency for topic in report.topics) else " (-: none)"
    return (
        f"p50 to max: time from call to acknowledgement{none}. Percentiles are at most 1% too high."
    )


def notes(report: Report) -> list[str]:
    """Return notes on what the numbers include, one sentence each."""
    left_out = ", ".join(
        counted(count, noun)
        for count, noun in (
            (report.files_not_read, "file"),
            (report.lines_not_understood, "line"),
            (report.spans_not_understood, "span"),
        )
        if count
    )
    silent = [_UNCONFIRMED[who] for who in UNCONFIRMED_BY if report.unconfirmed.get(who)]
    found = {
        _missing(report.sent): report.sent,
        f"Unconfirmed: {'; or '.join(silent)}.": silent,
        "Undecided: sent in a transaction whose outcome, commit or abort, is unknown.": (
            report.count("undecided")
        ),
        f"Sampled: {counted(report.kept, 'span')} kept as failed or slow; the numbers above do not"
        " include the rest of what the sampler dropped.": report.kept,
        f"{counted(report.untimed, 'span')} without usable timestamps (no start, a start before"
        " 2000, or an end before the start): counted, but not timed.": report.untimed,
        f"Could not be read, and is not included above: {left_out}.": left_out,
    }
    return [note for note, applies in found.items() if note and applies]


def _missing(sent: Sent | None) -> str:
    """Return a sentence if messages that were sent are known to be missing in the recording."""
    if sent is None or sent.is_complete:
        return ""
    return (
        f"The recording has {number(sent.recorded)} of {counted(sent.counted, 'message')} written:"
        " it is sampled, or its oldest part was deleted."
    )
