"""What an adapter is written with: the one module of the agent that it imports.

Provisional: names in here may still change with a minor version, which the changelog will say.

An adapter traces one Kafka client. It is a module, or a package, of these names:

- `CLIENT`, a `Client`: the distribution, its oldest version, and what the client can do.
- `install(module)`: trace the classes of `module`, a module of the client that the application has
  just imported. It is called once for each module that is hooked, and again if one is reloaded;
  doing it twice must change nothing. First it checks that what it needs is there
  (`require_parameters`, `Client.require`). If not it raises `Unsupported` with the reason, before
  it has replaced anything: the client stays as it is, which is told (`client-unsupported`).
- `uninstall()`: put back what was replaced. Optional; `autoinstrument.deactivate()` calls it.
- `replaced`, a dict of classes by those that they replace: optional, for a client whose classes
  cannot be patched, only subclassed. `autoinstrument.activate()` binds names of modules anew by it.

A package of its own announces it through the entry-point group `autoinstrument_adapters`. The name
of an entry is the module to hook, its value the adapter:

    [project.entry-points.autoinstrument_adapters]
    "pyrkafka.pyrkafka" = "autoinstrument_pyrkafka"

`examples/adapter_plugin` of the agent's sources is such a package. Entries are read when the first
module is imported whose top-level name contains "kafka". An adapter that cannot be imported, or
whose `install` raises anything but `Unsupported`, is told once (`agent-failed`) and not asked
again; the application's import succeeds all the same, and other adapters are called.
`AUTOINSTRUMENT_DISABLE` switches an adapter off by its module's name, and `autoinstrument doctor`
lists all of them, with what is wrong.

**The rules.** The application's call happens exactly once, with its own arguments, result and
exception: ours before, theirs, ours after. What stands before and after is contained by a `Guard`,
one for the client's producers and one for its consumers, so that a failure of the adapter costs one
span: `with guard:`; with `guard.abandoning(write)` that write is abandoned as well. A guard whose
`is_off` is true has stood aside, and nothing is traced by its half any more.

**A write.** Make a `TracedProducer` for each producer of the application, in a subclass that names
`client` and `guard`, and keep it where the producer is at hand. `open_write` opens a write just
before the client is called; `Write.headers` gives the headers to send. It is closed by exactly one
of `acknowledged`, `unconfirmed` and `failed`, whichever comes first; `abandon` leaves it without a
span. `flush_span` is the span of a call that waits for what is open. Around a transaction stand
`TracedProducer.begin_transaction`, `committing` and `deciding`. A call that may write through
another client, which is traced as well, is made within `Enclosing`.

**A unit of work**, which is a consumed message. Make a `TracedConsumer` for each consumer likewise.
`before_poll` ends what the last poll has begun, and says who polls. After a poll that returns one
message `begin_processing` opens its unit and makes it current. For several messages `received`
takes note of them, and a `Batch` is a list that makes the unit of each current in its turn, opened
by `open_unit`. `before_close` ends what is open. `commit_span` and `acknowledge_span` are the spans
of calls that settle messages.

**Errors.** `failed` takes an `error.type` of one table for all clients: the protocol's name of a
broker's code (`protocol_error`), or one of the names in capitals below. An exception that is
neither the client's nor the broker's goes by its name (`exception_name`).
"""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from autoinstrument.metrics.current import metrics
from autoinstrument.metrics.kinds import Gauges, Kind
from autoinstrument.metrics.statistics import Statistics
from autoinstrument.process.exit import begin_exit, exit_has_begun
from autoinstrument.process.guard import is_interruption
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
    OTHER,
    PURGED,
    QUEUE_FULL,
    SERIALIZATION,
    TRANSACTION_ABORTED,
    exception_name,
    protocol_error,
)
from autoinstrument.tracing.guard import TracingGuard as Guard
from autoinstrument.tracing.headers import PROPAGATED, Headers
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
    "OTHER",
    "PROPAGATED",
    "PURGED",
    "QUEUE_FULL",
    "SERIALIZATION",
    "TRANSACTION_ABORTED",
    "Batch",
    "CallSpan",
    "Client",
    "Enclosing",
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
    "is_interruption",
    "open_write",
    "protocol_error",
    "publish",
    "require_parameters",
    "wants_consumers",
    "wants_metrics",
]


class Patches:
    """Methods that are replaced on a client's own classes, and can be put back.

    `original` has the client's own by qualified name ("Producer.send"), also after `undo`. Classes
    of different modules that have the same name take a `Patches` each.
    """

    def __init__(self) -> None:
        self.original: dict[str, Callable[..., Any]] = {}
        self._places: list[tuple[type, str, Any]] = []

    def replace(self, kind: type, name: str, replacement: Callable[..., Any]) -> None:
        """Put `replacement` in the place of a method, whose name, signature and docstring it gets.

        A method that is replaced already stays so: a module may be loaded again. Raises ValueError
        if the qualified name already belongs to a class of another module.
        """
        if any((place, method) == (kind, name) for place, method, _ in self._places):
            return
        qualified = f"{kind.__qualname__}.{name}"
        for place, method, _ in self._places:
            if (
                f"{place.__qualname__}.{method}" == qualified
                and place.__module__ != kind.__module__
            ):
                raise ValueError(
                    f"{place.__module__} and {kind.__module__} both have a {qualified}:"
                    " use a Patches for each"
                )
        self.original[qualified] = original = getattr(kind, name)
        self._places.append((kind, name, vars(kind).get(name)))
        setattr(kind, name, update_wrapper(replacement, original))

    def undo(self) -> None:
        """Put the client's own methods back."""
        while self._places:
            kind, name, own = self._places.pop()
            if own is None:  # it was inherited
                delattr(kind, name)
            else:
                setattr(kind, name, own)


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
