"""Ctrl+C while the client takes the headers, which then raises a TypeError in its place.

The client looks for signals when it reads the key of a header, and takes any exception for its own:
https://github.com/confluentinc/confluent-kafka-python/blob/v2.16.1/src/confluent_kafka/src/confluent_kafka.c#L2047
"""

from __future__ import annotations

import signal

_WORDS = "expected header key to be unicode string"


def is_interrupt(error: Exception) -> bool:
    """Whether `error`, of a call whose headers are right, stands for a KeyboardInterrupt.

    What any other handler has raised is lost, and so nobody can tell if there is another.
    """
    if type(error) is not TypeError or str(error) != _WORDS:
        return False
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    return [each for each in handlers if callable(each)] == [signal.default_int_handler]
