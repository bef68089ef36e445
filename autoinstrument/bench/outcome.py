"""The results of a case's rounds: figures, with what was delivered and received."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cases import Case


class NotMeasured(Exception):  # noqa: N818 - it is an answer to the user, not a mishap
    """Why a case or a command cannot be measured; the message is for the user."""


@dataclass(frozen=True)
class Measure:
    """A figure: its unit, and how it follows from what a program says of a phase."""

    unit: str
    of: Callable[[dict[str, float]], float]
    exports: bool = False
    """Whether what the agent does after the phase is part of it."""
    compares: bool = True
    """Whether a ratio says something: not of what is to be nothing."""


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
    """Messages that the program has written or read."""
    delivered: Counter[str] = field(default_factory=Counter)
    """Messages that the broker's log has gained."""
    spans: Counter[str] = field(default_factory=Counter)
    """Spans that were received."""
    other_traces: bool = True
    """Whether the other agent makes spans of such messages at all: else nothing compares."""

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
