"""What the programs of all rows have in common: `write(count)`, by each client."""

from __future__ import annotations

from textwrap import indent

from .ends import ENDS
from .methods import METHODS

HEAD = """\
import atexit, os, signal, subprocess, sys, threading, time
BROKER, TOPIC = os.environ["BROKER"], os.environ["TOPIC"]
"""
CLIENTS = {
    "confluent-kafka": """
from confluent_kafka import Producer
def write(count):
    producer = Producer({"bootstrap.servers": BROKER})
    for number in range(count):
        producer.produce(TOPIC, str(number))
    producer.flush()
""",
    "kafka-python": """
from kafka import KafkaProducer
def write(count):
    producer = KafkaProducer(bootstrap_servers=BROKER, retries=50)  # a busy broker leads nothing
    for future in [producer.send(TOPIC, str(number).encode()) for number in range(count)]:
        future.get()
    producer.close()
""",
    "aiokafka": """
import asyncio
from aiokafka import AIOKafkaProducer
def write(count):
    async def main():
        async with AIOKafkaProducer(bootstrap_servers=BROKER) as producer:
            for number in range(count):
                await producer.send_and_wait(TOPIC, str(number).encode())
    asyncio.run(main())
""",
}
"""Each answer has come when `write` returns."""


def program(body: str, client: str = "confluent-kafka") -> str:
    """Return a whole program: `body` comes after the definition of `write`."""
    return HEAD + CLIENTS[client] + body


def ending(end: str, method: str, client: str = "confluent-kafka") -> str:
    """Return a program that begins a process by `method`; that writes and then comes to `end`."""
    work = f"print('writing', flush=True)\nwrite(5)\n{ENDS[end]}\n"
    main = indent(METHODS[method], "    ")
    return program(
        f'\ndef work():\n{indent(work, "    ")}\nif __name__ == "__main__":\n{main}', client
    )
