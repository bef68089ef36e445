"""What has become of the events."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter

KINDS = ("written", "left out", "failed", "unanswered")


class Outcomes:
    """Counts, and the time from the first event to the last answer."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: float | None = None
        self._last = 0.0
        self._lock = threading.Lock()  # answers come in a thread of the client

    def __str__(self) -> str:
        told = ", ".join(f"{self.counts[kind]} {kind}" for kind in KINDS)
        return f"{self.counts['read']} events read: {told}"

    @property
    def seconds(self) -> float:
        """From the first event to the last answer."""
        return self._last - (self._first or self._last)

    def read(self) -> None:
        """Count an event that has come."""
        self._first = self._first or time.perf_counter()
        self._add("read")

    def written(self) -> None:
        """Count a profile that a broker has."""
        self._add("written")

    def left_out(self) -> None:
        """Count an event that is in no profile."""
        self._add("left out")

    def failed(self, place: str, reason: object) -> None:
        """Count what could not be done, and say why."""
        self._add("failed")
        print(f"{place}: {reason}", file=sys.stderr)

    def unanswered(self, count: int) -> None:
        """Note how many writes nobody knows the fate of."""
        self.counts["unanswered"] = count

    def _add(self, kind: str) -> None:
        with self._lock:
            self._last = time.perf_counter()
            self.counts[kind] += 1
