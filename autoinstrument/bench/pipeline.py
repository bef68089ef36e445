"""The example service in all its ways: sync or async, layer or plain loop, with and without agents.

Each run reads the same events and writes them on; what is measured is the
time from the first event to the last answer, beside how many were written.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoinstrument._embedded_broker import embedded_broker, unsettled
from autoinstrument._examples_folder import examples

from .cases import Case
from .running import NotMeasured, Variant, ended, exporting, variants
from .sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 300
FAR_MS = 20
"""The round trip to a broker on another host."""
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
    """`plain`, `ours`, `other`, or `plain, other`: in the other's environment."""


@dataclass
class Outcome:
    """What the rounds of each way have given."""

    place: str
    """Where it was run."""
    seconds: dict[Way, list[float]] = field(default_factory=dict)
    written: dict[Way, int] = field(default_factory=dict)
    failed: dict[Way, int] = field(default_factory=dict)
    spans: dict[Way, int] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return every figure, ready for JSON."""
        return {
            "place": self.place,
            "events": EVENTS,
            "ways": [
                {
                    **asdict(way),
                    "seconds": seconds,
                    "written": self.written[way],
                    "failed": self.failed[way],
                    "spans": self.spans[way],
                }
                for way, seconds in self.seconds.items()
            ],
        }


def ways(other: list[str]) -> list[tuple[Way, Variant]]:
    """Return every way, with what starts it; each with its plain program beside."""
    agents = variants(Case("pipeline", "", action="consume"), other)
    names = ["plain", "ours", *(["plain, other"] if len(agents) > 3 else []), "other"]  # noqa: PLR2004 - another interpreter's
    return [
        (Way(writes, runner, tuned, rtt_ms, name), agent)
        for rtt_ms, tuned, writes, runner in product(
            (0, FAR_MS), (False, True), ("sync", "async"), ("base", "watermillx")
        )
        for name, agent in zip(names, agents, strict=True)
    ]


def measured(other: list[str], rounds: int, tell: Callable[[], None]) -> Outcome:
    """Return `rounds` of each way; `tell` is called after each.

    Raises NotMeasured with what a program has complained of.
    """
    outcome = Outcome("in a container" if Path("/.dockerenv").exists() else "on this machine")
    with closing(Sink()) as sink:
        for _ in range(rounds):
            for way, agent in ways(other):
                found = _run(way, agent, sink.url)
                outcome.seconds.setdefault(way, []).append(found["seconds"])
                for counts, name in (outcome.written, "written"), (outcome.failed, "failed"):
                    counts[way] = counts.get(way, 0) + found.get(name, 0)
                outcome.spans[way] = outcome.spans.get(way, 0) + sink.taken()
                tell()
    return outcome


def _run(way: Way, agent: Variant, url: str) -> dict[str, Any]:
    arguments = ["--count", str(EVENTS), "--runner", way.runner, "--writes", way.writes, "--json"]
    arguments += ["--tuned"] if way.tuned else []
    environment = unsettled() | agent.environment | exporting(url)
    # One a run: the embedded broker gives a consumer group that has left nothing more.
    with embedded_broker(["events", *_TARGETS], way.rtt_ms) as broker:
        _fill(broker)
        command = [*agent.command, str(examples() / "profile_service"), broker, "events"]
        said, _ = ended([*command, *arguments], environment)
    found: dict[str, Any] = json.loads(said)
    if found.get("read", 0) != EVENTS:
        raise NotMeasured(f"the service has read {found.get('read', 0)} of {EVENTS} events")
    return found


def _fill(broker: str) -> None:
    from confluent_kafka import Producer  # noqa: PLC0415 - an extra

    producer = Producer({"bootstrap.servers": broker})
    for number in range(EVENTS):
        category = _CATEGORIES[number % len(_CATEGORIES)]
        event = {"id": number, "category": category, "app": "web", "user": number % 7}
        producer.produce("events", json.dumps(event).encode(), partition=0)
    producer.flush()
