"""Whether an OTLP endpoint accepts spans: it is sent an empty export request."""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
from http.client import HTTPException, InvalidURL
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from opentelemetry.util.re import parse_env_headers

from autoinstrument.process.quiet import unheard
from autoinstrument.process.reasons import http_status, reason_of

from .line import Line

_PATIENCE = 3.0  # seconds
_TEMPORARY = (408, 429)
_DROPPED = "Spans cannot be exported and are dropped."
# https://www.rfc-editor.org/rfc/rfc9113#section-3.4: the preface, then an empty SETTINGS frame.
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_TYPE, _SETTINGS = 3, 4  # the fourth byte of a frame is its type; a server begins with this one


def http(url: str) -> Line:
    """Return what the OTLP/HTTP endpoint at `url` answers to an empty export request."""
    shown = without_credentials(url)
    try:
        status = _post(url)
    except HTTPError as error:
        error.close()
        status = error.code
    except (InvalidURL, ValueError):
        return _invalid(shown)
    except HTTPException:
        return _wrong_protocol(
            shown, "HTTP", "If it is a gRPC endpoint, set OTEL_EXPORTER_OTLP_PROTOCOL=grpc."
        )
    except OSError as error:
        return _unreachable(shown, error)
    return _answered(shown, status)


def grpc(target: str, *, plain: bool) -> Line:
    """Return whether a server listens at `target`, a host and a port.

    If the connection is `plain`, without TLS, also whether the server speaks HTTP/2.
    """
    parts = urlsplit(f"//{target}")
    try:
        host, port = parts.hostname or "", parts.port or 443
        shown = f"{host}:{port}"
        with socket.create_connection((host, port), _PATIENCE) as connection:
            answer = _greeted(connection) if plain else b""
    except OSError as error:
        return _unreachable(shown, error)
    except ValueError:
        return _invalid(without_credentials(f"//{target}")[2:])
    if answer and answer[_TYPE] != _SETTINGS:
        hint = "If it is an HTTP endpoint, set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf."
        return _wrong_protocol(shown, "gRPC", hint)
    return Line("ok", "endpoint", f"{shown} accepts connections")


def without_credentials(url: str) -> str:
    """Return a URL for people: without user, password, query and fragment."""
    return re.split(r"[?#]", re.sub(r"//.*@", "//", url))[0]


def _post(url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(parts.scheme)
    headers = {**_headers(), "content-type": "application/x-protobuf"}
    if "@" in parts.netloc:
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers["authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = Request(address, data=b"", headers=headers)  # noqa: S310 - the scheme is checked above
    opener = build_opener(_NoRedirect, HTTPSHandler(context=_trust()))
    with opener.open(request, timeout=_PATIENCE) as response:
        status: int = response.status
    return status


class _NoRedirect(HTTPRedirectHandler):
    """Goes nowhere else: not with the user's headers."""

    def redirect_request(self, *_: object) -> None:
        """Return no request."""


def _headers() -> dict[str, str]:
    with unheard:
        return dict(parse_env_headers(_first("HEADERS"), liberal=True))


def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=_first("CERTIFICATE") or None)
    if _first("CLIENT_CERTIFICATE"):
        context.load_cert_chain(_first("CLIENT_CERTIFICATE"), _first("CLIENT_KEY") or None)
    return context


def _first(name: str) -> str:
    variables = (f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")
    return next((os.environ[each] for each in variables if os.environ.get(each)), "")


def _greeted(connection: socket.socket) -> bytes:
    try:
        connection.sendall(_HTTP2)
        return connection.recv(_TYPE + 1, socket.MSG_WAITALL)
    except OSError:  # it may be slow, or want TLS
        return b""


def _answered(shown: str, status: int) -> Line:
    if status < 300:  # noqa: PLR2004 - the first that is not success
        return Line("ok", "endpoint", f"{shown} answers with HTTP status {status}")
    if 400 <= status < 500 and status not in _TEMPORARY:  # noqa: PLR2004 - a client's errors
        return Line(
            "problem",
            "endpoint-refuses",
            f"{shown} answers with {http_status(status)}",
            _DROPPED,
            _correct(status),
        )
    return Line(
        "warning",
        "endpoint-error",
        f"{shown} answers with {http_status(status)}",
        "Spans are dropped unless the endpoint recovers soon.",
        "See the collector's log.",
    )


def _correct(status: int) -> str:
    if status in {401, 403}:
        return "Set its credentials in OTEL_EXPORTER_OTLP_HEADERS."
    if status in {404, 405}:
        return (
            "Correct the path: /v1/traces is appended to OTEL_EXPORTER_OTLP_ENDPOINT, but not to"
            " OTEL_EXPORTER_OTLP_TRACES_ENDPOINT."
        )
    return "See the collector's log."


def _wrong_protocol(shown: str, protocol: str, hint: str) -> Line:
    what = f"{shown} does not speak {protocol}"
    return Line("problem", "endpoint-protocol", what, _DROPPED, hint)


def _invalid(shown: str) -> Line:
    return Line(
        "problem",
        "endpoint-invalid",
        f"{shown} is not a valid endpoint address",
        _DROPPED,
        "Write it as http://HOST:PORT in OTEL_EXPORTER_OTLP_ENDPOINT.",
    )


def _unreachable(shown: str, error: OSError) -> Line:
    return Line(
        "problem",
        "endpoint-unreachable",
        f"{shown} cannot be reached: {reason_of(error, _PATIENCE)}",
        _DROPPED,
        "Start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
