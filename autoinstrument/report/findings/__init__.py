"""The findings: problems with the way a program writes, each with its evidence and a remedy.

`evidence` is gathered from the spans of a recording. `losses`, `delays` and `gaps` have a function
for each kind of problem, which is named for the slug of the finding. The first sentence of its
docstring describes the finding in the help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoinstrument.report.model import Finding

from .delays import hot_partition, reports_unserved, slow_acks, synchronous_writes
from .facts import names
from .gaps import acks_zero, broken_trace, oversized_headers
from .losses import (
    failed_processing,
    failures_by_cause,
    lost_at_exit,
    queue_full,
    unflushed_transaction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .facts import Facts, Found

FINDINGS: dict[str, Callable[[Facts], Iterator[Found]]] = {
    find.__name__.replace("_", "-"): find
    for find in (
        lost_at_exit,
        unflushed_transaction,
        failures_by_cause,
        failed_processing,
        queue_full,
        synchronous_writes,
        reports_unserved,
        slow_acks,
        hot_partition,
        oversized_headers,
        broken_trace,
        acks_zero,
    )
}
"""The functions that find problems, by slug, most severe first."""


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Return the findings of a recording, most severe first."""
    return tuple(
        Finding(slug, found.headline, evidence, found.remedy, found.traces, found.numbers)
        for slug, find in FINDINGS.items()
        for found in find(facts)
        for evidence in [_with_services(found.evidence, found.services, facts.services)]
    )


def _with_services(evidence: str, services: Iterable[str], known: tuple[str, ...]) -> str:
    """Return the evidence with the services concerned, if the recording has several."""
    concerned = list(services)
    if not concerned or len(known) == 1:
        return evidence
    said = f"service{'' if len(concerned) == 1 else 's'} {names(concerned)}"
    return f"{evidence.removesuffix('.')} ({said})."
