"""What a report says of a pipeline: from topic to topic, and the slowest way through it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from recordings import MS, recording, request, root, span, span_id, write

from autoinstrument.report.data import as_data
from autoinstrument.report.gathering import report
from autoinstrument.report.graph import graph
from autoinstrument.report.model import Flow
from autoinstrument.report.text import render

if TYPE_CHECKING:
    from pathlib import Path


def process(topic: str, **parts: Any) -> dict[str, Any]:
    """Return the span of one message's processing."""
    return span(
        f"process {topic}",
        kind=5,
        **parts,
        messaging__system="kafka",
        messaging__operation__type="process",
        messaging__destination__name=topic,
    )


def pipeline(trace: int, ms: float = 5, error: str | None = None) -> list[dict[str, Any]]:
    """Return a trace of one message: made, written to `a`, processed, written on to `b`."""
    first, second, third = span_id(), span_id(), span_id()
    return [
        write("a", trace=trace, parent=first, identifier=second, ms=2),
        root("app.make", trace=trace, identifier=first, ms=2),
        write("b", trace=trace, parent=third, at=10, ms=ms, error=error),
        process("a", trace=trace, parent=second, identifier=third, at=10, ms=ms),
    ]


@pytest.mark.parametrize("in_order", [True, False], ids=["as written", "turned round"])
def test_writes_are_joined_with_what_was_processed(tmp_path: Path, *, in_order: bool) -> None:
    """Whatever stands first: a recording is in no order, and may be of several processes."""
    spans = [each for trace in range(1, 4) for each in pipeline(trace)]
    lines = [request([each]) for each in (spans if in_order else reversed(spans))]
    data = as_data(report(recording(tmp_path / "r.jsonl", lines)))
    (flow,) = data["flows"]
    assert (flow["source"], flow["target"], flow["messages"]) == ("a", "b", 3)
    assert flow["per_second"] == pytest.approx(3 / 0.015)


def test_the_slowest_way_is_a_tree_in_the_order_of_time(tmp_path: Path) -> None:
    """From the function that made the message to the last write, failed or not."""
    lines = [request(pipeline(1)), request(pipeline(2, ms=50, error="no")), request(pipeline(3))]
    found = report(recording(tmp_path / "r.jsonl", lines))
    assert found.longest is not None
    assert found.longest.trace_id == f"{2:032x}"
    assert [(s.depth, s.name, s.after // MS, s.duration // MS) for s in found.longest.steps] == [
        (0, "app.make", 0, 2),
        (1, "WriteKafka a", 0, 2),
        (2, "process a", 10, 50),
        (3, "WriteKafka b", 10, 50),
    ]
    text = render(found)
    assert f"Slowest trace through the pipeline: {2:032x}\n" in text
    assert "      WriteKafka b  |     =========================|   50.0 ms  failed\n" in text


def test_a_recording_without_consumers_has_no_pipeline(tmp_path: Path) -> None:
    """Roots of the agent's and spans of the application are no processing."""
    identifier = span_id()
    lines = [request([write(parent=identifier), root("app.make", trace=1, identifier=identifier)])]
    found = report(recording(tmp_path / "r.jsonl", lines))
    assert (found.flows, found.longest) == ((), None)
    assert "ipeline" not in render(found)


def test_spans_that_are_each_others_parents_end(tmp_path: Path) -> None:
    """A trace that cannot be drawn as a tree leaves out what hangs on nothing."""
    one, two = span_id(), span_id()
    lines = [
        request(
            [
                process("a", trace=1, identifier=one, parent=two),
                write("b", trace=1, identifier=two, parent=one),
            ]
        )
    ]
    found = report(recording(tmp_path / "r.jsonl", lines))
    assert [flow.target for flow in found.flows] == ["b"]
    assert render(found)


def test_terminal_escapes_in_names_are_shown(tmp_path: Path) -> None:
    """A name from the application never reaches the terminal as a command."""
    identifier = span_id()
    lines = [
        request(
            [
                write("b\x1b[31m", trace=1, parent=identifier),
                process("a\x1b[31m", trace=1, identifier=identifier),
            ]
        )
    ]
    assert "\x1b" not in render(report(recording(tmp_path / "r.jsonl", lines)))


def test_a_circle_is_drawn_as_a_way_back() -> None:
    """A retry leads back below the topics, which stand in the order of the way on."""
    ways = [("orders", "checked"), ("checked", "retry"), ("retry", "orders"), ("orders", "orders")]
    ways += [("checked", "paid"), ("orders", "paid")]
    drawn = graph(tuple(Flow(source, target, 1, None) for source, target in ways))
    assert drawn is not None
    at = {node.topic: node.x for node in drawn.nodes}
    assert at["orders"] < at["checked"] < at["retry"] == at["paid"]
    back = {(edge.flow.source, edge.flow.target) for edge in drawn.edges if edge.is_back}
    assert back == {("retry", "orders"), ("orders", "orders")}
    assert len({(node.x, node.y) for node in drawn.nodes}) == len(at)
    assert len({(edge.x, edge.y) for edge in drawn.edges}) == len(ways)


def test_a_pipeline_of_any_shape_can_be_drawn() -> None:
    """Boxes do not overlap, and all that is drawn is inside of the picture."""
    chance = random.Random(5)  # noqa: S311 - no secret
    for topics in range(1, 60):
        ways = {(chance.randrange(topics), chance.randrange(topics)) for _ in range(topics * 2)}
        drawn = graph(tuple(Flow(f"{one}", f"{other}", 1, None) for one, other in sorted(ways)))
        assert drawn is not None
        assert len({(node.x, node.y) for node in drawn.nodes}) == len(drawn.nodes)
        assert len(drawn.edges) == len(ways) - drawn.left_out
        wide, high = drawn.box
        assert all(0 <= node.x <= drawn.width - wide for node in drawn.nodes)
        assert all(0 <= node.y <= drawn.height - high for node in drawn.nodes)
