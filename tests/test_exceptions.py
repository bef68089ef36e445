"""Whatever an exception is, it comes out as it would, and its span is within the limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from autoinstrument.process.limits import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from brokers import MockBroker
    from programs import Runner

HEAD = """
import logging, sys, warnings
from ast import literal_eval
from pathlib import Path
warnings.simplefilter("ignore")
from confluent_kafka import KafkaException, SerializingProducer
from kafka import KafkaProducer
from kafka.errors import KafkaError
logging.getLogger("kafka").setLevel(logging.CRITICAL)
logging.getLogger("autoinstrument").addHandler(logging.NullHandler())
logging.getLogger("autoinstrument").propagate = False
BASES = {each.__name__: each for each in (
    ValueError, TypeError, KeyError, BufferError, RuntimeError, OSError, StopIteration,
    TimeoutError, BaseException, SystemExit, GeneratorExit, KeyboardInterrupt, KafkaException,
    KafkaError,
)}
class Text(str):
    def odd(self, *_): raise RuntimeError("PAYLOAD")
    __str__ = __repr__ = __format__ = __eq__ = __getitem__ = __len__ = __bool__ = odd
    __hash__ = str.__hash__
def odd(self, *_):
    raise (AttributeError if self is None else RuntimeError)("PAYLOAD")
def made(base, methods, attributes, words, form):
    names = {**dict.fromkeys(methods, odd), **dict.fromkeys(attributes, property(odd))}
    kind = type("Own", (BASES[base],), names)
    if form == "named":
        kind.__qualname__, kind.__module__ = Text("Named"), Text("shop")
    if form == "long":
        kind.__qualname__ = "N" * 2**20
    try:
        error = kind(Text("PAYLOAD") if form == "text" else "PAYLOAD" * words)
    except RuntimeError:
        error = kind()
    if form == "cyclic":
        other = ValueError("PAYLOAD")
        BaseException.__dict__["__cause__"].__set__(error, other)
        other.__cause__ = error
    return error
def outcome(function, error):
    try:
        function()
    except BaseException as raised:
        # By what is out of reach of a class: a layer may have put its own around it.
        return type(raised).__name__ if raised is not error else "the same"
    return "nothing"
"""
WRITES = {
    "confluent": """
error = None
def failing(*_):
    raise error
serializing = {"bootstrap.servers": sys.argv[1], "log_level": 0, "value.serializer": failing}
refusing = SerializingProducer(serializing)
writing = SerializingProducer({**serializing, "value.serializer": lambda value, _: value})
def produce():
    refusing.produce("odd", value="v")
def report():
    writing.produce("odd", value=b"v", on_delivery=failing)
    writing.flush()
ways = produce, report
def close(): pass
""",
    "kafka_python": """
error = None
def failing(*_):
    raise error
client = {"bootstrap_servers": sys.argv[1], "api_version": (2, 0)}
refusing = KafkaProducer(**client, value_serializer=failing)
choosing = KafkaProducer(**client, partitioner=failing)
def produce():
    refusing.send("odd", "v")
def choose():
    choosing.send("odd", b"v")
ways = produce, choose
def close():
    refusing.close()
    choosing.close()
""",
    "aiokafka": """
import asyncio
from aiokafka import AIOKafkaProducer
error = None
def failing(*_):
    raise error
loop = asyncio.new_event_loop()
async def made_in_loop(**options):
    producer = AIOKafkaProducer(bootstrap_servers=sys.argv[1], **options)
    await producer.start()
    return producer
refusing = loop.run_until_complete(made_in_loop(value_serializer=failing))
choosing = loop.run_until_complete(made_in_loop(partitioner=failing))
async def produce_in_loop(producer):
    try:
        await producer.send("odd", b"v")
    except BaseException as raised:
        return raised
def produce():
    raise loop.run_until_complete(produce_in_loop(refusing))
def choose():
    raise loop.run_until_complete(produce_in_loop(choosing))
ways = produce, choose
def close():
    loop.run_until_complete(refusing.stop())
    loop.run_until_complete(choosing.stop())
""",
}
END = """
for given in literal_eval(Path(sys.argv[2]).read_text()):
    error = made(*given)
    print(given[0], *(outcome(way, error) for way in ways), flush=True)
error = None
close()
"""
_METHODS = ["__str__", "__repr__", "__eq__", "__getattribute__", "__bool__", "__len__"]
_ATTRIBUTES = ["__class__", "__traceback__", "__cause__", "__context__", "__notes__", "args"]
_ATTRIBUTES += ["__dict__", "errno", "code", "retriable", "name"]
_BASES = """ValueError TypeError KeyError BufferError RuntimeError OSError StopIteration
TimeoutError BaseException SystemExit GeneratorExit KeyboardInterrupt KafkaException KafkaError"""
_EXCEPTIONS = st.tuples(
    st.sampled_from(_BASES.split()),
    st.lists(st.sampled_from(_METHODS), unique=True),
    st.lists(st.sampled_from(_ATTRIBUTES), unique=True),
    st.sampled_from([0, 1, 200_000]),
    st.sampled_from(["", "named", "long", "text", "cyclic"]),
)
_EACH = [(base, [], [], 1, form) for base in _BASES.split() for form in ("", "named", "text")]


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


@pytest.mark.parametrize("client", WRITES)
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(errors=st.lists(_EXCEPTIONS, min_size=30, max_size=30))
@example(errors=_EACH)
def test_any_exception_comes_out_as_it_was(
    run: Runner, broker: str, tmp_path: Path, client: str, errors: list[object]
) -> None:
    """Of a serializer, a partitioner, a callback: the same object, and no words of it are kept."""
    file = tmp_path / "errors.txt"
    file.write_text(repr(errors))
    program = f"{HEAD}{WRITES[client]}{END}"
    bare = run(program, broker, str(file), bare=True)
    done = run(program, broker, str(file), AUTOINSTRUMENT_LOG="off")
    assert (done.stdout, done.stderr, done.code) == (bare.stdout, bare.stderr, bare.code)
    assert bare.stdout.count("\n") == len(errors)
    assert "PAYLOAD" not in Path(done.recording).read_text()
    for span in done.spans:
        assert len(span.status_message) <= TEXT
        assert len(span.attributes.get("error.type", "")) <= TEXT
