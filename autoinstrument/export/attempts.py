"""How the export of one batch after the other goes, for the end of a process that waits for it."""

from __future__ import annotations

from time import monotonic

from autoinstrument.process.notices import tell, waiting
from autoinstrument.process.quiet import Complaints

PATIENCE = 1.5
"""Seconds without an answer, then it is late: an exporter's first retry is after one second.

At the end of a process, nothing is tried again after as long.
"""


class Attempts:
    """Whether the last batch was accepted, and whether the one under way has been or is late."""

    def __init__(self) -> None:
        self.complaints = Complaints()
        """Of exporters that could not export, and may try once more."""
        self.has_arrived = True
        self._sent_at: float | None = None
        """When the requests that have no answer yet went out."""
        self._reason = ""
        """Why the last batch was not accepted, as far as that is known."""
        self._is_told = False

    def begin(self) -> None:
        """Note that a batch goes out now."""
        self._sent_at = monotonic()

    def end(self, *, accepted: bool) -> None:
        """Note that the batch was answered, or given up."""
        self._sent_at = None
        self.has_arrived = accepted
        self._reason = "" if accepted else self.complaints.reason

    @property
    def are_in_doubt(self) -> bool:
        """Whether an exporter is known to fail, or has had more time than it should take."""
        is_late = self._sent_at is not None and monotonic() - self._sent_at > PATIENCE
        return self._have_failed or is_late

    def tell_waiting(self, count: int) -> None:
        """Warn once that so many operations wait at the end of the process.

        Not when that is over: who has started the program may have less patience, and kill it.
        """
        if self._is_told:
            return
        self._is_told = True
        wait = waiting(count)
        words = f"the last export has had no answer yet ({wait}); for the reason, run"
        if self._have_failed:
            reason = self.complaints.reason or self._reason
            words = f"{wait} for an exporter that has failed{reason and ': '}{reason}"
            words = f"{words}; to examine it, run"
        words = f"{words}: autoinstrument doctor"
        if not tell("export-failed", words):  # the failure has been told, when it began
            tell("export-failed", words, about="the end")

    @property
    def _have_failed(self) -> bool:
        return bool(self.complaints) or not self.has_arrived
