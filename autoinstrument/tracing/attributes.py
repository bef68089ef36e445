"""What many spans have in common: the attributes of a topic, of a calling line."""

from __future__ import annotations

from typing import Any

_DEFAULT_PORT = 9092


class Attributes(dict[str, Any]):
    """Attributes that many spans share, with what others have `cached` that they make of them."""

    __slots__ = ("cached",)

    def __init__(self, *attributes: Any) -> None:
        super().__init__(*attributes)
        self.cached: dict[Any, dict[Any, Any]] = {}


def server_attributes(servers: str) -> dict[str, str | int]:
    """Return `server.address` and `server.port` of the first of `servers`, a list such as `PLAINTEXT://a:9092,[::1]:9093`."""
    first = servers.partition(",")[0].strip().rpartition("://")[2]
    host, _, port = first.rpartition(":")
    if not host or not port.isdigit():
        host, port = first, str(_DEFAULT_PORT)
    return {"server.address": host.strip("[]"), "server.port": int(port)} if host else {}
