"""The promise that the agent breaks nothing, as one object."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ._notices import tell

if TYPE_CHECKING:
    from types import TracebackType

reraise = False
"""Set by our own tests, where a failure of the agent must fail the test."""


class Guard:
    """Contain the agent's own failures: `with guard:` around our code, never around theirs.

    Catches `Exception` and never `BaseException`, so an interrupt or an exit passes through. After
    the first failure `broken` is true, the user has been told once, and the part that this guard
    protects stands aside.
    """

    __slots__ = ("broken", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.broken = False

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception) or reraise:
            return False
        self.caught(error)
        return True

    def caught(self, error: Exception) -> None:
        """Stand aside after `error`: what `with` does, where its 0.2 us are too much."""
        if reraise:
            raise error
        self.broken = True
        words = f"{self.name} failed, the application goes on: {type(error).__name__}: {error}"
        # Not by way of the settings: what has failed may be any part of the agent.
        is_wanted = os.environ.get("AUTOINSTRUMENT_DEBUG", "").strip() == "1"
        tell("agent-failed", words, about=self.name, error=error if is_wanted else None)
