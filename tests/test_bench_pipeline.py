"""`autoinstrument bench pipeline`: the example service in all its ways.

The service is a process, as everywhere.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autoinstrument.bench import pipeline
from autoinstrument.bench.pipeline import EVENTS, Outcome, Way
from autoinstrument.bench.pipeline_picture import draw
from autoinstrument.bench.pipeline_text import conclusion, table
from autoinstrument.bench.sink import Sink
from autoinstrument.commands.main import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

AGENTS = ("plain", "ours", "other")


def _outcome(*, agents: tuple[str, ...] = AGENTS, **took: float) -> Outcome:
    """Return what two rounds have given, all delivered: 100 us an event, plus what is named.

    A name is a way's parts, those that matter, with `_` between: `async_base_ours=20`.
    """
    outcome = Outcome("on this machine")
    plain = [way for way, _ in pipeline.ways(["env"]) if way.agent == "plain"]
    for way in (replace(way, agent=agent) for way in plain for agent in agents):
        parts = {way.writes, way.runner, way.agent, "far" if way.rtt_ms else "local"}
        parts |= {"tuned" if way.tuned else "default"}
        us = 100 + sum(more for name, more in took.items() if set(name.split("_")) <= parts)
        events = EVENTS[way.writes]
        outcome.seconds[way] = [us * events / 1e6, us * 1.01 * events / 1e6]
        outcome.delivered[way] = 2 * events
        outcome.failed[way] = outcome.spans[way] = 0
    return outcome


def _said(outcome: Outcome, beginning: str) -> str:
    """Return the only sentence of the conclusion that begins so."""
    (found,) = [each for each in conclusion(outcome) if each.startswith(beginning)]
    return found


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Have so many events in each run."""
    monkeypatch.setattr(pipeline, "EVENTS", dict.fromkeys(EVENTS, 40))
    return 40


@pytest.mark.parametrize("writes", ["sync", "async"])
def test_the_service_is_run_as_it_is_and_its_writes_are_in_the_log(few: int, writes: str) -> None:
    """Every event is read and delivered, and the agent has two spans for each."""
    way, agent = _watched(writes)
    with closing(Sink()) as sink:
        found = pipeline._run(way, agent, sink.url)
        assert (found["read"], found["written"], found["delivered"]) == (few, few, few)
        assert found["seconds"] > 0
        assert sink.taken(agent.name) >= 2 * few


def test_writes_that_fail_are_counted_and_do_not_end_the_measurement(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that is missing: half of the events, by the service's count and by the log."""
    monkeypatch.setattr(pipeline, "_TARGETS", ["profile.login"])
    way, agent = _watched("async")
    with closing(Sink()) as sink:
        found = pipeline._run(way, agent, sink.url)
    assert (found["failed"], found["delivered"]) == (few // 2, few // 2)


def _watched(writes: str) -> tuple[Way, pipeline.Variant]:
    return next(
        (way, agent)
        for way, agent in pipeline.ways(["env"])
        if (way.writes, way.agent, way.rtt_ms) == (writes, "ours", 0)
    )


def test_every_way_is_there() -> None:
    """Sync and async, both runners, both writers, near and far, with and without agents."""
    found = [way for way, _ in pipeline.ways(["env"])]
    assert len(found) == len(set(found)) == 2**4 * 3


@pytest.mark.parametrize(
    ("took", "words"),
    [
        ({"async": -80}, "1/5.00 as long as one written sync (base), 1/5.00 as long as one wri"),
        ({"async_base": 150}, "2.50 times as long as one written sync (base), as long as one wri"),
        ({"async": 0.5}, "as long as one written sync (base), as long as one written sync (water"),
        ({"sync": 1900}, "1/20 as long as one written sync (base), 1/20 as long as one written"),
    ],
)
def test_the_conclusion_says_whether_async_pays(took: dict[str, float], words: str) -> None:
    """Faster, slower, or alike where rounds overlap; near and far each for itself."""
    outcome = _outcome(**{f"{name}_local": more for name, more in took.items()})
    assert f"an event written async takes {words}" in _said(outcome, "Local broker: an event writ")
    far = _said(outcome, "Broker 20 ms away: an event writ")
    assert "takes as long as one written sync (base), as long as one written sync (water" in far


def test_the_conclusion_says_what_the_layer_costs() -> None:
    """In both ways of writing, as a factor and in time."""
    said = _said(_outcome(sync_watermillx=50, async_watermillx=-50), "Local broker: an event in")
    assert said == (
        "Local broker: an event in watermillx takes 1.50 times as long as one in the base runner"
        " when written sync (+50 us), 1/2.00 as long as one in the base runner when written"
        " async (-50 us)."
    )


def test_the_conclusion_says_whether_a_sync_writer_can_be_tuned() -> None:
    """By how much, or that it makes no difference."""
    assert _said(_outcome(), "Tuning gains a sync writer nothing")
    assert _said(_outcome(sync_default_local=400), "A sync writer with") == (
        "A sync writer with the default settings takes 5.00 times as long as a tuned one"
        " (base, local), 5.00 times as long as a tuned one (watermillx, local); otherwise as long."
    )


@pytest.mark.parametrize("agents", [AGENTS, ("plain", "ours", "plain-other", "other")])
def test_the_conclusion_says_what_monitoring_adds(agents: tuple[str, ...]) -> None:
    """To the plain program of each one's own environment, which may be slower by itself."""
    outcome = _outcome(agents=agents, sync_ours=20, async_ours=10, other=200)
    slower = {way: rounds for way, rounds in outcome.seconds.items() if way.agent == "plain-other"}
    for way, rounds in slower.items():
        outcome.seconds[way] = [seconds * 2 for seconds in rounds]
    theirs = "+101 and +101" if slower else "+201 and +201"
    sync, later = (f"+20 and {theirs[:4]}", f"+10 and {theirs[:4]}")
    assert _said(outcome, "Local broker: auto") == (
        f"Local broker: autoinstrument and the other agent add {sync} us per event with sync"
        f" writes, {later} us per event with async writes (base)."
    )


def test_the_conclusion_says_where_ours_or_async_lost() -> None:
    """By name; and that neither did, if so."""
    assert _said(
        _outcome(ours=1, other=9, sync=5), "Autoinstrument never added more than the other"
    )
    said = _said(_outcome(async_far=900, sync_base_far_tuned_ours=50), "Exceptions: ")
    assert said == (
        "Exceptions: autoinstrument added more than the other agent: (sync base tuned 20 ms away);"
        " async took longer than sync: (async base default 20 ms away),"
        " (async watermillx default 20 ms away), (async base tuned 20 ms away),"
        " (async watermillx tuned 20 ms away)."
    )


def test_the_conclusion_does_not_compare_with_an_agent_that_traces_nothing() -> None:
    """It adds little because it does nothing."""
    outcome = _outcome(ours=9, other=1)
    assert _said(outcome, "Exceptions: autoinstrument added more")
    outcome.spans |= {way: 1 for way in outcome.spans if way.agent == "ours"}
    assert _said(outcome, "The other command made no spans")
    assert _said(outcome, "Async was never slower than sync.")


def test_the_conclusion_says_what_was_not_delivered() -> None:
    """A time without its messages proves nothing; nor is a failure passed over in silence."""
    outcome = _outcome()
    assert _said(outcome, "Everything was delivered.")
    way = Way("sync", "base", True, 0, "plain")  # noqa: FBT003 - tuned
    outcome.failed[way] = 2
    assert _said(outcome, "Everything was delivered, but 2 writes reported a failure.")
    outcome.delivered[way], outcome.failed[way] = 7, 593
    said = _said(outcome, "NOT everything was delivered")
    assert said.endswith("prove nothing: 7 of 600 (sync base tuned local plain).")
    text = table(outcome)
    assert "100 (7; 593)" in text.replace("101", "100")
    assert "on this machine" in text


def test_the_picture_and_the_data_have_every_way(tmp_path: Path) -> None:
    """A panel near, a panel far, the answers above them; and every round of every way."""
    outcome = _outcome()
    picture = tmp_path / "picture.svg"
    draw(outcome, str(picture))
    assert picture.read_text().count("<svg") == 1
    data = json.loads(json.dumps(outcome.as_data()))
    assert (data["place"], len(data["ways"])) == ("on this machine", 48)
    assert {"events", "seconds", "delivered", "failed", "spans"} <= data["ways"][0].keys()


def test_it_is_measured_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Its rounds take minutes, and its table is another."""
    assert main(["bench", "pipeline", "start"]) == 2
    assert "pipeline runs alone" in capsys.readouterr().err
