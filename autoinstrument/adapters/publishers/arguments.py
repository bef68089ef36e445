"""Which arguments of a publisher are the topic, the key, the value and the headers of a message."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoinstrument.process.settings import Publisher

_UNKNOWN = object()  # a value that is not None, as far as one knows


class Unusable(Exception):  # noqa: N818 - what it says of the publisher, which is no error
    """A publisher cannot be traced, for this reason."""


class Message(NamedTuple):
    """What one call of a publisher says of its message."""

    topic: Any
    key: Any
    value: Any
    headers: Any


class Arguments:
    """The arguments of a publisher, by the names that the user gave."""

    def __init__(self, function: Callable[..., Any], publisher: Publisher) -> None:
        """Raise `Unusable` if `function` does not take an argument that the user names."""
        self._names = publisher
        self._signature = inspect.signature(function)
        parameters = self._signature.parameters.values()
        self._positional = [
            each.name
            for each in parameters
            if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
        ]
        self._unnamed = {each.name for each in parameters if each.kind is each.POSITIONAL_ONLY}
        self._rest = next((each.name for each in parameters if each.kind is each.VAR_KEYWORD), "")
        self._defaults = {
            each.name: each.default for each in parameters if each.default is not each.empty
        }
        missing = set(publisher.arguments.values()) - {*self._signature.parameters}
        if missing and not self._rest:
            accepted = ", ".join(self._signature.parameters)
            unknown = ", ".join(sorted(missing))
            raise Unusable(f"it has no argument {unknown}; its arguments are: {accepted}")

    def message(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Message:
        """Return the message of a call; raises TypeError if the publisher refuses the arguments."""
        given = {**self._defaults, **self._signature.bind(*args, **kwargs).arguments}
        if self._rest in given:
            given = {**given[self._rest], **given}
        names = self._names
        return Message(
            given.get(names.topic),
            given.get(names.key or ""),
            _UNKNOWN if names.value is None else given.get(names.value),
            given.get(names.headers or ""),
        )

    def with_headers(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], headers: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with `headers` in the place of the application's."""
        name = self._names.headers or ""
        if name in self._positional[: len(args)]:
            place = self._positional.index(name)
            return (*args[:place], headers, *args[place + 1 :]), kwargs
        if name in self._unnamed:  # its default, which nothing can replace
            return args, kwargs
        return args, {**kwargs, name: headers}
