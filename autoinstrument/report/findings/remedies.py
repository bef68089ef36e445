"""What to do about failures, and about waiting for each write."""

from __future__ import annotations

LOOK_CLOSER = "See the error message and the trace, then the broker's log."
REMEDIES = {
    "MESSAGE_TOO_LARGE": "Split or compress the message; otherwise raise the topic's"
    " max.message.bytes and the client's own limit.",
    "UNKNOWN_TOPIC_OR_PARTITION": "Create the topic, or check its name.",
    "REQUEST_TIMED_OUT": "The brokers answered too late: check their load and their replicas.",
    "NOT_LEADER_OR_FOLLOWER": "A partition has moved: raise the client's retries and timeouts.",
    "NOT_ENOUGH_REPLICAS": "Fewer replicas are in sync than min.insync.replicas: check the"
    " brokers.",
    "TOPIC_AUTHORIZATION_FAILED": "Allow the client's user to write to the topic.",
    "INVALID_RECORD": "The topic rejects the record: a compacted topic needs a key.",
    "delivery_timeout": "No broker answered in time: check that the topic exists, the network and"
    " the brokers, then message.timeout.ms (kafka-python: delivery_timeout_ms).",
    "connection": "The brokers could not be reached: check the addresses and the network.",
    "authentication": "Check the client's credentials and its security.protocol.",
    "cancelled": "The program cancelled the write before it was answered: check its timeouts.",
    "serialization": "The serializer rejects its input: see the exception.",
    "purged": "The program purged its own queue: call flush() first.",
    "closed": "The program writes after it has closed its producer.",
    "fenced": "Another producer has the same transactional.id: give each one its own.",
}
"""By `error.type`."""

_COMMITS = " A program that commits offsets does so after that."
WITHOUT_WAITING = {
    "flush": "Move flush() out of the loop: call poll(0) after each produce(), check the results"
    f" in on_delivery, and call flush() once, at the end or after a batch.{_COMMITS}",
    "get": "Do not call get() on each future: use add_errback(), and call flush() once, at the end"
    f" or after a batch.{_COMMITS}",
    "send_and_wait": "Use send(), which returns a future, and await the futures together after a"
    f" batch.{_COMMITS}",
    "await": "Do not await each future before the next send(): collect the futures and await them"
    f" together after a batch.{_COMMITS}",
    "": "Start the next writes before the previous ones are answered; wait once, after a batch."
    f"{_COMMITS}",
}
"""By the call that waits; empty if none was seen."""
