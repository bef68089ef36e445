"""Recordings as the agent and the OpenTelemetry Collector write them: OTLP/JSON lines."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

START = 1_763_914_202_000_000_000
"""2025-11-23 16:10:02 UTC, in nanoseconds."""
MS = 1_000_000

_ids = itertools.count(1)


def span_id() -> str:
    """Return an id that no other span of this process has."""
    return f"{next(_ids):016x}"


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return OTLP/JSON's attributes; a number is a string there."""
    return [
        {
            "key": key,
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in values.items()
        if value is not None
    ]


def span(  # noqa: PLR0913 - a span has that many parts
    name: str,
    *,
    trace: int,
    at: float = 0,
    ms: float = 1,
    parent: str = "",
    identifier: str | None = None,
    kind: int = 1,
    error: str | None = None,
    **values: Any,
) -> dict[str, Any]:
    """Return a span that starts `at` milliseconds after START and takes `ms`.

    `error` is the description of a failure. A `values` name's double underscore is a dot.
    """
    return {
        "traceId": f"{trace:032x}",
        "spanId": identifier or span_id(),
        "parentSpanId": parent,
        "flags": 257,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(START + int(at * MS)),
        "endTimeUnixNano": str(START + int((at + ms) * MS)),
        "attributes": attributes({key.replace("__", "."): value for key, value in values.items()}),
        "status": {} if error is None else {"code": 2, "message": error},
    }


def write(  # noqa: PLR0913 - a write has that many parts
    topic: str = "profiles",
    *,
    trace: int = 1,
    partition: int | None = 0,
    offset: int | None = 0,
    outcome: str | None = None,
    error_type: str | None = None,
    **span_parts: Any,
) -> dict[str, Any]:
    """Return a WriteKafka span: written, unless `outcome` or `error` say something else."""
    failed = span_parts.get("error") is not None
    return span(
        "WriteKafka",
        trace=trace,
        kind=4,
        **span_parts,
        messaging__system="kafka",
        messaging__operation__name="send",
        messaging__operation__type="send",
        messaging__destination__name=topic,
        messaging__destination__partition__id=None if partition is None else str(partition),
        messaging__kafka__offset=None if failed or outcome else offset,
        error__type=error_type,
        autoinstrument__outcome=outcome,
    )


def root(function: str, **span_parts: Any) -> dict[str, Any]:
    """Return the INTERNAL span that the agent puts around a write, named for its caller."""
    return span(
        function,
        **span_parts,
        code__function__name=function,
        code__file__path="/srv/profile/service.py",
        code__line__number=42,
    )


def request(
    spans: Sequence[Any],
    *,
    service: str = "profile",
    pid: int = 4711,
    scope: str = "autoinstrument",
) -> str:
    """Return one export request, as one line."""
    resource = {"attributes": attributes({"service.name": service, "process.pid": pid})}
    scope_spans = [{"scope": {"name": scope, "version": "0.1.0"}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]}) + "\n"


def count(name: str, *values: float | str) -> dict[str, Any]:
    """Return a metric that counts, cumulative, with one point for each of `values`."""
    points = [{"asInt": str(value) if isinstance(value, int) else value} for value in values]
    return {"name": name, "sum": {"dataPoints": points, "aggregationTemporality": 2}}


def metrics(*found: dict[str, Any], service: str = "profile", pid: int = 4711) -> str:
    """Return one export request of metrics, as one line."""
    resource = {"attributes": attributes({"service.name": service, "process.pid": pid})}
    scope_metrics = [{"scope": {"name": "autoinstrument"}, "metrics": list(found)}]
    resources = [{"resource": resource, "scopeMetrics": scope_metrics}]
    return json.dumps({"resourceMetrics": resources}) + "\n"


def recording(path: Path, lines: Iterable[str]) -> str:
    """Write `lines` to `path` and return the path as a user types it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    return str(path)
