"""Finds programs that wait for the answer to each write, and estimates what batching gains."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .evidence import Evidence, Sequence

_FEWEST_WRITES = 20  # fewer do not show how a program writes
_SEEN_WAITING = 0.25  # of the writes: others may be answered before a busy program waits
_WORTH_IT = 0.1  # of the time: nobody notices a smaller gain
_BY_CHANCE = 0.05  # of the writes: more overlapping ones show that a program does not wait
_NO_PAUSES = 0.9  # of the time: a program that writes at its own pace has pauses between writes


class Waiting(NamedTuple):
    """How long one service waits: nanoseconds, summed over its waiting threads."""

    service: str | None
    writes: int
    topics: Counter[str]
    by: str
    """The call that waits; empty if none was seen."""
    waited: int
    observed: int
    connecting: int
    """The part of `waited` for the first write of each thread, which includes its connection."""
    before: int
    """The time from the first call to the last answer, of the slowest thread."""
    after: int
    """The same time if the program waited only once, and sending took no time."""
    traces: tuple[str, ...]


def waiting(evidence: Evidence) -> Iterator[Waiting]:
    """Yield the services that would be faster if they did not wait."""
    waiting_threads: dict[object, list[Sequence]] = {}
    for (process, _), sequence in evidence.threads.items():
        if not _overlaps(sequence):  # else several coroutines wait, each for its own write
            waiting_threads.setdefault(process, []).append(sequence)
    services: dict[str | None, tuple[Counter[str], list[Sequence]]] = {}
    for process, whole in evidence.processes.items():
        threads = waiting_threads.get(process, [])
        if sum(each.count for each in threads) < _SEEN_WAITING * whole.count:
            threads = [whole] if _never_pauses(whole) else []
        if _gains(threads):
            topics, waiting = services.setdefault(process.service, (Counter(), []))
            topics.update(whole.topics)
            waiting.extend(threads)
    for service, (topics, threads) in services.items():
        yield _waiting(service, topics, threads)


def _gains(threads: list[Sequence]) -> bool:
    waited = sum(each.waited - each.first for each in threads)
    observed = sum(each.observed - each.first for each in threads)
    enough = sum(each.count for each in threads) >= _FEWEST_WRITES
    return enough and 0 < _WORTH_IT * observed <= waited


def _waiting(service: str | None, topics: Counter[str], threads: list[Sequence]) -> Waiting:
    return Waiting(
        service=service,
        writes=sum(each.count for each in threads),
        topics=topics,
        by=threads[0].by.most_common(1)[0][0],
        waited=sum(each.waited for each in threads),
        observed=sum(each.observed for each in threads),
        connecting=sum(each.first for each in threads),
        before=max(each.observed for each in threads),
        after=max(map(_without_waiting, threads)),
        traces=tuple(threads[0].traces),
    )


def _without_waiting(sequence: Sequence) -> int:
    last = max(sequence.first, sequence.latencies.percentile(50))
    return sequence.observed - sequence.waited + last


def _never_pauses(whole: Sequence) -> bool:
    """Whether each write follows the previous answer at once, even if no call was seen waiting."""
    return not _overlaps(whole) and whole.waited >= _NO_PAUSES * whole.observed


def _overlaps(sequence: Sequence) -> bool:
    return sequence.overlapping > _BY_CHANCE * sequence.count
