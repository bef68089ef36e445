"""One folder of the agent serves each Python of this machine, with each client that it can have.

What became of it is the table of the help page `pythons`; `make tables` lets this test write it.
With PYTHONS=all it tries each Python, otherwise the newest and PyPy.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from clients_of_pythons import PROGRAMS, Environment, pythons
from interpreters import once
from otlp import spans_of_recording
from tables import row_of_python, write_row_of_python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brokers import MockBroker
    from collectors import Rotel
    from otlp import Span

pytestmark = [pytest.mark.once, pytest.mark.slow]

_PYTHONS = pythons()
_CHOSEN = list(_PYTHONS)
if os.environ.get("PYTHONS") != "all":
    del _CHOSEN[:-2]


@pytest.fixture(scope="session")
def one_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path
) -> Path:
    """Give a folder that the oldest Python has filled, with the extra `otlp`."""

    def install(folder: Path) -> None:
        oldest = next(iter(_PYTHONS.values()))
        pip = [oldest, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--target", folder, f"{wheel}[otlp]"], check=True)

    return once(request, tmp_path_factory, "one-folder", install)


@pytest.mark.parametrize("client", PROGRAMS)
@pytest.mark.parametrize("python", _CHOSEN)
def test_one_folder_serves_each_python(  # noqa: PLR0913, PLR0917 - what a row is about
    python: str,
    client: str,
    one_folder: Path,
    wheel: Path,
    mock_broker: Callable[..., MockBroker],
    rotel: Rotel,
    tmp_path: Path,
) -> None:
    """With recordings and over OTLP/HTTP; OTLP/gRPC is compiled, and so installed in each."""
    there = Environment(_PYTHONS[python], tmp_path / "environment")
    on = {"AUTOINSTRUMENT_ENABLED": "1"}
    mounted = {**on, "PYTHONPATH": str(one_folder / "autoinstrument" / "_startup")}

    def outcome(variables: dict[str, str], spans: Callable[[], list[Span]]) -> str:
        ended = there.run(PROGRAMS[client], BROKER=mock_broker().bootstrap, **variables)
        made = sorted(span.kind for span in spans())
        as_it_should = (0, "read\n", "", ["CONSUMER", "INTERNAL", "PRODUCER"])
        so = (ended.returncode, ended.stdout, ended.stderr, made)
        return "passed" if so == as_it_should else str(so)

    missing = there.install_client(client)
    if missing:
        row = [f"no wheel of {missing}"] * 3
    else:
        recording = tmp_path / "recording.jsonl"
        row = [
            outcome(
                {**mounted, "AUTOINSTRUMENT_RECORD": str(recording)},
                lambda: spans_of_recording(recording),
            ),
            outcome({**mounted, **rotel.environment("http/protobuf")}, lambda: rotel.wait_for(3)),
        ]
        needed = ["grpcio"], [wheel, "opentelemetry-exporter-otlp-proto-grpc"]
        missing = next(filter(None, (there.install(*each) for each in needed)), "")
        over_grpc = {**on, **rotel.environment("grpc")}
        row.append(
            f"no wheel of {missing}"
            if missing
            else outcome(over_grpc, lambda: rotel.wait_for(6)[3:])
        )
    if os.environ.get("WRITE_TABLES"):
        write_row_of_python(python, client, there.version(client), row)
    for was, now in zip(row_of_python(python, client), row, strict=True):
        # What has become possible since is no failure.
        assert now == was or (now == "passed" and was.startswith("no wheel"))
