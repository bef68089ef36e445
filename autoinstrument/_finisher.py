"""The one background thread: answered writes become spans and are exported, off the hot path.

It starts with the first answered write, never before. The queue is bounded, and what does not fit
is counted and told.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from opentelemetry import context as context_api
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ._guard import Guard
from ._notices import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Operation
    from ._spans import SpanBuilder

_PATIENCE_AT_EXIT = 5.0  # seconds without a single batch accepted, then the rest is given up


class Finisher:
    """A queue of answered writes and the thread that empties it into `exporters`.

    `interval` is in seconds; `batch` and `most_waiting` count writes.
    """

    def __init__(
        self,
        builder: SpanBuilder,
        exporters: Sequence[SpanExporter],
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
        self._builder = builder
        self._exporters = exporters
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
        """Queue one answered write; never blocks."""
        if not self._exporters:
            return
        waiting = len(self._waiting)
        if waiting >= self._most_waiting:
            self.dropped += 1
            tell("spans-dropped", f"{waiting} writes wait for their export; more are dropped")
            return
        self._waiting.append(operation)
        if waiting == self._batch:
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
        for exporter in self._exporters:
            with self._guard:
                exporter.shutdown()
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
            count = min(self._batch, len(self._waiting))
            operations = [self._waiting.popleft() for _ in range(count)]
            self._in_hand = count
            accepted = self._export(operations)
            self._batches += 1
            if accepted:
                writes = [operation for operation in operations if operation.is_write]
                self.exported += len(writes)
                self.failed += sum(write.error_type is not None for write in writes)
            else:
                self.dropped += count
            self._in_hand = 0
            if self._closing and not accepted:
                return

    def _export(self, operations: list[Operation]) -> bool:
        with self._guard:
            spans = [span for operation in operations for span in self._builder.spans(operation)]
            results = {exporter: exporter.export(spans) for exporter in self._exporters}
            refused = [
                type(e).__name__ for e, r in results.items() if r != SpanExportResult.SUCCESS
            ]
            if refused:
                tell("export-failed", f"{refused[0]} could not export; the spans are dropped")
            return len(refused) < len(results) or not results
        return False


def _suppressing() -> context_api.Context:
    """Return a context in which no instrumentation traces what the exporters themselves send."""
    key = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    return context_api.set_value(key, True)  # noqa: FBT003 - a value, not an argument
