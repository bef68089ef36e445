"""Where spans go: which exporter, why that one, and whether it works."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from autoinstrument.agent import pipeline
from autoinstrument.export.destinations import lean_transport
from autoinstrument.export.exporters import exporters, metric_exporters
from autoinstrument.export.recording import BEGINNING, Recording
from autoinstrument.process.foreign import description_of
from autoinstrument.process.limits import LINE
from autoinstrument.process.settings import settings

from . import endpoints
from .line import Line

if TYPE_CHECKING:
    from pathlib import Path

    from .notices import Notice

_NO_EXPORTER = {"exporter-missing", "exporter-unloadable", "exporter-unusable"}
_OTLP = "opentelemetry.exporter.otlp.proto."


def lines(told: list[Notice]) -> list[Line]:
    """Return a line for each destination, and one for its endpoint."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        kind = f"{type(provider).__module__}.{type(provider).__qualname__}"
        return [
            Line(
                "ok",
                "exporter",
                f"spans go to the TracerProvider that was set at startup, a {kind}",
            )
        ]
    try:
        pipeline.current()  # as the first write would
        found = exporters()
        metric_exporters()  # only for what that tells
    except Exception as error:  # noqa: BLE001 - samplers of others raise anything
        return [_unusable(error)]
    if not found and all(notice.slug not in _NO_EXPORTER for notice in told):
        return [_none()]
    return [line for exporter in found for line in _destination(exporter)]


def _destination(exporter: Any) -> list[Line]:
    if isinstance(exporter, Recording):
        return [_recording(exporter)]
    module = type(exporter).__module__
    protocol = module.removeprefix(_OTLP).partition(".")[0] if module.startswith(_OTLP) else None
    name = f"OTLP over {protocol.upper() if protocol == 'http' else 'gRPC'}" if protocol else module
    line = Line(
        "ok", "exporter", f"{name} ({_reason()}), unless the program sets its own TracerProvider"
    )
    if protocol and lean_transport(exporter) is None:
        slowly = f"{line.what}; this version of the exporter needs the SDK's slower encoder"
        line = replace(line, what=slowly)
    target = getattr(exporter, "_endpoint", None)
    if protocol not in {"http", "grpc"} or not isinstance(target, str):
        return [line]
    if protocol == "http":
        return [line, endpoints.http(target)]
    plain = getattr(exporter, "_insecure", False)
    return [line, endpoints.grpc(target, plain=plain)]


def _reason() -> str:
    names = (
        "OTEL_TRACES_EXPORTER",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    )
    return next((name for name in names if os.environ.get(name, "").strip()), "the default")


def _recording(recording: Recording) -> Line:
    where = recording.place
    reason = _unwritable(recording.path)
    if reason:
        return Line(
            "problem",
            "recording-unwritable",
            f"{where} cannot be written: {reason}",
            "The recording cannot be written; spans are dropped.",
            "Choose another place with AUTOINSTRUMENT_RECORD or `run --record`.",
        )
    why = "AUTOINSTRUMENT_RECORD" if settings().record else "no exporter is configured"
    file = "the file" if recording.path == where else "one file per process in"
    return Line("ok", "recording", f"{file} {where} ({why})")


def _unwritable(path: Path) -> str | None:
    """Return why a recording cannot be written, without leaving anything behind."""
    try:
        if path.exists():
            with path.open("rb+") as file:
                if file.read(len(BEGINNING)) not in {b"", BEGINNING}:
                    return "it exists and is not a recording"
            with suppress(PermissionError):  # to make another file there is not needed
                _fill(path.parent)
        else:
            _fill(next(parent for parent in path.parents if parent.exists()))
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _fill(folder: Path) -> None:
    """Write as much into `folder` as a line has at most: a full disk takes an empty file."""
    with TemporaryFile(dir=folder) as file:
        file.write(bytes(LINE))
        file.flush()
        os.fsync(file.fileno())  # some file systems find out only then


def _none() -> Line:
    return Line(
        "warning",
        "no-exporter",
        "OTEL_TRACES_EXPORTER=none, and AUTOINSTRUMENT_RECORD is not set",
        "Spans go nowhere.",
        "Name an exporter in OTEL_TRACES_EXPORTER, or set AUTOINSTRUMENT_RECORD.",
    )


def _unusable(error: Exception) -> Line:
    return Line(
        "problem",
        "agent-failed",
        f"the span pipeline cannot be built: {description_of(error)}",
        "There are no spans.",
        "Correct the OTEL_* variables.",
    )
