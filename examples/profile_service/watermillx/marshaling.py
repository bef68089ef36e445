"""Messages as they stand on the wire: what watermill-kafka writes and reads, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .message import Message

if TYPE_CHECKING:
    from collections.abc import Callable

UUID_HEADER = "_watermill_message_uuid"
"""The header that holds a message's id: the first, and there even for an empty id."""
KEY = "_key"
"""The metadata that `KeyMarshaler` makes the record's key."""


class ReservedKeyError(ValueError):
    """The metadata has the name of the id's header."""

    def __init__(self) -> None:
        super().__init__(f"metadata {UUID_HEADER} is reserved by watermill for message UUID")


class Record(NamedTuple):
    """A Kafka record: no key (None) and an empty one are different things to a partitioner."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    partition: int = -1
    offset: int = -1


class Marshaler:
    """As watermill-kafka's DefaultMarshaler: the id first, a header an entry, and no key."""

    def marshal(self, topic: str, message: Message) -> Record:
        """Return the record for `message`; raises ReservedKeyError.

        An empty value of the reserved name passes and gives a second header, as in Go.
        """
        if message.metadata.get(UUID_HEADER):
            raise ReservedKeyError
        headers: list[tuple[str, bytes | None]] = [(UUID_HEADER, _bytes(message.uuid))]
        headers += [(name, _bytes(value)) for name, value in message.metadata.items()]
        return Record(topic, None, message.payload, headers)


class KeyMarshaler(Marshaler):
    """Makes the metadata `_key` the record's key, and no header.

    Without it the key is `absent`: empty, so that all such messages go to one partition, or None,
    so that they are spread.
    """

    def __init__(self, absent: bytes | None = b"") -> None:
        self._absent = absent

    def marshal(self, topic: str, message: Message) -> Record:
        """Return the record for `message`; raises ReservedKeyError."""
        record = super().marshal(topic, message)
        headers = [header for header in record.headers if header[0] != KEY]
        key = _bytes(message.metadata[KEY]) if KEY in message.metadata else self._absent
        return record._replace(key=key, headers=headers)


class PartitioningMarshaler(Marshaler):
    """Asks a function for the key: `key_of(topic, message)`, whose empty text is an empty key."""

    def __init__(self, key_of: Callable[[str, Message], str | None]) -> None:
        self._key_of = key_of

    def marshal(self, topic: str, message: Message) -> Record:
        """Return the record for `message`; raises ReservedKeyError, or ValueError without a key."""
        record = super().marshal(topic, message)
        try:
            key = self._key_of(topic, message)
        except Exception as error:
            raise ValueError(f"cannot generate partition key: {error}") from error
        return record._replace(key=None if key is None else _bytes(key))


class Unmarshaler:
    """Reads what any of them writes; the last of headers with the same name counts.

    With `restore_key` the record's key becomes the metadata `_key` again.
    """

    def __init__(self, *, restore_key: bool = False) -> None:
        self._restore_key = restore_key

    def unmarshal(self, record: Record) -> Message:
        """Return the message of a record; without the id's header its id is empty."""
        texts = {name: _text(value or b"") for name, value in record.headers}
        uuid = texts.pop(UUID_HEADER, "")
        if self._restore_key and record.key is not None:
            texts[KEY] = _text(record.key)
        return Message(uuid, record.value, texts)


# Bytes of others that are not UTF-8 come out again as they came in.
def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
