"""Random messages, for claims that hold for every message."""

from __future__ import annotations

import random
from random import choice
from typing import Any

_NAMES = ("a", "b", "é", "Traceparent-Not")


def any_message(*, with_headers: bool) -> dict[str, Any]:
    """Return the arguments of a write to a topic with three partitions, by name.

    Some are left out, so that the client's defaults apply.
    """
    message: dict[str, Any] = {"value": choice((None, b"", _bytes(1, 20), b"v" * 1000))}
    if choice((True, False)):
        message["key"] = choice((None, _bytes(1, 5)))
    if with_headers and choice((True, False)):
        headers = [(choice(_NAMES), _bytes(0, 5)) for _ in range(random.randint(0, 3))]
        message["headers"] = choice((None, headers))
    if choice((True, False)):
        message["partition"] = random.randint(0, 2)
    return message


def _bytes(fewest: int, most: int) -> bytes:
    return random.randbytes(random.randint(fewest, most))
