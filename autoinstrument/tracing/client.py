"""The Kafka client that an adapter traces: its package, and what it can do."""

from __future__ import annotations

import re
from dataclasses import dataclass


class Unsupported(Exception):  # noqa: N818 - what it says of the client, which is no error
    """The installed client cannot be traced, for this reason; an adapter raises it in `install`."""


@dataclass(frozen=True)
class Client:
    """What is known of a client before it is imported."""

    distribution: str
    """Its name on the package index."""
    package: str
    """The name that it is imported by: its frames are passed over when a root span is named."""
    oldest: tuple[int, ...] = ()
    """The first version that the adapter can trace."""
    has_headers: bool = True
    """Whether messages have headers; without them no consumer can join the trace of a write."""
    has_answers: bool = True
    """Whether the client reports on each message; if not, writes are recorded as unconfirmed."""

    def __post_init__(self) -> None:
        if not isinstance(self.oldest, tuple) or not all(isinstance(n, int) for n in self.oldest):
            raise TypeError(f"oldest is no tuple of whole numbers: {self.oldest!r}")

    def require(self, version: str) -> None:
        """Raise `Unsupported` if `version`, a text like "2.3.0", is older than the oldest."""
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[: len(self.oldest)])
        if numbers < self.oldest:
            oldest = ".".join(map(str, self.oldest))
            raise Unsupported(f"version {version} is not traced; {oldest} and later are")
