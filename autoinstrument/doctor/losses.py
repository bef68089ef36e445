"""Spans that earlier runs dropped, according to their recordings."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from autoinstrument.export.recording import Recording
from autoinstrument.process.settings import settings
from autoinstrument.report.cost import Costs
from autoinstrument.report.reading import NotARecording, recording_files

from .line import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAIL = 1 << 20
"""Bytes: the metrics that a process ends with stand at the end."""


def lines() -> list[Line]:
    """Return a line if spans were dropped."""
    where = str(Recording(settings().record).place)
    costs = Costs()
    for line in _last_lines(where):
        with suppress(ValueError, AttributeError, RecursionError):
            costs.add(json.loads(line).get("resourceMetrics"))
    found = costs.cost()
    if found is None or not found.dropped:
        return []
    return [
        Line(
            "warning",
            "spans-dropped",
            f"{found.dropped:,} spans were dropped, according to the recording in {where}",
            "Reports and traces are incomplete.",
            "The warnings in the log of the service say why: export-failed, recording-unwritable,"
            " agent-failed; if there is only spans-dropped, raise OTEL_BSP_MAX_QUEUE_SIZE.",
        )
    ]


def _last_lines(where: str) -> Iterator[bytes]:
    with suppress(NotARecording, OSError):
        for path in recording_files(where):
            with path.open("rb") as file:
                file.seek(-min(_TAIL, file.seek(0, os.SEEK_END)), os.SEEK_END)
                yield from file.read().splitlines()
