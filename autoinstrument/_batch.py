"""The list that one poll has returned, whose messages have their turns as units of work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._unit import Unit


class Batch(list[Any]):
    """The messages that one call has returned, each of which has its turn when it is iterated.

    A list in everything else: copies and pickles of it are plain lists.
    """

    __slots__ = ("_begin", "_begun", "_held", "_kind", "_lock", "_units", "_was_held")

    def __init__(
        self,
        messages: Sequence[Any],
        begin: Callable[[Any], Unit | None],
        units: list[Unit],
        held: Callable[[], bool],
    ) -> None:
        """Add those of the messages to `units`, which are open as long as they are `held`."""
        super().__init__(messages)
        self._begin = begin
        self._units = units
        self._held = held
        self._was_held = True
        self._kind = type(messages[0])
        self._begun: dict[int, tuple[Any, Unit | None]] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        for message in list.__iter__(self):
            unit = self._unit(message)
            if unit is None or unit.is_ended:
                yield message
                continue
            before, work = unit.enter()
            is_complete = False
            try:
                yield message
                is_complete = True
            finally:  # also when the application leaves the loop
                unit.leave(before, work, complete=is_complete)
                if not self._was_held:
                    unit.finish()

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        return list, (list.copy(self),)

    def __copy__(self) -> list[Any]:
        return list.copy(self)

    def _unit(self, message: Any) -> Unit | None:
        known = self._begun.get(id(message))
        if known is None:
            with self._lock:  # else two threads, each in a loop over it, could begin two
                known = self._begun.get(id(message)) or self._began(message)
        return known[1]

    def _began(self, message: Any) -> tuple[Any, Unit | None]:
        # What the application has put in itself is of another type.
        unit = self._begin(message) if type(message) is self._kind else None
        if unit is not None:
            self._units.append(unit)
            self._was_held = self._held()  # else its turn comes after the next poll
        known = self._begun[id(message)] = message, unit  # alive, so that nobody else has its id
        return known


# As the application may see it: in its types' names, and in the words of a TypeError.
Batch.__name__ = Batch.__qualname__ = list.__name__
Batch.__module__ = list.__module__
