"""The list that a poll returns: iterating over it makes each message a unit of work."""

from __future__ import annotations

import threading
from operator import length_hint
from typing import TYPE_CHECKING, Any

from .workers import this_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.context import Context

    from .open_units import PolledUnits
    from .unit import Unit
    from .workers import Worker


class Batch(list[Any]):
    """The messages that one poll returned; iterating makes the unit of work of each current.

    In all else it is a list, and copies and pickles of it are plain lists.
    """

    __slots__ = ("_begin", "_begun", "_kind", "_lock", "_units", "_were_open", "guard")

    def __init__(
        self,
        messages: Sequence[Any],
        begin: Callable[[Any], Unit | None],
        units: PolledUnits,
    ) -> None:
        """`begin` opens the unit of a message, which is then added to `units`."""
        super().__init__(messages)
        self._begin = begin
        self._units = units
        self.guard = units.guard
        self._were_open = True
        self._kind = type(messages[0])
        self._begun: dict[int, tuple[Any, Unit | None]] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        return _Turns(self)

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        return list, (list.copy(self),)

    def __copy__(self) -> list[Any]:
        return list.copy(self)

    def unit(self, message: Any) -> Unit | None:
        """Return the unit of work of a message, opened if need be; None if it has none."""
        known = self._begun.get(id(message))
        if known is None:
            with self._lock:  # else two threads, each in a loop over it, could begin two
                known = self._begun.get(id(message)) or self._began(message)
        unit = known[1]
        return None if unit is None or unit.is_ended else unit

    def left(self, unit: Unit) -> None:
        """End a unit that the application has left, if the poll that ends it has come already."""
        if not self._were_open:
            unit.finish()

    def _began(self, message: Any) -> tuple[Any, Unit | None]:
        # The application may have put in something of another type.
        unit = self._begin(message) if type(message) is self._kind else None
        if unit is not None:
            self._units.append(unit)
            self._were_open = self._units.are_open  # else the next poll came before its turn
        known = self._begun[id(message)] = message, unit  # kept alive, so that its id stays its own
        return known


class _Turns:
    """An iterator over a batch, which threads and tasks may share like that of a list.

    When a thread or task asks for the next message, its turn with the last one ends.
    """

    __slots__ = ("_batch", "_messages", "_turns")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._messages: Any = list.__iter__(batch)
        self._turns: dict[Worker, tuple[Unit, Context, Context | None]] = {}

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            worker = this_worker()
            if worker in self._turns:
                self._leave(worker, complete=True)
        except Exception as error:  # noqa: BLE001 - the agent's own
            self._batch.guard.caught(error)
            return next(self._messages)
        message = next(self._messages)
        unit = None
        try:
            unit = self._batch.unit(message)
            if unit is not None:
                self._turns[worker] = unit, *unit.enter()
        except Exception as error:  # noqa: BLE001 - the agent's own
            self._batch.guard.caught(error, *filter(None, [unit]))
        return message

    def __del__(self) -> None:  # also when the application leaves the loop
        with self._batch.guard:
            for worker in list(self._turns):
                self._leave(worker, complete=False)

    def _leave(self, worker: Worker, *, complete: bool) -> None:
        unit, before, work = self._turns.pop(worker)
        unit.leave(before, work, complete=complete)
        self._batch.left(unit)

    def __length_hint__(self) -> int:
        return length_hint(self._messages)

    def __reduce__(self) -> tuple[Any, ...]:
        function, (messages,), *state = self._messages.__reduce__()
        return function, (list.copy(messages),), *state


# As the application may see it: in its types' names, and in the words of a TypeError.
_Turns.__name__ = _Turns.__qualname__ = type(iter([])).__name__
_Turns.__module__ = list.__module__
Batch.__name__ = Batch.__qualname__ = list.__name__
Batch.__module__ = list.__module__
