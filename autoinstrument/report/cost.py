"""The agent's overhead and its counts, from the metrics in a recording."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .model import MOST_DISTINCT, Cost, Sent
from .span import process_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .span import Process

_PARTS = {"call": 0, "background": 1}
_LONGEST = 1e9  # s: anything longer is malformed
_MOST = 1 << 64
_NOT_UNDERSTOOD = KeyError, TypeError, ValueError, AttributeError, OverflowError
_CUMULATIVE = (2, "2", "AGGREGATION_TEMPORALITY_CUMULATIVE")


class Costs:
    """The last values of each process, in seconds, spans and messages."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float | None]] = {}
        self._dropped: dict[str, int] = {}
        self._in_flight: dict[str, int] = {}
        self._sent: dict[str, tuple[Process, int]] = {}

    def add(self, resources: Any) -> None:
        """Add the `resourceMetrics` of a request; malformed parts are ignored."""
        for resource in resources if isinstance(resources, list) else ():
            with suppress(*_NOT_UNDERSTOOD):
                self._add(resource)

    def _add(self, resource: Any) -> None:
        process = str(resource["resource"])
        if process not in self._seconds and len(self._seconds) >= MOST_DISTINCT:
            return
        self._seconds.setdefault(process, [None, None])
        for metric in _metrics(resource):
            with suppress(*_NOT_UNDERSTOOD):
                self._add_metric(process, process_of(resource["resource"]), metric)

    def _add_metric(self, resource: str, process: Process, metric: Any) -> None:
        match metric["name"]:
            case "autoinstrument.cost":
                for point in metric["gauge"]["dataPoints"]:
                    (part,) = point["attributes"]
                    at = _PARTS[part["value"]["stringValue"]]
                    self._seconds[resource][at] = _seconds(point)
            case "autoinstrument.spans.dropped":
                (point,) = metric["sum"]["dataPoints"]
                self._dropped[resource] = _count(point)
            case "autoinstrument.messages.in_flight":
                (point,) = metric["gauge"]["dataPoints"]
                self._in_flight[resource] = _count(point)
            case "messaging.client.sent.messages":
                if metric["sum"]["aggregationTemporality"] in _CUMULATIVE:
                    sent = sum(map(_count, metric["sum"]["dataPoints"]))
                    self._sent[resource] = process, sent

    @property
    def in_flight(self) -> int | None:
        """The number of unanswered writes, from the last values; None without any."""
        return sum(self._in_flight.values()) if self._in_flight else None

    def sent(self, seen: Mapping[Process, int]) -> Sent | None:
        """Return how many messages were sent, and how many of them were `seen` as spans.

        None if no process counted them, or if there are too many processes to count separately.
        """
        if not self._sent or len(seen) >= MOST_DISTINCT:
            return None
        counted: Counter[Process] = Counter()
        for process, count in self._sent.values():
            counted[process] += count
        # While a program runs, its spans may be ahead of its metrics.
        recorded = sum(min(count, seen.get(process, 0)) for process, count in counted.items())
        return Sent(recorded, counted.total())

    def cost(self) -> Cost | None:
        """Return the overhead per operation, averaged over processes; None if unknown."""
        call, background = (
            [float(each[at]) for each in self._seconds.values() if each[at] is not None]  # type: ignore[arg-type]
            for at in (0, 1)
        )
        if not background:
            return None
        return Cost(_mean(call), _mean(background), sum(self._dropped.values()))


def _metrics(resource: Any) -> Iterator[Any]:
    for scope in resource["scopeMetrics"]:
        yield from scope["metrics"]


def _seconds(point: Any) -> float:
    seconds = float(point["asDouble"])
    if not 0 <= seconds < _LONGEST:
        raise ValueError(seconds)
    return seconds


def _count(point: Any) -> int:
    count = int(point["asInt"])
    if not 0 <= count < _MOST:
        raise ValueError(count)
    return count


def _mean(seconds: list[float]) -> int | None:
    return round(sum(seconds) / len(seconds) * 1e9) if seconds else None
