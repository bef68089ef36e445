"""What OpenTelemetry logs of each message, and a program would hear only under the agent."""

from __future__ import annotations

import logging
import threading


class _Unheard(threading.local):
    """A block in which OpenTelemetry does not log what it thinks of headers and attributes.

    It would quote foreign ones, and tell each that a limit has cut, for each message again, and
    where nobody has set logging up, on stderr.
    """

    working = False

    def __enter__(self) -> None:
        self.working = True

    def __exit__(self, *_: object) -> None:
        self.working = False

    def filter(self, _: logging.LogRecord) -> bool:
        """Let a record pass if it comes from elsewhere."""
        return not self.working


unheard = _Unheard()
for _logger in (
    "opentelemetry.attributes",
    "opentelemetry.baggage.propagation",
    "opentelemetry.trace.span",
):
    logging.getLogger(_logger).addFilter(unheard.filter)
