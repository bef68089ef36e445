"""What the README says is so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from interpreters import REPOSITORY
from readme import written

from autoinstrument.process.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from interpreters import Interpreter

pytestmark = pytest.mark.once

_DIFFERS = (
    (r"^(\s+)[\d.]+ (ms|s|us)  \S+\[\d\]@\d+ .*", "a slow write"),
    (r"profile\.refund +[0-9a-f]{32}", "profile.refund  a trace"),
    (r"trace [0-9a-f]{32}$", "a trace"),
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


@pytest.fixture(scope="module")
def readme() -> str:
    """Return the README's text."""
    return (REPOSITORY / "README.md").read_text()


def test_the_readme_shows_the_output_of_the_demo(
    readme: str, installed: Interpreter, tmp_path: Path
) -> None:
    """Line by line but for what differs each time; it starts the demo, as its reader will."""
    ended = installed.run_command("autoinstrument", "demo", cwd=tmp_path, COLUMNS="112")
    shown = re.search(r"^```console\n(# A Kafka broker.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert shown is not None
    # A terminal shows both streams; the one line on stderr has a place of its own.
    lines = [line for line in _masked(shown[1]) if line not in ended.stderr.splitlines()]
    assert lines == _masked(ended.stdout)
    assert len(_masked(shown[1])) == len(lines) + len(ended.stderr.splitlines())


def test_the_readmes_tables_are_those_of_the_code(readme: str) -> None:
    """Messages and findings, in the words of the code; `make readme` writes them."""
    assert written(readme) == readme


def test_the_readme_lists_each_setting(readme: str) -> None:
    """Every variable that is read, and none besides."""
    listed = set(re.findall(r"^\| `AUTOINSTRUMENT_([A-Z_]+)` ", readme, re.MULTILINE))
    variables = {"semconv_names": "SPAN_NAMES", "link_consumers": "LINKS"}
    variables |= {"keep_failures": "KEEP", "keep_slower_than": "KEEP", "receives": "CONSUMERS"}
    read = {variables.get(name, name.upper()) for name in Settings.__dataclass_fields__}
    assert listed == {*read, "ENABLED", "DISABLE"}


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


def _masked(text: str) -> list[str]:
    for pattern, stands_for in _DIFFERS:
        text = re.sub(pattern, stands_for, text, flags=re.MULTILINE)
    return text.strip().splitlines()
