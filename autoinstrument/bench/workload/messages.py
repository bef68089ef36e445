"""The messages that are written."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUE = b"x" * 100
HEADERS = [(f"x-header-{number}", b"a value of usual length") for number in range(5)]
BURST = 1000
"""Messages written in a row before their answers are waited for."""
WARM_UP = 500
"""Messages read before the measurement starts."""


def keys(phase: dict[str, Any]) -> Iterator[bytes]:
    """Return one key per message of a phase: a thousand different ones, made in advance."""
    made = [b"customer-%d" % number for number in range(1000)]
    return itertools.islice(itertools.cycle(made), phase["messages"])


def bursts(phase: dict[str, Any]) -> Iterator[list[bytes]]:
    """Return the keys of a phase in lists of up to `BURST`."""
    every = keys(phase)
    return iter(lambda: list(itertools.islice(every, BURST)), [])
