"""The tables of the README that the code knows best: `make readme` writes them.

Each stands between `<!-- name -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from pathlib import Path

from autoinstrument.process.notices import SLUGS
from autoinstrument.report.findings import FINDINGS

README = Path(__file__).parent.parent / "README.md"


def tables() -> dict[str, str]:
    """Return each table by its name."""
    findings = {slug: _sentence(find.__doc__ or "") for slug, find in FINDINGS.items()}
    return {
        "messages": _table("name", "meaning", SLUGS),
        "findings": _table("finding", "what is so", findings),
    }


def written(text: str) -> str:
    """Return the README with the tables as they should be."""
    for name, table in tables().items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, found = block.subn(rf"\1{table}\2", text)
        if found != 1:
            raise ValueError(f"the README has {found} places for {name!r}")
    return text


def _sentence(docstring: str) -> str:
    sentence = docstring.strip().splitlines()[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _table(first: str, second: str, rows: dict[str, str]) -> str:
    lines = [f"| {first} | {second} |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in rows.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
