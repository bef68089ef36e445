"""Clients that a program keeps to its end, and writes that chance ends."""

from __future__ import annotations

# Without the agent, librdkafka logs that a child cannot join the thread of an inherited producer.
_PRODUCER = """
producer = Producer({"bootstrap.servers": BROKER, "log_level": 0})
producer.produce(TOPIC, "first")
producer.flush()
"""
_CONSUMER = """
from confluent_kafka import Consumer
write(3)
settings = {"bootstrap.servers": BROKER, "group.id": TOPIC, "auto.offset.reset": "earliest"}
consumer = Consumer(settings)
consumer.subscribe([TOPIC])
"""
_CONFLUENT = {
    "a child that replaces an inherited producer": f"""{_PRODUCER}
time.sleep(1.2)
pid = os.fork()
if pid == 0:
    producer = Producer({{"bootstrap.servers": BROKER}})
    producer.produce(TOPIC, "child")
    print("left", producer.flush(10), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "a child that forgets an inherited producer": f"""{_PRODUCER}
pid = os.fork()
if pid == 0:
    del producer
    write(2)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "__del__ that flushes": """
class Publisher:
    def __init__(self):
        self.producer = Producer({"bootstrap.servers": BROKER})
    def __del__(self):
        self.producer.flush(10)
publisher = Publisher()
for number in range(10):
    publisher.producer.produce(TOPIC, str(number))
""",
    "a handler of atexit that flushes": """
producer = Producer({"bootstrap.servers": BROKER})
atexit.register(producer.flush)
for number in range(10):
    producer.produce(TOPIC, str(number))
""",
    "a handler of a signal that flushes": """
producer = Producer({"bootstrap.servers": BROKER})
def on_term(*_):
    producer.flush()
    sys.exit(0)
signal.signal(signal.SIGTERM, on_term)
for number in range(10):
    producer.produce(TOPIC, str(number))
os.kill(os.getpid(), signal.SIGTERM)
""",
    "a consumer that an exception ends": f"""{_CONSUMER}while True:
    message = consumer.poll(1)
    if message and not message.error():
        write(1)
        raise KeyError(message.topic() == TOPIC)
""",
    "a consumer that a signal ends": f"""{_CONSUMER}def on_term(*_):
    raise SystemExit(9)
signal.signal(signal.SIGTERM, on_term)
try:
    while True:
        message = consumer.poll(1)
        if message and not message.error():
            write(1)
            os.kill(os.getpid(), signal.SIGTERM)
finally:
    consumer.close()
""",
}
_KAFKA_PYTHON = {
    "a producer that is never closed": """
producer = KafkaProducer(bootstrap_servers=BROKER, retries=50)
for future in [producer.send(TOPIC, b"v") for _ in range(5)]:
    future.get()
""",
    "a producer that a signal ends": """
producer = KafkaProducer(bootstrap_servers=BROKER, retries=50)
for future in [producer.send(TOPIC, b"v") for _ in range(5)]:
    future.get()
signal.raise_signal(signal.SIGTERM)
""",
}
_AIOKAFKA = {
    "a producer that is never stopped": """
async def main():
    producer = AIOKafkaProducer(bootstrap_servers=BROKER)
    await producer.start()
    for _ in range(5):
        await producer.send_and_wait(TOPIC, b"v")
asyncio.run(main())
""",
    "a producer that is stopped when its task is cancelled": """
async def main():
    async with AIOKafkaProducer(bootstrap_servers=BROKER) as producer:
        await producer.send_and_wait(TOPIC, b"v")
        sent = [await producer.send(TOPIC, b"v") for _ in range(5)]
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(30)
asyncio.run(main())
""",
}
KEPT = {"confluent-kafka": _CONFLUENT, "kafka-python": _KAFKA_PYTHON, "aiokafka": _AIOKAFKA}
"""Programs by client and name."""

BY_CHANCE = {
    "a second signal in the drain": """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
write(5)
parent = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent:
        os.kill(parent, signal.SIGTERM)
        time.sleep(0.003)
    os._exit(0)
time.sleep(30)
""",
    "a daemon thread that still writes": """
producer = Producer({"bootstrap.servers": BROKER})
def write_on():
    for number in range(100_000):
        producer.produce(TOPIC, str(number))
        producer.poll(0)
        time.sleep(0.001)
threading.Thread(target=write_on, daemon=True).start()
time.sleep(0.5)
""",
}
"""Programs whose output or last writes differ each time, without the agent too."""
