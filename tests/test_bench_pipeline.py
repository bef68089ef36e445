"""`autoinstrument bench pipeline`: the example service in all its ways.

The service is a process, as everywhere.
"""

from __future__ import annotations

import json
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING

import pytest

from autoinstrument.bench import pipeline
from autoinstrument.bench.pipeline import EVENTS, FAR_MS, Outcome, Way
from autoinstrument.bench.pipeline_picture import draw
from autoinstrument.bench.pipeline_text import conclusion, table
from autoinstrument.bench.sink import Sink
from autoinstrument.cli import main

if TYPE_CHECKING:
    from pathlib import Path

AGENTS = ("plain", "ours", "other")


def _outcome(**seconds: float) -> Outcome:
    """Return what two rounds have given: a second each, but for ways that begin as named."""
    outcome = Outcome("on this machine")
    for rtt_ms, tuned, writes, runner, agent in product(
        (0, FAR_MS), (False, True), ("sync", "async"), ("base", "watermillx"), AGENTS
    ):
        way = Way(writes, runner, tuned, rtt_ms, agent)
        took = seconds.get(f"{writes}_{runner}_{agent}", seconds.get(agent, 1.0))
        outcome.seconds[way] = [took, took]
        outcome.written[way] = 2 * EVENTS
        outcome.failed[way] = outcome.spans[way] = 0
    return outcome


@pytest.mark.parametrize("writes", ["sync", "async"])
def test_the_service_is_run_as_it_is(writes: str) -> None:
    """Every event is read and written, and the agent has two spans for each."""
    way, agent = next(
        (way, agent)
        for way, agent in pipeline.ways(["env"])
        if (way.writes, way.agent, way.rtt_ms) == (writes, "ours", 0)
    )
    with closing(Sink()) as sink:
        found = pipeline._run(way, agent, sink.url)
        assert (found["read"], found["written"]) == (EVENTS, EVENTS)
        assert found["seconds"] > 0
        assert sink.taken() >= 2 * EVENTS


def test_every_way_is_there() -> None:
    """Sync and async, both runners, both writers, near and far, with and without agents."""
    found = [way for way, _ in pipeline.ways(["env"])]
    assert len(found) == len(set(found)) == 2**4 * 3


def test_the_conclusion_follows_from_the_numbers() -> None:
    """Factors, what the layer adds, what agents add; and where ours or async lost."""
    told = conclusion(
        _outcome(
            sync_base_plain=3.0,
            async_base_plain=0.5,
            sync_watermillx_plain=0.9,
            ours=1.5,
            other=2.0,
        )
    )
    first = "Broker local: async writes of a well tuned writer are 6.0 times as fast as sync ones"
    assert told[0] == f"{first} (base) and slower than sync ones, 1.1 times (watermillx)."
    layer = "watermillx takes 2.00 times what the base runner takes with async writes"
    assert told[3] == f"{layer} (local, plain): +1667 us an event."
    assert "flush() does not linger" in told[4]
    assert "-5000 and -3333 us an event with sync writes" in told[5]
    assert told[-1].startswith("Lost: async slower than sync: watermillx, default, 0 ms; ")


def test_what_was_not_written_stands_beside_the_times() -> None:
    """A time without its messages proves nothing."""
    outcome = _outcome(ours=1.5, other=2.0)
    way = Way("sync", "base", True, 0, "plain")  # noqa: FBT003 - tuned
    outcome.written[way], outcome.failed[way] = 7, 593
    text = table(outcome)
    assert "1,000.0 (7 -593)" in text
    assert "not all written: Way(writes='sync', runner='base'" in text
    assert "on this machine" in text


def test_the_picture_and_the_data_have_every_way(tmp_path: Path) -> None:
    """A panel near, a panel far; and every round of every way."""
    outcome = _outcome()
    picture = tmp_path / "picture.svg"
    draw(outcome, str(picture))
    assert picture.read_text().count("<svg") == 1
    data = json.loads(json.dumps(outcome.as_data() | {"ways": len(outcome.seconds)}))
    assert data == {"place": "on this machine", "events": EVENTS, "ways": 48}


def test_it_is_measured_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Its rounds take minutes, and its table is another."""
    assert main(["bench", "pipeline", "start"]) == 2
    assert "pipeline is measured alone" in capsys.readouterr().err
