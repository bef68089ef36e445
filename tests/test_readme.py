"""What the README and the help pages say is so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from interpreters import REPOSITORY
from tables import pages

from autoinstrument.help import document, subjects
from autoinstrument.process.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from interpreters import Interpreter

pytestmark = pytest.mark.once

_DIFFERS = (
    (r"^(\s+)[\d.]+ (ms|s|us)  \S+\[\d\]@\d+ .*", "a slow write"),
    (r"profile\.refund +[0-9a-f]{32}", "profile.refund  a trace"),
    (r"pipeline: [0-9a-f]{32}$", "pipeline: a trace"),
    (r"WriteKafka profile\.\w+ +\|[ =]{30}\|.*", "a last write"),
    (r"\|[ =]{30}\| +[\d.]+ (us|ms|s)", "a bar and a time"),
    (r"(?<=[^\w.-])[\d.]+ (us|ms|s)\b", "a time"),
    # Measured on one call in 256, by chance: some demos have none.
    (r"a time in the call, (?=a time in the background)", ""),
    (r"127\.0\.0\.1:\d+", "a broker"),
    (r"(/\S+/)?autoinstrument-demo-[a-z0-9_]{8}", "a recording"),
    (r"(/\S+/)?_?examples/", "examples/"),
    (r"(?s:in a time: (.+?)\.\n20.*? UTC)", "in a time from when to when"),
    (r"^(  (?:events|profile\.\w+) +(?:\d+|profile\.\w+) +\d+ +)[\d.]+", r"\1a rate"),
    (r" *[▁-█][▁-█ ]*$", "  bars"),
    (r" {2,}", "  "),
)
"""What differs from run to run, or from place to place, and what stands for it."""


def test_the_readme_shows_parts_of_the_demos_output(installed: Interpreter, tmp_path: Path) -> None:
    """Line by line, except for what differs each time; it starts the demo, as its reader will."""
    ended = installed.run_command("autoinstrument", "demo", cwd=tmp_path, COLUMNS="112")
    readme = (REPOSITORY / "README.md").read_text()
    shown = re.search(r"(?sm)<!-- Parts of .*?-->\n```console\n(.*?)^```$", readme)
    assert shown is not None
    rest = "\n".join(_masked(ended.stdout))
    for part in shown[1].split("\n...\n"):
        before, found, rest = rest.partition("\n".join(_masked(part)))
        assert found, f"{part}\nis not in\n{before}"


def test_the_tables_of_the_help_are_those_of_the_code() -> None:
    """Messages and findings, in the words of the code; `make tables` writes them."""
    for page, text in pages().items():
        assert page.read_text(encoding="utf-8") == text


def test_the_help_lists_each_setting() -> None:
    """Every variable that is read, and no other."""
    listed = set(re.findall(r"^\| `AUTOINSTRUMENT_([A-Z_]+)` ", document("settings"), re.MULTILINE))
    variables = {"semconv_names": "SPAN_NAMES", "link_consumers": "LINKS"}
    variables |= {"keep_failures": "KEEP", "keep_slower_than": "KEEP", "receives": "CONSUMERS"}
    read = {variables.get(name, name.upper()) for name in Settings.__dataclass_fields__}
    assert listed == {*read, "ENABLED", "DISABLE"}


def test_the_readme_links_to_each_help_subject() -> None:
    """A document that nobody is led to might as well not be there."""
    readme = (REPOSITORY / "README.md").read_text()
    linked = re.findall(r"\[(\w+)\]\(autoinstrument/help/(\w+)\.md\)", readme)
    assert sorted(linked) == [(subject, subject) for subject in subjects()]


@pytest.mark.parametrize("document", ["README.md", "tests/watermill.md"])
def test_each_file_and_test_that_a_document_names_is_there(document: str) -> None:
    """A promise whose test has gone would be an empty one."""
    path = REPOSITORY / document
    text = path.read_text()
    for link in re.findall(r"\]\(([^):]+)\)", text):
        assert (path.parent / link).exists(), link
    tests = "".join(path.read_text() for path in (REPOSITORY / "tests").glob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", text)
    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("subject", subjects())
def test_each_path_and_test_that_a_help_page_names_is_there(subject: str) -> None:
    """Paths are those of the repository; `tests/file.py::test` is what pytest accepts."""
    paths = re.compile(r"`((?:autoinstrument|examples|tests)/[\w./]+)(?:::(\w+))?`")
    named = paths.findall(document(subject))
    for path, test in named:
        assert (REPOSITORY / path).exists(), path
        assert not test or f"def {test}(" in (REPOSITORY / path).read_text(), test
    assert len(named) > 20 or subject != "promises"


@pytest.mark.parametrize("subject", subjects())
def test_each_subject_that_a_help_page_names_is_one(subject: str) -> None:
    """`autoinstrument help SUBJECT`, wherever a page sends its reader."""
    named = re.findall(r"`autoinstrument help (\w+)`", document(subject))
    assert {*named} <= subjects().keys()


def _masked(text: str) -> list[str]:
    for pattern, stands_for in _DIFFERS:
        text = re.sub(pattern, stands_for, text, flags=re.MULTILINE)
    return text.strip().splitlines()
