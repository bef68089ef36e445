"""What text and page say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wording import counted, distinct, duration, foreign, number, shortened

if TYPE_CHECKING:
    from .model import Cost, Report, Sent

_SERVICES = 3
_LONGEST_NAME = 60


def writers(report: Report) -> str:
    """Return the services, as many as a sentence holds, and how many processes there were."""
    names = [f"`{shortened(foreign(name), _LONGEST_NAME)}`" for name in report.services]
    if len(names) > _SERVICES:
        names[_SERVICES:] = [f"{number(len(names) - _SERVICES)} more"]
    processes = f"{distinct(report.processes)} process{'' if report.processes == 1 else 'es'}"
    if not names:
        return processes
    return f"{'service' if len(names) == 1 else 'services'} {', '.join(names)}, {processes}"


def cost(cost: Cost | None) -> str:
    """Return what the agent has taken, a sentence; empty where that is not known."""
    if cost is None:
        return ""
    call = "" if cost.call is None else f"{duration(cost.call)} in the call, "
    background = duration(cost.background or 0)
    dropped = f"; {counted(cost.dropped, 'span')} dropped" if cost.dropped else ""
    return f"The agent's own cost an operation: {call}{background} in the background{dropped}."


def notes(report: Report) -> list[str]:
    """Return what must be known to read the numbers, a sentence each."""
    left_out = ", ".join(
        counted(count, noun)
        for count, noun in (
            (report.files_not_read, "file"),
            (report.lines_not_understood, "line"),
            (report.spans_not_understood, "span"),
        )
        if count
    )
    found = {
        _missing(report.sent): report.sent,
        "Unconfirmed: the client itself cannot know, as with acks=0 or"
        " delivery.report.only.error=true.": report.count("unconfirmed"),
        "Undecided: sent in a transaction whose commit or abort is not known.": report.count(
            "undecided"
        ),
        f"Sampled: of what the sampler dropped, {counted(report.kept, 'span')} kept as failed or"
        " slow; the rest is in no number above.": report.kept,
        f"No usable clock in {counted(report.untimed, 'span')} (no start, one before 2000, or"
        " an end before it): counted, but in no time.": report.untimed,
        f"Not understood, and in no number above: {left_out}.": left_out,
    }
    return [note for note, applies in found.items() if note and applies]


def _missing(sent: Sent | None) -> str:
    """Return how much of what was sent is not here; empty where that is nothing, or not known."""
    if sent is None or sent.is_complete:
        return ""
    return (
        f"The recording has {number(sent.recorded)} of {counted(sent.counted, 'message')} written:"
        " it is sampled, or its beginning was deleted."
    )
