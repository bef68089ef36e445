"""The tables of the help pages that the code knows best: `make tables` writes them.

Each stands between `<!-- name -->` and `<!-- end -->` in the page of the same name.
"""

from __future__ import annotations

import re
from pathlib import Path

from autoinstrument import help as documents
from autoinstrument.process.notices import SLUGS
from autoinstrument.report.findings import FINDINGS


def pages() -> dict[Path, str]:
    """Return each page that has a table, with its text as it should be."""
    folder = Path(documents.__file__).parent
    findings = {slug: _sentence(find.__doc__ or "") for slug, find in FINDINGS.items()}
    tables = {
        "messages": _table("name", "meaning", SLUGS),
        "findings": _table("finding", "what it means", findings),
    }
    return {
        folder / f"{name}.md": _with_table(folder / f"{name}.md", name, table)
        for name, table in tables.items()
    }


def _with_table(page: Path, name: str, table: str) -> str:
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text, found = block.subn(rf"\1{table}\2", page.read_text(encoding="utf-8"))
    if found != 1:
        raise ValueError(f"{page} has {found} places for {name!r}")
    return text


def _sentence(docstring: str) -> str:
    sentence = docstring.strip().splitlines()[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _table(first: str, second: str, rows: dict[str, str]) -> str:
    lines = [f"| {first} | {second} |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in rows.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
