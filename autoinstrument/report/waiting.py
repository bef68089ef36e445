"""Programs that wait for the answer to each write, and how long they would take without waiting."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .evidence import Evidence, Sequence

_FEWEST = 20  # fewer writes are a try, and no way of writing
_SEEN = 0.25  # the others may have had their answer before the busy program came to ask for it
_WORTH_IT = 0.1  # of the time: a gain of less is not felt
_NEVER_ALONE = 0.05  # writes that overlap by chance, where a program does not wait
_ONLY_WAITS = 0.9  # who writes at his own pace has pauses; who waits goes on at once


class Waiting(NamedTuple):
    """How long one service waits; nanoseconds, summed over its threads that wait."""

    service: str | None
    writes: int
    topics: Counter[str]
    by: str
    """The call that waits; empty where that was not seen."""
    waited: int
    observed: int
    connecting: int
    """Of what was waited, for the first write of each thread."""
    before: int
    """From the first call to the last answer, of the thread that took longest."""
    after: int
    """What that would be if no write but the first were waited for, and none took time to send."""
    traces: tuple[str, ...]


def waiting(evidence: Evidence) -> Iterator[Waiting]:
    """Yield the services that have processes that would gain by not waiting."""
    alone: dict[object, list[Sequence]] = {}
    for (process, _), sequence in evidence.threads.items():
        if not _overlaps(sequence):  # as in coroutines that each wait for their own
            alone.setdefault(process, []).append(sequence)
    services: dict[str | None, tuple[Counter[str], list[Sequence]]] = {}
    for process, whole in evidence.processes.items():
        threads = alone.get(process, [])
        if sum(each.count for each in threads) < _SEEN * whole.count:
            threads = [whole] if _goes_on_at_once(whole) else []
        if _gains(threads):
            topics, waiting = services.setdefault(process.service, (Counter(), []))
            topics.update(whole.topics)
            waiting.extend(threads)
    for service, (topics, threads) in services.items():
        yield _waiting(service, topics, threads)


def _gains(threads: list[Sequence]) -> bool:
    waited = sum(each.waited - each.first for each in threads)
    observed = sum(each.observed - each.first for each in threads)
    return sum(each.count for each in threads) >= _FEWEST and waited >= _WORTH_IT * observed


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


def _goes_on_at_once(whole: Sequence) -> bool:
    """Whether a program that was not seen waiting must have waited: it never does anything else."""
    return not _overlaps(whole) and whole.waited >= _ONLY_WAITS * whole.observed


def _overlaps(sequence: Sequence) -> bool:
    return sequence.overlapping > _NEVER_ALONE * sequence.count
