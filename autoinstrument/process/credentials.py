"""User and password, which may stand in an address, cut from what is said of it."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(\w+://)?\S*@")


def without_credentials(text: str) -> str:
    """Return a text with what stands before an `@` left out of each of its words, but a scheme."""
    return _LOGIN.sub(r"\1", text) if "@" in text else text


def address_in(url: object) -> str:
    """Return the host and the port of a URL; "" for what is none.

    Its path may be secret, too, as that of a service which knows its customers by it.
    """
    if type(url) is not str:
        return ""
    return re.split(r"[/?#]", url.partition("://")[2] or url)[0].rpartition("@")[2]
