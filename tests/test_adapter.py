"""What an adapter is written with, by itself: no client is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from interpreters import ON, Interpreter
from otlp import points_of_recording

from autoinstrument import adapter
from autoinstrument.adapter import Patches, Unsupported, require_parameters

if TYPE_CHECKING:
    from pathlib import Path


class Producer:
    """A client's class."""

    def send(self, topic: str, value: bytes) -> str:
        """Return what was sent where."""
        return f"{topic}: {value!r}"


def test_the_interface_is_what_is_listed() -> None:
    """Nothing that it is made of can be taken for a part of it."""
    assert dir(adapter) == sorted(adapter.__all__)
    assert all(hasattr(adapter, name) for name in adapter.__all__)


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


_FAILING = """
from autoinstrument.adapter import Client, Guard, Patches, TracedProducer
CLIENT = Client("kafka-client", "kafka_client")
guard, patches = Guard("the tracing of kafka_client's producer"), Patches()
class Producers(TracedProducer):
    client, guard = CLIENT, guard
def send(self):
    with guard:
        Producers(self, no_such_argument=1)
    return patches.original["Producer.send"](self)
def install(module):
    patches.replace(module.Producer, "send", send)
"""


def test_what_fails_before_the_first_span_is_counted(
    installed: Interpreter, client: Path, tmp_path: Path
) -> None:
    """In the recording and at exit; a program, since the count is written when one ends."""
    (client / "kafka_client.py").write_text("class Producer:\n    def send(self): return 'sent'\n")
    (client / "counting.py").write_text(_FAILING)
    recording = tmp_path / "recording.jsonl"
    program = "import kafka_client; [print(kafka_client.Producer().send()) for _ in range(3)]"
    settings = {"PYTHONPATH": str(client), "AUTOINSTRUMENT_RECORD": str(recording), **ON}
    done = installed.run("-c", program, **settings)
    assert (done.returncode, done.stdout) == (0, "sent\n" * 3)
    first, last = done.stderr.splitlines()
    assert "failed: TypeError in counting.send; the application goes on" in first
    assert first.endswith("(agent-failed)")
    assert "3 operations" in last
    assert last.endswith("(spans-dropped)")
    dropped = [each for each in points_of_recording(recording) if each.name.endswith(".dropped")]
    assert [each.value for each in dropped] == [3]
