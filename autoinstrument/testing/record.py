"""A message as it is in the log."""

from __future__ import annotations

from typing import NamedTuple


class Record(NamedTuple):
    """A message in the log; `headers` is empty if it has none."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
