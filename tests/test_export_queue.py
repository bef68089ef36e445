"""The background thread: what it does not survive, and who does its work then."""

from __future__ import annotations

import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from processes import until

from autoinstrument.export.queue import ExportQueue
from autoinstrument.process import background
from autoinstrument.tracing.attributes import Attributes
from autoinstrument.tracing.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NAMED = MappingProxyType({"messaging.operation.name": "send"})


class _Ending:
    """A destination whose first call ends the thread, as a `sys.exit` in a handler would."""

    lasts = False

    def __init__(self) -> None:
        self.calls = 0
        self.sent = 0

    def take(self, operations: Iterable[Operation]) -> None:
        self.calls += 1
        if self.calls == 1:
            raise SystemExit
        self.sent += len(list(operations))

    def send(self) -> bool:
        return True

    def shutdown(self) -> None:
        pass


def _operation() -> Operation:
    operation = Operation()
    operation.attributes, operation.recording = Attributes(_NAMED), True
    return operation


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_was_ended_is_started_anew() -> None:
    """The next operation starts another, which goes on."""
    destination = _Ending()
    queue = ExportQueue([destination], None, interval=0.01, batch=8, most_waiting=64)
    queue.add(_operation())
    until(lambda: destination.calls == 1, "the thread has not begun")

    def is_sent() -> bool:
        queue.add(_operation())
        return destination.sent > 0

    until(is_sent, "no other thread has been started", 5)
    queue.finish()


def test_the_end_exports_all_that_waits_and_not_one_batch() -> None:
    """However small a batch is: nothing is dropped where the destination accepts all."""
    destination = _Ending()
    destination.calls = 1
    queue = ExportQueue([destination], None, interval=60, batch=4, most_waiting=64)
    for _ in range(30):
        queue.add(_operation())
    queue.finish()
    queue.finish_late()
    assert (destination.sent, queue.dropped) == (30, 0)


def test_a_write_may_end_while_the_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a signal handler sees to, in the same thread: it is queued, and waits for nobody."""
    destination = _Ending()
    destination.calls = 1
    queue = ExportQueue([destination], None, interval=0.01, batch=8, most_waiting=64)

    start = background.start

    def interrupted(work: Callable[[], object]) -> None:
        queue.add(_operation())
        start(work)

    application = threading.Thread(target=queue.add, args=(_operation(),), daemon=True)
    monkeypatch.setattr(background, "start", interrupted)
    application.start()
    application.join(5)
    assert not application.is_alive()
    queue.finish()
    assert destination.sent == 2


class _Slow:
    """A destination that takes its time, and notes whether two threads use it at once."""

    lasts = False

    def __init__(self) -> None:
        self.taken = 0
        self.most_at_once = 0
        self._using = 0

    def take(self, operations: Iterable[Operation]) -> None:
        self._using += 1
        self.most_at_once = max(self.most_at_once, self._using)
        time.sleep(0.02)
        self.taken += len(list(operations))
        self._using -= 1

    def send(self) -> bool:
        return True

    def shutdown(self) -> None:
        pass


def test_an_end_waits_for_a_thread_that_is_just_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `os._exit` may come while another thread writes for the first time."""
    destination = _Slow()
    queue = ExportQueue([destination], None, interval=0.01, batch=1, most_waiting=64)
    start = background.start

    def interrupted(work: Callable[[], object]) -> None:
        for _ in range(9):
            queue.add(_operation())
        start(work)
        until(lambda: destination.most_at_once == 1, "the thread has not begun")
        queue.finish()

    monkeypatch.setattr(background, "start", interrupted)
    queue.add(_operation())
    assert (destination.taken, destination.most_at_once) == (10, 1)
