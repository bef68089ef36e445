"""When an exporter begins to fail, and when it works again: each is a warning."""

from __future__ import annotations

from typing import Literal

from .credentials import address_in
from .notices import tell

_REMEDIES = {
    "spans": "to examine it, run: autoinstrument doctor",
    "metrics": "OTEL_METRICS_EXPORTER=none turns them off",
}
_MOST_TOLD = 5
"""Outages of one exporter that are told: a log is not to be filled by one that comes and goes."""


class Outage:
    """Whether an exporter fails, as far as it has been tried; what is lost meanwhile is counted."""

    def __init__(self, exporter: object, signal: Literal["spans", "metrics"]) -> None:
        self._exporter = exporter
        self._signal = signal
        self._count = 0
        """Of outages so far."""
        self._lasts = False
        self._is_told = False
        self._lost = 0

    def failed(self, reason: str, lost: int = 0) -> None:
        """Note that `lost` spans have not arrived; the first failure of an outage is told."""
        self._lost += lost
        if self._lasts:
            return
        self._lasts = True
        self._count += 1
        if self._count <= _MOST_TOLD:
            address = address_in(getattr(self._exporter, "_endpoint", None))
            where = f" to {address}" if address else ""
            why = f": {reason}" if reason else ""
            words = f"{self._name} could not export {self._signal}{where}{why}"
            words = f"{words}; {_REMEDIES[self._signal]}"
            self._is_told = tell("export-failed", words, self._about)

    def worked(self) -> None:
        """Tell the end of an outage, if there is one that has been told."""
        if not self._lasts:
            return
        lost, is_told = self._lost, self._is_told
        self._lost, self._lasts, self._is_told = 0, False, False
        if is_told:
            words = f"{self._name} exports {self._signal} again"
            if lost:
                words += f"; {lost} span{'s were' if lost > 1 else ' was'} lost meanwhile"
            tell("export-recovered", words, self._about)

    @property
    def _name(self) -> str:
        return type(self._exporter).__name__

    @property
    def _about(self) -> str:
        # The first one of spans is not told again where the end of the process has told it.
        first = "" if self._signal == "spans" else self._signal
        return first if self._count <= 1 else f"{first}{self._count}"
