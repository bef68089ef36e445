"""What the user has asked for: the environment, read once."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from autoinstrument.start import ACCEPTED, ENABLED, SWITCH

from .bad_settings import refuse, tell_of_unknown
from .notices import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")


@dataclass(frozen=True)
class Publisher:
    """A function or a method of the application's that writes messages: `module:path`.

    The other fields name arguments of it; None where it has no such argument.
    """

    module: str
    path: str
    topic: str
    key: str | None = None
    value: str | None = None
    headers: str | None = None

    @property
    def name(self) -> str:
        """What the user calls it."""
        return f"{self.module}:{self.path}"

    @property
    def arguments(self) -> dict[str, str]:
        """The names of its arguments, by what they are."""
        named = {each: getattr(self, each) for each in ("topic", "key", "value", "headers")}
        return {each: name for each, name in named.items() if name is not None}


@dataclass(frozen=True)
class Settings:
    """The agent's own settings; the standard `OTEL_*` variables are read where they apply."""

    record: str | None
    semconv_names: bool
    root_spans: bool
    propagate: bool
    keep_failures: bool
    keep_slower_than: int | None
    """Nanoseconds, or None: writes that take longer are recorded whatever the sampler said."""
    keys: bool
    exception_words: bool
    """Whether the words are taken of exceptions that are neither the client's nor the broker's."""
    capture_headers: tuple[str, ...]
    """Header names in lower case."""
    exclude_topics: tuple[str, ...]
    """Glob patterns."""
    consumers: bool
    """Whether a consumed message begins a unit of work."""
    receives: bool
    """Whether the call that has returned it is a span, too."""
    metrics: bool
    link_consumers: bool
    """Whether such a unit begins a trace of its own, with a link to the producer's."""
    log: str
    """Which writes are logged: `off`, `failures` or `all`."""
    log_correlation: bool
    """Whether log records know their trace; read again where `logging` is imported."""
    trace: tuple[Publisher, ...]
    """The application's own publishers that are traced."""
    debug: bool
    """Whether a failure of the agent is told with its traceback; read again where it is told."""


@cache
def settings() -> Settings:
    """Return the settings of this process; a bad value is told once and its default is used."""
    return read_settings(os.environ)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings that `environment` holds; what it has beside them is told, too."""
    known = {*_READ_ELSEWHERE}

    def read(name: str, accepted: str, parse: Callable[[str], _T], *, default: _T) -> _T:
        variable = f"AUTOINSTRUMENT_{name}"
        known.add(variable)
        value = environment.get(variable, "").strip()
        if not value:
            return default
        try:
            return parse(value)
        except (KeyError, ValueError, OverflowError):
            refuse(variable, value, accepted)
            return default

    keep_failures, keep_slower_than = read(
        "KEEP",
        "none, failures, slow:250ms (comma list)",
        _keep,
        default=_default_keep(environment),
    )
    consumers, receives = read(
        "CONSUMERS", "process, receive, off", _CONSUMERS.__getitem__, default=(True, False)
    )
    found = Settings(
        record=read("RECORD", "a file or a folder", str, default=None),
        semconv_names=read(
            "SPAN_NAMES", "WriteKafka, semconv", _SPAN_NAMES.__getitem__, default=False
        ),
        root_spans=read("ROOT_SPANS", "auto, off", _ROOT_SPANS.__getitem__, default=True),
        propagate=read("PROPAGATE", ACCEPTED, _switch, default=True),
        keep_failures=keep_failures,
        keep_slower_than=keep_slower_than,
        keys=read("KEYS", ACCEPTED, _switch, default=True),
        exception_words=read("EXCEPTION_WORDS", ACCEPTED, _switch, default=False),
        capture_headers=read(
            "CAPTURE_HEADERS", "header names (comma list)", _lower_names, default=()
        ),
        consumers=consumers,
        receives=receives,
        metrics=read("METRICS", ACCEPTED, _switch, default=True),
        link_consumers=read(
            "LINKS", "parent, link", {"parent": False, "link": True}.__getitem__, default=False
        ),
        log=read("LOG", "off, failures, all", _LOG.__getitem__, default="failures"),
        log_correlation=read("LOG_CORRELATION", ACCEPTED, _switch, default=True),
        exclude_topics=read("EXCLUDE_TOPICS", "glob patterns (comma list)", _names, default=()),
        trace=read(
            "TRACE",
            "module:Class.method(topic=..., key=..., value=..., headers=...) or"
            " module:function(...), with the names of its arguments, of which only topic= is"
            " required; not in __main__; separated by `;`",
            _publishers,
            default=(),
        ),
        debug=read("DEBUG", ACCEPTED, _switch, default=False),
    )
    tell_of_unknown(environment, known)
    sdk = environment.get(_SDK_DISABLED, "").strip()
    if sdk.lower() not in {"", "true", "false"}:
        refuse(_SDK_DISABLED, sdk, "true, false")
    return found


_READ_ELSEWHERE = {
    ENABLED,
    "AUTOINSTRUMENT_DISABLE",
    "AUTOINSTRUMENT_FOLDER",  # `run` sets this one and the next
    "AUTOINSTRUMENT_RUN",
}
_SDK_DISABLED = "OTEL_SDK_DISABLED"
_SPAN_NAMES = {"WriteKafka": False, "semconv": True}
_LOG = {"off": "off", "failures": "failures", "all": "all"}
_ROOT_SPANS = {"auto": True, "off": False}
_CONSUMERS = {"process": (True, False), "receive": (True, True), "off": (False, False)}


def _default_keep(environment: Mapping[str, str]) -> tuple[bool, int | None]:
    """Keep failures, but nothing for a user who has switched sampling off."""
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").lower()  # with spaces the SDK has none
    return sampler not in {"always_off", "parentbased_always_off"}, None


def _switch(value: str) -> bool:
    return SWITCH[value.lower()]


def _keep(value: str) -> tuple[bool, int | None]:
    failures, slower_than = False, None
    for word in _names(value):
        if word == "failures":
            failures = True
        elif word.startswith("slow:"):
            slower_than = int(float(word[5:].removesuffix("ms")) * 1_000_000)
            if slower_than < 0:
                raise ValueError(word)
        elif word != "none":
            raise ValueError(word)
    return failures, slower_than


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


_PUBLISHER = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*\((.*)\)", re.DOTALL)


def _publishers(value: str) -> tuple[Publisher, ...]:
    found: dict[str, Publisher] = {}
    for publisher in [_publisher(each.strip()) for each in value.split(";") if each.strip()]:
        if found.setdefault(publisher.name, publisher) is not publisher:
            words = f"AUTOINSTRUMENT_TRACE names {publisher.name} twice; the first counts"
            tell("bad-setting", words, about=publisher.name)
    return tuple(found.values())


def _publisher(value: str) -> Publisher:
    found = _PUBLISHER.fullmatch(value)
    if found is None or found[1] == "__main__":  # which runs before anybody could patch it
        raise ValueError(value)
    module, path, listed = found.groups()
    pairs = [[part.strip() for part in pair.split("=")] for pair in _names(listed)]
    arguments = dict(pairs)
    names = [*module.split("."), *path.split("."), *arguments.values()]
    if len(arguments) < len(pairs) or not all(map(str.isidentifier, names)):
        raise ValueError(value)
    try:
        return Publisher(module, path, **arguments)
    except TypeError:  # the topic is missing, or there is one that is unknown
        raise ValueError(value) from None


def _lower_names(value: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in _names(value))
