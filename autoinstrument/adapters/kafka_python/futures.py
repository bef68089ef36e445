"""kafka-python's futures, by which its sender thread answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, detach, get_current

from autoinstrument.adapter import CLOSED, Guard, Patches, exit_has_begun, has_names
from autoinstrument.adapters.python_clients.errors import failure
from autoinstrument.adapters.python_clients.producers import RecordWrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

guard = Guard("the tracing of kafka-python's producer")
patches = Patches()
_originals = patches.original


def install(future: Any) -> None:
    """Trace the class `FutureRecordMetadata`, which `send` returns."""
    patches.replace(future, "add_callback", _add_callback)
    patches.replace(future, "add_errback", _add_errback)
    if has_names(
        future, "_callbacks", otherwise="the report does not see who waits for one answer"
    ):
        patches.replace(future, "get", _get)


class KafkaPythonWrite(RecordWrite):
    """The write of one message, which follows the future that the client gives for it."""

    __slots__ = ()

    def follow(self, future: Any) -> None:
        """Close the write with what the future is given, now or later."""
        if hasattr(future, "_add_cb_eb"):  # both under one lock, from version 3.0 on
            future._add_cb_eb(self.succeeded, self.broke)  # noqa: SLF001 - see above
        else:
            _originals["FutureRecordMetadata.add_callback"](future, self.succeeded)
            _originals["FutureRecordMetadata.add_errback"](future, self.broke)
        self.stage = "appended"
        # Up to version 2.3 a callback is lost if the answer comes while it is added.
        if future.is_done:
            (self.succeeded if future.exception is None else self.broke)(
                future.exception or future.value
            )

    def succeeded(self, metadata: Any) -> None:
        """Take the record's place in the log."""
        try:
            self.acknowledged(metadata.partition, metadata.offset if metadata.offset >= 0 else None)
        except Exception as own:  # noqa: BLE001 - the agent's own
            guard.caught(own, self)

    def broke(self, error: BaseException) -> None:
        """Take the reason why there is no record, or none that is known of."""
        with guard.abandoning(self):
            found = failure(error)
            # By force, which nobody but the end has wanted.
            if found.error_type == CLOSED and exit_has_begun():
                self.lost()
            else:
                self.failed(*found, sent=True)


class _InContext:
    """A callback of the application, in the context in which it was given to the future."""

    __slots__ = ("_callback", "_context")

    def __init__(self, callback: Callable[..., Any], context: Context) -> None:
        self._callback = callback
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = attach(self._context)
        try:
            return self._callback(*args, **kwargs)
        finally:
            detach(token)


def _in_context(callback: Callable[..., Any]) -> Callable[..., Any]:
    context = get_current()
    return _InContext(callback, context) if context else callback


def _add_callback(self: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
    return _originals["FutureRecordMetadata.add_callback"](self, _in_context(f), *args, **kwargs)


def _add_errback(self: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
    return _originals["FutureRecordMetadata.add_errback"](self, _in_context(f), *args, **kwargs)


def _get(self: Any, *args: Any, **kwargs: Any) -> Any:
    with guard:
        for callback in self._callbacks or () if not self.is_done else ():
            write = getattr(callback, "__self__", None)
            if isinstance(write, KafkaPythonWrite):
                write.producer.waits("get")
    return _originals["FutureRecordMetadata.get"](self, *args, **kwargs)
