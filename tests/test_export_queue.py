"""The background thread: what it does not survive, and who does its work then."""

from __future__ import annotations

import threading
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from processes import until

from autoinstrument.export.queue import ExportQueue
from autoinstrument.tracing.attributes import Attributes
from autoinstrument.tracing.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def test_a_write_may_end_while_the_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a signal handler sees to, in the same thread: it is queued, and waits for nobody."""
    destination = _Ending()
    destination.calls = 1
    queue = ExportQueue([destination], None, interval=0.01, batch=8, most_waiting=64)

    class Interrupted(threading.Thread):
        def start(self) -> None:
            queue.add(_operation())
            super().start()

    application = threading.Thread(target=queue.add, args=(_operation(),), daemon=True)
    monkeypatch.setattr(threading, "Thread", Interrupted)
    application.start()
    application.join(5)
    assert not application.is_alive()
    queue.finish()
    assert destination.sent == 2
