"""The examination in the examined interpreter, which prints its findings."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from autoinstrument.process.settings import settings

from . import start
from .line import Line, installing
from .notices import collected

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_HOPELESS = {"no-site", "sdk-disabled"}  # nothing more can be said, or needs to be


def main(mark: str, borrowed: str) -> None:
    """Print one line on stdout: `mark`, then all that was found as JSON.

    `borrowed` is a folder on the path only for this examination: what is in it is not here.
    """
    loaded = set(sys.modules)
    found = start.lines()
    if not any(line.slug in _HOPELESS for line in found):
        found += _further(loaded, borrowed)
    sys.stdout.write(f"\n{mark}{json.dumps([asdict(line) for line in found])}\n")


def _further(loaded: AbstractSet[str], borrowed: str) -> list[Line]:
    with collected() as told:  # from here on: some of it is told by an import
        try:
            from . import agents, clients, destinations, losses, publishers, sampling, units  # noqa: PLC0415 - see below
        except ImportError as error:  # a dependency is not installed in this interpreter
            return [_incomplete(error)] if start.started() else []
        settings()  # what is wrong with them is not said of a client, whose import may read them
        rivalled = agents.rivalled(loaded)  # of which one line says all
        of_clients = clients.lines(told, borrowed)
        found = [
            *(line for line in of_clients if line.status != "ok" or line.slug not in rivalled),
            *publishers.lines(told),
            *units.lines(),
            *agents.lines(loaded),
            *destinations.lines(told),
            sampling.sampler(),
            sampling.propagation(),
            *losses.lines(),
        ]
        said = {line.what for line in found}
        return [*found, *(notice.line for notice in told if notice.line.what not in said)]


def _incomplete(error: ImportError) -> Line:
    return Line(
        "problem",
        "dependency-missing",
        f"a dependency of the agent cannot be imported: {error}",
        "No client can be traced.",
        installing(),
    )
