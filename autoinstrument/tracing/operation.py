"""An operation, which the agent follows from begin to end, and which then becomes a span."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry import context as context_api
from opentelemetry.trace import SpanKind

from autoinstrument.process.limits import KEY, cut
from autoinstrument.process.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext, TraceState
    from typing_extensions import Self

    from .attributes import Attributes
    from .call_site import CallSite
    from .headers import MessageHeaders


# What get_current() and attach() call in the end: shorter by two calls. Another runtime context
# has no such name.
_variable = getattr(getattr(context_api, "_RUNTIME_CONTEXT", None), "_current_context", None)
current_context: Callable[[], Context] = getattr(_variable, "get", context_api.get_current)
make_current: Callable[[Context], object] = getattr(_variable, "set", context_api.attach)
NO_CONTEXT = context_api.Context()
"""In the place of a context that is let go, with all that the application has put into it."""


class Pipeline(Protocol):
    """What gives an operation its ids when it begins, and takes it when it has ended."""

    def open(self, operation: Operation) -> None:
        """Give `operation` its ids, flags and trace state, and ask the sampler."""

    def close(self, operation: Operation) -> None:
        """Take `operation`, which has just ended."""


class RootDecision(NamedTuple):
    """What a sampler has decided on a root span alone."""

    recording: bool
    flags: int
    attributes: Mapping[str, Any] | None


class Operation:
    """One operation: what is known when it begins, what is learned when it ends.

    It is not yet a span: a span object costs more than all of this, and is made off the hot path.
    For what few operations have, the class has the default: to set it on each, or to have an
    `__init__`, would cost a good part of what a write may cost. Times are in nanoseconds.
    """

    # Slots for what every operation has: without them Python 3.11 gives each a dictionary of 0.8 kB
    # when many are open at once.
    __slots__ = (
        "__dict__",
        "attributes",
        "elapsed",
        "flags",
        "ids",
        "key",
        "offset",
        "outer",
        "parent",
        "partition",
        "pipeline",
        "recording",
        "root",
        "started",
        "taken",
        "ticks",
    )
    attributes: Attributes
    elapsed: int
    flags: int
    ids: bytes
    """The ids of the trace, the span and its root, if it has one: 16, 8 and 8 bytes.

    Empty where the provider gives none, as when it is switched off.
    """
    key: Any
    offset: int | None
    outer: Context
    """The context that was current when it began."""
    parent: SpanContext | None
    partition: int | None
    pipeline: Pipeline
    recording: bool
    root: CallSite | None
    """The line that a root span around it is named for; None without a root span."""
    started: int
    taken: bool
    """Set once it is on its way to be a span, so that to emit it again would make two.

    Who takes it sets this right before the one call of C that does so: the interpreter runs
    signal handlers after calls only, and so none can come between the two.
    """
    ticks: int
    """When it began, by `perf_counter_ns`; `started` is the same in Unix time."""

    is_write = False
    trace_state: TraceState | None = None
    root_decision: RootDecision | None = None
    """None where the sampler decided on the operation and its root together."""
    tombstone = False
    message_headers: MessageHeaders | None = None
    links: tuple[SpanContext, ...] = ()
    """The contexts that the span links to."""
    error_type: str | None = None
    description: str | None = None
    outcome: str | None = None
    kept: str | None = None
    extra: Mapping[str, Any] | None = None
    weight = 0
    """How many characters it holds beside what every operation has: words, headers, additions."""
    live: Any = None
    """The spans that the pipeline has started, where it cannot wait for the outcome."""
    added: Mapping[str, Any] = MappingProxyType({})
    """The attributes that the application or its sampler has added."""
    renamed: str | None = None
    """The name that the application has given to the span."""
    events: Sequence[tuple[str, Any, int]] = ()
    """The events that the application has added: names, attributes and times."""

    @property
    def trace_id(self) -> int:
        """The id of the trace."""
        return int.from_bytes(self.ids[:16], "big")

    @property
    def span_id(self) -> int:
        """The id of the operation's own span."""
        return int.from_bytes(self.ids[16:24], "big")

    @property
    def root_id(self) -> int:
        """The id of the root span around it."""
        return int.from_bytes(self.ids[24:], "big")

    @property
    def name(self) -> str:
        """The span's name: the operation's and, where there is one, the topic's."""
        name: str = self.attributes["messaging.operation.name"]
        topic = self.attributes.get("messaging.destination.name")
        return name if topic is None else f"{name} {topic}"

    @property
    def kind(self) -> SpanKind:
        """The span's kind."""
        return SpanKind.CLIENT

    @property
    def parent_context(self) -> Context:
        """A context in which the parent is the current span."""
        return self.outer

    @property
    def is_wanted(self) -> bool:
        """Whether it becomes a span: the sampler says so, or it is worth keeping."""
        return self.recording or self.kept is not None

    def emit(self) -> None:
        """Hand the ended operation over to the pipeline."""
        if not self.recording:
            kept = self._reason_to_keep()
            if kept is not None:
                self.kept = kept
        self.pipeline.close(self)

    def moved(self) -> Self:
        """Return another with all that this one had, which is left empty.

        For one that somebody keeps whom nothing can make let go of it.
        """
        kind = type(self)
        other = kind.__new__(kind)
        for each in kind.__mro__:
            for name in getattr(each, "__slots__", ()):
                if hasattr(self, name):
                    setattr(other, name, getattr(self, name))
                    delattr(self, name)
        return other

    def _reason_to_keep(self) -> str | None:
        wanted = settings()
        if self.error_type is not None and wanted.keep_failures:
            return "failure"
        slower_than = wanted.keep_slower_than
        return "slow" if slower_than is not None and self.elapsed > slower_than else None


TEXTS = (bytes, str)


def cut_key(key: Any) -> Any:
    """Return as much of a key as a span may have: many large ones may wait for an exporter."""
    if type(key) in TEXTS and len(key) <= KEY:
        return key
    if isinstance(key, bytes):
        try:
            key = str(key, "utf-8")  # whole: cut, it might end within a character
        except UnicodeDecodeError:
            return None
    return cut(key, KEY) if isinstance(key, str) else None
