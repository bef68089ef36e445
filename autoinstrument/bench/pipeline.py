"""Measures the example service: sync or async, Watermill or a plain loop, with and without agents.

Each run reads the same events and writes as many messages. It measures the time from the first
event to the last answer, and counts the messages in the broker's log and the failed writes.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoinstrument.demo.embedded_broker import embedded_broker, unsettled
from autoinstrument.demo.examples import examples

from .brokers import in_log
from .outcome import NotMeasured
from .running import Variant, ended, variants
from .sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = {"sync": 300, "async": 3000}
"""Events per run: enough for even a fast run to be longer than random noise."""
FAR_MS = 20
"""The round trip to a distant broker."""
_CATEGORIES = ("login", "purchase")
_TARGETS = [f"profile.{category}" for category in _CATEGORIES]


@dataclass(frozen=True)
class Way:
    """One way to run the service."""

    writes: str
    runner: str
    tuned: bool
    rtt_ms: int
    agent: str
    """`plain`, `ours`, `other`, or `plain-other`: plain in the other agent's environment."""


@dataclass
class Outcome:
    """The results of all rounds, by way."""

    place: str
    """Where it was measured."""
    seconds: dict[Way, list[float]] = field(default_factory=dict)
    delivered: dict[Way, int] = field(default_factory=dict)
    """Messages in the broker's log, over all rounds."""
    failed: dict[Way, int] = field(default_factory=dict)
    """Writes that failed or had no answer, according to the service."""
    spans: dict[Way, int] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return every figure, ready for JSON."""
        return {
            "place": self.place,
            "ways": [
                {
                    **asdict(way),
                    "events": EVENTS[way.writes],
                    "seconds": seconds,
                    "delivered": self.delivered[way],
                    "failed": self.failed[way],
                    "spans": self.spans[way],
                }
                for way, seconds in self.seconds.items()
            ],
        }


def ways(other: list[str]) -> list[tuple[Way, Variant]]:
    """Return every way with the variant that starts it, plain programs included."""
    return [
        (Way(writes, runner, tuned, rtt_ms, agent.name), agent)
        for rtt_ms, tuned, writes, runner in product(
            (0, FAR_MS), (False, True), ("sync", "async"), ("base", "watermillx")
        )
        for agent in variants(other)
    ]


def measured(other: list[str], rounds: int, tell: Callable[[], None]) -> Outcome:
    """Return the outcome of `rounds` rounds of each way; `tell` is called after each run.

    Raises NotMeasured if a program fails.
    """
    outcome = Outcome("in a container" if _is_container() else "on this machine")
    with closing(Sink()) as sink:
        for _ in range(rounds):
            for way, agent in ways(other):
                found = _run(way, agent, sink.url)
                outcome.seconds.setdefault(way, []).append(found["seconds"])
                for counts, count in (
                    (outcome.delivered, found["delivered"]),
                    (outcome.failed, found.get("failed", 0) + found.get("unanswered", 0)),
                    (outcome.spans, sink.taken(agent.name)),
                ):
                    counts[way] = counts.get(way, 0) + count
                tell()
    return outcome


def _is_container() -> bool:
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))


def _run(way: Way, agent: Variant, url: str) -> dict[str, Any]:
    events = EVENTS[way.writes]
    arguments = ["--count", str(events), "--runner", way.runner, "--writes", way.writes, "--json"]
    arguments += ["--tuned"] if way.tuned else []
    environment = unsettled() | agent.exporting(url)
    # A new one for each run: the embedded broker serves a consumer group only once.
    with embedded_broker(["events", *_TARGETS], way.rtt_ms) as broker:
        _fill(broker, events)
        command = [*agent.command, str(examples() / "profile_service"), broker, "events"]
        # It may warn of failed writes, which are counted anyway.
        said, _ = ended([*command, *arguments], environment, quietly=False)
        delivered = in_log(broker, _TARGETS)
    found: dict[str, Any] = json.loads(said)
    if found.get("read", 0) != events:
        raise NotMeasured(f"the service read {found.get('read', 0)} of {events} events")
    return {**found, "delivered": delivered}


def _fill(broker: str, events: int) -> None:
    from confluent_kafka import Producer  # noqa: PLC0415 - an extra

    producer = Producer({"bootstrap.servers": broker})
    for number in range(events):
        category = _CATEGORIES[number % len(_CATEGORIES)]
        event = {"id": number, "category": category, "app": "web", "user": number % 7}
        producer.produce("events", json.dumps(event).encode(), partition=0)
    producer.flush()
