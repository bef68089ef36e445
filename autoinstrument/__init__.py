"""Zero-code tracing for Python programs that write to Kafka.

Imported in every process that the agent starts in: it must import nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autoinstrument.agent.activation import Activation


def activate() -> Activation:
    """Trace Kafka clients from now on, those that are imported already included.

    For notebooks and other programs that run already. The result says what could not be reached:
    `Activation.missed` has a sentence for each object, subclass, default argument or closure that
    holds a class which cannot be replaced in it. Doing it twice changes nothing.
    """
    from autoinstrument.agent import activation  # noqa: PLC0415 - see above

    return activation.activate()


def deactivate() -> None:
    """Put back everything that the agent has replaced; writes that are open are still closed."""
    from autoinstrument.agent import activation  # noqa: PLC0415 - see above

    activation.deactivate()
