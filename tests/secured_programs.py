"""Programs that write to and read from a secured broker, with each client.

Their argument is a topic; SHOP_SECURITY in the environment has the client's settings, as JSON.
"""

from __future__ import annotations

from textwrap import indent

# What the clients log has times in it.
HEAD = """
import asyncio, base64, json, logging, os, ssl, sys, time, warnings
warnings.simplefilter("ignore")
for name in "kafka", "aiokafka":
    logging.getLogger(name).setLevel(logging.CRITICAL)
topic = sys.argv[1]
security = json.loads(os.environ["SHOP_SECURITY"])
mechanism = security.get("mechanism")
asked = []
def token():
    now = time.time()
    asked.append(now)
    claims = {"sub": "shop", "iat": now, "exp": now + 4, "password": security["password"]}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, ""]), now + 4
def python_client(provider):
    context = ssl.create_default_context(cafile=security["ca"])
    if "certificate" in security:
        context.load_cert_chain(security["certificate"], security["key"], security["passphrase"])
    given = {"bootstrap_servers": security["servers"], "security_protocol": security["protocol"],
             "ssl_context": context}
    if mechanism:
        given["sasl_mechanism"] = mechanism
    if mechanism == "OAUTHBEARER":
        return {**given, "sasl_oauth_token_provider": provider}
    if mechanism:
        given.update(sasl_plain_username="shop", sasl_plain_password=security["password"])
    return given
"""
CONFLUENT = """
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
errors = set()
names = {"protocol": "security.protocol", "mechanism": "sasl.mechanism", "ca": "ssl.ca.location",
         "certificate": "ssl.certificate.location", "key": "ssl.key.location",
         "passphrase": "ssl.key.password"}
common = {"bootstrap.servers": security["servers"], "log_level": 0,
          "error_cb": lambda error: errors.add(error.name())}
common |= {names[name]: value for name, value in security.items() if name in names}
if mechanism == "OAUTHBEARER":
    common["oauth_cb"] = lambda _: token()
elif mechanism:
    common |= {"sasl.username": "shop", "sasl.password": security["password"]}
def connect(**limits):
    global producer
    producer = Producer({**common, **limits})
def write(value):
    answers = []
    producer.produce(topic, str(value), partition=0, on_delivery=lambda e, _: answers.append(e))
    assert producer.flush(60) == 0
    if answers[0]:
        raise KafkaException(answers[0])
def close():
    print("authentication failed:", "_AUTHENTICATION" in errors)
def read(count):
    consumer = Consumer({**common, "group.id": topic})
    consumer.assign([TopicPartition(topic, 0, 0)])
    for _ in range(count):
        message = consumer.poll(20)
        if message.error():
            raise KafkaException(message.error())
        yield message.value().decode()
    consumer.close()
"""
KAFKA_PYTHON = """
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
try:
    from kafka.net.sasl.oauth import AbstractTokenProvider
except ImportError:  # before 3.0
    from kafka.oauth import AbstractTokenProvider
class Provider(AbstractTokenProvider):
    def token(self): return token()[0]
common = python_client(Provider())
def connect(**limits):
    global producer
    producer = KafkaProducer(**common, **limits)
def write(value):
    producer.send(topic, str(value).encode(), partition=0).get(60)
def close(): producer.close()
def read(count):
    consumer = KafkaConsumer(**common, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    for _ in range(count):
        yield next(consumer).value.decode()
    consumer.close()
"""
AIOKAFKA = """
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import AbstractTokenProvider
class Provider(AbstractTokenProvider):
    async def token(self): return token()[0]
common = python_client(Provider())
async def connect(**limits):
    global producer
    producer = AIOKafkaProducer(**common, **limits)
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
async def write(value):
    await producer.send_and_wait(topic, str(value).encode(), partition=0)
async def close(): await producer.stop()
async def read(count):
    consumer = AIOKafkaConsumer(**common, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign([TopicPartition(topic, 0)])
        for _ in range(count):
            yield (await consumer.getone()).value.decode()
    finally:
        await consumer.stop()
"""
_LIMITS = {
    "confluent-kafka": {"message.timeout.ms": 2000},
    # With a version it does not wait half a minute to be told one.
    "kafka-python": {"api_version": (2, 0), "max_block_ms": 2000},
    "aiokafka": {},
}
CLIENTS = {"confluent-kafka": CONFLUENT, "kafka-python": KAFKA_PYTHON, "aiokafka": AIOKAFKA}
USUAL = """
await connect()
for number in range(3):
    await write(number)
async for value in read(3):
    print(value)
await close()
"""
REFRESHING = """
await connect()
for number in range(6):
    await write(number)
    await asyncio.sleep(1.5)
print("refreshed:", asked[-1] - asked[0] > 3)
async for value in read(6):
    print(value)
await close()
"""
REFUSED = """
async def attempt():
    try:
        await connect(**LIMITS)
        await write("refused")
    except Exception as error:
        told(error)
def told(error):
    print(type(error).__name__, *[each.name() for each in error.args if hasattr(each, "name")])
await attempt()
await close()
"""
FORBIDDEN = f"""{REFUSED}
try:
    async for value in read(1):
        print(value)
except Exception as error:
    told(error)
"""


def program(client: str, body: str) -> str:
    """Return a program; `body` is that of a coroutine, which only aiokafka's stays."""
    head = f"{HEAD}{CLIENTS[client]}LIMITS = {_LIMITS[client]}\n"
    if client == "aiokafka":
        return f"{head}async def main():\n{indent(body, '    ')}asyncio.run(main())\n"
    body = body.replace("await asyncio", "time")
    return f"{head}{body.replace('await ', '').replace('async ', '')}"
