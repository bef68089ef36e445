"""An embedded broker for a `with` block: `mock_broker` in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OF_AGENTS = ("AUTOINSTRUMENT_", "OTEL_")


class NotStarted(Exception):  # noqa: N818 - it is an answer to the user, not a mishap
    """Why there is no broker; the message is for the user."""


@contextmanager
def embedded_broker(topics: Iterable[str], rtt_ms: int = 0) -> Iterator[str]:
    """Give the address of a broker with `topics`; it ends with the block, or with this process.

    It answers after `rtt_ms` milliseconds, like a broker on another host.

    Raises NotStarted.
    """
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "autoinstrument.demo.mock_broker", str(rtt_ms), *topics],
        env=unsettled(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which then ends the broker
    ) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                said = process.communicate()[1].strip().rpartition("\n")[2]
                raise NotStarted(f"the embedded broker did not start: {said}")
            yield address
        finally:
            process.kill()


def unsettled() -> dict[str, str]:
    """Return this environment without the settings of agents."""
    kept = {name: of for name, of in os.environ.items() if not name.startswith(_OF_AGENTS)}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}  # what is run need not be ours to fill
