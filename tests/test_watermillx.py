"""The example's layer keeps the contracts of Go's Watermill, on real clients and brokers."""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import re
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import confluent_kafka
import examples_path  # noqa: F401 - puts the example on the path
import pytest
import transports
from hypothesis import given
from hypothesis import strategies as st
from processes import until
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
    from collections.abc import Callable, Iterable

    from brokers import Kafka, MockBroker, OwnKafka

pytestmark = pytest.mark.once  # it is an example, and no part of the agent
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
    """The last duplicate wins, of the id too, which is found anywhere, or empty."""
    headers = [("a", b"1"), (UUID_HEADER, b"w"), (UUID_HEADER, b"x"), ("a", b"2"), ("n", None)]
    message = Unmarshaler().unmarshal(Record("topic", b"k", b"v", headers))
    assert message == Message("x", b"v", {"a": "2", "n": ""})
    assert Unmarshaler().unmarshal(Record("topic", None, b"v", [])).uuid == ""


@pytest.mark.parametrize("value", [None, b"", b"\xff"])
def test_what_is_passed_on_stays_as_it_was(value: bytes | None) -> None:
    """A tombstone is none the less for it, and bytes that are not UTF-8 are the same again."""
    headers: list[tuple[str, bytes | None]] = [(UUID_HEADER, b"\xfe"), ("a", b"\xff")]
    record = Record("topic", b"\xff\x00", value, headers)
    message = Unmarshaler(restore_key=True).unmarshal(record)
    assert KeyMarshaler().marshal("topic", message) == record


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
    """Return each transport in turn."""
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
    for words, place in ("Sending", {}), ("sent", {"kafka_partition": 0}):
        found = [entry for entry in log.entries if words in entry.words]
        assert {entry.level for entry in found} == {"FINEST"}
        assert [entry.fields for entry in found] == [
            {"topic": topic, "message_uuid": str(number), **place}
            | ({"kafka_partition_offset": number} if place else {})
            for number in range(5)
        ]
    subscriber = Subscriber(
        [kafka.bootstrap], Unmarshaler(restore_key=True), client.consumer(topic)
    )
    received = _received(subscriber, topic, 5)
    assert received == sent
    assert [message.context["offset"] for message in received] == [0, 1, 2, 3, 4]
    subscriber.close()
    subscriber.close()
    with pytest.raises(SubscriberClosedError):
        next(subscriber.messages(topic, idle=1))


def _received(subscriber: Subscriber, topic: str, count: int) -> list[Message]:
    """Read and acknowledge so many messages."""
    received = []
    for message in subscriber.messages(topic, idle=20):
        received.append(message)
        message.ack()
        if len(received) == count:
            break
    return received


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


@pytest.mark.parametrize("wait", [True, False])
def test_an_exception_of_a_handler_is_told_and_changes_nothing(
    mock_broker: Callable[..., MockBroker], *, wait: bool
) -> None:
    """The message was written, so neither its call nor the next one's nor closing fails."""
    confluent = transports.transport("confluent")
    called: list[str] = []

    def raises(message: Message) -> None:
        called.append(message.uuid)
        raise ValueError("not my day")

    broker = mock_broker().bootstrap
    publisher = Publisher(
        [broker],
        Marshaler(),
        confluent.producer(**{"allow.auto.create.topics": True}),
        wait=wait,
        on_success=raises,
        logger=(log := CaptureLogger()),
    )
    for uuid in "123":
        publisher.publish("topic", Message(uuid, b""))
    publisher.close()
    assert sorted(called) == ["1", "2", "3"]
    failed = [entry for entry in log.entries if entry.level == "ERROR"]
    assert [entry.words for entry in failed] == ["Handler of an answer failed"] * 3
    assert {str(entry.fields["err"]) for entry in failed} == {"not my day"}


@pytest.mark.parametrize("wait", [True, False])
def test_what_is_accepted_before_closing_is_answered(
    mock_broker: Callable[..., MockBroker], *, wait: bool
) -> None:
    """A call that has begun in another thread is finished, while one that begins is refused."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Marshaler):
        def marshal(self, topic: str, message: Message) -> Record:
            begun.set()
            assert go_on.wait(10)
            return super().marshal(topic, message)

    confluent = transports.transport("confluent")
    answered: list[str] = []
    publisher = Publisher(
        [mock_broker().bootstrap],
        Slow(),
        confluent.producer(**{"allow.auto.create.topics": True}),
        wait=wait,
        on_success=lambda message: answered.append(message.uuid),
    )
    with ThreadPoolExecutor(2) as pool:
        publishing = pool.submit(publisher.publish, "topic", Message("1", b""), Message("2", b""))
        assert begun.wait(10)
        ending = pool.submit(publisher.close)
        until(lambda: publisher._is_closed, "it is not closed")
        with pytest.raises(PublishError, match=r"^publisher closed$"):
            publisher.publish("topic", Message("3", b""))
        assert not ending.done()
        go_on.set()
        publishing.result(10)
        ending.result(10)
    assert sorted(answered) == ["1", "2"]


def test_what_a_dead_broker_has_not_answered_is_counted(own_kafka: OwnKafka, client: Any) -> None:
    """Closing gives up in time, and says of how many nobody knows."""
    topic = own_kafka.topic()
    answered: list[str] = []
    publisher = Publisher(
        [own_kafka.bootstrap],
        Marshaler(),
        client.producer(),
        wait=False,
        on_success=lambda message: answered.append(message.uuid),
        patience=1,
    )
    publisher.publish(topic, Message("1", b"1"))
    until(lambda: answered == ["1"], "no answer has come")
    own_kafka.pause()
    publisher.publish(topic, Message("2", b"2"), Message("3", b"3"))
    with pytest.raises(CloseError, match="cannot close Kafka producer: 2 messages unanswered"):
        publisher.close()
    assert answered == ["1"]
    own_kafka.resume()
    assert publisher._producer.close(10) == 0


def test_an_answer_comes_although_nothing_more_is_published(kafka: Kafka, client: Any) -> None:
    """A service whose events are rare hears of each write at once, not with its next one."""
    topic = kafka.topic()
    answered: list[str] = []
    publisher = Publisher(
        [kafka.bootstrap],
        Marshaler(),
        client.producer(),
        wait=False,
        on_success=lambda message: answered.append(message.uuid),
    )
    publisher.publish(topic, Message("1", b"1"))
    until(lambda: answered == ["1"], "no answer has come")
    publisher.close()


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


# --- subscribers


def test_what_is_not_acknowledged_comes_again_to_the_next_reader(kafka: Kafka, client: Any) -> None:
    """Refused or not decided yet when its reader ends; what is acknowledged does not come again."""
    topic = kafka.topic(partitions=1)
    _publish(kafka, topic, "0", "1", "2")
    first = _subscriber(kafka, client, topic)
    with closing(first.messages(topic, idle=20)) as messages:
        assert next(messages).ack()
        assert next(messages).uuid == "1"
    with closing(_subscriber(kafka, client, topic).messages(topic, idle=20)) as messages:
        refused = next(messages)
        refused.nack()
        again = next(messages)
        assert (refused.uuid, again.uuid, again.acked.is_set()) == ("1", "1", False)
        again.ack()
        assert next(messages).ack()
    assert [m.uuid for m in _subscriber(kafka, client, topic).messages(topic, idle=1)] == []


def test_a_subscriber_may_be_closed_while_a_message_is_handled(kafka: Kafka, client: Any) -> None:
    """From another thread; the message is finished and none follows."""
    topic = kafka.topic(partitions=1)
    _publish(kafka, topic, "0", "1")
    subscriber = _subscriber(kafka, client, topic)
    handled = []
    with ThreadPoolExecutor(1) as pool:
        for message in subscriber.messages(topic, idle=20):
            pool.submit(subscriber.close).result(10)
            handled.append(message.uuid)
            message.ack()
    assert handled == ["0"]
    assert [m.uuid for m in _first_of(_subscriber(kafka, client, topic), topic)] == ["1"]


def test_members_of_a_group_hand_over_without_losing_a_message(kafka: Kafka, client: Any) -> None:
    """A second one joins while the first works; it gets its share, and all are handled."""
    topic = kafka.topic(partitions=2)
    handled: tuple[list[str], list[str]] = ([], [])

    def read(member: int) -> None:
        for message in _subscriber(kafka, client, topic).messages(topic, idle=5):
            handled[member].append(message.uuid)
            message.ack()

    uuids = map(str, itertools.count())
    published: list[str] = []

    def publish_until(handles: list[str]) -> bool:
        published.append(next(uuids))
        _publish(kafka, topic, published[-1])
        return bool(handles)

    with ThreadPoolExecutor(2) as pool:
        ends = []
        for member in range(2):
            ends.append(pool.submit(read, member))
            until(lambda of=handled[member]: publish_until(of), f"member {member} gets nothing")
        for end in ends:
            end.result()
    assert {*handled[0], *handled[1]} == set(published)


def test_a_subscriber_goes_on_when_its_broker_comes_back(own_kafka: OwnKafka, client: Any) -> None:
    """A restart is a pause, for the reader and for the group's place in the log."""
    topic = own_kafka.topic(partitions=1)
    _publish(own_kafka, topic, "0")
    messages = _subscriber(own_kafka, client, topic).messages(topic, idle=30)
    assert next(messages).ack()
    own_kafka.kill()
    own_kafka.start()
    _publish(own_kafka, topic, "1")
    assert next(messages).uuid == "1"
    messages.close()


def _publish(kafka: Kafka, topic: str, *uuids: str) -> None:
    producer = transports.transport("confluent").producer()
    publisher = Publisher([kafka.bootstrap], Marshaler(), producer, wait=False)
    for uuid in uuids:
        publisher.publish(topic, Message(uuid, b"payload"))
    publisher.close()


def _subscriber(kafka: Kafka, client: Any, group: str) -> Subscriber:
    return Subscriber([kafka.bootstrap], Unmarshaler(), client.consumer(group), resend_after=0)


def _first_of(subscriber: Subscriber, topic: str) -> list[Message]:
    """Read one message, and leave it to the next reader."""
    with closing(subscriber.messages(topic, idle=20)) as messages:
        return [next(messages)]


# --- routers


class _Given:
    """A consumer of what it is given."""

    def __init__(self, *payloads: bytes) -> None:
        self._records = [Record("topic", None, payload, []) for payload in payloads]
        self.acknowledged: list[bytes | None] = []

    def subscribe(self, topic: str) -> None:
        pass

    def poll(self, _: float) -> Record | None:
        return self._records.pop(0) if self._records else None

    def acknowledge(self, record: Record) -> None:
        self.acknowledged.append(record.value)

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


def test_handlers_run_side_by_side() -> None:
    """Each waits for the other: they could not, if one topic came after the other."""
    together = threading.Barrier(2, timeout=10)
    router = Router(log := CaptureLogger())

    def handler(_: Message) -> list[Message]:
        together.wait()
        return []

    for name in "ab":
        subscriber = Subscriber(["b"], Unmarshaler(), lambda _: _Given(b"1"))
        router.add_handler(name, name, subscriber, handler)
    router.run(idle=0.2, count=1)
    assert log.entries == []


def test_all_handlers_end_when_one_cannot_read() -> None:
    """And its error comes out: half a service would look like a whole one."""

    def breaks(_: float) -> Record:
        raise ConnectionError("no way")

    broken = _Given()
    broken.poll = breaks  # type: ignore[method-assign]
    router = Router()
    for name, consumer in ("good", _Given()), ("broken", broken):
        subscriber = Subscriber(["b"], Unmarshaler(), lambda _, it=consumer: it)
        router.add_handler(name, name, subscriber, lambda _: [])
    with pytest.raises(ConnectionError, match="no way"):
        router.run(idle=math.inf)


def test_closing_a_router_finishes_what_is_handled() -> None:
    """From any thread, the handler's own as well; the next message is not begun."""
    given = _Given(b"1", b"2")
    subscriber = Subscriber(["b"], Unmarshaler(), lambda _: given)
    router = Router()

    def handler(_: Message) -> list[Message]:
        router.close()
        return []

    router.add_handler("work", "topic", subscriber, handler)
    router.run(idle=60)
    assert given.acknowledged == [b"1"]


def test_an_exit_in_a_handler_leaves_its_message_to_the_next_reader() -> None:
    """What ends a handler without being an error is no acknowledgement either."""
    given = _Given(b"1")
    subscriber = Subscriber(["b"], Unmarshaler(), lambda _: given)
    router = Router()

    def handler(_: Message) -> list[Message]:
        router.close()
        raise SystemExit("enough")

    router.add_handler("work", "topic", subscriber, handler)
    with pytest.raises(SystemExit, match="enough"):
        router.run(idle=60)
    assert given.acknowledged == []


def test_messages_without_a_publisher_are_refused() -> None:
    """A handler that returns what nobody would publish has a fault, which is told."""
    tried: list[bytes | None] = []

    def handler(message: Message) -> list[Message]:
        tried.append(message.payload)
        return [message.copy()] if len(tried) == 1 else []

    (entry,) = _router(b"1", handler=handler).entries
    assert entry.words == "Publishing produced messages failed"
    words = "returned output messages in a handler without publisher"
    assert (str(entry.fields["err"]), tried) == (words, [b"1", b"1"])


def test_retries_wait_longer_each_time_and_are_told() -> None:
    """Doubled, up to the longest; the last failure is the handler's."""
    log = CaptureLogger()
    tries: list[float] = []

    def fails(_: Message) -> list[Message]:
        tries.append(time.monotonic())
        raise ValueError("not yet")

    again = retry(3, wait=0.02, longest=0.03, logger=log)(fails)
    with pytest.raises(ValueError, match="not yet"):
        again(Message("1", b""))
    assert [(entry.words, entry.fields["retry_no"]) for entry in log.entries] == [
        ("Error occurred, retrying", number) for number in (1, 2, 3)
    ]
    waits = [after - before for before, after in pairwise(tries)]
    assert all(wait >= least for wait, least in zip(waits, [0.02, 0.03, 0.03], strict=True))


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
    """A failure to publish refuses the message, in Watermill's words.

    Decorators are of all handlers; of a publisher's the first is the outermost, else the last.
    """
    published: list[tuple[str, Message]] = []
    decorated: list[str] = []
    failures = [OSError("full")]

    class Decorated:
        def __init__(self, _: Publisher) -> None:
            decorated.append("Decorated")

        def publish(self, topic: str, *messages: Message) -> None:
            if failures:
                raise failures.pop()
            published.extend((topic, message) for message in messages)

    log = CaptureLogger()
    router = Router(log)
    subscribers: list[Subscriber] = []

    def noted(subscriber: Subscriber) -> Subscriber:
        decorated.append("noted")
        subscribers.append(subscriber)
        return subscriber

    def order(name: str) -> Any:
        return lambda each: decorated.append(name) or each

    subscriber = Subscriber(["b"], Unmarshaler(), lambda _: _Given(b"1"), resend_after=0)
    publisher = Publisher(["b"], Marshaler(), lambda _: _Broken())
    router.add_handler(
        "work", "in", subscriber, lambda m: [m.copy()], publish_to="out", publisher=publisher
    )
    router.add_publisher_decorators(Decorated, order("inner"))  # type: ignore[arg-type]
    router.add_subscriber_decorators(noted, order("outer"))
    router.run(idle=0.2, count=1)
    assert [(topic, message.payload) for topic, message in published] == [("out", b"1")]
    assert [entry.words for entry in log.entries] == ["Publishing produced messages failed"]
    assert subscribers == [subscriber]
    assert decorated == ["noted", "outer", "inner", "Decorated"]


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
    plain = StdLogger(stream=(few := io.StringIO()))
    all_of_them = StdLogger(debug=True, finest=True, stream=(many := io.StringIO()))
    for adapter in plain, all_of_them, NopLogger().with_fields({"a": 1}):
        adapter.error("e", ValueError("no good"))
        adapter.info("i")
        adapter.debug("d")
        adapter.finest("f")
    assert re.findall(r'msg="(.)"', few.getvalue()) == ["e", "i"]
    assert re.findall(r"level=(\w+) msg", many.getvalue()) == ["ERROR", "INFO", "DEBUG", "FINEST"]


def test_nobody_is_told_unless_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """The adapter that is there by default says nothing, of failures either."""
    publisher = Publisher(["b"], Marshaler(), lambda _: _Broken())
    with pytest.raises(PublishError):
        publisher.publish("topic", Message("1", b""))
    assert capfd.readouterr() == ("", "")


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


# Tombstones, empty texts and values, bytes that are not UTF-8, and a name that is not ASCII.
MESSAGES = [
    Message("id-1", b"payload", {"a": "1", "b": "2", "ü": "ß"}),
    Message("", b"", {}),
    Message("id-3", None, {"empty": ""}),
    Message("id-4", b"\xff\x00", {"bytes": "\udcff", "traceparent": "t", "_key": "k"}),
]


@pytest.fixture
def messages(client: Any) -> list[Message]:
    """Give what the client can write: kafka-python wants a key or a value."""
    lenient = client is transports.transport("confluent")
    return [message for message in MESSAGES if lenient or message.payload is not None]


@pytest.mark.golang
def test_go_reads_what_is_written_here(
    kafka: Kafka, client: Any, messages: list[Message], go_watermill: str
) -> None:
    """Id, payload and metadata, by Watermill's DefaultMarshaler."""
    topic = kafka.topic("to-go", partitions=1)
    publisher = Publisher([kafka.bootstrap], Marshaler(), client.producer())
    publisher.publish(topic, *messages)
    publisher.close()
    told = _told(go_watermill, "read", kafka.bootstrap, topic, str(len(messages)))
    assert told == [_line(message) for message in messages]


@pytest.mark.golang
def test_what_others_write_is_read_here_as_in_go(kafka: Kafka, go_watermill: str) -> None:
    """Duplicates, ids at any place or none, values that are null, empty or not UTF-8."""
    topic = kafka.topic("foreign", partitions=1)
    twice = [("a", "1"), (UUID_HEADER, "x"), ("a", "2"), ("n", None), ("b", b"\xff")]
    written = [
        (b"v", twice),
        (b"", [*twice, (UUID_HEADER, "y")]),
        (None, [(UUID_HEADER, None), ("", "unnamed")]),
        (b"\xff", []),
    ]
    owner = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for value, headers in written:
        owner.produce(topic, value, b"key", headers=headers)
    owner.flush()
    records = [Record(topic, each.key, each.value, each.headers) for each in kafka.records(topic)]
    here = [_line(Unmarshaler().unmarshal(record)) for record in records]
    assert here == _told(go_watermill, "read", kafka.bootstrap, topic, "4")
    assert [line["uuid"] for line in here] == ["x", "y", "", ""]


@pytest.mark.golang
def test_what_go_writes_is_read_here_and_is_the_same_on_the_wire(
    kafka: Kafka, client: Any, messages: list[Message], go_watermill: str
) -> None:
    """Byte for byte, but for the order of metadata, which in Go is a map."""
    by_go, by_us = kafka.topic("from-go", partitions=1), kafka.topic("from-us", partitions=1)
    _told(go_watermill, "write", kafka.bootstrap, by_go, given=map(_line, messages))
    publisher = Publisher([kafka.bootstrap], Marshaler(), client.producer())
    publisher.publish(by_us, *messages)
    publisher.close()
    for go, us in zip(kafka.records(by_go), kafka.records(by_us), strict=True):
        assert (go.key, go.value) == (us.key, us.value)
        assert go.headers[0] == us.headers[0]
        assert sorted(go.headers) == sorted(us.headers)
    subscriber = Subscriber([kafka.bootstrap], Unmarshaler(), client.consumer(by_go))
    assert _received(subscriber, by_go, len(messages)) == messages


@pytest.mark.golang
def test_go_puts_a_key_where_it_is_put_here(kafka: Kafka, client: Any, go_watermill: str) -> None:
    """By the same hash into the same partition, the empty key too; the keys are the same bytes."""
    by_go, by_us = kafka.topic("keys-of-go", partitions=7), kafka.topic("keys", partitions=7)
    keys = ["", "ß", *(f"user-{number}" for number in range(20))]
    messages = [Message(key, b"", {"key": key}) for key in keys]
    lines = [{**_line(message), "key": message.uuid} for message in messages]
    _told(go_watermill, "write", kafka.bootstrap, by_go, given=lines)
    marshaler = PartitioningMarshaler(lambda _, message: message.metadata["key"])
    publisher = Publisher([kafka.bootstrap], marshaler, client.producer())
    publisher.publish(by_us, *messages)
    publisher.close()
    there, here = (
        sorted((record.key, record.partition) for record in kafka.records(topic))
        for topic in (by_go, by_us)
    )
    assert here == there
    assert {key for key, _ in here} == {key.encode() for key in keys}


def _line(message: Message) -> dict[str, Any]:
    """Return a message as the Go program tells it."""
    metadata = {
        name: _base64(value.encode("utf-8", "surrogateescape"))
        for name, value in message.metadata.items()
    }
    return {"uuid": message.uuid, "payload": _base64(message.payload), "metadata": metadata}


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _told(program: str, *arguments: str, given: Iterable[Any] = ()) -> list[Any]:
    done = subprocess.run(
        [program, *arguments],
        input="\n".join(map(json.dumps, given)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
