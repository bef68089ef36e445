"""The one background thread: ended operations are encoded and exported, off the hot path.

It starts with the first answered write, never before. The queue is bounded, and what does not fit
is counted and told.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from opentelemetry import context as context_api

from ._guard import Guard
from ._notices import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._destinations import Destination
    from ._operation import Operation

# The interpreter's lock is given up after so many, for the application that waits for it: some
# 0.5 ms, where the interpreter would take it away only after 5.
_SLICE = 64
_SHARE = 8  # or this part of what waits, since an application that never rests must be kept up with
_PATIENCE_AT_EXIT = 5.0  # seconds without a single batch accepted, then the rest is given up


class Finisher:
    """A queue of ended operations and the thread that empties it into `destinations`.

    `interval` is in seconds; `batch` and `most_waiting` count operations.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        *,
        interval: float,
        batch: int,
        most_waiting: int,
    ) -> None:
        self.dropped = 0
        self.exported = 0
        """Of the writes; units of work are not counted."""
        self.failed = 0
        """Of the exported writes, those that the broker has not taken."""
        self._destinations = destinations
        self._interval = interval
        self._batch = batch
        self._most_waiting = most_waiting
        self._waiting: deque[Operation] = deque()
        self._wake = threading.Event()
        self._batches = 0
        self._in_hand = 0
        self._closing = False
        self._guard = Guard("the export of spans")
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()

    def add(self, operation: Operation) -> None:
        """Queue one ended operation; never blocks."""
        if not self._destinations:
            return
        waiting = len(self._waiting)
        if waiting >= self._most_waiting:
            self.dropped += 1
            tell("spans-dropped", f"{waiting} writes wait for their export; more are dropped")
            return
        self._waiting.append(operation)
        if waiting == self._most_waiting // _SHARE:
            self._wake.set()
        if self._thread is None:
            self._start()

    def finish(self) -> None:
        """Export what is waiting, as long as there is progress, and close the exporters.

        Called at an orderly exit, where a thread can no longer be started: what no thread can take
        is exported here.
        """
        self._closing = True
        if self._thread is not None and self._thread.is_alive():
            self._wake.set()
            before = -1
            while self._thread.is_alive() and before != self._batches:
                before = self._batches
                self._thread.join(_PATIENCE_AT_EXIT)
        else:
            self._drain()
        self.dropped += len(self._waiting) + self._in_hand
        for destination in self._destinations:
            with self._guard:
                destination.shutdown()
        if self.dropped:
            tell("spans-dropped", f"{self.dropped} writes have no span in the end", about="total")

    def _start(self) -> None:
        with self._thread_lock:
            if self._thread is None and not self._closing:
                thread = threading.Thread(target=self._run, name="autoinstrument", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is shutting down: finish() will export
                    return
                self._thread = thread

    def _run(self) -> None:
        token = context_api.attach(_suppressing())
        try:
            while not self._closing:
                self._wake.wait(self._interval)
                self._wake.clear()
                self._drain()
            self._drain()
        finally:
            context_api.detach(token)

    def _drain(self) -> None:
        while self._waiting:
            accepted = self._export()
            self._batches += 1
            self._in_hand = 0
            if self._closing and not accepted:
                return

    def _export(self) -> bool:
        """Export one batch; whether anyone has taken it."""
        writes = failed = 0
        accepted = False
        with self._guard:
            while self._waiting and self._in_hand < self._batch:
                operations = self._slice()
                for destination in self._destinations:
                    destination.take(operations)
                for operation in operations:
                    if operation.is_write:
                        writes += 1
                        failed += operation.error_type is not None
                time.sleep(0)
            refused = [each.name for each in self._destinations if not each.send()]
            if refused:
                tell("export-failed", f"{refused[0]} could not export; the spans are dropped")
            accepted = len(refused) < len(self._destinations)
        if accepted:
            self.exported += writes
            self.failed += failed
        else:
            self.dropped += self._in_hand
        return accepted

    def _slice(self) -> list[Operation]:
        waiting = len(self._waiting)
        count = min(max(_SLICE, waiting // _SHARE), waiting, self._batch - self._in_hand)
        self._in_hand += count
        return [self._waiting.popleft() for _ in range(count)]


def _suppressing() -> context_api.Context:
    """Return a context in which no instrumentation traces what the exporters themselves send."""
    key = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    return context_api.set_value(key, True)  # noqa: FBT003 - a value, not an argument
