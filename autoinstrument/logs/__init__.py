"""Logs: trace ids in the application's log records, and the agent's own log lines."""
