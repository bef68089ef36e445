"""What a finding is made of: the facts that it is based on, and its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from autoinstrument.report.wording import counted, number, shortened

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

    from autoinstrument.report.model import Cause, Topic

    from .evidence import Evidence

_LONGEST_NAME = 60
_MOST_NAMES = 3


class Facts(NamedTuple):
    """What is known of a recording."""

    services: tuple[str, ...]
    topics: tuple[Topic, ...]
    causes: tuple[Cause, ...]
    evidence: Evidence


class Found(NamedTuple):
    """A finding, before it has its slug, and its evidence the names of the services."""

    headline: str
    evidence: str
    remedy: str
    traces: tuple[str, ...]
    services: Iterable[str] = ()
    numbers: dict[str, int] = {}  # noqa: RUF012 - nobody changes it


def names(named: Iterable[str] | Counter[str]) -> str:
    """Return up to three names, and how many more there are."""
    found = sorted({name(each) for each in named})
    more = len(found) - _MOST_NAMES
    return ", ".join(found[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def name(named: str) -> str:
    """Return one name, such as a topic's, shortened if it is very long."""
    return shortened(named, _LONGEST_NAME)


def share(causes: list[Cause], facts: Facts) -> str:
    """Return how many of how many messages failed: `3 of 20 messages to orders`."""
    topics = {cause.topic for cause in causes}
    failed = sum(cause.count for cause in causes)
    whole = sum(topic.messages for topic in facts.topics if topic.name in topics)
    return f"{number(failed)} of {counted(whole, 'message')} to {names(topics)}"


def traces_and_services(facts: Facts, error_type: str) -> tuple[tuple[str, ...], Iterable[str]]:
    """Return traces with a kind of failure, and the services that had it."""
    case = facts.evidence.failures[error_type]
    return tuple(case.traces), case.services
