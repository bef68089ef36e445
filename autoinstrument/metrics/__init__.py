"""Metrics: counts operations and exports the results."""
