"""The example's layer keeps the contracts of Go's Watermill, on real clients and brokers."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import examples_path  # noqa: F401 - puts the example on the path
import pytest
import transports
from hypothesis import given
from hypothesis import strategies as st
from watermillx import (
    KEY,
    UUID_HEADER,
    CaptureLogger,
    CloseError,
    KeyMarshaler,
    Marshaler,
    Message,
    NopLogger,
    PartitioningMarshaler,
    Publisher,
    PublishError,
    Record,
    ReservedKeyError,
    Router,
    StdLogger,
    Subscriber,
    SubscriberClosedError,
    Unmarshaler,
    instant_ack,
    new_uuid,
    recover,
    retry,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brokers import Kafka, MockBroker

NAMES = st.text(min_size=1).filter(lambda name: name != UUID_HEADER)
METADATA = st.dictionaries(NAMES, st.text())


# --- messages


def test_acknowledgements_are_idempotent_and_exclusive() -> None:
    """The first decides; to repeat it is fine, to contradict it is refused; nothing blocks."""
    acked, nacked = Message("1", b""), Message("2", b"")
    assert not acked.wait(0)
    assert [acked.ack(), acked.ack(), acked.nack()] == [True, True, False]
    assert [nacked.nack(), nacked.nack(), nacked.ack()] == [True, True, False]
    assert (acked.acked.is_set(), acked.nacked.is_set()) == (True, False)
    assert (nacked.acked.is_set(), nacked.nacked.is_set()) == (False, True)
    assert acked.wait(0)


def test_of_two_threads_one_decides() -> None:
    """Whoever comes first; the other is told."""
    for _ in range(200):
        message = Message("1", b"")
        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(settle) for settle in (message.ack, message.nack)]
        assert sorted(answer.result() for answer in answers) == [False, True]


@given(st.text(), st.binary(), METADATA)
def test_a_copy_is_equal_and_has_nothing_of_its_delivery(
    uuid: str, payload: bytes, metadata: dict[str, str]
) -> None:
    """The same id, payload and metadata; fresh acknowledgements, no context, its own metadata."""
    message = Message(uuid, payload, metadata)
    message.ack()
    message.context["key"] = "value"
    copy = message.copy()
    assert copy == message
    assert (copy.context, copy.acked.is_set()) == ({}, False)
    copy.metadata["new"] = "value"
    assert copy != message
    assert message.metadata.get("missing") == ""
    assert message != "message"


def test_ids_are_random_uuids() -> None:
    """Of version 4, and no two alike."""
    ids = {new_uuid() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab].*", each) for each in ids)


# --- the wire


@given(st.text(), st.binary(), METADATA)
def test_what_is_marshaled_is_unmarshaled(
    uuid: str, payload: bytes, metadata: dict[str, str]
) -> None:
    """The id's header is the first; no key; and a round trip gives an equal message."""
    message = Message(uuid, payload, metadata)
    record = Marshaler().marshal("topic", message)
    assert record.headers[0] == (UUID_HEADER, uuid.encode())
    assert (record.key, record.value) == (None, payload)
    assert Unmarshaler().unmarshal(record) == message


def test_the_reserved_name_is_refused_in_watermills_words() -> None:
    """Only with a value: an empty one passes and gives a second header, which then counts."""
    with pytest.raises(ReservedKeyError) as refused:
        Marshaler().marshal("topic", Message("1", b"", {UUID_HEADER: "2"}))
    assert str(refused.value) == (
        "metadata _watermill_message_uuid is reserved by watermill for message UUID"
    )
    record = Marshaler().marshal("topic", Message("1", b"", {UUID_HEADER: ""}))
    assert [name for name, _ in record.headers] == [UUID_HEADER, UUID_HEADER]
    assert Unmarshaler().unmarshal(record).uuid == ""


@pytest.mark.parametrize(
    ("metadata", "absent", "key"),
    [
        ({KEY: "7"}, b"", b"7"),
        ({KEY: ""}, None, b""),
        ({}, b"", b""),
        ({}, None, None),
    ],
)
def test_an_absent_and_an_empty_key_are_kept_apart(
    metadata: dict[str, str], absent: bytes | None, key: bytes | None
) -> None:
    """The metadata `_key` is the record's key and no header; the option restores it."""
    record = KeyMarshaler(absent).marshal("topic", Message("1", b"", {**metadata, "a": "b"}))
    assert record.key == key
    assert [name for name, _ in record.headers] == [UUID_HEADER, "a"]
    assert KEY not in Unmarshaler().unmarshal(record).metadata
    restored = Unmarshaler(restore_key=True).unmarshal(record).metadata
    assert restored.get(KEY, "none") == ("none" if key is None else key.decode())


def test_a_function_may_choose_the_key() -> None:
    """Its failure is wrapped; None is no key, an empty text an empty one."""
    message = Message("1", b"", {"user": "7"})
    for key_of, key in (
        (lambda _, message: message.metadata["user"], b"7"),
        (lambda topic, _: topic, b"topic"),
        (lambda *_: "", b""),
        (lambda *_: None, None),
    ):
        assert PartitioningMarshaler(key_of).marshal("topic", message).key == key
    broken = PartitioningMarshaler(lambda _, message: message.metadata["missing"])
    with pytest.raises(ValueError, match=r"^cannot generate partition key: 'missing'$"):
        broken.marshal("topic", message)


def test_foreign_records_are_read_as_in_go() -> None:
    """The last duplicate wins; the id is found anywhere, or empty; no value is an empty one."""
    headers = [("a", b"1"), (UUID_HEADER, b"x"), ("a", b"2"), ("n", None), ("b", b"\xff")]
    message = Unmarshaler().unmarshal(Record("topic", b"k", None, headers))
    assert (message.uuid, message.payload) == ("x", b"")
    assert message.metadata == {"a": "2", "n": "", "b": "\udcff"}
    assert Unmarshaler().unmarshal(Record("topic", None, b"v", [])).uuid == ""


# --- publishers


class _Broken:
    """A client that fails as it is told to."""

    def send(self, *_: Any) -> None:
        raise ConnectionError("no way")

    def send_and_wait(self, _: Record) -> tuple[int, int]:
        raise ConnectionError("no way")

    def close(self, _: float) -> int:
        raise ConnectionError("no end")


@pytest.fixture(
    params=[
        "confluent",
        pytest.param(
            "kafka-python",
            # Of the client's own way to read its files, on Python 3.11 and 3.12, and of the copy
            # of six in its version 2.0.
            marks=pytest.mark.filterwarnings(
                "ignore:.*is deprecated. Use files:DeprecationWarning",
                "ignore:_SixMetaPathImporter:ImportWarning",
            ),
        ),
    ]
)
def client(request: pytest.FixtureRequest) -> Any:
    """Give each transport in turn."""
    return transports.transport(request.param)


def test_a_publisher_says_what_is_missing() -> None:
    """In Watermill's words, and why its client cannot be made."""
    with pytest.raises(ValueError, match=r"^missing brokers$"):
        Publisher([], Marshaler(), lambda _: _Broken())
    with pytest.raises(ValueError, match=r"^missing marshaler$"):
        Publisher(["b"], None, lambda _: _Broken())
    with pytest.raises(PublishError, match=r"^cannot create Kafka producer: division by zero$"):
        Publisher(["b"], Marshaler(), lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match=r"^missing unmarshaler$"):
        Subscriber(["b"], None, lambda _: None)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("wait", [True, False])
def test_the_first_failure_stops_and_is_wrapped(*, wait: bool) -> None:
    """With the message's id, and its cause; nothing after it is sent; an empty call is fine."""
    log = CaptureLogger()
    publisher = Publisher(["b"], Marshaler(), lambda _: _Broken(), wait=wait, logger=log)
    publisher.publish("topic")
    with pytest.raises(PublishError, match=r"^cannot produce message 1: no way$") as failed:
        publisher.publish("topic", Message("1", b""), Message("2", b""))
    assert isinstance(failed.value.__cause__, ConnectionError)
    with pytest.raises(PublishError, match=r"^cannot marshal message 3: metadata _watermill"):
        publisher.publish("topic", Message("3", b"", {UUID_HEADER: "x"}))
    told = [(entry.level, entry.words, entry.fields.get("message_uuid")) for entry in log.entries]
    assert told == [
        ("FINEST", "Sending message to Kafka", "1"),
        ("ERROR", "send message to kafka error", "1"),
        ("FINEST", "Sending message to Kafka", "3"),
    ]
    with pytest.raises(CloseError, match=r"^cannot close Kafka producer: no end$"):
        publisher.close()
    publisher.close()
    with pytest.raises(PublishError, match=r"^publisher closed$"):
        publisher.publish("topic", Message("4", b""))


@pytest.mark.parametrize("wait", [True, False])
def test_what_is_published_is_read_by_a_subscriber(
    kafka: Kafka, client: Any, *, wait: bool
) -> None:
    """In order of a key, acknowledged one by one; each answer is told, and closing waits for it."""
    topic = kafka.topic("watermillx", partitions=1)
    log, answered = CaptureLogger(), []
    publisher = Publisher(
        [kafka.bootstrap],
        KeyMarshaler(),
        client.producer(),
        wait=wait,
        on_success=lambda message: answered.append(message.uuid),
        logger=log,
    )
    sent = [Message(str(number), b"%d" % number, {KEY: "k", "n": "v"}) for number in range(5)]
    publisher.publish(topic, *sent)
    publisher.close()
    assert answered == ["0", "1", "2", "3", "4"]
    offsets = [e.fields["kafka_partition_offset"] for e in log.entries if "sent" in e.words]
    assert offsets == [0, 1, 2, 3, 4]
    subscriber = Subscriber(
        [kafka.bootstrap], Unmarshaler(restore_key=True), client.consumer(topic)
    )
    received = []
    for message in subscriber.messages(topic, idle=20):
        received.append(message)
        message.ack()
        if len(received) == 5:
            break
    assert received == sent
    assert [message.context["offset"] for message in received] == [0, 1, 2, 3, 4]
    subscriber.close()
    subscriber.close()
    with pytest.raises(SubscriberClosedError):
        next(subscriber.messages(topic, idle=1))


def test_asynchronous_failures_are_told(mock_broker: Callable[..., MockBroker]) -> None:
    """The call succeeds; the answer is an error with its message, and closing has waited for it."""
    confluent = transports.transport("confluent")
    failed = []
    publisher = Publisher(
        [mock_broker().bootstrap],
        Marshaler(),
        confluent.producer(**{"message.max.bytes": 2_000_000, "message.timeout.ms": 3000}),
        wait=False,
        on_error=lambda message, error: failed.append((message.uuid, confluent.words(error))),
    )
    publisher.publish("nowhere", Message("1", b"v"))
    publisher.close()
    assert failed == [("1", "Broker: Unknown topic or partition")]


def test_threads_may_share_a_publisher(mock_broker: Callable[..., MockBroker]) -> None:
    """Each call waits for its own answer."""
    confluent = transports.transport("confluent")
    broker = mock_broker().bootstrap
    answered: list[str] = []
    publisher = Publisher(
        [broker],
        Marshaler(),
        confluent.producer(**{"allow.auto.create.topics": True}),
        on_success=lambda message: answered.append(message.uuid),
    )
    threads = [
        threading.Thread(
            target=lambda n=n: publisher.publish(
                "shared", *(Message(f"{n}.{i}", b"") for i in range(20))
            )
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publisher.close()
    assert sorted(answered) == sorted(f"{n}.{i}" for n in range(4) for i in range(20))


# --- routers


class _Given:
    """A consumer of what it is given."""

    def __init__(self, *payloads: bytes) -> None:
        self._records = [Record("topic", None, payload, []) for payload in payloads]

    def subscribe(self, topic: str) -> None:
        pass

    def poll(self, _: float) -> Record | None:
        return self._records.pop(0) if self._records else None

    def close(self) -> None:
        pass


def _router(*payloads: bytes, handler: Any, middleware: Any = ()) -> CaptureLogger:
    log = CaptureLogger()
    router = Router(log)
    router.add_middleware(*middleware)
    subscriber = Subscriber(["b"], Unmarshaler(), lambda _: _Given(*payloads), resend_after=0)
    router.add_handler("work", "topic", subscriber, handler)
    router.run(idle=0.2, count=len(payloads))
    return log


def test_a_refused_message_comes_again_and_a_handled_one_does_not() -> None:
    """An exception is logged and refuses; it comes anew, with no context, until it works."""
    seen: list[tuple[bytes, int]] = []

    def handler(message: Message) -> list[Message]:
        seen.append((message.payload, len(message.context)))
        message.context["tried"] = True
        if seen.count((b"1", 3)) < 3:
            raise ValueError("not yet")
        return []

    log = _router(b"1", b"2", handler=handler)
    assert seen == [(b"1", 3)] * 3 + [(b"2", 3)]
    assert [entry.words for entry in log.entries] == ["Handler returned error"] * 2


def test_middleware_is_around_the_handler_in_order() -> None:
    """The first is the outermost."""
    order: list[str] = []

    def named(name: str) -> Any:
        def middleware(handler: Any) -> Any:
            def run(message: Message) -> Any:
                order.append(f"{name} in")
                result = handler(message)
                order.append(f"{name} out")
                return result

            return run

        return middleware

    _router(b"1", handler=lambda _: [], middleware=(named("a"), named("b")))
    assert order == ["a in", "b in", "b out", "a out"]


def test_retry_recover_and_instant_ack() -> None:
    """So many times again; a failure in words; an acknowledgement that nothing can take back."""
    tries: list[int] = []

    def fails_twice(_: Message) -> list[Message]:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
        return []

    assert _router(b"1", handler=fails_twice, middleware=(retry(2, wait=0),)).entries == []
    assert len(tries) == 3

    def fails(_: Message) -> list[Message]:
        raise KeyError("gone")

    (entry,) = _router(b"1", handler=fails, middleware=(instant_ack, recover)).entries
    assert str(entry.fields["err"]) == "handler failed: KeyError: 'gone'"


def test_what_a_handler_returns_is_published_through_decorators() -> None:
    """A failure to publish refuses the message, in Watermill's words."""
    published: list[tuple[str, Message]] = []
    failures = [OSError("full")]

    class Decorated:
        def __init__(self, publisher: Publisher) -> None:
            self.publisher = publisher

        def publish(self, topic: str, *messages: Message) -> None:
            if failures:
                raise failures.pop()
            published.extend((topic, message) for message in messages)

    log = CaptureLogger()
    router = Router(log)
    subscribers: list[Subscriber] = []

    def noted(subscriber: Subscriber) -> Subscriber:
        subscribers.append(subscriber)
        return subscriber

    router.add_publisher_decorators(Decorated)  # type: ignore[arg-type]
    router.add_subscriber_decorators(noted)
    subscriber = Subscriber(["b"], Unmarshaler(), lambda _: _Given(b"1"), resend_after=0)
    publisher = Publisher(["b"], Marshaler(), lambda _: _Broken())
    router.add_handler(
        "work", "in", subscriber, lambda m: [m.copy()], publish_to="out", publisher=publisher
    )
    router.run(idle=0.2, count=1)
    assert [(topic, message.payload) for topic, message in published] == [("out", b"1")]
    assert [entry.words for entry in log.entries] == ["Publishing produced messages failed"]
    assert subscribers == [subscriber]


def test_instant_ack_lets_workers_run_side_by_side() -> None:
    """Each waits for the others: they could not, if the next came only after the last."""
    together = threading.Barrier(3, timeout=10)
    subscriber = Subscriber(["b"], Unmarshaler(), lambda _: _Given(b"1", b"2", b"3"))
    router = Router(log := CaptureLogger())
    router.add_middleware(instant_ack)

    def handler(_: Message) -> list[Message]:
        together.wait()
        return []

    router.add_handler("work", "t", subscriber, handler)
    router.run(idle=0.2, count=3, workers=3)
    assert log.entries == []


# --- logs


def test_lines_have_levels_and_fields() -> None:
    """Sorted, quoted where there is a space, with those of `with_fields`; levels are asked for."""
    stream = io.StringIO()
    lines_of = StdLogger(debug=True, stream=stream).with_fields({"topic": "orders"})
    lines_of.info("Message sent", {"b": 1, "a": "x y"})
    lines_of.debug("again")
    lines_of.finest("not asked for")
    lines_of.error("failed", ValueError("no good"))
    lines = stream.getvalue().splitlines()
    stamp = r"\[watermill\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} "
    assert re.fullmatch(stamp + r'level=INFO msg="Message sent" a="x y" b=1 topic=orders', lines[0])
    assert re.fullmatch(stamp + r'level=DEBUG msg="again" topic=orders', lines[1])
    assert re.fullmatch(stamp + r'level=ERROR msg="failed" err="no good" topic=orders', lines[2])
    assert len(lines) == 3
    NopLogger().with_fields({"a": 1}).error("nobody", ValueError("hears"))


# --- the other side


@pytest.fixture(scope="session")
def go_watermill(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the program on Go's own Watermill; go's cache makes the second time quick."""
    program = str(tmp_path_factory.mktemp("go") / "interop")
    sources = Path(__file__).parent / "watermill_go"
    subprocess.run(
        [shutil.which("go") or "go", "build", "-o", program, "."], cwd=sources, check=True
    )
    return program


@pytest.mark.golang
def test_go_reads_what_is_written_here(kafka: Kafka, go_watermill: str) -> None:
    """Id, payload and metadata, by Watermill's DefaultMarshaler."""
    topic = kafka.topic("to-go", partitions=1)
    client = transports.transport("confluent")
    publisher = Publisher([kafka.bootstrap], Marshaler(), client.producer())
    publisher.publish(topic, Message("id-1", b"payload", {"a": "1", "ü": "ß"}), Message("", b""))
    publisher.close()
    told = _told(go_watermill, "read", kafka.bootstrap, topic, "2")
    assert told == [
        {"uuid": "id-1", "payload": "payload", "metadata": {"a": "1", "ü": "ß"}},
        {"uuid": "", "payload": "", "metadata": {}},
    ]


@pytest.mark.golang
def test_what_go_writes_is_read_here_and_is_the_same_on_the_wire(
    kafka: Kafka, go_watermill: str
) -> None:
    """Byte for byte, but for the order of metadata, which in Go is a map."""
    by_go, by_us = kafka.topic("from-go", partitions=1), kafka.topic("from-us", partitions=1)
    message = Message("id-2", b"payload", {"a": "1", "b": "2"})
    _told(go_watermill, "write", kafka.bootstrap, by_go, "id-2", "payload", "a=1", "b=2")
    client = transports.transport("confluent")
    publisher = Publisher([kafka.bootstrap], Marshaler(), client.producer())
    publisher.publish(by_us, message)
    publisher.close()
    ((go, us),) = zip(_raw(client, kafka, by_go), _raw(client, kafka, by_us), strict=True)
    assert (go.key, go.value) == (us.key, us.value) == (None, b"payload")
    assert go.headers[0] == us.headers[0] == (UUID_HEADER, b"id-2")
    assert sorted(go.headers) == sorted(us.headers)
    assert Unmarshaler().unmarshal(go) == message


def _raw(client: Any, kafka: Kafka, topic: str) -> Iterator[Record]:
    consumer = client.consumer(topic)([kafka.bootstrap])
    consumer.subscribe(topic)
    record = None
    while record is None:
        record = consumer.poll(1)
    consumer.close()
    yield record


def _told(program: str, *arguments: str) -> list[Any]:
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
