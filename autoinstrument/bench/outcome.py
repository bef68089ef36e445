"""The results of a case: figures, and counts of messages and spans."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cases import Case


class NotMeasured(Exception):  # noqa: N818 - it is an answer to the user, not a mishap
    """Something cannot be measured; the message tells the user why."""


@dataclass(frozen=True)
class Measure:
    """A figure: its unit, and how it is computed from what a program measured."""

    unit: str
    of: Callable[[dict[str, float]], float]
    exports: bool = False
    """Whether it includes the export of spans after the phase."""
    compares: bool = True
    """Whether a ratio makes sense; it does not if the figure should be 0."""


MEASURES = {
    "start": Measure("ms", lambda found: found["elapsed"] * 1e3),
    "call": Measure("us per call", lambda found: found["in_calls"] / found["messages"] * 1e6),
    "cpu": Measure(
        "us CPU per message", lambda found: found["cpu"] / found["messages"] * 1e6, exports=True
    ),
    "pace": Measure("us per message", lambda found: found["in_calls"] / found["messages"] * 1e6),
    "wall": Measure("ms in total", lambda found: found["elapsed"] * 1e3),
    "bytes": Measure("bytes per message", lambda found: found["bytes"] / found["messages"]),
    "growth": Measure("MB growth", lambda found: found["bytes"] / 1e6, compares=False),
    "late": Measure("ms late", lambda found: found["late"] * 1e3),
    "core": Measure(
        "% of a core", lambda found: found["cpu"] / found["elapsed"] * 100, exports=True
    ),
}


@dataclass
class Outcome:
    """All rounds of one case, by variant."""

    case: Case
    figures: dict[str, list[float]] = field(default_factory=dict)
    handled: Counter[str] = field(default_factory=Counter)
    """Messages that the program wrote or read."""
    delivered: Counter[str] = field(default_factory=Counter)
    """Messages that were added to the broker's log."""
    spans: Counter[str] = field(default_factory=Counter)
    """Spans that were received."""
    other_traces: bool = True
    """Whether the other agent traces such messages at all; if not, there is no ratio."""

    def add(
        self, variant: str, found: dict[str, float], *, delivered: int = 0, spans: int = 0
    ) -> None:
        """Add a round of a variant."""
        self.figures.setdefault(variant, []).append(MEASURES[self.case.measure].of(found))
        self.handled[variant] += int(found.get("messages", 0))
        self.delivered[variant] += delivered
        self.spans[variant] += spans

    def as_data(self) -> dict[str, Any]:
        """Return every figure, ready for JSON."""
        case = self.case
        return {
            "case": case.name,
            "unit": MEASURES[case.measure].unit,
            "goal": case.goal,
            "figures": self.figures,
            "handled": self.handled,
            "delivered": self.delivered,
            "spans": self.spans,
            "other_traces": self.other_traces,
        }
