"""The layout of the pipeline's graph: the positions of topics, and the lines between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Flow

_WIDE, _HIGH = 200, 34
_APART, _BELOW = 170, 24
_LANE = 18
_MOST_TOPICS = 40
_LABEL = 0.65  # of the way from topic to topic: labels rarely overlap there


class Node(NamedTuple):
    """A topic, with the upper left corner of its box."""

    topic: str
    x: int
    y: int


class Edge(NamedTuple):
    """A flow, as an SVG path, with the position of its label."""

    flow: Flow
    path: str
    x: int
    y: int
    is_back: bool
    """Whether it leads back to an earlier topic, as a retry does."""


class Graph(NamedTuple):
    """The whole graph, in pixels."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int
    left_out: int
    """The number of flows that are not shown."""
    box: tuple[int, int] = (_WIDE, _HIGH)


def graph(flows: tuple[Flow, ...]) -> Graph | None:
    """Return the graph: topics in columns, each to the right of its sources; None without flows."""
    topics = list(dict.fromkeys(name for flow in flows for name in (flow.source, flow.target)))
    topics = topics[:_MOST_TOPICS]
    shown = [flow for flow in flows if flow.source in topics and flow.target in topics]
    if not shown:
        return None
    forward = _forward(topics, shown)
    nodes = {node.topic: node for node in _placed(topics, forward)}
    width = max(node.x for node in nodes.values()) + _WIDE
    height = max(node.y for node in nodes.values()) + _HIGH
    edges = [_edge(flow, nodes[flow.source], nodes[flow.target]) for flow in forward]
    for flow in shown:
        if flow not in forward:
            height += _LANE
            edges.append(_back(flow, nodes[flow.source], nodes[flow.target], height))
    return Graph(tuple(nodes.values()), tuple(edges), width, height, len(flows) - len(shown))


def _forward(topics: Sequence[str], flows: Sequence[Flow]) -> list[Flow]:
    """Return the flows without those that close a cycle."""
    found: list[Flow] = []
    seen: set[str] = set()

    def walk(topic: str, path: frozenset[str]) -> None:
        seen.add(topic)
        for flow in flows:
            if flow.source == topic and flow.target not in path:
                found.append(flow)
                if flow.target not in seen:
                    walk(flow.target, path | {flow.target})

    targets = {flow.target for flow in flows if flow.target != flow.source}
    for topic in sorted(topics, key=lambda topic: topic in targets):
        if topic not in seen:
            walk(topic, frozenset({topic}))
    return found


def _placed(topics: Sequence[str], forward: Sequence[Flow]) -> list[Node]:
    """Return the topics in columns; in each column, those with the same source are neighbours."""
    column = dict.fromkeys(topics, 0)
    for _ in topics:
        for flow in forward:
            column[flow.target] = max(column[flow.target], column[flow.source] + 1)
    rows: dict[str, int] = {}
    for number in range(max(column.values()) + 1):
        inside = [topic for topic in topics if column[topic] == number]
        inside.sort(key=lambda topic: _mean([rows[f.source] for f in forward if f.target == topic]))
        rows.update({topic: row for row, topic in enumerate(inside)})
    return [
        Node(topic, column[topic] * (_WIDE + _APART), row * (_HIGH + _BELOW))
        for topic, row in rows.items()
    ]


def _mean(numbers: list[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _edge(flow: Flow, source: Node, target: Node) -> Edge:
    x1, y1 = source.x + _WIDE, source.y + _HIGH // 2
    x2, y2 = target.x, target.y + _HIGH // 2
    if x2 - x1 > _APART:  # above the boxes in between
        lane = target.y - _BELOW // 2
        begin = f"M{x1},{y1}{_curve(x1, y1, x1 + _APART, lane)} H{x2 - _APART}"
        path = begin + _curve(x2 - _APART, lane, x2, y2)
        return Edge(flow, path, x1 + _APART + _WIDE // 2, lane - 5, is_back=False)
    x = x1 + round(_APART * _LABEL)
    y = y1 + round((y2 - y1) * (3 * _LABEL**2 - 2 * _LABEL**3)) - 5
    return Edge(flow, f"M{x1},{y1}{_curve(x1, y1, x2, y2)}", x, y, is_back=False)


def _back(flow: Flow, source: Node, target: Node, lane: int) -> Edge:
    """Return a line that leads back, below all boxes."""
    out, back = source.x + _WIDE * 2 // 3, target.x + _WIDE // 3
    path = f"M{out},{source.y + _HIGH} V{lane} H{back} V{target.y + _HIGH}"
    return Edge(flow, path, (out + back) // 2, lane - 5, is_back=True)


def _curve(x1: int, y1: int, x2: int, y2: int) -> str:
    middle = (x1 + x2) // 2
    return f" C{middle},{y1} {middle},{y2} {x2},{y2}"
