"""Attributes that many spans share: those of a topic, or of a line that calls."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from autoinstrument.process.limits import TEXT, cut
from autoinstrument.process.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_PORT = 9092
_LONGEST_PORT = 5  # digits
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
        of_topic = {**self._attributes, "messaging.destination.name": cut(topic)}
        found = None if excluded else Attributes(of_topic)
        if len(self) < _MOST_TOPICS and len(topic) <= TEXT:
            self[topic] = found
        return found


def server_attributes(servers: str) -> dict[str, str | int]:
    """Return `server.address` and `server.port` of the first of `servers`.

    It is a list such as `PLAINTEXT://a:9092,[::1]:9093`. A user and a password, which no client can
    use there, are left out with all that stands before them.
    """
    first = servers.rpartition("@")[2].partition(",")[0].strip().rpartition("://")[2]
    host, _, port = first.rpartition(":")
    if not host or not (port.isdecimal() and len(port) <= _LONGEST_PORT):
        host, port = first, str(_DEFAULT_PORT)
    return {"server.address": cut(host.strip("[]")), "server.port": int(port)} if host else {}
