"""The one background thread: ended operations are encoded and exported, off the hot path.

It starts with the first answered write, never before. The queue is bounded, in operations and in
what they hold, and what does not fit is counted and told.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from opentelemetry import context as context_api

from autoinstrument.logs.lines import LogLines, wants_line
from autoinstrument.process import background, clock
from autoinstrument.process.exit import end_alone, is_alone, may_be_alone
from autoinstrument.process.guard import Guard
from autoinstrument.process.notices import tell
from autoinstrument.process.quiet import unheard
from autoinstrument.tracing import guard
from autoinstrument.tracing.producer import read_answers
from autoinstrument.tracing.suppression import KEY

from .attempts import PATIENCE, Attempts
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoinstrument.metrics.meter import Meter
    from autoinstrument.tracing.operation import Operation

    from .destinations import Destination

# The interpreter's lock is given up after so many, for the application that waits for it: some
# 0.5 ms, where the interpreter would take it away only after 5.
_SLICE = 64
_SHARE = 8  # or this part of what waits, since an application that never rests must be kept up with
_LOOKS = 0.05  # seconds, where the end of the process is to be seen
_PATIENCE_WITH_START = 1.0  # seconds
_PATIENCE_AT_EXIT = 5.0  # seconds without a single batch accepted, then all are given up


class ExportQueue:
    """A queue of ended operations and the thread that empties it into `destinations`.

    `interval` is in seconds; `batch` and `most_waiting` count operations.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        meter: Meter | None,
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
        self.lasts = all(each.lasts for each in destinations)
        """Whether what is added after `finish` is exported by `finish_late`."""
        self._destinations = destinations
        self._to_shut_down = [*destinations]
        self._meter = meter
        self._interval = interval
        self._batch = batch
        self._many = min(most_waiting // _SHARE, 2 * batch)
        """So many are not left waiting until the interval is over: what they hold is used again."""
        self._waiting = Waiting(meter, most_waiting)
        self._wake = threading.Event()
        self._asked: deque[threading.Event] = deque()
        """Set when what was waiting before has been exported, for who waits for that."""
        self._batches = 0
        self._in_hand = 0
        self._unanswered = 0
        """Operations that the destinations have, until those answer or are given up."""
        self._attempts = Attempts()
        self._closing = False
        self._guard = Guard("the export of spans")
        self._log = LogLines()
        self._is_started = False
        self._at_work = threading.Lock()
        """Held by who exports: the thread as long as it runs, or the end where there is none."""
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def add(self, operation: Operation) -> None:
        """Queue one ended operation, if there is more to do than to count it; never blocks."""
        if not (self._is_wanted(operation) or wants_line(operation)):
            if not self._is_started:  # what exports the counts, and follows the clock
                self._start()
            operation.taken = True
            if self._meter is None or self._meter.count_at_once(operation):
                return
        waiting = self._waiting
        if not waiting.has_room_for(operation.weight):
            self._drop(operation)
            words = f"the queue of spans is full ({len(waiting)} operations), and more are dropped"
            tell("spans-dropped", f"{words}; OTEL_BSP_MAX_QUEUE_SIZE can make it longer")
            return
        waiting.weight += operation.weight
        operation.taken = True
        waiting.append(operation)
        if len(waiting) == self._many:
            self._wake.set()
        if not self._is_started:
            self._start()

    def count_waiting(self) -> None:
        """Count what is waiting, for who asks for the counts now; it is exported in its turn."""
        self._waiting.count_all(self._guard)

    def unanswered(self) -> int:
        """Return how many operations wait for their export, or for its answer."""
        return self._unanswered + len(self._waiting) if self._destinations else 0

    def export(self) -> None:
        """Export what is waiting, and the counts, and wait for that, however long it takes."""
        if self._is_started:
            exported = threading.Event()
            self._asked.append(exported)
            self._wake.set()
            exported.wait()

    def finish(self) -> None:
        """Export what is waiting, as long as there is progress, and close the exporters.

        Called at an orderly exit, where a thread can no longer be started: what no thread can take
        is exported here. What comes later waits for `finish_late`.
        """
        self._closing = True
        try:
            # A fork from C that runs none of Python's hooks, as uWSGI's, copies no thread either.
            if self._pid != os.getpid() or self._at_work.acquire(blocking=False):
                with unheard:
                    self._drain_at_exit()
            else:
                self._wait()
        finally:  # also where the handler of another signal raises, which nobody sends to wait
            with self._guard:
                self._log.finish()
            if not self.lasts:  # else what came just now is exported by `finish_late`
                self._give_up()
            self._shut_down()

    def finish_late(self) -> None:
        """Export what has come since `finish`, or count it as dropped; tell how many were dropped.

        Called when no thread runs and nothing can be imported.
        """
        if self.lasts and self._waiting:
            self._drain()
            if self._meter is not None:
                with self._guard:
                    self._meter.finish_late()
        self._give_up()

    def _wait(self) -> None:
        """Wait for the thread to end."""
        self._wake.set()
        if self.unanswered() and self._attempts.are_in_doubt:
            self._attempts.tell_waiting(self.unanswered())
        before = -1
        while before != self._batches:
            before = self._batches
            if self._at_work.acquire(timeout=PATIENCE):
                return
            if before == self._batches:
                self._attempts.tell_waiting(self.unanswered())
                if self._attempts.complaints:
                    self._shut_down()  # which ends its waiting for the next time
            if self._at_work.acquire(timeout=_PATIENCE_AT_EXIT - PATIENCE):
                return

    def _shut_down(self) -> None:
        while self._to_shut_down:
            with self._guard, unheard:
                self._to_shut_down.pop().shutdown()
        if self._meter is not None:
            with self._guard, unheard:
                self._meter.shut_down()

    def _give_up(self) -> None:
        """Count what has not been exported by now as dropped, and tell how many were."""
        self._drop_waiting()
        with self._lock:
            given_up, self._unanswered = self._unanswered, 0
        self.dropped += given_up
        dropped = self.dropped + guard.dropped()
        if dropped:
            operations = "1 operation" if dropped == 1 else f"{dropped} operations"
            tell("spans-dropped", f"the spans of {operations} were dropped in all", about="total")

    def _start(self) -> None:
        # Another thread may do so at the same time: the second that starts finds the first at work.
        if self._closing:
            return
        self._is_started = True
        try:
            begun = threading.Event()
            background.start(partial(self._run, begun))
            begun.wait(_PATIENCE_WITH_START)  # an end that came first would do the thread's work
        except BaseException as error:
            self._is_started = False
            if not isinstance(error, RuntimeError):  # a signal handler's
                raise
            # The interpreter is shutting down: finish() will export.

    def _run(self, begun: threading.Event) -> None:
        is_first = self._at_work.acquire(blocking=False)
        begun.set()
        if not is_first:
            return
        token = context_api.attach(_suppressing())
        try:
            self._attempts.complaints = unheard.complaints  # of this thread
            with unheard:
                self._work()
        finally:
            context_api.detach(token)
            self._at_work.release()
            # Where an exit has ended it, the next operation starts another.
            self._is_started = False
        if not self._closing:
            end_alone()

    def _work(self) -> None:
        """Export what is queued, at intervals, until the process ends."""
        interval = min(self._interval, _LOOKS) if may_be_alone() else self._interval
        while not (self._closing or is_alone()):
            self._wake.wait(interval)
            self._wake.clear()
            clock.adjust()
            asked = len(self._asked)
            self._drain()
            if self._meter is not None and not self._closing:  # else in its turn, if anyone answers
                with self._guard:
                    self._meter.export() if asked else self._meter.export_when_due()
            for _ in range(asked):
                self._asked.popleft().set()
            background.hide()
        if self._closing:
            self._drain_at_exit()

    def _drain(self) -> None:
        """Export what waits, and what the clients have noted, which may not fit all at once."""
        more = True
        while more:
            more = read_answers()
            self._drain_waiting()
            if self._closing and not self._attempts.has_arrived:
                return

    def _drain_waiting(self) -> None:
        while self._waiting:
            accepted = self._export()
            self._batches += accepted
            self._in_hand = 0
            if self._closing and not accepted:
                return

    def _drain_at_exit(self) -> None:
        self._drain()
        if self._meter is not None and self._attempts.has_arrived:  # else metrics would not either
            with self._guard:
                self._meter.finish()
            self._batches += 1

    def _export(self) -> bool:
        """Count and export one batch; whether anyone has taken it."""
        writes = failed = 0
        accepted = False
        begun = time.thread_time_ns()
        self._attempts.complaints.clear()
        with self._guard:
            while self._waiting and self._in_hand < self._batch:
                operations = self._waiting.take(self._share())
                self._in_hand += len(operations)
                self._log.tell(operations)
                spans = self._wanted(operations)
                self._unanswered += len(spans)
                for destination in self._destinations:
                    destination.take(spans)
                written = [each.error_type for each in spans if each.is_write]
                writes += len(written)
                failed += len(written) - written.count(None)
                time.sleep(0)
            self._attempts.begin()
            arrived = [each.send() for each in self._destinations]
            accepted = not arrived or any(arrived)
        self._attempts.end(accepted=accepted)
        if self._meter is not None:
            taken = time.thread_time_ns() - begun
            self._meter.metrics.background.add(taken, self._in_hand)
        with self._lock:
            if self._unanswered and accepted:  # none where finish() has given them up
                self.exported += writes
                self.failed += failed
            elif not accepted:
                self.dropped += self._unanswered
            self._unanswered = 0
        return accepted

    def _drop_waiting(self) -> None:
        while self._waiting:
            (given_up,) = self._waiting.take(1)
            self.dropped += self._is_wanted(given_up)

    def _drop(self, operation: Operation) -> None:
        operation.taken = True
        self.dropped += self._is_wanted(operation)
        if self._meter is not None:
            self._meter.count([operation])

    def _wanted(self, operations: list[Operation]) -> list[Operation]:
        if not self._destinations:
            return []
        return [each for each in operations if each.recording or each.kept is not None]

    def _is_wanted(self, operation: Operation) -> bool:
        return bool(self._destinations) and operation.is_wanted

    def _share(self) -> int:
        """Return how many operations are exported until the lock is given up again."""
        waiting = len(self._waiting)
        return min(max(_SLICE, waiting // _SHARE), waiting, self._batch - self._in_hand)


def _suppressing() -> context_api.Context:
    """Return a context in which no instrumentation traces what the exporters themselves send."""
    return context_api.set_value(KEY, True)  # noqa: FBT003 - a value, not an argument
