"""The application's own publishers, which the user names in `AUTOINSTRUMENT_TRACE`.

Only the publisher knows what the broker has answered: its write ends, unconfirmed, when the call
returns, or when the future or coroutine is done that it returns. Where a traced client writes in
the meantime, the message is that client's to trace, and the publisher's own write becomes no span.

What replaces it is a function again: `pickle` and `copy` take no proxy of wrapt's.
"""

from __future__ import annotations

import inspect
import sys
from asyncio import CancelledError, isfuture
from concurrent.futures import Future
from functools import wraps
from typing import TYPE_CHECKING, Any

import wrapt

from autoinstrument.adapter import (
    CANCELLED,
    Client,
    Enclosing,
    Guard,
    Headers,
    TracedProducer,
    Write,
    exception_name,
    open_write,
)
from autoinstrument.process.locations import tell_of
from autoinstrument.process.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CoroutineType, FrameType, ModuleType, TracebackType

    from autoinstrument.process.settings import Publisher

_UNKNOWN = object()  # a value that is not None, as far as one knows
_PAIR = 2

guard = Guard("the tracing of AUTOINSTRUMENT_TRACE")
replaced: dict[Any, Any] = {}
"""What stands in the place of functions, whose names other modules may have bound."""
_places: list[tuple[Any, str, Any, Any]] = []


def install(module: ModuleType) -> None:
    """Trace what the user names of `module`; doing it twice changes nothing."""
    for publisher in settings().trace:
        if publisher.module == module.__name__:
            try:
                _install(module, publisher)
            except _UnusableError as error:
                tell_of(publisher, str(error))


def uninstall() -> None:
    """Put back what was replaced; what is open already is still closed."""
    replaced.clear()
    while _places:
        owner, name, own, ours = _places.pop()
        if vars(owner).get(name) is not ours:  # somebody has replaced it since
            continue
        if own is None:  # it was inherited
            delattr(owner, name)
        else:
            setattr(owner, name, own)


class _UnusableError(Exception):
    """Why something cannot be traced."""


def _install(module: ModuleType, publisher: Publisher) -> None:
    try:
        owner, name, found = wrapt.resolve_path(module, publisher.path)
    except AttributeError:
        raise _UnusableError(f"the module has no {publisher.path!r}") from None
    kind = type(found) if isinstance(found, (staticmethod, classmethod)) else None
    function = getattr(found, "__func__", found) if kind else found
    if any(ours is found for *_, ours in _places):
        return
    if not inspect.isfunction(function) or not (owner is module or inspect.isclass(owner)):
        raise _UnusableError("it is not a function of a module or a method of a class")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise _UnusableError("it is a generator function")
    own = vars(owner).get(name)
    ours = _Traced(function, publisher).replacement()
    placed = ours if kind is None else kind(ours)
    setattr(owner, name, placed)
    _places.append((owner, name, own, placed))
    if owner is module:
        replaced[function] = ours


class _Producer(TracedProducer):
    """A publisher, of which no more is known than what is written."""

    client = Client("", package="autoinstrument", has_answers=False)
    guard = guard

    def __init__(self, traced: _Traced) -> None:
        super().__init__(traced, client_id="", servers="")
        del self._attributes["messaging.client.id"]


class _Traced:
    """A function that is traced, and which of its arguments are what of a message."""

    def __init__(self, function: Callable[..., Any], publisher: Publisher) -> None:
        self._function = function
        self._signature = inspect.signature(function)
        self._names = publisher
        self._producer = _Producer(self)
        parameters = self._signature.parameters.values()
        self._by_place = [
            each.name
            for each in parameters
            if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
        ]
        self._rest = next((each.name for each in parameters if each.kind is each.VAR_KEYWORD), "")
        self._defaults = {
            each.name: each.default for each in parameters if each.default is not each.empty
        }
        missing = set(publisher.arguments.values()) - {*self._signature.parameters}
        if missing and not self._rest:
            accepted = ", ".join(self._signature.parameters)
            unknown = ", ".join(sorted(missing))
            raise _UnusableError(f"it has no argument {unknown}; its arguments are: {accepted}")

    def replacement(self) -> Callable[..., Any]:
        """Return the function that is to be called in its place."""
        function = self._function  # not named below: who looks for its users finds none of ours
        if inspect.iscoroutinefunction(function):
            return wraps(function)(self._coroutine_function())

        def traced(*args: Any, **kwargs: Any) -> Any:
            call = self._begin(args, kwargs, sys._getframe(1))  # noqa: SLF001 - the cheapest way to the caller
            if call is None:
                return self._function(*args, **kwargs)
            with call:
                result = self._function(*call.args, **call.kwargs)
            return call.followed(result)

        return wraps(function)(traced)

    def _coroutine_function(self) -> Callable[..., Any]:
        async def traced(*args: Any, **kwargs: Any) -> Any:
            call = self._begin(args, kwargs, sys._getframe(1))  # noqa: SLF001 - as above
            if call is None:
                return await self._function(*args, **kwargs)
            with call:
                result = await self._function(*call.args, **call.kwargs)
            call.returned()
            return result

        return traced

    def _begin(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> _Call | None:
        """Begin the write that a call is; None if it is to be left alone."""
        if guard.is_off:
            return None
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError:  # the function will say what is wrong
            return None
        with guard:
            return self._opened({**self._defaults, **given}, args, kwargs, frame)
        return None

    def _opened(
        self,
        given: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        frame: FrameType,
    ) -> _Call | None:
        if self._rest in given:
            given = {**given[self._rest], **given}
        names = self._names
        topic, key = given.get(names.topic), given.get(names.key or "")
        value = _UNKNOWN if names.value is None else given.get(names.value)
        headers = given.get(names.headers or "")
        understood = list(headers) if type(headers) is tuple else headers
        if type(understood) not in {list, dict}:
            understood = None
        if not isinstance(topic, str):
            return None
        write = open_write(Write, self._producer, topic, key, value, understood, frame)
        if write is None:
            return None
        with guard.abandoning(write):
            kind = None if understood is None else _type_of_values(understood)
            sent = None if kind is None else write.headers(understood)
            if sent is not None:
                sent = _with_text(sent) if kind is str else sent
                alike = tuple(sent) if type(headers) is tuple else sent
                args, kwargs = self._with_headers(args, kwargs, alike)
            return _Call(write, args, kwargs)
        return None

    def _with_headers(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], headers: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        name = self._names.headers or ""
        if name in kwargs:
            return args, {**kwargs, name: headers}
        if name in self._by_place[: len(args)]:
            place = self._by_place.index(name)
            return (*args[:place], headers, *args[place + 1 :]), kwargs
        return args, kwargs


class _Call(Enclosing):
    """One call of a publisher: a block around it, and what its result says of its write."""

    __slots__ = ("args", "kwargs", "write")

    def __init__(self, write: Write, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call it with `args` and `kwargs`, which are the application's but for the headers."""
        super().__init__(write)
        self.write = write
        self.args = args
        self.kwargs = kwargs

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        if error is not None:
            self._failed(error)

    def returned(self) -> None:
        """Close the write: that the publisher has not failed is all that is known."""
        with guard:
            self.write.unconfirmed()

    def followed(self, result: Any) -> Any:
        """Close the write with `result`, now or when that is done; return what stands for it."""
        if inspect.iscoroutine(result):
            return self._continued(result)
        if isfuture(result) or isinstance(result, Future):
            with guard.abandoning(self.write):
                result.add_done_callback(self._done)
        else:
            self.returned()
        return result

    def _continued(self, coroutine: CoroutineType[Any, Any, Any]) -> Any:
        async def continued() -> Any:
            with self:
                result = await coroutine
            self.returned()
            return result

        ours: Any = continued()
        ours.__name__, ours.__qualname__ = coroutine.__name__, coroutine.__qualname__
        return ours

    def _done(self, future: Any) -> None:
        with guard:
            if future.cancelled():
                self._failed(CancelledError())
                return
            # Not exception(), which would keep asyncio from saying that nobody has looked at it.
            error = future._exception  # noqa: SLF001 - see above
            if error is None:
                self.returned()
            else:
                self._failed(error)

    def _failed(self, error: BaseException) -> None:
        with guard:
            name = exception_name(error)
            is_cancelled = isinstance(error, (CancelledError, GeneratorExit))
            self.write.failed(CANCELLED if is_cancelled else name, name)


def _type_of_values(headers: Headers) -> type | None:
    """Return which type a further header is to have: text or bytes; None where nobody knows.

    Without another value to go by, a dictionary gets text, and a list what Kafka's clients take.
    """
    if isinstance(headers, dict):
        kinds = set(map(type, headers.values()))
    elif all(type(pair) is tuple and len(pair) == _PAIR for pair in headers):
        kinds = {type(value) for _, value in headers}
    else:
        return None
    kinds.discard(type(None))
    if not kinds:
        return str if isinstance(headers, dict) else bytes
    return None if kinds - {str, bytes} else str if kinds == {str} else bytes


def _with_text(headers: Headers) -> Headers:
    if isinstance(headers, dict):
        return {name: _text(value) for name, value in headers.items()}
    return [(name, _text(value)) for name, value in headers]


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
