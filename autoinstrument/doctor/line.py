"""The result of one check: plain data, passed from one interpreter to another as JSON."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote

from autoinstrument.process.credentials import without_credentials

Status: TypeAlias = Literal["ok", "off", "warning", "problem"]
STATUSES: tuple[Status, ...] = ("ok", "off", "warning", "problem")
"""Mildest first: `off` was turned off on purpose, a `problem` costs wanted spans."""

_SHORTEST_SECRET = 4  # characters; to hide shorter ones would spoil every word


@dataclass(frozen=True)
class Line:
    """What was found, why it matters and how to fix it; the latter two are empty if ok."""

    status: Status
    slug: str
    what: str
    why: str = ""
    remedy: str = ""


def installing(*options: str) -> str:
    """Return the fix for what reinstalling the agent repairs.

    It names no package: on an index, that name may belong to a stranger.
    """
    pip = " ".join([sys.executable, "-m pip install", *options])
    return f"Install the wheel that the service uses: {pip} WHEEL"


def without_secrets(text: str) -> str:
    """Return foreign words without the credentials of a URL and the values of OTLP headers."""
    text = without_credentials(text)
    for name, value in os.environ.items():
        if name.upper().endswith("_HEADERS"):
            parts = (part.strip() for part in re.split(r"[,=]", value))
            for part in parts:
                if len(part) >= _SHORTEST_SECRET:
                    text = text.replace(part, "***").replace(unquote(part), "***")
    return text
