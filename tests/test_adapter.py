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
        return f"traced {patches.original['Producer.send'](self, *args)}"

    for _ in range(2):
        require_parameters(Producer.send, "self", "topic", "value")
        patches.replace(Producer, "send", send)
    assert Producer().send("t", b"v") == "traced t: b'v'"
    patches.undo()
    assert Producer().send("t", b"v") == "t: b'v'"


def test_two_classes_may_have_a_method_of_the_same_name() -> None:
    """Each replacement calls the method that it stands for."""

    class Consumer:
        def send(self) -> str:
            return "an acknowledgement"

    patches = Patches()
    name = f"{Consumer.__qualname__}.send"
    patches.replace(
        Producer, "send", lambda self, *_: patches.original["Producer.send"](self, "t", b"")
    )
    patches.replace(Consumer, "send", lambda self: f"traced {patches.original[name](self)}")
    assert Producer().send("t", b"v") == "t: b''"
    assert Consumer().send() == "traced an acknowledgement"
    patches.undo()
    assert Consumer().send() == "an acknowledgement"


def test_two_classes_of_the_same_name_are_not_mixed_up() -> None:
    """The author is told during the installation, before a call reaches the wrong class."""
    other = type("Producer", (), {"__module__": "other", "send": lambda _: "other"})
    patches = Patches()
    patches.replace(Producer, "send", lambda *_: "traced")
    with pytest.raises(ValueError, match=r"test_adapter and other both have a Producer\.send"):
        patches.replace(other, "send", lambda _: "traced")
    assert other().send() == "other"
    patches.undo()
    assert Producer().send("t", b"v") == "t: b'v'"


def test_a_method_with_other_parameters_is_not_supported() -> None:
    """Before anything is replaced."""
    with pytest.raises(Unsupported, match="send has other parameters than expected"):
        require_parameters(Producer.send, "self", "message")
