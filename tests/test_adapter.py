"""What an adapter is written with, by itself: no client is needed."""

from __future__ import annotations

from typing import Any

import pytest

from autoinstrument.adapter import Patches, Unsupported, require_parameters


class Producer:
    """A client's class."""

    def send(self, topic: str, value: bytes) -> str:
        """Return what was sent where."""
        return f"{topic}: {value!r}"


def test_a_module_that_is_loaded_again_changes_nothing() -> None:
    """Its classes may be the same: what is replaced stays so, and the original is the client's."""
    patches = Patches()

    def send(self: Any, *args: Any) -> str:
        return f"traced {patches.original['send'](self, *args)}"

    for _ in range(2):
        require_parameters(Producer.send, "self", "topic", "value")
        patches.replace(Producer, "send", send)
    assert Producer().send("t", b"v") == "traced t: b'v'"
    patches.undo()
    assert Producer().send("t", b"v") == "t: b'v'"


def test_a_method_with_other_parameters_is_not_supported() -> None:
    """Before anything is replaced."""
    with pytest.raises(Unsupported, match="send has other parameters than expected"):
        require_parameters(Producer.send, "self", "message")
