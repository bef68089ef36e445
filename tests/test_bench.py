"""`autoinstrument bench` compares agents; no test asks how long they take.

Each test starts it as a user does: it is a program that starts programs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from autoinstrument.bench.cases import CASES, Case
from autoinstrument.bench.comparing import Rounds, ratio
from autoinstrument.bench.picture import draw
from autoinstrument.bench.running import Outcome
from autoinstrument.bench.text import table

if TYPE_CHECKING:
    from pathlib import Path

    from interpreters import Interpreter


pytestmark = pytest.mark.once


@pytest.fixture
def raw(installed: Interpreter, tmp_path: Path) -> Any:
    """Return what measures one case against `env`, which adds nothing, and gives every figure."""

    def measure(case: str) -> Any:
        figures = tmp_path / "figures.json"
        arguments = (case, "--rounds", "2", "--against", "env", "--json", str(figures))
        ended = installed.run_command("autoinstrument", "bench", *arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith(f"{case}: ")
        (found,) = json.loads(figures.read_text())["cases"]
        assert found["other_traces"] is (case == "start")
        assert ("There is no ratio: env makes no span" in ended.stdout) is (case != "start")
        return found

    return measure


def test_a_start_is_measured_through_both_doors(raw: Any) -> None:
    """Plain, the variable, `run`, and the other command, which runs the same program."""
    found = raw("start")
    ways = ["plain", "AUTOINSTRUMENT_ENABLED=1", "autoinstrument run --", "env"]
    assert list(found["rounds"]) == ways
    assert all(len(rounds) == 2 and rounds[0]["start"] > 0 for rounds in found["rounds"].values())


@pytest.mark.parametrize("case", ["produce", "consume-aiokafka"])
def test_times_stand_beside_what_was_delivered(raw: Any, case: str) -> None:
    """Every message is in the broker's log, and has its spans; without an agent there are none."""
    found = raw(case)
    handled = 2 * (found["case"]["messages"] + found["case"]["warm_up"])
    spans_a_message = 1 if case.startswith("consume") else 2
    assert found["spans"] == {
        "plain": 0,
        "AUTOINSTRUMENT_ENABLED=1": spans_a_message * handled,
        "env": 0,
    }
    if case == "produce":
        assert set(found["delivered"].values()) == {handled}
    figures = found["rounds"]["AUTOINSTRUMENT_ENABLED=1"][0]
    assert list(figures) == ["in the call", "CPU", "throughput", "memory"]
    assert min(figures.values()) > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--against", "nosuch"], "'nosuch' is not on the PATH; --against names another agent's"),
        (["--against", ""], "'' is not on the PATH; --against names another agent's"),
        (["--against", "env", "--rounds", "1"], "--rounds 1 is too few; accepted: 2 and more"),
        (["--against", "env", "nosuch"], "there is no case 'nosuch'; accepted: start, produce"),
        (["--against", "env", "--picture", "a.gif"], "--picture 'a.gif' is neither .svg nor .png"),
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


def test_a_ratio_is_of_added_costs_with_its_uncertainty() -> None:
    """Half as much added is 0.5; rounds that agree leave no doubt, rounds that differ do."""
    plain, theirs = [1.0] * 5, [5.0] * 5
    assert ratio(Rounds(plain, [3.0] * 5, plain, theirs)) == (0.5, 0.5, 0.5)
    noisy = ratio(Rounds(plain, [2.0, 2.5, 3.0, 3.5, 4.0], plain, theirs))
    assert noisy is not None
    assert noisy.low < noisy.value == 0.5 < noisy.high
    assert ratio(Rounds(plain, theirs, plain, plain)) is None


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_outcome_is_a_table_and_a_picture(outcome: Outcome, tmp_path: Path, kind: str) -> None:
    """Every measure of every variant; the ratio where there is one."""
    assert "0.125 of the other's (0.125 to 0.125)" in table(outcome)
    picture = tmp_path / f"ratios.{kind}"
    draw([outcome], str(picture))
    assert picture.stat().st_size > 1000


def test_an_agent_that_traces_nothing_has_no_ratio(outcome: Outcome, tmp_path: Path) -> None:
    """As opentelemetry-instrument without an instrumentation of the client, which is named."""
    outcome.other_traces = False
    assert "of the other's" not in table(outcome)
    assert "such as opentelemetry-instrumentation-confluent-kafka." in table(outcome)
    draw([outcome], str(tmp_path / "nothing.svg"))


@pytest.fixture
def outcome() -> Outcome:
    """Return what two rounds have given, in which the other adds eight times as much."""
    return Outcome(
        CASES[1],
        {
            "plain": [{"CPU": 1.0}, {"CPU": 1.0}],
            "ours": [{"CPU": 2.0}, {"CPU": 2.0}],
            "other": [{"CPU": 9.0}, {"CPU": 9.0}],
        },
        {"plain": 1, "ours": 1, "other": 1},
        {"plain": 0, "ours": 2, "other": 1},
    )


def test_cases_have_names_of_their_own() -> None:
    """A name chooses one case."""
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(isinstance(case, Case) and case.words for case in CASES)
