"""`autoinstrument bench` compares agents; no test asks how long they take."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autoinstrument.bench import brokers, running
from autoinstrument.bench.cases import (
    AIOKAFKA,
    CASES,
    CONFLUENT,
    GROUPS,
    KAFKA_PYTHON,
    Case,
    Phase,
    Program,
    at_rate,
)
from autoinstrument.bench.comparing import added, is_result, middle, ratio
from autoinstrument.bench.measuring import Bench
from autoinstrument.bench.outcome import Outcome
from autoinstrument.bench.picture import draw
from autoinstrument.bench.sink import Sink
from autoinstrument.bench.text import table
from autoinstrument.commands.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brokers import Kafka

    from autoinstrument.bench.brokers import Broker


pytestmark = pytest.mark.once

Measure = Callable[..., list[Outcome]]
PHASES = {
    f"{case.program.client} {case.phase.does}": (case.program.client, case.phase)
    for case in CASES
    if case.group != "start" and case.program.sampling == "100 %"
}


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """Give the embedded broker, with something to read."""
    with brokers.embedded() as found:
        found.fill()
        yield found


@pytest.fixture
def idle_agent(tmp_path: Path) -> str:
    """Return the command of an agent that adds nothing."""
    agent = tmp_path / "idle-agent"
    agent.write_text('#!/bin/sh\nexec "$@"\n')
    agent.chmod(0o755)
    return str(agent)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Give the endpoint that takes the spans."""
    with closing(Sink()) as found:
        yield found


@pytest.fixture
def measured(
    broker: Broker, idle_agent: str, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> Measure:
    """Return what measures a program's cases in one round, against an agent that adds nothing.

    It does not wait for the exports between the phases, which is most of the time.
    """
    monkeypatch.setattr(running, "EXPORT_DELAY_MS", 1)

    def measure(*cases: Case) -> list[Outcome]:
        bench = Bench(running.variants([idle_agent]), broker, sink, lambda: None)
        return bench.measured(cases[0].program, list(cases), 1)

    return measure


@pytest.mark.parametrize("name", PHASES)
def test_figures_stand_beside_what_was_delivered(measured: Measure, sink: Sink, name: str) -> None:
    """Every message is in the log and has its spans; without an agent there are none.

    Each is a program, as it is started in earnest.
    """
    client, phase = PHASES[name]
    few = replace(phase, messages=50 * len(phase.topics), rate=phase.rate and 500)
    measures = {case.measure for case in CASES if case.phase == phase}
    program = Program(client)
    outcomes = measured(*(Case("written", "few", each, few, program) for each in measures))
    of_reads = phase.does == "read"
    late = sink.taken("ours")
    for outcome in outcomes:
        assert set(outcome.figures) == {"plain", "ours", "other"}
        assert set(outcome.handled.values()) == {few.messages}
        assert set(outcome.delivered.values()) == {0 if of_reads else few.messages}
        assert outcome.spans["ours"] + late >= few.messages * (1 if of_reads else 2)
        assert outcome.spans["plain"] == outcome.spans["other"] == 0
        assert not outcome.other_traces
    assert "Not traced: the other command makes no spans" in table(outcomes)


def test_who_samples_nothing_has_no_spans(measured: Measure) -> None:
    """One program has one sampler, and its cases may share a phase."""
    phase = Phase("write_in_a_loop", 50)
    program = Program(CONFLUENT, "off")
    outcomes = measured(*(Case("call", "few", each, phase, program) for each in ("call", "cpu")))
    assert [outcome.spans.total() for outcome in outcomes] == [0, 0]
    assert [outcome.delivered["ours"] for outcome in outcomes] == [50, 50]


def test_a_start_is_measured_through_both_doors(
    idle_agent: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By the variable and under `run`, beside the bare program and another command."""
    figures, picture = tmp_path / "figures.json", tmp_path / "picture.svg"
    options = ("--against", idle_agent, "--rounds", "2", "--json", str(figures))
    assert main(["bench", "start", *options, "--picture", str(picture)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("What autoinstrument ")
    found = json.loads(figures.read_text())["cases"]
    assert [case["case"] for case in found] == [
        case.name for case in CASES if case.group == "start"
    ]
    for case in found:
        assert set(case["figures"]) == {"plain", "ours", "other"}
        assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in case["figures"].values())
    assert picture.stat().st_size > 1000


def test_a_broker_of_the_users_own_is_left_as_it_was(
    kafka: Kafka,
    idle_agent: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its topics are made and deleted; the whole service runs on it, commits included."""
    from autoinstrument.commands import bench

    few = Case("service", "few", "cpu", replace(PHASES[f"{CONFLUENT} service"][1], messages=50))
    monkeypatch.setattr(bench, "CASES", [few])
    monkeypatch.setattr(running, "EXPORT_DELAY_MS", 1)
    options = ("--against", idle_agent, "--rounds", "2", "--broker", kafka.bootstrap)
    assert main(["bench", "service", *options]) == 0
    assert "The broker's log has all 300 messages written." in capsys.readouterr().out
    left = kafka._admin.list_topics(timeout=30).topics
    assert not [topic for topic in left if "autoinstrument-bench" in topic]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--against", "nosuch"], "'nosuch' is not on the PATH; --against names another agent's"),
        (["--against", ""], "'' is not on the PATH; --against names another agent's"),
        (["--rounds", "1"], "--rounds 1 is too few; accepted: 2 and more"),
        (["--rate", "0"], "--rate 0 is not accepted; accepted: 1 to 100,000"),
        (["--rate", "-5"], "--rate -5 is not accepted; accepted: 1 to 100,000"),
        (["--rate", "nan"], "--rate nan is not accepted; accepted: 1 to 100,000"),
        (["--rate", "5", "read"], "--rate is a case of its own; accepted: --rate, or read"),
        (["nosuch"], "there is no case 'nosuch'; accepted: start, written, read, call"),
        (["pipeline", "read"], "pipeline runs alone, on the embedded broker"),
        (["--picture", "a.gif"], "--picture 'a.gif' is neither .svg nor .png"),
        (["read", "--broker", "127.0.0.1:1"], "the broker at '127.0.0.1:1' does not answer"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    arguments: list[str],
    sentence: str,
    idle_agent: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It names what was wrong and what is accepted; exit code 2."""
    monkeypatch.setattr(brokers, "PATIENCE", 1)
    against = [] if "--against" in arguments else ["--against", idle_agent]
    assert main(["bench", *arguments, *against]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"autoinstrument bench: {sentence}")
    assert said.err.count("\n") == 1


def test_an_agent_that_fails_to_start_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an agent saves by giving up is no gain: its own words are shown instead."""
    agent = tmp_path / "agent"
    agent.write_text("#!/bin/sh\necho 'no exporter found' >&2\n")
    agent.chmod(0o755)
    assert main(["bench", "--against", str(agent)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("does not run cleanly: no exporter found\n")


def test_an_agent_that_is_missing_and_cannot_be_installed_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an index to install it from, the user is told how to name another."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main(["bench", "start"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("autoinstrument bench: opentelemetry-instrument is not on the PATH, and")
    assert said.endswith("; --against names another agent's command\n")


def test_each_client_has_its_share_of_a_core_at_the_users_rate() -> None:
    """`--rate` measures each client at each sampling, at that rate."""
    cases = at_rate(750)
    assert len(cases) == 9
    assert {case.phase.rate for case in cases} == {750}
    assert {case.measure for case in cases} == {"core"}
    assert {case.program.client for case in cases} == {CONFLUENT, KAFKA_PYTHON, AIOKAFKA}


def test_a_ratio_is_of_added_costs_with_its_uncertainty() -> None:
    """Half as much added is 0.5; rounds that agree leave no doubt, rounds that differ do."""
    plain, theirs = [1.0] * 5, [4.0] * 5
    assert added([3.0] * 5, plain) == [2.0] * 5
    assert ratio([2.0] * 5, theirs) == (0.5, 0.5, 0.5)
    noisy = ratio([1.0, 1.5, 2.0, 2.5, 3.0], theirs)
    assert noisy is not None
    assert noisy.low < noisy.value == 0.5 < noisy.high
    assert ratio(theirs, [0.0] * 5) is None


def test_rounds_that_differ_more_than_the_agents_are_no_result(outcome: Outcome) -> None:
    """The row says so, and the table what to do about it."""
    assert is_result([1.0, 1.1, 1.2], [8.0, 8.1, 8.2])
    assert not is_result([1.0, 5.0, 9.0], [8.0, 8.1, 8.2])
    assert "no result" not in table([outcome])
    outcome.figures["ours"] = [1.5, 30.0]
    assert middle(outcome.figures["ours"]).spread > 20
    said = table([outcome])
    assert "no result" in said
    assert (
        "No result: the rounds differ by more than the two agents do; --rounds N adds rounds."
        in said
    )


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_outcome_is_a_table_and_a_picture(outcome: Outcome, tmp_path: Path, kind: str) -> None:
    """What each adds to the bare program, their ratio, and what is aimed at."""
    said = table([outcome])
    (row,) = [line for line in said.splitlines() if "keyed" in line]
    cells = ["us per call", "1.0", "+1.0", "+10.0", "0.10", "0.06"]
    places = [row.index(cell) for cell in cells]
    assert places == sorted(places)
    assert "The broker's log has all 30 messages written." in said
    picture = tmp_path / f"ratios.{kind}"
    draw([outcome], str(picture))
    assert picture.stat().st_size > 1000


def test_messages_that_are_missing_in_the_log_are_told(outcome: Outcome) -> None:
    """A program that loses messages is fast: the table says how many."""
    outcome.delivered["ours"] -= 1
    assert "ours wrote 10 messages, but the broker's log has 9 of them." in table([outcome])


@pytest.fixture
def outcome() -> Outcome:
    """Return what two rounds have given, in which the other adds ten times as much."""
    case = next(case for case in CASES if case.group == "call" and case.goal == 0.06)
    found = Outcome(case)
    for spans, (variant, took) in enumerate({"plain": 1.0, "other": 11.0, "ours": 2.0}.items()):
        for _ in range(2):
            phase = {"in_calls": took * 5e-6, "messages": 5}
            found.add(variant, phase, delivered=5, spans=5 * spans)
    return found


def test_cases_have_names_of_their_own_and_a_group_that_can_be_asked_for() -> None:
    """A figure in a file or a picture belongs to one case."""
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.group for case in CASES} == set(GROUPS) - {"rate"}
