"""Metrics: what operations add up to, and the way out for that."""
