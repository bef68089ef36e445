"""Does the phases that stdin asks for, and measures them."""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

from .clients import CLIENTS
from .phases import PHASES


def main() -> None:
    """Do each phase, with the client that the arguments name."""
    module, broker, api_version = sys.argv[1:]
    client: Any = CLIENTS[module](broker, json.loads(api_version))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_measured(client, json.loads(line))) + "\n")
        sys.stdout.flush()
    client.close()


def _measured(client: Any, phase: dict[str, Any]) -> dict[str, Any]:
    does = getattr(client, phase["does"], None)
    steps = does(phase) if does else PHASES[phase["does"]](client, phase)
    next(steps)
    gc.collect()
    time.sleep(phase["settling_before"])
    cpu, begun = time.process_time(), time.perf_counter()
    found = next(steps)
    elapsed = time.perf_counter() - begun
    time.sleep(phase["settling_after"])
    cpu = time.process_time() - cpu
    next(steps, None)
    return {"messages": phase["messages"], "cpu": cpu, "elapsed": elapsed, **found}
