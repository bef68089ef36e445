"""Measures cases: all variants run a phase before any of them runs the next.

So noise affects all of them alike. Their order changes with each round.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from .cases import CLIENTS, SAMPLINGS, Case, Phase, Program
from .outcome import MEASURES, NotMeasured, Outcome
from .running import OTHER, OURS, Variant, Workload, in_turn, workload

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .brokers import Broker
    from .sink import Sink

_WARM_UP = Phase("write_in_a_loop", 500)


class Bench:
    """Runs the variants to compare, on one broker, with one endpoint for their spans."""

    def __init__(
        self, variants: list[Variant], broker: Broker, sink: Sink, tell: Callable[[], None]
    ) -> None:
        """`tell` is called after each phase of each variant."""
        self._variants = variants
        self._broker = broker
        self._sink = sink
        self._tell = tell
        self._other_traces: dict[str, bool] = {}

    def measured(self, program: Program, cases: list[Case], rounds: int) -> list[Outcome]:
        """Return the outcomes of `rounds` rounds of the cases, which have the same program.

        Raises NotMeasured if the program fails or writes to stderr.
        """
        other_traces = self._is_traced_by_other(program.client)
        outcomes = [Outcome(case, other_traces=other_traces) for case in cases]
        for number in range(rounds):
            wanted = [outcome for outcome in outcomes if number == 0 or not outcome.case.once]
            if wanted:
                self._round(program, wanted, number)
        return outcomes

    def _is_traced_by_other(self, client: str) -> bool:
        """Return whether the other agent traces a client; raises NotMeasured if ours does not."""
        if client not in self._other_traces:
            spans = {}
            for variant in self._variants:
                with self._started(Program(client), variant) as started:
                    started.measured(_WARM_UP, exports=False)
                spans[variant.name] = self._sink.taken(variant.name)
            if not spans[OURS]:
                raise NotMeasured(
                    f"{client} has no spans under autoinstrument: `autoinstrument doctor` shows why"
                )
            self._other_traces[client] = spans[OTHER] > 0
        return self._other_traces[client]

    def _round(self, program: Program, outcomes: list[Outcome], number: int) -> None:
        by_phase: dict[Phase, list[Outcome]] = {}
        for outcome in outcomes:
            by_phase.setdefault(outcome.case.phase, []).append(outcome)
        with ExitStack() as running:
            workloads = {
                variant.name: running.enter_context(self._started(program, variant))
                for variant in in_turn(self._variants, number)
            }
            for started in workloads.values():
                started.measured(_WARM_UP, exports=False)
            for phase, of_phase in by_phase.items():
                for name, started in workloads.items():
                    self._do(phase, name, started, of_phase)

    def _do(self, phase: Phase, name: str, started: Workload, outcomes: list[Outcome]) -> None:
        self._sink.taken(name)
        before = self._broker.written()
        exports = any(MEASURES[outcome.case.measure].exports for outcome in outcomes)
        found = started.measured(phase, exports=exports)
        delivered, spans = self._broker.written() - before, self._sink.taken(name)
        for outcome in outcomes:
            outcome.add(name, found, delivered=delivered, spans=spans)
        self._tell()

    def _started(self, program: Program, variant: Variant) -> AbstractContextManager[Workload]:
        settings = variant.exporting(self._sink.url) | SAMPLINGS[program.sampling]
        if program.bounded:
            del settings["OTEL_BSP_MAX_QUEUE_SIZE"]
        # With a bounded queue, an agent may warn of dropped spans.
        quietly = not program.bounded
        return workload(variant, CLIENTS[program.client], self._broker, settings, quietly=quietly)
