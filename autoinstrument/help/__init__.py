"""The documents of the package: one Markdown file for each subject."""

from __future__ import annotations

import re
from importlib.resources import files


def subjects() -> dict[str, str]:
    """Return the subjects in alphabetical order, each with the sentence that its document opens."""
    names = (file.name for file in files(__name__).iterdir())
    found = sorted(name.removesuffix(".md") for name in names if name.endswith(".md"))
    return {subject: _first_sentence(document(subject)) for subject in found}


def document(subject: str) -> str:
    """Return the document on `subject` in Markdown, without its comments."""
    text = files(__name__).joinpath(f"{subject}.md").read_text(encoding="utf-8")
    return re.sub(r"<!--.*?-->\n", "", text, flags=re.DOTALL)


def _first_sentence(text: str) -> str:
    """Return the first paragraph below the title, which is one sentence."""
    return " ".join(text.split("\n\n")[1].split())
