"""Zero-code tracing for Python programs that write to Kafka.

Imported in every process that the agent starts in: it must stay empty of imports.
"""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib_metadata import version  # noqa: PLC0415 - 37 ms that only a reader pays

        return version("autoinstrument")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
