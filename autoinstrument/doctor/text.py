"""An examination as plain text and as data; the worst comes last, next to the verdict."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autoinstrument.process.version import __version__
from autoinstrument.report.wording import counted, foreign

from .line import STATUSES, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "autoinstrument.doctor/1"


def as_data(lines: Sequence[Line]) -> dict[str, Any]:
    """Return an object that JSON can hold.

    `schema`; `version` of autoinstrument; `verdict`, the last line of the text; `lines`, each with
    `status` ("ok", "off", "warning" or "problem"), `slug`, `what`, `why` and `remedy`, the last two
    empty if there is nothing to say. A later version may add names; it takes none away.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "verdict": verdict(lines),
        "lines": [asdict(line) for line in lines],
    }


def render(lines: Sequence[Line], width: int = 100) -> str:
    """Return the examination in lines of at most `width` characters, but for longer words."""
    slugs = max(len(line.slug) for line in lines)
    ordered = sorted(lines, key=lambda line: STATUSES.index(line.status))
    body = [_shown(line, slugs, width) for line in ordered]
    return "\n".join([f"autoinstrument {__version__}", "", *body, "", verdict(lines), ""])


def verdict(lines: Sequence[Line]) -> str:
    """Return one sentence: what is wrong or turned off, by slugs."""
    slugs = {status: [line.slug for line in lines if line.status == status] for status in STATUSES}
    said = [
        f"{counted(len(slugs[status]), status)}: {_distinct(slugs[status])}"
        for status in ("problem", "warning")
        if slugs[status]
    ]
    if not slugs["problem"]:
        said.insert(0, "No problems found")
    if slugs["off"]:
        said.append(f"off: {_distinct(slugs['off'])}")
    return f"{'; '.join(said)}."


def _distinct(slugs: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(slugs))


def _shown(line: Line, slugs: int, width: int) -> str:
    first = f"{line.status:<7}  {line.slug:<{slugs}}  "
    margin = " " * len(first)
    sentences = [f"{first}{line.what}", *(f"{margin}{more}" for more in (line.why, line.remedy))]
    return "\n".join(
        textwrap.fill(
            foreign(sentence),
            width,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for sentence in sentences
        if sentence.strip()
    )
