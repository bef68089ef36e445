"""A fork copies nothing that is half done: the child could never finish it."""

from __future__ import annotations

import os
import threading

whole = threading.RLock()
"""Held by who imports in a thread of the agent's own, or builds the pipeline, and by a fork."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=whole.acquire, after_in_parent=whole.release, after_in_child=whole.release
    )
