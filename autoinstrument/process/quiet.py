"""What others log on behalf of the agent, and a program would hear only under it.

OpenTelemetry's SDK, the exporters and what those are made of quote headers and attributes, tell of
each retry, and where nobody has set logging up, write all that to stderr. Their loggers are the
application's as well, which may use the same packages: who has called them tells the two apart.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING

from .reasons import reason_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = "autoinstrument"


class Complaints(dict[str, str]):
    """Names of loggers where a warning, or worse, was to be logged, each with the last reason."""

    def add(self, name: str, *said: object) -> None:
        """Note that `name` has a complaint, and what is known of the reason from what it says."""
        self[name] = reason_in(said, self.pop(name, ""))

    @property
    def reason(self) -> str:
        """The last reason that is known; "" if none is."""
        return next(filter(None, reversed([*self.values()])), "")


class _Unheard(threading.local):
    """A block of the running thread in which nothing is logged but by the agent itself."""

    depth = 0

    def __init__(self) -> None:
        self.complaints = Complaints()

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1

    def drop(self, record: logging.LogRecord) -> None:
        """Keep no more of a record than which logger has a complaint, and why in known words."""
        if record.levelno >= logging.WARNING:
            args = record.args if isinstance(record.args, tuple) else ()
            raised = record.exc_info if isinstance(record.exc_info, tuple) else ()
            self.complaints.add(record.name, *args, *raised)


unheard = _Unheard()
_handle = logging.Logger.handle


@wraps(_handle)
def _handle_unless_unheard(logger: logging.Logger, record: logging.LogRecord) -> None:
    depth = unheard.depth
    if not depth:
        _handle(logger, record)
    elif logger.name == _OURS:  # in the handlers of the application, which may log themselves
        unheard.depth = 0
        try:
            _handle(logger, record)
        finally:
            unheard.depth = depth
    else:
        unheard.drop(record)


# Not filters of their loggers: an exporter of others may make one at any time.
logging.Logger.handle = _handle_unless_unheard  # type: ignore[assignment, method-assign] # see above


@contextmanager
def unheard_in_all_threads(*names: str) -> Iterator[None]:
    """Let loggers say nothing for the length of a call that has them used in threads of its own."""
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(_nothing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False
