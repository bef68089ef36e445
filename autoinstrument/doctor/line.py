"""One thing that was checked: plain data, which crosses from one interpreter to another as JSON."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote

Status: TypeAlias = Literal["ok", "off", "warning", "problem"]
STATUSES: tuple[Status, ...] = ("ok", "off", "warning", "problem")
"""Mildest first: `off` is switched off on purpose, a `problem` costs spans that were asked for."""

_SHORTEST_SECRET = 4  # characters; to hide shorter ones would spoil every word


@dataclass(frozen=True)
class Line:
    """What was found, why it matters and what to do about it; nothing of the latter two if ok."""

    status: Status
    slug: str
    what: str
    why: str = ""
    remedy: str = ""


def installing(*options: str) -> str:
    """Return the remedy of what an installation of the agent mends.

    It names no package: on an index, the name may be a stranger's.
    """
    pip = " ".join([sys.executable, "-m pip install", *options])
    return f"Install the wheel that the service was given: {pip} WHEEL"


def without_secrets(text: str) -> str:
    """Return foreign words without the credentials of a URL and the values of OTLP headers."""
    text = re.sub(r"//\S*@", "//", text)
    for name, value in os.environ.items():
        if name.upper().endswith("_HEADERS"):
            parts = (part.strip() for part in re.split(r"[,=]", value))
            for part in parts:
                if len(part) >= _SHORTEST_SECRET:
                    text = text.replace(part, "***").replace(unquote(part), "***")
    return text
