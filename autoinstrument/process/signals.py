"""What the module `signal` is made of, without its enumerations, which take 5 ms to import."""

from __future__ import annotations

try:
    import _signal as bare  # type: ignore[import-not-found]
except ImportError:  # then `signal` is made otherwise
    import signal as bare

__all__ = ["bare"]
