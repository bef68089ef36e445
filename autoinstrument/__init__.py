"""Zero-code tracing for Python programs that write to Kafka.

Its interface is `activate()` and `deactivate()`; `autoinstrument.adapter` is what an adapter is
written with, and `autoinstrument.testing` what it is tested with. The other folders are internal,
all of them: that is why their modules have no underscore.

This module is imported in every process that the agent starts in: it must import nothing.
"""

from __future__ import annotations

__all__ = ["activate", "deactivate"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .agent.activation import Activation

    __version__: str


def activate() -> Activation:
    """Trace Kafka clients from now on, those that are imported already included.

    For notebooks and other programs that run already. The result says what could not be reached:
    `Activation.missed` has a sentence for each object, subclass, default argument or closure that
    holds a class which cannot be replaced in it. Doing it twice changes nothing.
    """
    from .agent import activation  # noqa: PLC0415 - see above

    return activation.activate()


def deactivate() -> None:
    """Put back everything that the agent has replaced; writes that are open are still closed."""
    from .agent import activation  # noqa: PLC0415 - see above

    activation.deactivate()


if not TYPE_CHECKING:  # for a type checker any name would be one of ours

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from .process import version  # noqa: PLC0415 - see above

            return version.__version__
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
