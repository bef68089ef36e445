"""Where the topics of a pipeline stand when it is drawn, and the lines between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .model import Flow

_WIDE, _HIGH = 190, 34
_APART, _BELOW = 170, 22
_MOST_TOPICS = 40


class Node(NamedTuple):
    """One topic, by the upper left corner of its box."""

    topic: str
    x: int
    y: int


class Edge(NamedTuple):
    """One flow: an SVG path, and where its count stands."""

    flow: Flow
    path: str
    x: int
    y: int


class Graph(NamedTuple):
    """All of it, in pixels."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int
    box: tuple[int, int] = (_WIDE, _HIGH)


def graph(flows: tuple[Flow, ...]) -> Graph | None:
    """Return the topics in columns, each right of those that it is written from; None for none."""
    topics = list(dict.fromkeys(name for flow in flows for name in (flow.source, flow.target)))
    topics = topics[:_MOST_TOPICS]
    shown = [flow for flow in flows if flow.source in topics and flow.target in topics]
    if not shown:
        return None
    column = dict.fromkeys(topics, 0)
    for _ in topics:  # a circle would go on for ever
        for flow in shown:
            if flow.source != flow.target:
                column[flow.target] = max(column[flow.target], column[flow.source] + 1)
        if max(column.values()) >= len(topics):
            column = {topic: at % len(topics) for topic, at in column.items()}
            break
    rows: dict[int, int] = {}
    nodes = {}
    for topic in topics:
        row = rows.get(column[topic], 0)
        rows[column[topic]] = row + 1
        x, y = column[topic] * (_WIDE + _APART), row * (_HIGH + _BELOW)
        nodes[topic] = Node(topic, x, y)
    width = max(node.x for node in nodes.values()) + _WIDE
    height = max(node.y for node in nodes.values()) + _HIGH
    edges = tuple(_edge(flow, nodes[flow.source], nodes[flow.target]) for flow in shown)
    return Graph(tuple(nodes.values()), edges, width, height)


def _edge(flow: Flow, source: Node, target: Node) -> Edge:
    x1, y1 = source.x + _WIDE, source.y + _HIGH // 2
    x2, y2 = target.x, target.y + _HIGH // 2
    path = f"M{x1},{y1} C{x1 + _APART // 2},{y1} {x2 - _APART // 2},{y2} {x2},{y2}"
    return Edge(flow, path, (x1 + x2) // 2, (y1 + y2) // 2 - 5)
