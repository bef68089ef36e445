"""Exceptions of others, looked at without running any code of theirs.

A class may replace each of its attributes and methods, `__class__`, `__str__` and `__eq__`
included, by something that raises, waits or returns a megabyte. What is read here is read by the
interpreter's own descriptors.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes 2 ms, in each process that imports `logging`
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, TypeGuard, TypeVar

    _Error = TypeVar("_Error", bound=BaseException)

_module = type.__dict__["__module__"].__get__
_qualified = type.__dict__["__qualname__"].__get__
_mro = type.__dict__["__mro__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_args = BaseException.__dict__["args"].__get__


def name_of(kind: type) -> str:
    """Return the name of a class, with its module unless that is `builtins`."""
    module, name = module_of(kind), str.__str__(_qualified(kind))  # which a class may replace
    return name if module in {"", "builtins"} else f"{module}.{name}"


def module_of(kind: type) -> str:
    """Return the name of the module that a class says it is of; "" if it says nothing usable."""
    module = _module(kind)
    return module if type(module) is str else ""


def classes_of(error: BaseException) -> tuple[type, ...]:
    """Return the class of an exception and those above it, the nearest first."""
    mro: tuple[type, ...] = _mro(type(error))
    return mro


def is_a(error: object, kind: type[_Error]) -> TypeGuard[_Error]:
    """Whether an exception is of a class or one below it; `isinstance` asks the exception, too."""
    return issubclass(type(error), kind)


def arguments_of(error: BaseException) -> tuple[object, ...]:
    """Return what an exception has been made with, as far as its class lets it keep that."""
    args: tuple[object, ...] = _args(error)
    return args


def steps_of(error: BaseException) -> Iterator[TracebackType]:
    """Yield each entry of the traceback of an exception, outermost first."""
    step: TracebackType | None = _traceback(error)
    while step is not None:
        yield step
        step = step.tb_next


def context_of(error: BaseException) -> BaseException | None:
    """Return the exception that was being handled when this one was raised."""
    found: BaseException | None = _context(error)
    return found


def places_of(error: BaseException) -> list[tuple[str, str]]:
    """Return the module and function of each frame that it has come through, outermost first."""
    places = []
    for step in steps_of(error):
        module = step.tb_frame.f_globals.get("__name__")
        places.append((module if type(module) is str else "", step.tb_frame.f_code.co_name))
    return places


def exception_of(future: Any) -> BaseException | None:
    """Return the exception that a future or a task, which is done, has ended with; None without.

    Where it can be had so, not by the future's own method: asyncio would no longer say of it that
    nobody has looked.
    """
    if future.cancelled():
        return None
    unseen = getattr(future, "_exception", future)
    error: BaseException | None = future.exception() if unseen is future else unseen
    return error


def description_of(error: BaseException) -> str:
    """Return what the agent says of an exception: its type, and where it was raised.

    Of words there are only those of an import that has failed, which name modules. Any others may
    quote what an application has handed over, or the value of a setting.
    """
    kind, places = type(error), places_of(error)
    if kind is ImportError or kind is ModuleNotFoundError:
        words = next(iter(arguments_of(error)), "")
        return f"{name_of(kind)}: {words}" if type(words) is str else name_of(kind)
    return name_of(kind) + (" in {}.{}".format(*places[-1]) if places else "")


def words_of(foreign: object) -> str:
    """Return the words of an object, for which its own code is run; "" if that fails."""
    try:
        return str(foreign)
    except Exception:  # noqa: BLE001 - anything may be in there
        return ""
