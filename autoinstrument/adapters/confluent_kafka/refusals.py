"""That brokers refuse a client, which librdkafka tells to `error_cb` alone: its messages time out.

The client lets `poll` return for an error, and counts it, whether it has an `error_cb` or not.
Where the application has none, ours is C all the way, as that of an answer is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from autoinstrument.adapter import AUTHENTICATION, DELIVERY_TIMEOUT

from .errors import error_type

if TYPE_CHECKING:
    from autoinstrument.adapter import Guard

Errors: TypeAlias = "deque[Any]"
"""The last errors that a client has told, as its KafkaErrors."""

_CALLBACK = "error_cb"
_MOST = 16  # a broker that is gone has long told of more when a message's time is over


def watch_errors(
    args: tuple[Any, ...], kwargs: dict[str, Any], guard: Guard
) -> tuple[tuple[Any, ...], dict[str, Any], Errors]:
    """Return a client's arguments with an `error_cb` that notes the errors, and those.

    The application's own runs as before.
    """
    errors: Errors = deque(maxlen=_MOST)
    configuration = args[0] if args and isinstance(args[0], dict) else {}
    if not (configuration or kwargs):
        return args, kwargs, errors  # the client will say what is missing
    given = kwargs.get(_CALLBACK, configuration.get(_CALLBACK))
    if given is None:
        noting: Any = errors.append
    elif callable(given):

        def noting(error: Any) -> Any:
            with guard:
                errors.append(error)
            return given(error)

    else:
        return args, kwargs, errors  # the client will say what is wrong
    if _CALLBACK in kwargs or not configuration:
        return args, {**kwargs, _CALLBACK: noting}, errors
    return ({**configuration, _CALLBACK: noting}, *args[1:]), kwargs, errors


def explained(cause: str, words: str, errors: Errors) -> str:
    """Return the words of a failure, with the refusal that has probably led to it."""
    if cause == DELIVERY_TIMEOUT:
        for error in reversed(list(errors)):
            if error_type(error) == AUTHENTICATION:
                return f"{words}; probably because brokers refuse this client: {error.str()}"
    return words
