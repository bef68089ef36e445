"""`autoinstrument bench` compares starts; no test asks how long they take.

Each test starts it as a user does: it is a program that starts programs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from interpreters import Interpreter


def test_the_table_has_each_way_to_start(installed: Interpreter) -> None:
    """Plain, both doors of the agent, and the other command, which runs the same program."""
    ended = installed.run_command("autoinstrument", "bench", "--rounds", "2", "--against", "env")
    assert (ended.returncode, ended.stderr) == (0, "")
    title, _, *rows = ended.stdout.splitlines()
    assert title.startswith("The start of `python -c pass`, 2 rounds, ")
    assert [re.split(" {2,}", row)[0] for row in rows] == [
        "plain",
        "AUTOINSTRUMENT_ENABLED=1",
        "autoinstrument run --",
        "env",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--against", "nosuch"], "'nosuch' is not on the PATH; --against names another agent's"),
        (["--against", ""], "'' is not on the PATH; --against names another agent's"),
        (["--against", "env", "--rounds", "1"], "--rounds 1 is too few; accepted: 2 and more"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    installed: Interpreter, arguments: list[str], sentence: str
) -> None:
    """It names what was wrong and what is accepted; exit code 2."""
    ended = installed.run_command("autoinstrument", "bench", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"autoinstrument bench: {sentence}")


def test_an_agent_that_fails_to_start_is_not_compared(
    installed: Interpreter, tmp_path: Path
) -> None:
    """What an agent saves by giving up is no gain: its own words are shown instead."""
    agent = tmp_path / "agent"
    agent.write_text("#!/bin/sh\necho 'no exporter found' >&2\n")
    agent.chmod(0o755)
    ended = installed.run_command("autoinstrument", "bench", "--against", str(agent))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith("does not start cleanly: no exporter found\n")
