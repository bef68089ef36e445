"""What is sent and received: a payload with an id, metadata, and an acknowledgement."""

from __future__ import annotations

import threading
import uuid as uuids
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Metadata(dict[str, str]):
    """Texts by name; what is missing is the empty text."""

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override] # never None
        """Return the value of `key`, or `default`."""
        return super().get(key, default)


class Message:
    """One message; equal to another with the same id, metadata and payload.

    `context` belongs to this delivery: a copy has none, and acknowledgements of its own.
    """

    def __init__(
        self, uuid: str, payload: bytes | None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """`uuid` may be empty; a `payload` of None is a tombstone; `metadata` is copied."""
        self.uuid = uuid
        self.payload = payload
        self.metadata = Metadata(metadata or {})
        self.context: dict[str, Any] = {}
        self.acked = threading.Event()
        """Set once it is acknowledged."""
        self.nacked = threading.Event()
        """Set once it is refused."""
        self._settled = threading.Event()
        self._lock = threading.Lock()

    def ack(self) -> bool:
        """Acknowledge it; False if it was refused before. Never blocks, and may be repeated."""
        return self._settle(self.acked, self.nacked)

    def nack(self) -> bool:
        """Refuse it; False if it was acknowledged before. Never blocks, and may be repeated."""
        return self._settle(self.nacked, self.acked)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is acknowledged or refused; whether it is."""
        return self._settled.wait(timeout)

    def copy(self) -> Message:
        """Return one with the same id, payload and metadata."""
        return Message(self.uuid, self.payload, self.metadata)

    def _settle(self, wanted: threading.Event, other: threading.Event) -> bool:
        with self._lock:
            if other.is_set():
                return False
            wanted.set()
            self._settled.set()
            return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (self.uuid, self.metadata, self.payload) == (
            other.uuid,
            other.metadata,
            other.payload,
        )

    __hash__ = None  # type: ignore[assignment] # metadata and payload may change

    def __repr__(self) -> str:
        return f"Message({self.uuid!r}, {self.payload!r}, {dict(self.metadata)!r})"


def new_uuid() -> str:
    """Return a random id, a UUID of version 4."""
    return str(uuids.uuid4())
