"""What to do about a failure or a way of writing, by its name."""

from __future__ import annotations

LOOK = "The client's words and the trace say more; the broker's log has its side of it."
REMEDIES = {
    "MESSAGE_TOO_LARGE": "Split the message or compress it; else raise the topic's"
    " max.message.bytes and the client's own limit.",
    "UNKNOWN_TOPIC_OR_PARTITION": "Create the topic, or look at its name.",
    "REQUEST_TIMED_OUT": "The brokers answer too late: look at their load and their replicas.",
    "NOT_LEADER_OR_FOLLOWER": "A partition has moved; raise the client's retries and timeouts.",
    "NOT_ENOUGH_REPLICAS": "Fewer replicas are in sync than min.insync.replicas: look at the"
    " brokers.",
    "TOPIC_AUTHORIZATION_FAILED": "Give the client's user the right to write to the topic.",
    "INVALID_RECORD": "The topic refuses the record: a compacted topic needs a key.",
    "delivery_timeout": "No broker has answered in time: look at the network and the brokers, then"
    " at message.timeout.ms (kafka-python: delivery_timeout_ms).",
    "connection": "The brokers could not be reached: look at the addresses and the network.",
    "authentication": "Look at the client's credentials and its security.protocol.",
    "serialization": "The serializer refuses what it is given: look at the exception.",
    "purged": "The program has purged its own queue; it should not before flush().",
    "closed": "The program writes after it has closed its producer.",
    "fenced": "Another producer has the same transactional.id: give each its own.",
}
"""By `error.type`."""

WITHOUT_WAITING = {
    "flush": "Take flush() out of the loop: call poll(0) after each produce() and look at the"
    " answers in on_delivery; flush() once, at the end or after a batch.",
    "get": "Do not call get() on each future: use add_errback(), and flush() once at the end or"
    " after a batch.",
    "send_and_wait": "Use send(), which gives a future, and await the futures together, after a"
    " batch.",
    "await": "Do not await each future before the next send(): keep them, and await them together,"
    " after a batch.",
    "": "Begin the next writes before the answers to the last have come; wait once, after a batch.",
}
"""By what a program waits with; empty where that was not seen."""
