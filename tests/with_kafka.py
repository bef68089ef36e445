"""Run a command with an Apache Kafka of its own: `python tests/with_kafka.py COMMAND...`.

`{broker}` in the command stands for the address; the exit code is the command's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from brokers import OwnKafka


def main(command: list[str]) -> int:
    """Return the exit code of the command."""
    with TemporaryDirectory() as folder:
        kafka = OwnKafka(Path(folder))
        try:
            given = [part.replace("{broker}", kafka.bootstrap) for part in command]
            return subprocess.run(given, check=False).returncode
        finally:
            kafka.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
