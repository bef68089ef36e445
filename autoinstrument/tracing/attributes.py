"""What many spans have in common: the attributes of a topic, of a calling line."""

from __future__ import annotations

from typing import Any


class Common(dict[str, Any]):
    """Attributes, with room for what is made of them only once, by who has made it."""

    __slots__ = ("made",)

    def __init__(self, *attributes: Any) -> None:
        super().__init__(*attributes)
        self.made: dict[Any, dict[Any, Any]] = {}
