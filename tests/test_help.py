"""`autoinstrument help`: the documents in the package, on a terminal and elsewhere."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
from test_screen import ESCAPE, on_terminal

import autoinstrument
from autoinstrument.commands.main import main
from autoinstrument.help import document, subjects

if TYPE_CHECKING:
    from pathlib import Path

    from interpreters import Interpreter

_HELP = [sys.executable, "-m", "autoinstrument", "help"]


def test_help_lists_each_subject_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """The list fits a terminal of 80 columns, so that each subject is one line."""
    assert main(["help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = dict(line.split(maxsplit=1) for line in lines[2:])
    assert lines[0] == "Usage: autoinstrument help SUBJECT"
    assert listed == subjects()
    assert all(re.fullmatch(r"[^.]+\.", sentence) for sentence in listed.values())
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("subject", subjects())
def test_a_document_is_printed_as_plain_text(
    subject: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not on a terminal it is the Markdown, without the comments that are for its editors."""
    assert main(["help", subject]) == 0
    printed = capsys.readouterr().out
    assert printed == document(subject)
    assert "<!--" not in printed
    assert printed.startswith(f"# {subject.title()}\n\n{subjects()[subject]}\n")


@pytest.mark.parametrize("subject", ["nothing", "", "../demo/__init__", "Settings", "a\x1b[2J"])
def test_an_unknown_subject_is_one_sentence(
    subject: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names what is accepted, and the exit code is that of wrong usage."""
    assert main(["help", subject]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "\x1b" not in printed.err
    assert printed.err.endswith(f"; accepted: {', '.join(subjects())}\n")


def test_a_terminal_has_the_document_laid_out() -> None:
    """A table without its bars, and no mark-up, in the width of the terminal."""
    pytest.importorskip("rich")
    said = on_terminal([*_HELP, "settings"], TERM="xterm-256color")
    lines = ESCAPE.sub("", said).splitlines()
    assert "AUTOINSTRUMENT_RECORD" in said
    assert "`" not in said
    assert "|---" not in said
    assert max(map(len, lines)) <= 100


@pytest.mark.smoke
def test_an_installed_package_has_its_documents(installed: Interpreter, tmp_path: Path) -> None:
    """Each file of the repository's is in the wheel, byte for byte."""
    for subject in subjects():
        ended = installed.run_command("autoinstrument", "help", subject, cwd=tmp_path)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout == document(subject)


def test_the_command_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """As the package does."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"autoinstrument {autoinstrument.__version__}\n"
