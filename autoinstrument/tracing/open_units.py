"""The units of work that a consumer's next poll will end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import workers
from .unit import Unit
from .workers import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autoinstrument.process.guard import Guard


class OpenUnits(dict[Worker, list[Unit]]):
    """The units of work of one consumer, by who polls, since a consumer may serve several."""

    def end(self, worker: Worker, error: BaseException | None = None) -> None:
        """End what `worker` has left open, as failed if there is an `error`."""
        units = self.pop(worker, ())
        if error is not None:
            for unit in units:
                unit.failed(error)
        finish(units)

    def end_of_the_gone(self) -> None:
        """End what is left open by workers that are gone, such as jobs of a pool."""
        for worker in filter(workers.is_gone, list(self)):
            self.end(worker, workers.error_of(worker))

    def end_all(self, error: BaseException | None) -> None:
        """End all of them, as failed if there is an `error`, or if their own worker had one."""
        for worker in list(self):
            self.end(worker, error or workers.error_of(worker))

    def abandon(self) -> int:
        """Drop all of them without a span; return how many."""
        count = 0
        for worker in list(self):
            for unit in self.pop(worker, ()):
                unit.abandon()
                count += 1
        return count


class PolledUnits(list[Unit]):
    """The units of work of the messages of one poll; iterating over those adds more."""

    __slots__ = ("_open_units", "_worker", "guard")

    def __init__(self, open_units: OpenUnits, worker: Worker, guard: Guard) -> None:
        super().__init__()
        self._open_units = open_units
        self._worker = worker
        self.guard = guard
        """Contains the agent's own failures at them."""

    @property
    def are_open(self) -> bool:
        """Whether the poll that ends them is still to come."""
        return self._open_units.get(self._worker) is self


def finish(units: Iterable[Unit]) -> None:
    """End the processing of all these messages; where that fails, a message has no span."""
    failure = None
    for unit in units:
        try:
            unit.finish()
        except Exception as error:  # noqa: BLE001, PERF203 - raised again, once the others have ended
            unit.abandon()
            failure = error
    if failure is not None:
        raise failure
