"""What an adapter is written with: the one module of the agent that it imports.

Provisional: names in here may still change with a minor version, and the changelog says so.

An adapter traces one Kafka client. It is a module, or a package, with these names:

- `CLIENT`, a `Client`: `Client("mykafka", "mykafka", oldest=(1, 2))` is the distribution, as pip
  knows it, the package that it is imported by, and the first version that the adapter can trace.
  `has_headers=False` says that its messages have no headers, so that no reader can join the trace,
  `has_answers=False` that nothing tells of a message whether it was written.
- `install(module)`: trace the classes of `module`, a module of the client that the application has
  just imported. It is called once for each module that is hooked, and again if one is reloaded;
  doing it twice must change nothing. First it checks that what it needs is there
  (`require_parameters`, `Client.require`). If not, it raises `Unsupported` with the reason, before
  it has replaced anything: the client stays as it is, and the agent warns (`client-unsupported`).
  Without names that only a part needs (`has_names`, which warns), it does without that part.
- `uninstall()`: put back what was replaced. `autoinstrument.deactivate()` calls it, and so does the
  agent when `install` fails half-way. It is optional, but without it what was replaced stays.
- `replaced`, a dict of classes by those that they replace: optional, for a client whose classes
  cannot be patched, only subclassed. `autoinstrument.activate()` uses it to rebind names in modules
  that have imported such a class before.

This traces a method `send` that returns when the broker has answered:

    guard, patches = Guard("the tracing of mykafka's producer"), Patches()

    class Producers(TracedProducer):
        client, guard = CLIENT, guard

    def install(module):
        patches.replace(module.Producer, "send", send)

    def send(self, topic, value, headers=None):
        write, original = None, patches.original["Producer.send"]
        with guard:
            traced = self._traced = vars(self).get("_traced") or Producers(self)
            write = open_write(Write, traced, topic, None, value, headers, sys._getframe(1))
        if write is None:
            return original(self, topic, value, headers)
        with guard.abandoning(write):
            headers = write.headers(headers) or headers
        try:
            record = original(self, topic, value, headers)
        except BaseException as error:
            with guard.abandoning(write):
                write.failed(exception_name(error), exception_name(error))
            raise
        with guard.abandoning(write):
            write.acknowledged(record.partition, record.offset)
        return record

A package announces its adapter through the entry-point group `autoinstrument_adapters`. The name of
an entry is the module to hook, its value the adapter:

    [project.entry-points.autoinstrument_adapters]
    "pyrkafka.pyrkafka" = "autoinstrument_pyrkafka"

`examples/adapter_plugin` of the agent's sources is such a package. Entries are read when the first
module is imported whose top-level name contains "kafka". For a client with another name, the
program calls `autoinstrument.activate()` after it has imported the client.

If an adapter raises anything but `Unsupported` while it is imported or installed, the application's
import succeeds all the same, and other adapters are called. The agent warns once
(`adapter-failed`), calls `uninstall()`, and does not ask that adapter again in this process. This
holds for a SystemExit too; only an interrupt (KeyboardInterrupt, or what a signal handler raises)
is the application's. `AUTOINSTRUMENT_DISABLE` switches an adapter off by its module's name, and
`autoinstrument doctor` lists all of them, with what is wrong.

**The rules.** The application's call happens exactly once, with its own arguments, result and
exception: ours before, theirs, ours after. A `Guard` contains what ours before and after raise, so
that a failure of the adapter costs one span. Make one for the client's producers and one for its
consumers; `Guard(name)` takes the words that a warning begins with, "the tracing of mykafka's
producer". `with guard:` contains a failure; `with guard.abandoning(write)` also abandons that
write. After ten failures within a minute a guard stands aside: its `is_off` is true, and the
adapter traces nothing more with it.

**A write.** Make a `TracedProducer` for each producer of the application, in a subclass that names
`client` and `guard`, and keep it where the producer is at hand. `open_write` opens a write just
before the client is called, or returns None if there must be no span. Its `frame` is that of the
application's call, `sys._getframe(1)` in a function that replaces the client's: a root span is
named for it. `Write.headers(given)` returns the headers to send instead of the application's, a new
list with one `traceparent`; it takes None for a message that has none. It returns None if the
message is to be sent with what the application gave. A write is closed by exactly one of
`acknowledged`, `unconfirmed` and `failed`, whichever comes first; `abandon` leaves it without a
span. `flush_span` is the span of a call that waits for what is open.
`TracedProducer.begin_transaction`, `committing` and `deciding` enclose the calls of a transaction.
`Enclosing` encloses a call that may write through another client, which is traced as well.

**A unit of work**, which is a consumed message. Make a `TracedConsumer` for each consumer likewise.
`before_poll` ends what the last poll has begun, and returns who polls. After a poll that returns
one message, `begin_processing` opens its unit of work and makes it current. After one that returns
several, `received` counts them, and a `Batch` is a list that makes the unit of each current in its
turn, opened by `open_unit`. `before_close` ends what is open. `commit_span` and `acknowledge_span`
are the spans of calls that settle messages.

**Errors.** `failed` takes an `error.type` of one table for all clients, and words. The former is
the protocol's name of a broker's code (`protocol_error`), or one of the names in capitals below.
The words are those of the client or the broker, since any others may quote a message: a serializer
that refuses one does. Of an exception of others `foreign_failure` has the name of its type, unless
the user wants the words as well (`AUTOINSTRUMENT_EXCEPTION_WORDS`). It may be of a class that
replaces any method and attribute by what raises or waits: `foreign` looks at it without running its
code.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any, cast

from autoinstrument.metrics.current import metrics
from autoinstrument.metrics.kinds import Gauges, Kind
from autoinstrument.metrics.statistics import Statistics
from autoinstrument.process import foreign
from autoinstrument.process.exit import begin_exit, exit_has_begun
from autoinstrument.process.guard import interruption, is_interruption
from autoinstrument.process.private_names import has_names
from autoinstrument.process.settings import settings
from autoinstrument.tracing.batch import Batch
from autoinstrument.tracing.client import Client, Unsupported
from autoinstrument.tracing.client_call import CallSpan
from autoinstrument.tracing.consumer import TracedConsumer
from autoinstrument.tracing.enclosing import Enclosing
from autoinstrument.tracing.errors import (
    AUTHENTICATION,
    CANCELLED,
    CLOSED,
    CONNECTION,
    DELIVERY_TIMEOUT,
    FENCED,
    INVALID_ARGUMENT,
    INVALID_STATE,
    MESSAGE_TOO_LARGE,
    NO_OFFSET,
    OTHER,
    PURGED,
    QUEUE_FULL,
    REBALANCED,
    SERIALIZATION,
    TRANSACTION_ABORTED,
    Failure,
    exception_name,
    foreign_failure,
    protocol_error,
)
from autoinstrument.tracing.guard import TracingGuard as Guard
from autoinstrument.tracing.headers import PROPAGATED, Headers
from autoinstrument.tracing.operation import NO_CONTEXT
from autoinstrument.tracing.producer import (
    OpenWrite,
    TracedProducer,
    committing,
    deciding,
    flush_span,
)
from autoinstrument.tracing.settling import acknowledge_span, commit_span
from autoinstrument.tracing.transactions import Transaction
from autoinstrument.tracing.unit import Unit
from autoinstrument.tracing.workers import Worker
from autoinstrument.tracing.write import Write, open_write

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AUTHENTICATION",
    "CANCELLED",
    "CLOSED",
    "CONNECTION",
    "DELIVERY_TIMEOUT",
    "FENCED",
    "INVALID_ARGUMENT",
    "INVALID_STATE",
    "MESSAGE_TOO_LARGE",
    "NO_CONTEXT",
    "NO_OFFSET",
    "OTHER",
    "PROPAGATED",
    "PURGED",
    "QUEUE_FULL",
    "REBALANCED",
    "SERIALIZATION",
    "TRANSACTION_ABORTED",
    "Batch",
    "CallSpan",
    "Client",
    "Enclosing",
    "Failure",
    "Gauges",
    "Guard",
    "Headers",
    "Kind",
    "OpenWrite",
    "Patches",
    "Statistics",
    "TracedConsumer",
    "TracedProducer",
    "Transaction",
    "Unit",
    "Unsupported",
    "Worker",
    "Write",
    "acknowledge_span",
    "begin_exit",
    "commit_span",
    "committing",
    "deciding",
    "exception_name",
    "exit_has_begun",
    "flush_span",
    "foreign",
    "foreign_failure",
    "has_names",
    "interruption",
    "is_interruption",
    "open_write",
    "protocol_error",
    "publish",
    "require_parameters",
    "wants_consumers",
    "wants_metrics",
]


def __dir__() -> list[str]:
    """Return the interface, without what it is made of."""
    return __all__


class Patches:
    """Methods that are replaced on a client's own classes, and can be put back.

    `original` has the client's own by qualified name ("Producer.send"), also after `undo`. Classes
    of different modules that have the same name take a `Patches` each.
    """

    def __init__(self) -> None:
        self.original: dict[str, Callable[..., Any]] = {}
        self._places: dict[tuple[type, str], tuple[Any, str, Any]] = {}

    def replace(self, kind: type, name: str, replacement: Callable[..., Any]) -> None:
        """Put `replacement` in the place of a method, whose name, signature and docstring it gets.

        A method that is replaced already stays so: a module may be loaded again. What another agent
        has wrapped is replaced within, where it would stand had the other agent come later. Raises
        ValueError if the qualified name already belongs to a class of another module.
        """
        if (kind, name) in self._places:
            return
        qualified = f"{kind.__qualname__}.{name}"
        for other, method in self._places:
            module = other.__module__  # one that is loaded again has classes of the same name
            if f"{other.__qualname__}.{method}" == qualified and module != kind.__module__:
                both = f"{module} and {kind.__module__}"
                raise ValueError(f"{both} both have a {qualified}: use a Patches for each")
        holder, attribute, own = _place(kind, name)
        self.original[qualified] = original = getattr(holder, attribute)
        self._places[kind, name] = holder, attribute, own
        setattr(holder, attribute, update_wrapper(replacement, original))

    def undo(self) -> None:
        """Put the client's own methods back."""
        while self._places:
            _, (holder, attribute, own) = self._places.popitem()
            if own is None:  # it was inherited
                delattr(holder, attribute)
            else:
                setattr(holder, attribute, own)


def _place(kind: type, name: str) -> tuple[Any, str, Any]:
    """Return what holds a method, by which attribute, and the method; None if it is inherited.

    Within the proxies of wrapt, by which other agents wrap it: their types have that attribute.
    """
    holder: Any = kind
    attribute, method = name, cast("Any", vars(kind).get(name))
    while hasattr(type(method), "__wrapped__"):
        holder, attribute, method = method, "__wrapped__", method.__wrapped__
    return holder, attribute, method


def require_parameters(method: Any, *expected: str) -> None:
    """Raise `Unsupported` unless `method`, a Python function, begins with these parameters."""
    method = getattr(method, "__wrapped__", method)  # the client's own, where it is replaced
    code = method.__code__
    if code.co_varnames[: code.co_argcount][: len(expected)] != expected:
        raise Unsupported(f"{method.__qualname__} has other parameters than expected")


def wants_consumers() -> bool:
    """Whether the user wants consumed messages to be units of work (`AUTOINSTRUMENT_CONSUMERS`)."""
    return settings().consumers


def wants_metrics() -> bool:
    """Whether the user wants metrics (`AUTOINSTRUMENT_METRICS`)."""
    return settings().metrics


def publish(statistics: Statistics) -> None:
    """Export the gauges of a client's own statistics, as long as `statistics` is referred to."""
    metrics().statistics.add(statistics)
