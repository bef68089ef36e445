"""The live view of `report --follow`: the new lines of a recording, and their totals."""

from __future__ import annotations

import os
from collections import Counter, defaultdict, deque
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from .bounded import count_bounded
from .latency import Latencies
from .model import OUTCOMES
from .reading import NotARecording, Tally, recording_files, spans_in
from .table import Column, table
from .wording import duration, foreign, number, significant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .model import Outcome

_SECOND = 1_000_000_000
_WINDOW = 30 * _SECOND
_MOST_HELD = 200_000
_TOPICS = 20


class _Answer(NamedTuple):
    ended: int
    topic: str
    outcome: Outcome
    duration: int


class Tail:
    """Reads the lines that are added to a recording, in new files too."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._files: dict[tuple[int, int], tuple[BinaryIO, bytes]] = {}
        self._open(at_the_end=True)

    def lines(self) -> Iterator[bytes]:
        """Yield the complete lines that were added since the last call."""
        self._open(at_the_end=False)
        for key, (file, begun) in list(self._files.items()):
            *whole, rest = (begun + file.read()).split(b"\n")
            self._files[key] = file, rest
            yield from whole

    def close(self) -> None:
        """Close the files."""
        for file, _ in self._files.values():
            file.close()

    def _open(self, *, at_the_end: bool) -> None:
        found = set()
        for name in _files_at(self._path):
            with suppress(OSError):  # deleted just now, or not readable
                status = name.stat()
                key = status.st_dev, status.st_ino  # a rotation keeps them
                found.add(key)
                if key not in self._files:
                    file = name.open("rb")
                    file.seek(0, os.SEEK_END if at_the_end else os.SEEK_SET)
                    self._files[key] = file, b""
        for key in self._files.keys() - found:
            self._files.pop(key)[0].close()


def _files_at(path: str) -> tuple[Path, ...]:
    try:
        return recording_files(path)
    except NotARecording:  # there is none yet
        return ()


class Following:
    """Counts of what was written since the view was opened, and in the last 30 s."""

    def __init__(self, since: int) -> None:
        """`since` is in nanoseconds since 1970."""
        self._since = since
        self._tally = Tally()
        self._answers: deque[_Answer] = deque(maxlen=_MOST_HELD)
        self._totals: Counter[tuple[str, Outcome]] = Counter()

    def add(self, line: bytes) -> None:
        """Count one line of a recording."""
        for span in spans_in(line, self._tally):
            if span.is_write:
                count_bounded(self._totals, (span.topic, span.outcome))
                self._answers.append(
                    _Answer(span.ended, span.topic, span.outcome, span.duration or 0)
                )

    def view(self, now: int, width: int) -> str:
        """Return the view as text, in lines of at most `width`."""
        recent: dict[str, Latencies] = defaultdict(Latencies)
        for each in self._answers:
            if each.outcome == "written" and each.ended > now - _WINDOW:
                recent[each.topic].add(each.duration)
        written = sum(of_topic.count for of_topic in recent.values())
        seconds = min(_WINDOW, max(_SECOND, now - self._since)) / _SECOND
        in_flight = self._tally.costs.in_flight
        head = [
            f"{significant(written / seconds)} messages written per second",
            f"{number(in_flight)} in flight" if in_flight is not None else "",
            f"{number(sum(c for (_, o), c in self._totals.items() if o == 'failed'))} failed",
        ]
        shown = [topic for topic, _ in self._by_topic().most_common(_TOPICS)]
        outcomes = {outcome for _, outcome in self._totals}
        columns = [
            Column("topic", [foreign(topic) for topic in shown], right=False, least=16),
            Column("per s", [significant(recent[topic].count / seconds) for topic in shown]),
            *(
                Column(outcome, [number(self._totals[topic, outcome]) for topic in shown])
                for outcome in OUTCOMES
                if outcome in ("written", "failed") or outcome in outcomes
            ),
            Column("p50", [_percentile(recent[topic], 50) for topic in shown], leaves=1),
            Column("p99", [_percentile(recent[topic], 99) for topic in shown]),
        ]
        body = table(columns, width) if shown else "  Nothing yet."
        foot = "  per s, p50, p99: last 30 s. Ctrl-C stops."
        return "\n".join([", ".join(filter(None, head)), "", body, foot]) + "\n"

    def _by_topic(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (topic, _), count in self._totals.items():
            found[topic] += count
        return found


def _percentile(found: Latencies, percent: int) -> str:
    return duration(found.percentile(percent)) if found.count else "-"
