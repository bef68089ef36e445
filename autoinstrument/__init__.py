"""Zero-code tracing for Python programs that write to Kafka.

Imported in every process that the agent starts in: it must stay empty of imports.
"""

__version__ = "0.1.0"
