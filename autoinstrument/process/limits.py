"""How much the agent holds, sends and writes at most; `autoinstrument help limits` says it too.

Sizes of texts are in characters, as cutting them at a byte would break them.
"""

from __future__ import annotations

TEXT = 1024
"""Characters of a name, of a header's value, or of what is said of a failure."""
KEY = 256
"""Characters of a message's key or id, and of foreign words in a line of the log."""
CONTEXT = 8192
"""Characters of a header that carries context, as W3C has it for baggage; a longer one is none."""
TRACE_STATE = 512
"""Characters of a trace state, as W3C has it."""
SPAN = 16 * 1024
"""Characters that an application adds to a span of the agent's, and of the headers it captures."""
REQUEST = 2 * 1024**2
"""Bytes of an export request: receivers of gRPC refuse more than 4 MiB unless told otherwise."""
LINE = 1024**2
"""Bytes of a line in a recording."""
QUEUE = 64 * 1024**2
"""Characters of what operations hold of their own that wait for their export."""


def cut(text: str, most: int = TEXT) -> str:
    """Return a text as a plain `str` of at most `most` characters; what is cut ends in an ellipsis.

    It calls no method that a subclass of `str` may have.
    """
    whole = str.__getitem__(text, slice(most + 1))
    return whole if len(whole) <= most else f"{whole[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
