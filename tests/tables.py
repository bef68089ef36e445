"""The tables of the help pages that the code knows best: `make tables` writes them.

Each stands between `<!-- name -->` and `<!-- end -->` in the page of the same name. That of the
page `pythons` is a result of tests, row by row.
"""

from __future__ import annotations

import re
from pathlib import Path

from autoinstrument import help as documents
from autoinstrument.process.notices import SLUGS
from autoinstrument.report.findings import FINDINGS

_PYTHONS = Path(documents.__file__).parent / "pythons.md"


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


def row_of_python(python: str, client: str) -> list[str]:
    """Return what the page says of a client on a Python, by exporter."""
    return _rows_of_pythons()[python, client][1:]


def write_row_of_python(python: str, client: str, version: str, outcomes: list[str]) -> None:
    """Let the page say so instead."""
    rows = {**_rows_of_pythons(), (python, client): [version, *outcomes]}
    names = ["Python", "client", "version", "recording", "OTLP/HTTP", "OTLP/gRPC"]
    lines = [names, ["---"] * len(names), *([*key, *row] for key, row in rows.items())]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    _PYTHONS.write_text(_with_table(_PYTHONS, "pythons", table), encoding="utf-8")


def _rows_of_pythons() -> dict[tuple[str, str], list[str]]:
    text = _PYTHONS.read_text(encoding="utf-8").partition("<!-- pythons -->\n")[2]
    lines = text.partition("<!-- end -->")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], row[1]): row[2:] for row in rows}


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
