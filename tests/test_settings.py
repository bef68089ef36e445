"""Whatever a variable holds: its value is used or the default, with one warning that names it."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

from hypothesis import example, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from autoinstrument.agent import environment
from autoinstrument.export.exporters import exporters, metric_exporters
from autoinstrument.export.recording import Recording
from autoinstrument.process import notices, service
from autoinstrument.process.limits import TEXT
from autoinstrument.process.quiet import unheard
from autoinstrument.process.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_OTLP = "OTEL_EXPORTER_OTLP_"
_NUMBERS = {
    "OTEL_METRIC_EXPORT_INTERVAL": 60_000,
    "OTEL_BSP_SCHEDULE_DELAY": 1000,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 2048,
    "OTEL_BSP_MAX_QUEUE_SIZE": 2**16,
}
_LIMITS = [
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
]
_SWITCHES = ("PROPAGATE", "KEYS", "EXCEPTION_WORDS", "METRICS", "LOG_CORRELATION", "DEBUG")
_DIGITS = ["0", "1", "-1", " 7 ", "1.5", "²", "٣", "nan", "inf", "1e400", "9" * 400, "9" * 5000]


def _own() -> Any:
    found = read_settings(os.environ)
    Recording(found.record)
    return found


def _provider() -> Any:
    unheard.complaints.clear()
    with unheard:
        provider = TracerProvider(
            sampler=environment.sampler(),
            resource=environment.resource(),
            id_generator=environment.id_generator(),
            span_limits=environment.span_limits(),
            shutdown_on_exit=False,
        )
    environment.tell_of_words()
    return provider.sampler.get_description(), type(provider.id_generator)


def _spans_to() -> Any:
    unheard.complaints.clear()
    found = exporters()
    return len(found) > 0


class Reader(NamedTuple):
    """What reads variables, and words of which their values are made."""

    read: Callable[[], Any]
    words: list[str]
    separator: str = ","


def _readers() -> Iterator[tuple[str, Reader]]:
    for name in _SWITCHES:
        yield f"AUTOINSTRUMENT_{name}", Reader(_own, ["1", "OFF", " yes", "2", "truE"])
    keep = ["none", "failures", *(f"slow:{each}" for each in _DIGITS), "slow:250ms", "slow:"]
    yield "AUTOINSTRUMENT_KEEP", Reader(_own, keep)
    for name in "SPAN_NAMES", "ROOT_SPANS", "CONSUMERS", "LINKS", "LOG":
        yield f"AUTOINSTRUMENT_{name}", Reader(_own, ["semconv", "off", "receive", "link", "all"])
    yield "AUTOINSTRUMENT_EXCLUDE_TOPICS", Reader(_own, ["[", "*", "a?", "[!", "\\"])
    yield "AUTOINSTRUMENT_CAPTURE_HEADERS", Reader(_own, ["a", "É", " "])
    paths = ["/dev/null", "..", "x" * 5000, "\udcff", "~", "a.jsonl", "C:"]
    yield "AUTOINSTRUMENT_RECORD", Reader(_own, paths, "/")
    parts = ["a", ":", "A.b", "(", ")", "topic=t", ",", "key=k", ";", "__main__", "self=s", "="]
    yield "AUTOINSTRUMENT_TRACE", Reader(_own, [*parts, "a:b(topic=t)"], "")
    for name, default in _NUMBERS.items():

        def number(name: str = name, default: int = default) -> int:
            return environment.number(name, default)

        yield name, Reader(number, _DIGITS, "")
    for name in _LIMITS:
        yield name, Reader(lambda: repr(environment.span_limits()), [*_DIGITS, "x\ny"], "")
    samplers = ["always_off", "ALWAYS_ON", " always_on", "traceidratio", "parentbased_", "xray"]
    yield "OTEL_TRACES_SAMPLER", Reader(_provider, samplers, "")
    yield "OTEL_PYTHON_ID_GENERATOR", Reader(_provider, ["random", " random", "xray"], "")
    yield "OTEL_RESOURCE_ATTRIBUTES", Reader(_provider, ["a=b", "=", "a", "a=%zz", "=b", "\udcff"])
    yield "OTEL_SERVICE_NAME", Reader(_provider, ["a", "%41", "\udcff", "x" * 5000])
    detectors = ["process", "otel", "*", "xray"]
    yield "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", Reader(_provider, detectors)
    yield "OTEL_SDK_DISABLED", Reader(_provider, ["false", "FALSE", "yes"])
    yield "OTEL_PYTHON_CONTEXT", Reader(_provider, ["contextvars_context", "xray"], "")
    named = ["console", "none", "xray", "OTLP", " "]
    yield "OTEL_TRACES_EXPORTER", Reader(_spans_to, named)
    yield "OTEL_METRICS_EXPORTER", Reader(lambda: len(metric_exporters()), named)


_READERS = dict(_readers())
_EXPORTED = {
    "PROTOCOL": ["grpc", "http/protobuf", "smoke signals", "http/json"],
    "TIMEOUT": _DIGITS,
    "COMPRESSION": ["gzip", "none", "zip"],
    "HEADERS": ["a=SECRET", "SECRET", "a=%SECRET", "=", "SECRET: b", "é=SECRET"],
    "ENDPOINT": ["http://", "user:SECRET@", "[::1", "host", ":99999999", "/v1", "\udcff"],
    "CERTIFICATE": ["/no"],
    "CLIENT_KEY": ["/SECRET"],
    "CLIENT_CERTIFICATE": ["/no"],
    "INSECURE": ["true", "maybe"],
}

# All that an environment can hold: what is no UTF-8 comes as half of a pair.
_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.characters(categories=["Cs"], min_codepoint=0xDC80, max_codepoint=0xDCFF),
    max_size=30,
)


@contextmanager
def _told(variables: dict[str, str]) -> Iterator[list[str]]:
    """Have these variables alone, and return what the agent says, and what others let out."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    said: list[str] = []
    handler = Handler(logging.WARNING)
    given = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "AUTOINSTRUMENT_"))
    }
    logging.getLogger().addHandler(handler)
    try:
        with (
            mock.patch.dict(os.environ, {**given, **variables}, clear=True),
            mock.patch.object(notices, "_told", set()),
            mock.patch.object(service, "_known", None),
        ):
            yield said
    finally:
        logging.getLogger().removeHandler(handler)


def _values(words: list[str], separator: str) -> st.SearchStrategy[str]:
    return _TEXT | st.lists(st.sampled_from(words), min_size=1, max_size=4).map(separator.join)


@st.composite
def _settings(draw: st.DrawFn) -> tuple[str, str]:
    name = draw(st.sampled_from(sorted(_READERS)))
    reader = _READERS[name]
    return name, draw(_values(reader.words, reader.separator))


@profile(max_examples=400, deadline=None)
@given(_settings())
@example(("AUTOINSTRUMENT_KEEP", "slow:inf"))
@example(("AUTOINSTRUMENT_RECORD", "x" * 5000))
@example(("OTEL_METRIC_EXPORT_INTERVAL", "²"))
@example(("OTEL_METRIC_EXPORT_INTERVAL", "9" * 400))
@example(("OTEL_BSP_MAX_QUEUE_SIZE", "9" * 5000))
@example(("OTEL_SPAN_LINK_COUNT_LIMIT", "x\ny"))
@example(("OTEL_TRACES_SAMPLER", " always_off "))
@example(("OTEL_PYTHON_ID_GENERATOR", "xray"))
@example(("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "otel,xray"))
@example(("OTEL_SDK_DISABLED", "yes"))
@example(("OTEL_RESOURCE_ATTRIBUTES", "=b"))
@example(("OTEL_METRICS_EXPORTER", "xray"))
def test_any_value_is_used_or_told(setting: tuple[str, str]) -> None:
    """Of each variable: nothing is raised, and the only warning names it, in one line."""
    name, value = setting
    reader = _READERS[name]
    with _told({}):
        default = reader.read()
    with _told({name: value}) as said:
        found = reader.read()
        assert len(service.service_name()) <= TEXT
    is_list = name.endswith("EXPORTER")
    assert len(said) <= (len(value.split(",")) if is_list else 1)
    for words in said:
        assert name in words
        assert words.isprintable()
        assert len(words) <= TEXT + 100
    if said and not (is_list or "twice" in said[0]):
        assert found == default


@st.composite
def _exports(draw: st.DrawFn) -> tuple[str, str, str]:
    signal = draw(st.sampled_from(["TRACES", "METRICS"]))
    name = draw(st.sampled_from(sorted(_EXPORTED)))
    value = draw(_values(_EXPORTED[name], ""))
    of_signal = draw(st.sampled_from(["", f"{signal}_"]))
    return signal, f"{_OTLP}{of_signal}{name}", value


@profile(max_examples=200, deadline=None)
@given(_exports(), st.sampled_from(["", "grpc", "http/protobuf"]))
@example(("TRACES", f"{_OTLP}TIMEOUT", "x"), "")
@example(("METRICS", f"{_OTLP}METRICS_TIMEOUT", "x"), "")
@example(("TRACES", f"{_OTLP}ENDPOINT", "http://[::1"), "grpc")
@example(("METRICS", f"{_OTLP}METRICS_TEMPORALITY_PREFERENCE", "x"), "")
def test_any_value_of_an_exporters_is_used_or_told(
    export: tuple[str, str, str], protocol: str
) -> None:
    """Nothing is raised, the warning names the variable, and has no words of a secret one."""
    signal, name, value = export
    given = {f"OTEL_{signal}_EXPORTER": "otlp", name: value}
    if protocol and not name.endswith("PROTOCOL"):
        given[f"{_OTLP}PROTOCOL"] = protocol
    with _told(given) as said:
        for exporter in exporters() if signal == "TRACES" else metric_exporters():
            exporter.shutdown()
    # One more where gRPC's exporter reads a time that it does not use, and cannot be created.
    assert len(said) <= 1 + (name.endswith("TIMEOUT") and protocol == "grpc")
    for words in said:
        assert name in words
        assert words.isprintable()
        assert "SECRET" not in words
