"""Attributes that many spans share: those of a topic, or of a line that calls."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from autoinstrument.process.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_PORT = 9092
_MOST_TOPICS = 1000


class Attributes(dict[str, Any]):
    """Attributes that many spans share; `cached` keeps what encoders have made of them."""

    __slots__ = ("cached",)

    def __init__(self, *attributes: Any) -> None:
        super().__init__(*attributes)
        self.cached: dict[Any, dict[Any, Any]] = {}


class TopicAttributes(dict[str, "Attributes | None"]):
    """What each span of a topic starts with, by topic; None for one that the user excludes."""

    def __init__(self, attributes: Mapping[str, str | int]) -> None:
        """`attributes` are those that all topics have in common."""
        super().__init__()
        self._attributes = attributes

    def __missing__(self, topic: str) -> Attributes | None:
        excluded = any(fnmatchcase(topic, pattern) for pattern in settings().exclude_topics)
        of_topic = {**self._attributes, "messaging.destination.name": topic}
        found = None if excluded else Attributes(of_topic)
        if len(self) < _MOST_TOPICS:
            self[topic] = found
        return found


def server_attributes(servers: str) -> dict[str, str | int]:
    """Return `server.address` and `server.port` of the first of `servers`, a list such as `PLAINTEXT://a:9092,[::1]:9093`."""
    first = servers.partition(",")[0].strip().rpartition("://")[2]
    host, _, port = first.rpartition(":")
    if not host or not port.isdigit():
        host, port = first, str(_DEFAULT_PORT)
    return {"server.address": host.strip("[]"), "server.port": int(port)} if host else {}
