"""The adapter of confluent-kafka: C types that only a subclass can trace.

They are replaced in `confluent_kafka.cimpl`, before the package takes them from there, so that the
client's own classes above them inherit what is traced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoinstrument.adapter import Unsupported

from . import consumer, layers, producer, traced_consumer, writes
from .classes import TRACED

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

CLIENT = writes.CLIENT

replaced: dict[type, type] = {}
"""What the application should have in the place of the client's own classes; made once."""


def install(module: ModuleType) -> None:
    """Trace the classes of one module of the client; doing it twice changes nothing."""
    if module.__name__ == "confluent_kafka.cimpl":
        _replace_classes(module)
    else:
        layers.watch(module)


def uninstall() -> None:
    """Put the client's own classes back; what was made of ours in the meantime stands aside."""
    layers.patches.undo()
    writes.guard.is_off = traced_consumer.guard.is_off = True


def _replace_classes(module: Any) -> None:
    original = module.Producer
    if not isinstance(original, type):
        raise Unsupported("another agent has put a proxy over Producer")
    if hasattr(original, TRACED):
        return
    version = module.version()
    CLIENT.require(version if isinstance(version, str) else version[0])
    writes.guard.is_off = traced_consumer.guard.is_off = False
    module.Producer = _replaced(original, producer.subclass)
    module.Consumer = _replaced(module.Consumer, consumer.subclass)
    share = getattr(module, "ShareConsumer", None)  # from version 2.14 on
    if isinstance(share, type):
        module.ShareConsumer = _replaced(share, consumer.subclass_of_share)


def _replaced(original: type, subclass: Callable[[type], type]) -> type:
    traced = replaced.get(original) or replaced.setdefault(original, subclass(original))
    _serve_classes_above(original, traced)
    return traced


def _serve_classes_above(original: Any, traced: type) -> None:
    """Replace the client's own classes that are made already, when the agent comes late."""
    above: type
    for above in original.__subclasses__():
        if above.__module__.startswith("confluent_kafka.") and above not in replaced:
            names = {"__module__": above.__module__, "__doc__": above.__doc__}
            replaced[above] = type(above.__name__, (above, traced), names)
