"""Adapters, one folder a client: the only code that knows a client."""
