"""Why something could not be sent or reached, in plain words.

No words of others are quoted but those of the system and of OpenSSL: any others may hold an
address with its user and password, or what a server has been sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .foreign import arguments_of, classes_of, context_of, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_HTTP = range(100, 600)
_NO_TLS = "the server does not speak TLS"
_WORDS = {
    "socket.gaierror": "the host's name cannot be resolved",
    "http.client.RemoteDisconnected": "the connection was closed without an answer",
    "http.client.HTTPException": "the answer is not valid HTTP",
}
"""By the names of classes, which are not imported only to know them."""
_IN_TEXT = {
    "Connection refused": "Connection refused",
    "Connection reset": "Connection reset by peer",
    "DNS resolution failed": _WORDS["socket.gaierror"],
    "address lookup failed": _WORDS["socket.gaierror"],
    "CERTIFICATE_VERIFY_FAILED": "the certificate is not trusted",
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "Deadline Exceeded": "no answer in time",
}
"""What gRPC says of a connection in its own long words."""
_ANY = re.compile("|".join(_IN_TEXT))


def reason_in(said: Iterable[object], before: str = "") -> str:
    """Return what the arguments of a log line say of a failure; "" if they say nothing.

    What was known `before` is more than the name of an exception: an exporter that tries again when
    its time is over fails at that.
    """
    arguments = [*said]
    known = dict.fromkeys(filter(None, map(_words_for, arguments)))
    named = (name_of(type(each)) for each in arguments if isinstance(each, BaseException))
    return ": ".join(known) or before or next(named, "")


def reason_of(error: BaseException, seconds: float | None = None) -> str:
    """Return why something failed, by the innermost error that has led to it.

    `seconds` is how long an answer was waited for.
    """
    return _known_reason(error, seconds) or name_of(type(error))


def _known_reason(error: BaseException, seconds: float | None = None) -> str:
    chain = [error]
    while (cause := context_of(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    found = (_cause(each, seconds) for each in reversed(chain))
    reason = next(filter(None, found), "")
    names = (name_of(kind) for each in chain for kind in classes_of(each))
    is_of_proxy = any(name.endswith(".ProxyError") for name in names)
    return f"the proxy fails: {reason}" if is_of_proxy and reason else reason


def http_status(status: int) -> str:
    """Return a status of HTTP with its meaning."""
    from http import HTTPStatus  # noqa: PLC0415 - not before anything has failed

    try:
        return f"HTTP status {status}, {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP status {status}"


def _words_for(said: object) -> str:
    if isinstance(said, BaseException):
        return _known_reason(said)
    if isinstance(said, int):
        return http_status(said) if said in _HTTP else ""
    if isinstance(said, str):
        return _words_in(said)
    if type(said).__name__ == "StatusCode":  # gRPC's
        return f"gRPC status {getattr(said, 'name', '')}"
    return ""


def _words_in(text: str) -> str:
    from http import HTTPStatus  # noqa: PLC0415 - as above

    for status in HTTPStatus:
        if text == status.phrase:  # exporters log that alone
            return http_status(status)
    found = _ANY.search(text)
    return _IN_TEXT[found[0]] if found else ""


def _cause(error: BaseException, seconds: float | None) -> str:
    names = {name_of(kind) for kind in classes_of(error)}
    if "TimeoutError" in names:
        return "no answer in time" if seconds is None else f"no answer within {seconds:g} s"
    for name, words in _WORDS.items():
        if name in names:
            return words
    if "ssl.SSLCertVerificationError" in names:
        return _with("the certificate is not trusted", getattr(error, "verify_message", None))
    if "ssl.SSLError" in names:
        reason = getattr(error, "reason", None)
        return _NO_TLS if reason == "WRONG_VERSION_NUMBER" else _with("TLS fails", reason)
    if "OSError" in names:
        args = arguments_of(error)
        is_systems = len(args) > 1 and isinstance(args[0], int) and isinstance(args[1], str)
        return str(args[1]) if is_systems else ""
    return ""


def _with(words: str, more: object) -> str:
    return f"{words}: {more}" if type(more) is str else words
