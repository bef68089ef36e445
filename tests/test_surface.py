"""What the clients offer, and what the agent does with each of it: nothing that nobody has judged.

A version of a client that brings another class, base class, method or property fails here. Where a
name stands under "traced", the agent's own function is in its place. One that calls a traced method
needs nothing more; C calls none by its name, so that does not count for a method in C.
"""

from __future__ import annotations

import inspect
import json
import re
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from programs import Runner

TRACED = "traced"
CALLS = "calls "
NAMESAKE = "calls its namesake below"

ITSELF = "returns the client itself"
MAKES = "makes an object, of which nothing is traced before it is used"
ASKS = "asks the client or the broker, and changes nothing"
CHOOSES = "chooses what is read, and hands nothing over"
SETS = "sets how the client works"
TRANSACTION = "is a part of the transaction, whose end is traced"
WARNS = "warns of a client that was not closed, or stops a timer"
LEAVES = "gives access to messages that never iterates, as the limits say"

SURFACE: dict[str, dict[str, str]] = {
    "confluent_kafka:Producer": {
        TRACED: "__init__ produce produce_batch poll flush close __exit__"
        " begin_transaction commit_transaction abort_transaction",
        "has its reports served by the next poll": "purge",
        TRANSACTION: "init_transactions send_offsets_to_transaction",
        MAKES: "__new__",
        ITSELF: "__enter__",
        ASKS: "__bool__ __len__ list_topics cluster_id",
        SETS: "set_sasl_credentials",
    },
    "confluent_kafka:SerializingProducer": {
        TRACED: "produce",
        NAMESAKE: "__init__ close",
        "calls close": "__exit__",
    },
    "confluent_kafka.avro:AvroProducer": {TRACED: "produce", NAMESAKE: "__init__"},
    "confluent_kafka.aio:AIOProducer": {
        TRACED: "produce",
        "calls Producer": "__init__",
        "calls flush": "close",
        "calls close": "__aexit__",
        NAMESAKE: "poll flush purge init_transactions begin_transaction commit_transaction"
        " abort_transaction send_offsets_to_transaction list_topics cluster_id"
        " set_sasl_credentials",
        ITSELF: "__aenter__",
        ASKS: "__len__",
        WARNS: "__del__",
    },
    "confluent_kafka.aio:AsyncSerializingProducer": {
        TRACED: "produce",
        NAMESAKE: "__init__ close",
        MAKES: "__new__",
    },
    "confluent_kafka:Consumer": {
        TRACED: "__init__ poll consume commit close __exit__",
        "commits later, in the client's own time": "store_offsets",
        MAKES: "__new__",
        ITSELF: "__enter__",
        ASKS: "assignment committed position get_watermark_offsets offsets_for_times memberid"
        " list_topics cluster_id consumer_group_metadata",
        CHOOSES: "subscribe unsubscribe assign unassign incremental_assign incremental_unassign"
        " pause resume seek",
        SETS: "set_sasl_credentials",
    },
    "confluent_kafka:DeserializingConsumer": {
        NAMESAKE: "__init__ poll close",
        "calls close": "__exit__",
        "raises NotImplementedError": "consume",
    },
    "confluent_kafka.avro:AvroConsumer": {NAMESAKE: "__init__ poll"},
    "confluent_kafka.aio:AIOConsumer": {
        TRACED: "__init__ poll consume commit close",
        "calls close": "__aexit__",
        NAMESAKE: "store_offsets assignment committed position get_watermark_offsets"
        " offsets_for_times list_topics cluster_id consumer_group_metadata subscribe unsubscribe"
        " assign unassign incremental_assign incremental_unassign pause resume seek"
        " set_sasl_credentials",
        ITSELF: "__aenter__",
    },
    "confluent_kafka.aio:AsyncDeserializingConsumer": {
        TRACED: "consume",
        NAMESAKE: "__init__ poll close",
        MAKES: "__new__",
    },
    "confluent_kafka:ShareConsumer": {
        TRACED: "__init__ poll acknowledge acknowledge_offset commit_sync commit_async close"
        " __exit__",
        MAKES: "__new__",
        ITSELF: "__enter__",
        ASKS: "subscription",
        CHOOSES: "subscribe unsubscribe",
        SETS: "set_sasl_credentials set_acknowledgement_commit_callback",
    },
    "confluent_kafka:DeserializingShareConsumer": {NAMESAKE: "__init__ poll"},
    "confluent_kafka:Messages": {
        "calls iter": "__iter__",  # over a list that is ours
        MAKES: "__init__",
        ASKS: "count is_empty __len__ __repr__",
        LEAVES: "records __getitem__",
    },
    "kafka:KafkaProducer": {
        TRACED: "send flush close begin_transaction commit_transaction abort_transaction",
        "calls close": "__exit__ __del__",
        TRANSACTION: "init_transactions send_offsets_to_transaction",
        MAKES: "__init__",
        ITSELF: "__enter__",
        ASKS: "bootstrap_connected partitions_for max_usable_produce_magic metrics __str__",
    },
    "kafka.producer.future:FutureRecordMetadata": {
        TRACED: "get add_callback add_errback",
        MAKES: "__init__",
        "is for the client's own use": "rebind args",
    },
    "kafka.future:Future": {
        "are traced in the class above": "add_callback add_errback",
        "calls add_callback": "add_both",
        "is for the client's own use": "success failure chain __await__",
        MAKES: "__init__",
        ASKS: "succeeded failed retriable is_done value exception",
    },
    "kafka:KafkaConsumer": {
        TRACED: "__next__ poll commit commit_async close",
        "calls close": "__exit__",
        "is one of the two ways of __next__ in version 2.0, and not documented": "next_v1 next_v2",
        MAKES: "__init__",
        ITSELF: "__iter__ __enter__",
        ASKS: "assignment bootstrap bootstrap_connected committed topics partitions_for_topic"
        " position highwater paused subscription metrics offsets_for_times beginning_offsets"
        " end_offsets group_metadata",
        CHOOSES: "assign subscribe unsubscribe pause resume seek seek_to_beginning seek_to_end",
    },
    "aiokafka:AIOKafkaProducer": {
        TRACED: "send send_batch flush stop begin_transaction commit_transaction abort_transaction",
        "calls send": "send_and_wait",
        "calls stop": "__aexit__",
        "calls TransactionContext": "transaction",
        TRANSACTION: "send_offsets_to_transaction",
        MAKES: "__init__ create_batch",
        ITSELF: "start __aenter__",
        ASKS: "partitions_for",
        WARNS: "__del__",
    },
    "aiokafka.producer.producer:TransactionContext": {
        "calls begin_transaction": "__aenter__",
        "calls commit_transaction": "__aexit__",
        MAKES: "__init__",
    },
    "aiokafka.producer.message_accumulator:BatchBuilder": {
        "has no write before send_batch": "append close",
        MAKES: "__init__",
        ASKS: "size record_count closed",
    },
    "aiokafka:AIOKafkaConsumer": {
        TRACED: "getone getmany commit stop",
        "calls getone": "__anext__",
        "calls stop": "__aexit__",
        MAKES: "__init__",
        ITSELF: "start __aiter__ __aenter__",
        ASKS: "assignment committed topics partitions_for_topic position highwater"
        " last_stable_offset last_poll_timestamp offsets_for_times beginning_offsets end_offsets"
        " subscription paused",
        CHOOSES: "assign subscribe unsubscribe pause resume seek seek_to_beginning seek_to_end"
        " seek_to_committed",
        WARNS: "__del__",
    },
}
"""By class what the agent does with its methods and properties, or why it does nothing."""

NO_BEHAVIOUR = {"__doc__", "__dict__", "__weakref__", "__module__", "__getattribute__"}
PLAIN = {"builtins.object", "typing.Generic"}


def _names(module: str) -> dict[str, Any]:
    """Return what is in a module of the installed client; nothing if this version has no such."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kafka-python's import warns of its own
        try:
            return vars(import_module(module))
        except ModuleNotFoundError:
            return {}


def _class(place: str) -> Any:
    """Return a class of the installed client; None if this version does not have it."""
    module, _, name = place.partition(":")
    return _names(module).get(name)


def _offers(kind: type) -> set[str]:
    """Return what a class itself has that does something: public, or of the language."""
    return {
        name
        for name, value in vars(kind).items()
        if (not name.startswith("_") or name.endswith("__"))
        and (callable(value) or hasattr(type(value), "__get__"))
        and name not in NO_BEHAVIOUR
    }


INSTALLED = {place: kind for place in SURFACE if (kind := _class(place)) is not None}


@pytest.mark.parametrize("place", INSTALLED)
def test_each_method_of_a_client_is_judged_once(place: str) -> None:
    """Ask of a new one what it opens, closes, hands over or makes."""
    judged = " ".join(SURFACE[place].values()).split()
    assert _offers(INSTALLED[place]) - set(judged) == set()
    assert len(judged) == len(set(judged))


@pytest.mark.parametrize("place", INSTALLED)
def test_each_base_class_of_a_client_is_judged(place: str) -> None:
    """Its methods are the client's as well."""
    bases = set(INSTALLED[place].__mro__) - set(INSTALLED.values())
    assert {f"{base.__module__}.{base.__name__}" for base in bases} <= PLAIN


@pytest.mark.parametrize(
    "module",
    ["confluent_kafka", "confluent_kafka.aio", "confluent_kafka.avro", "kafka", "aiokafka"],
)
def test_each_client_is_judged(module: str) -> None:
    """Each class of a package that has the name of a client."""
    clients = {
        value
        for name, value in _names(module).items()
        if isinstance(value, type) and re.search("(Producer|Consumer)$", name)
    }
    assert clients <= set(INSTALLED.values())


@pytest.mark.parametrize("place", INSTALLED)
def test_what_needs_nothing_calls_what_is_traced(place: str) -> None:
    """A method that is said to call another does so in Python, by its name."""
    for reason, names in SURFACE[place].items():
        for name in names.split() if reason.startswith(CALLS) else ():
            method = inspect.unwrap(vars(INSTALLED[place]).get(name, _absent))
            called = name if reason == NAMESAKE else reason.removeprefix(CALLS)
            assert method is _absent or called in method.__code__.co_names, name


def _absent() -> None:
    """Stand for a method that this version does not have."""


def test_the_agent_is_in_the_place_of_what_is_traced(run: Runner) -> None:
    """A program has to be started: the classes of confluent-kafka are replaced at its import."""
    program = """
import inspect, json, sys, warnings
from importlib import import_module
warnings.simplefilter("ignore")  # some are deprecated
ours = {}
for place, names in json.loads(sys.argv[1]).items():
    module, _, kind = place.partition(":")
    kind = getattr(import_module(module), kind)
    methods = {name: inspect.getattr_static(kind, name, None) for name in names}
    ours[place] = sorted(
        name for name, method in methods.items()
        if "autoinstrument" in getattr(getattr(method, "__code__", None), "co_filename", "")
    )
print(json.dumps(ours))
"""
    own = {place: sorted(_own(place) | _traced(place)) for place in INSTALLED}
    done = run(program, json.dumps(own))
    expected = {place: sorted(_traced(place)) for place in INSTALLED}
    assert json.loads(done.stdout) == expected, done.stderr


def _traced(place: str) -> set[str]:
    """Return what is traced of a class, as far as this version has it, be it inherited."""
    names = SURFACE[place].get(TRACED, "").split()
    return {name for name in names if hasattr(INSTALLED[place], name)}


def _own(place: str) -> set[str]:
    """Return what is judged of a class, as far as this version has it in the class itself."""
    return set(" ".join(SURFACE[place].values()).split()) & set(vars(INSTALLED[place]))
