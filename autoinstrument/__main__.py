"""`python -m autoinstrument` is the `autoinstrument` command."""

from __future__ import annotations

import sys

from autoinstrument.commands.main import main

sys.exit(main())
