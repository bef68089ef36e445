"""`autoinstrument report --follow`: what a running service is writing."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoinstrument.report.following import Following, Tail
from autoinstrument.report.wording import foreign

from . import _screen

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERVAL = 1.0  # seconds: the agent writes as often


def follow(path: str) -> int:
    """Show what comes to the recording at `path` until Ctrl-C; 1 if it cannot come.

    On a terminal the view is drawn over the last one; else one follows the other.
    """
    place = Path(path)
    if not (place.exists() or place.absolute().parent.is_dir()):
        sys.stderr.write(f"autoinstrument: there is no folder for `{foreign(path)}`.\n")
        return 1
    tail = Tail(path)
    following = Following(time.time_ns())
    with ExitStack() as stack:
        stack.callback(tail.close)
        draw = _drawn(stack)
        try:
            while True:
                for line in tail.lines():
                    following.add(line)
                width = shutil.get_terminal_size((100, 24)).columns
                draw(following.view(time.time_ns(), width))
                time.sleep(_INTERVAL)
        except (KeyboardInterrupt, BrokenPipeError):
            return 0


def _drawn(stack: ExitStack) -> Callable[[str], Any]:
    if not _screen.has_colours(sys.stdout):
        return lambda text: print(text, flush=True)  # noqa: T201 - the command's output
    from rich.live import Live  # noqa: PLC0415 - an extra
    from rich.text import Text  # noqa: PLC0415 - an extra

    live = stack.enter_context(Live(auto_refresh=False))
    return lambda text: live.update(Text(text, no_wrap=True), refresh=True)
