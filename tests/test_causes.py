"""Each error that an installed client knows has a cause in the one table, or none on purpose."""

from __future__ import annotations

import inspect
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from autoinstrument.adapters.confluent_kafka import errors as of_confluent
from autoinstrument.adapters.python_clients import errors as of_python_clients
from autoinstrument.tracing.errors import OTHER

if TYPE_CHECKING:
    from types import ModuleType

_FIRST, _LAST = -200, -100
"""Between these are librdkafka's own codes; they mark the range, and are none themselves."""


def _codes() -> dict[str, int]:
    numbers = {name: getattr(KafkaError, name) for name in dir(KafkaError)}
    return {name: code for name, code in numbers.items() if type(code) is int}


def test_each_code_of_librdkafka_has_a_cause() -> None:
    """Of a broker the protocol's name; of librdkafka one of the table, or none on purpose."""
    codes = _codes()
    assert len(codes) > 100
    own = {code for code in codes.values() if _FIRST < code < _LAST}
    assert own <= of_confluent.LOCAL.keys()
    nameless = {
        name
        for name, code in codes.items()
        if code > 0 and of_confluent.error_type(KafkaError(code)) == OTHER
    }
    assert nameless == set()


def _errors(client: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of kafka-python's own imports
        return import_module(f"{client}.errors")


def _classes(module: ModuleType) -> list[type[BaseException]]:
    return [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, BaseException) and each.__module__ == module.__name__
    ]


@pytest.mark.parametrize("client", ["kafka", "aiokafka"])
def test_each_error_class_has_a_cause(client: str) -> None:
    """The protocol's name for its code, else one of the table, or none on purpose."""
    classes = _classes(_errors(client))
    assert len(classes) > 60
    on_purpose = {name for name, cause in of_python_clients.LOCAL.items() if cause == OTHER}
    without = {
        each.__name__
        for each in classes
        if of_python_clients.failure(each.__new__(each)).error_type == OTHER
    }
    assert without <= on_purpose


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("CommitFailedError", "rebalanced"),
        ("KafkaTimeoutError", "delivery_timeout"),
        ("UnknownTopicOrPartitionError", "UNKNOWN_TOPIC_OR_PARTITION"),
    ],
)
def test_the_python_clients_agree(name: str, cause: str) -> None:
    """They have classes of the same names."""
    for client in "kafka", "aiokafka":
        kind = getattr(_errors(client), name)
        error = kind.__new__(kind)
        assert of_python_clients.failure(error).error_type == cause


def test_a_class_that_inherits_a_clients_has_its_cause() -> None:
    """Its words are the application's, of which the type alone is taken."""
    own = type("Own", (_errors("kafka").KafkaTimeoutError,), {"__module__": "shop"})
    found = of_python_clients.failure(own("PAYLOAD"))
    assert found == ("delivery_timeout", "shop.Own")


def test_librdkafka_says_what_it_waits_for() -> None:
    """Without a stored offset, or a coordinator, a commit fails as it does with other clients."""
    causes = [
        of_confluent.failure(KafkaException(KafkaError(code))).error_type
        for code in (KafkaError._NO_OFFSET, KafkaError._WAIT_COORD, KafkaError.UNKNOWN_MEMBER_ID)
    ]
    assert causes == ["no_offset", "COORDINATOR_NOT_AVAILABLE", "UNKNOWN_MEMBER_ID"]
