"""Print what a program can see of each client's classes and objects, a fact a line, as JSON.

It is a program of its own, which tests run with and without the agent.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import os
import pickle
import re
import sys
import warnings
import weakref
from abc import ABC, ABCMeta
from contextlib import suppress
from importlib import import_module
from types import new_class
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Facts = Iterator[tuple[str, Any]]

_T = TypeVar("_T")
_C = {"bootstrap.servers": sys.argv[1], "log_level": 0}
_GROUP = {**_C, "group.id": "group"}
_REGISTRY = {"schema.registry.url": "http://127.0.0.1:9"}
_PYTHON = {"bootstrap_servers": sys.argv[1]}
_CLIENTS: dict[str, dict[str, Any]] = {
    "confluent_kafka:Producer": _C,
    "confluent_kafka:SerializingProducer": _C,
    "confluent_kafka.avro:AvroProducer": {**_C, **_REGISTRY},
    "confluent_kafka.aio:AIOProducer": _C,
    "confluent_kafka.aio:AsyncSerializingProducer": _C,
    "confluent_kafka:Consumer": _GROUP,
    "confluent_kafka:DeserializingConsumer": _GROUP,
    "confluent_kafka.avro:AvroConsumer": {**_GROUP, **_REGISTRY},
    "confluent_kafka.aio:AIOConsumer": _GROUP,
    "confluent_kafka.aio:AsyncDeserializingConsumer": _GROUP,
    "confluent_kafka:ShareConsumer": _GROUP,
    "confluent_kafka:DeserializingShareConsumer": _GROUP,
    "kafka:KafkaProducer": {**_PYTHON, "api_version": (2, 0)},
    "kafka:KafkaConsumer": {**_PYTHON, "api_version": (2, 0)},
    "aiokafka:AIOKafkaProducer": _PYTHON,
    "aiokafka:AIOKafkaConsumer": _PYTHON,
}


async def _main() -> None:
    warnings.simplefilter("ignore")  # some are deprecated
    for place, settings in _CLIENTS.items():
        module, _, name = place.partition(":")
        kind: Any = None
        with suppress(ModuleNotFoundError):  # as the others, in an older version
            kind = getattr(import_module(module), name, None)
        if kind is None:
            continue
        _tell(place, _of_class(kind))
        _tell(place, _of_subclasses(kind))
        client = kind(**settings) if "bootstrap_servers" in settings else kind({**settings})
        if inspect.isawaitable(client):
            client = await client
        await _use(client)
        _tell(place, _of_object(client, kind))


def _tell(place: str, facts: Facts) -> None:
    for name, value in facts:
        text = re.sub("0x[0-9a-f]+", "0x", str(value))
        sys.stdout.write(json.dumps([place, name, text]) + "\n")


async def _use(client: Any) -> None:
    """Have the agent keep with a client what it traces of it; not all of them may do so yet."""
    for name, arguments in ("send", ("orders", b"v")), ("poll", (0,)), ("getone", ()):
        if hasattr(client, name):
            with suppress(Exception):
                result = getattr(client, name)(*arguments)
                if inspect.isawaitable(result):
                    await asyncio.wait_for(result, 1)


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whose words are a fact, too
        return f"{type(error).__name__}: {error}"


def _of_class(kind: Any) -> Facts:
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        yield f"class's {name}", getattr(kind, name)
    yield "class's repr", repr(kind)
    yield "class's type", type(kind)
    yield "class's signature", _outcome(lambda: inspect.signature(kind))
    yield "class's bases", list(dict.fromkeys(map(str, kind.__mro__)))
    for name in dir(kind):
        yield f"class has {name}", True
    yield "class is abstract", inspect.isabstract(kind)
    yield "wrong setting", _outcome(lambda: kind(nonsense=1))
    yield "setting an attribute of the class", _outcome(lambda: setattr(kind, "nonsense", 1))
    yield "deleting an attribute of the class", _outcome(lambda: delattr(kind, "nonsense"))
    for name in dir(kind):
        method = getattr(kind, name)
        if callable(method) and name not in {"__class__", "__subclasshook__"}:
            for what in ("__name__", "__qualname__", "__module__", "__doc__"):
                yield f"{name}'s {what}", getattr(method, what, None)
            yield f"{name}'s signature", _outcome(lambda method=method: inspect.signature(method))
            yield f"{name} is a coroutine", inspect.iscoroutinefunction(method)


def _of_subclasses(kind: Any) -> Facts:
    def made(bases: tuple[Any, ...], slots: tuple[str, ...] | None = None) -> Any:
        names = {} if slots is None else {"__slots__": slots}
        subclass = ABCMeta("Made", bases, names) if ABC in bases else type("Made", bases, names)
        has_names = bool(subclass.__dictoffset__)
        return has_names, bool(subclass.__weakrefoffset__), issubclass(subclass, kind)

    class Mine(kind):  # type: ignore[misc]
        pass

    class Other(kind):  # type: ignore[misc]
        pass

    class Slim(kind):  # type: ignore[misc]
        __slots__ = ("own",)

    yield "subclass", made((kind,))
    for slots in (
        (),
        ("own",),
        ("__weakref__",),
        ("own", "__weakref__"),
        ("__dict__",),
        ("__dict__", "__weakref__"),
    ):
        yield f"subclass with slots {slots}", _outcome(lambda slots=slots: made((kind,), slots))
    for bases in (Mine, Other), (Slim, Mine), (kind, ABC), (kind, dict), (kind, Exception):
        names = [base.__name__ for base in bases]
        yield f"subclass of {names}", _outcome(lambda bases=bases: made(bases))
    yield "generic subclass", _outcome(lambda: new_class("Made", (kind, Generic[_T])).__mro__[0])
    yield "subclass's bases", list(dict.fromkeys(each.__qualname__ for each in Mine.__mro__))


def _of_object(client: Any, kind: Any) -> Facts:
    class Mine(kind):  # type: ignore[misc]
        pass

    def turn() -> None:
        client.__class__ = Mine
        client.__class__ = kind

    yield "repr", repr(client)
    yield "str", str(client)
    yield "classes", (type(client) is kind, client.__class__ is kind, isinstance(client, kind))
    for name in dir(client):
        yield f"has {name}", True
    yield "attributes", "__dict__" in dir(client)
    yield "state", _outcome(lambda: type(client.__getstate__()))
    yield "weak reference", _outcome(lambda: weakref.ref(client)() is client)
    yield "truth", (bool(client), client == client, hash(client) == object.__hash__(client))  # noqa: PLR0124 - they may have an equality of their own
    yield "another class", _outcome(turn)
    for name in ("nonsense", "poll", "flush", "close", "__dict__", "__slots__"):
        yield f"setting {name}", _outcome(lambda name=name: setattr(client, name, 1))
        yield f"deleting {name}", _outcome(lambda name=name: delattr(client, name))
    yield "reduction", _outcome(client.__reduce__)
    yield "copy", _outcome(lambda: type(copy.copy(client)))
    yield "deep copy", _outcome(lambda: type(copy.deepcopy(client)))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield (
            f"pickle of protocol {protocol}",
            _outcome(lambda protocol=protocol: type(pickle.dumps(client, protocol))),
        )


asyncio.run(_main())
sys.stdout.flush()
os._exit(0)  # no need to close all of them in order
