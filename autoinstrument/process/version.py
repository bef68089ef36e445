"""The version: of the package, and of the scope that its spans and metrics have."""

__version__ = "0.1.0"
