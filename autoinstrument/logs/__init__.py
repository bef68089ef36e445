"""Logs: the trace in the fields of each record, and the agent's own lines."""
