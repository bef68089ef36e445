"""Names that others do not document: all are here, each is there, and one that is gone is told."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import autoinstrument
from autoinstrument.process import notices
from autoinstrument.process.private_names import has_names, missing_names
from autoinstrument.start.adapters import ADAPTERS
from autoinstrument.tracing.suppression import CALLERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brokers import MockBroker
    from programs import Runner

# Of what clients are made of.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
_GRPC = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter:OTLPSpanExporter"
_HTTP = "opentelemetry.exporter.otlp.proto.http.trace_exporter:OTLPSpanExporter"
_PARENTS = ("remote_parent_sampled", "remote_parent_not_sampled")
_PARENTS += ("local_parent_sampled", "local_parent_not_sampled")
EVERYWHERE = {
    "_signal": ("getsignal", "raise_signal"),
    "_thread": ("RLock", "get_ident", "start_new_thread"),
    "aiokafka.client:AIOKafkaClient": ("_bootstrap_servers", "_client_id"),
    "aiokafka.consumer.consumer:AIOKafkaConsumer": ("_client", "_group_id"),
    "aiokafka.producer.message_accumulator:MessageAccumulator": (
        *("_append_batch", "add_batch", "add_message"),
    ),
    "aiokafka.producer.producer:AIOKafkaProducer": (
        *("_max_request_size", "_serialize", "_txn_manager", "client"),
    ),
    "asyncio": ("_get_running_loop",),
    "asyncio:Future": ("_exception",),
    "asyncio:Task": ("_exception", "_fut_waiter"),
    "concurrent.futures:Future": ("_exception",),
    "confluent_kafka:KafkaError": ("_PARTITION_EOF",),
    "kafka.producer.future:FutureRecordMetadata": ("_callbacks",),
    "kafka.producer.kafka:KafkaProducer": ("_estimate_size_in_bytes", "_serialize", "config"),
    "logging": ("PercentStyle",),
    "multiprocessing.popen_fork:Popen": ("kill", "pid", "returncode", "terminate"),
    "opentelemetry.context": ("_RUNTIME_CONTEXT", "_SUPPRESS_INSTRUMENTATION_KEY"),
    "opentelemetry.context.contextvars_context:ContextVarsRuntimeContext": ("_current_context",),
    _GRPC: ("_count_data", "_endpoint", "_export", "_insecure", "_translate_data"),
    _HTTP: ("_endpoint",),
    "opentelemetry.metrics": ("_internal",),
    "opentelemetry.metrics._internal": ("_METER_PROVIDER", "_PROXY_METER_PROVIDER"),
    "opentelemetry.propagators.composite:CompositePropagator": ("_propagators",),
    "opentelemetry.sdk.metrics.export:MetricExporter": ("_preferred_temporality",),
    "opentelemetry.sdk.metrics:MeterProvider": ("_shutdown",),
    "opentelemetry.sdk.trace.export:SimpleSpanProcessor": ("_shutdown",),
    "opentelemetry.sdk.trace.sampling:ParentBased": ("_root", *(f"_{name}" for name in _PARENTS)),
    "opentelemetry.sdk.trace.sampling:TraceIdRatioBased": ("bound",),
    "opentelemetry.sdk.trace:SpanProcessor": ("_on_ending",),
    "opentelemetry.sdk.trace:SynchronousMultiSpanProcessor": ("_span_processors",),
    "opentelemetry.sdk.trace:Tracer": ("_instrumentation_scope", "_span_limits"),
    "opentelemetry.sdk.trace:TracerProvider": ("_active_span_processor", "_atexit_handler"),
    "opentelemetry.trace": ("_TRACER_PROVIDER",),
    "opentelemetry.trace.propagation": ("_SPAN_KEY",),
    "os": ("_exit",),
    "sys": ("_getframe",),
    "threading": ("_active",),
}
"""What is taken from every version that is supported, by module, or module and class."""
_BUFFER = "confluent_kafka.aio.producer._AIOProducer:ProducerBatchManager"
NEWEST = {
    "confluent_kafka.aio:AIOConsumer": ("_consumer",),
    "confluent_kafka.aio:AIOProducer": ("_producer",),
    "confluent_kafka.aio:AsyncSerializingProducer": ("_producer",),
    "confluent_kafka.aio.producer._kafka_batch_executor:ProducerBatchExecutor": ("_producer",),
    _BUFFER: (*("_kafka_executor", "_message_buffer", "add_message", "cancel_pending_futures"),),
    "confluent_kafka:Messages": ("_records",),
    "kafka.future:Future": ("_add_cb_eb",),
    "kafka.producer.kafka:KafkaProducer": ("_transaction_manager",),
    _HTTP: ("_client",),
}
"""What older ones do not have, or have otherwise."""
_NOT_TAKEN = {
    "_HEADERS",  # the end of a variable
    "_OTHER",  # an `error.type`
    "_ddspan",  # ddtrace's, which is not installed here
    "_error",  # documented for the messages of a batch
    "_examples",  # a folder
    "_fields",  # documented
    "_installation",  # ours
    "_replace",  # documented
    "_startup",  # a folder
    "_watermill_message_uuid",  # a header
}
OFF = {"AUTOINSTRUMENT_ENABLED": ""}


def _is_installed(holder: str) -> bool:
    """Whether there is the package; some have no wheel for some Pythons."""
    package = _GRPC.rpartition(".")[0] if holder == _GRPC else re.split(r"[.:]", holder)[0]
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("holder", [*filter(_is_installed, EVERYWHERE)])
def test_what_is_installed_has_the_names(holder: str) -> None:
    """Of the interpreter, of OpenTelemetry and of each client."""
    assert missing_names(_loaded(holder), *EVERYWHERE[holder]) == []


@pytest.mark.once
@pytest.mark.parametrize("holder", NEWEST)
def test_the_newest_have_the_names(holder: str) -> None:
    """Also those that the agent can do without in older ones."""
    assert missing_names(_loaded(holder), *NEWEST[holder]) == []


@pytest.mark.once
@pytest.mark.parametrize("module", sorted({each for names in ADAPTERS.values() for each in names}))
def test_each_module_that_is_hooked_is_there(module: str) -> None:
    """Nothing would be said of one that is never imported."""
    assert find_spec(module) is not None


@pytest.mark.once
@pytest.mark.parametrize("module", sorted(CALLERS))
def test_each_module_of_another_agent_that_is_known_is_there(module: str) -> None:
    """By its frames its spans are seen, which have ended."""
    assert find_spec(module) is not None


@pytest.mark.once
def test_no_other_name_is_taken() -> None:
    """In the code: a name with an underscore that the file does not make itself is one of these."""
    known = {name for table in (EVERYWHERE, NEWEST) for names in table.values() for name in names}
    known |= {part for holder in (*EVERYWHERE, *NEWEST) for part in re.split(r"[.:]", holder)}
    taken = {
        f"{name} in {path}"
        for path in Path(autoinstrument.__file__).parent.rglob("*.py")
        for name in set(_private(ast.parse(path.read_text(encoding="utf-8"))))
        if name not in known | _NOT_TAKEN and not name.startswith("_autoinstrument")
    }
    assert taken == set()


def _private(module: ast.Module) -> Iterator[str]:
    """Yield what a file has of names with an underscore, and does not make itself."""
    made: set[str] = set()
    used: list[str] = []
    formatted = {id(part) for each in ast.walk(module) for part in _texts_of_formatted(each)}
    for each in ast.walk(module):
        match each:
            case ast.Attribute(value=ast.Name(id="self" | "cls" | "ours"), attr=name):
                made.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                made.add(name)
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                made.add(name)
            case ast.Attribute(attr=name):
                used.append(name)
            case ast.Constant(value=str(name)) if id(each) not in formatted:
                used.append(name)
            case ast.ImportFrom(module=str(name), level=0):
                used += [*name.split("."), *(alias.name for alias in each.names)]
            case ast.Import():
                used += [part for alias in each.names for part in alias.name.split(".")]
    yield from (name for name in used if re.fullmatch(r"_[A-Za-z]\w*", name) and name not in made)


def _texts_of_formatted(node: ast.AST) -> list[ast.expr]:
    return node.values if isinstance(node, ast.JoinedStr) else []


class _Holder:
    """Gives a name to its instances, and mentions one that nobody has."""

    def __init__(self) -> None:
        self._given = 1

    def method(self) -> Any:
        return self._gone


def test_what_is_gone_is_named_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """With who has it not, and what follows; the names of instances are those of their class."""
    assert has_names(_Holder, "_given", "method", otherwise="never told")
    notices._told.clear()
    for _ in range(2):
        assert not has_names(_Holder, "method", "_gone", "_lost", otherwise="nothing works")
    (told,) = [record.getMessage() for record in caplog.records]
    assert "_Holder has no _gone and no _lost: nothing works (part-unsupported)" in told


@pytest.fixture
def broker(mock_broker: Callable[..., MockBroker]) -> str:
    """Return the address of an embedded broker."""
    return mock_broker().bootstrap


@pytest.mark.parametrize(
    ("without", "part"),
    [
        ("del opentelemetry.metrics._internal._METER_PROVIDER", "MeterProvider"),
        ("del multiprocessing.popen_fork.Popen.terminate", "children"),
        pytest.param(
            "from confluent_kafka.aio.producer._AIOProducer import ProducerBatchManager\n"
            "del ProducerBatchManager.cancel_pending_futures",
            "AIOProducer",
            marks=pytest.mark.coroutines,
        ),
    ],
    ids=["metrics", "multiprocessing", "confluent-kafka"],
)
def test_a_part_alone_stands_aside(run: Runner, broker: str, without: str, part: str) -> None:
    """The rest works as ever, and what is gone is named in one line; the program goes on."""
    program = f"""
import asyncio, sys
import aiokafka, multiprocessing.popen_fork, opentelemetry.metrics._internal
{without}
import autoinstrument
autoinstrument.activate()
async def main():
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        await producer.send_and_wait("orders", b"v")
asyncio.run(main())
"""
    done = run(program, broker, **OFF)
    assert (done.code, [span.status_code for span in done.writes]) == (0, ["UNSET"])
    (told,) = done.stderr.splitlines()
    assert f"has no {without.rpartition('.')[2]}: " in told
    assert part in told


def _loaded(holder: str) -> Any:
    module, _, name = holder.partition(":")
    loaded = import_module(module)
    return getattr(loaded, name) if name else loaded
