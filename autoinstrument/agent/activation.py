"""The agent in a program that runs already: a notebook, or one that cannot be started by `run`."""

from __future__ import annotations

import gc
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from autoinstrument.logs import records
from autoinstrument.process import threads
from autoinstrument.start import turned_off
from autoinstrument.start.finder import install, remove

from .adapters import bind, put_back, replaced_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Activation:
    """What `activate()` has traced: `clients` by module name, and what it has `missed`."""

    clients: tuple[str, ...]
    missed: tuple[str, ...]
    """A sentence for each class, object, function or closure that stays untraced."""


def activate() -> Activation:
    """Trace Kafka clients from now on, those that are imported already included.

    Names in modules that refer to a client's class are bound to the traced one. Objects and
    subclasses that were made before, default arguments and closures may hold a class that cannot be
    replaced in them: the result says which. Doing it twice changes nothing.
    """
    variable = turned_off()
    if variable is not None:
        return Activation((), (f"{variable} turns the agent off",))
    finder = install()
    finder.read_now()
    replaced = replaced_by(finder.called)
    bind(replaced)
    return Activation(
        tuple(name.rpartition(".")[2] for name in finder.called),
        tuple(sorted({words for original in replaced for words in _held(original, replaced)})),
    )


def deactivate() -> None:
    """Put back everything that the agent has replaced; writes that are open are still closed.

    Objects that were made in the meantime keep a class of the agent's, which stands aside.
    """
    called = remove()
    records.uninstall()
    put_back(called)
    threads.leave()


def _held(original: type, replaced: Mapping[type, type]) -> Iterator[str]:
    """Yield who still has the class `original`, as far as the garbage collector can tell."""
    name = f"{original.__module__}.{original.__qualname__}"
    known = {*replaced, *replaced.values()}
    for held in gc.get_objects():
        kind = type(held)
        if kind is original:
            yield f"{name}: an object that was made before"
        elif kind is FunctionType and _holds(held, original):
            function = f"{held.__module__}.{held.__qualname__}"
            yield f"{name}: {function} has it as a default or in a closure"
        elif kind is type and original in held.__bases__ and held not in known:
            yield f"{name}: the subclass {held.__module__}.{held.__qualname__}"


def _holds(function: FunctionType, original: type) -> bool:
    if type(function.__code__) is not CodeType:  # on PyPy, built-in functions are of this class too
        return False
    # Not `__module__`: what replaces a client's method has that of the client.
    if str(function.__globals__.get("__name__")).startswith("autoinstrument."):
        return False
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # it is empty so far
            if name != "__class__":  # what super() goes by: each method has its own class there
                values.append(cell.cell_contents)
    return any(value is original for value in values)
