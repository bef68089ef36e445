"""The stages in one plain loop over a client: what every layer is measured against."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import stages
from outcomes import Outcomes
from watermillx import Record

if TYPE_CHECKING:
    from stages import Profile

FLUSH_SECONDS = 10


class BaseRunner:
    """Reads events and writes each on to the topic of its category.

    With `wait` each write is answered before the next event is read.
    """

    def __init__(self, brokers: list[str], transport: Any, *, wait: bool, **options: Any) -> None:
        self.outcomes = Outcomes()
        self._transport = transport
        self._wait = wait
        self._consumer = transport.consumer("base-runner")(brokers)
        self._producer = transport.producer(**options)(brokers)

    def run(self, topic: str, count: float, idle: float) -> None:
        """Read `count` events, or until none has come for `idle` seconds; return when all is out.

        Raises the transport's Failure when the topic cannot be read.
        """
        self._consumer.subscribe(topic)
        last = time.monotonic()
        try:
            while self.outcomes.counts["read"] < count and time.monotonic() - last < idle:
                record = self._consumer.poll(0.1)
                if record is not None:
                    self._process(record)
                    self._consumer.acknowledge(record)
                    last = time.monotonic()
        finally:
            self._consumer.close()
            self.outcomes.unanswered(self._producer.close(FLUSH_SECONDS))

    def _process(self, record: Record) -> None:
        self.outcomes.read()
        try:
            profile = stages.init(stages.unpack(record.value))
        except ValueError as error:
            self.outcomes.failed(f"{record.topic}[{record.partition}]@{record.offset}", error)
            return
        if stages.handle(profile):
            self._write(profile)
        else:
            self.outcomes.left_out()

    def _write(self, profile: Profile) -> None:
        record = Record(profile.topic, profile.key.encode(), profile.payload, [])

        def answered(error: Exception | None, *_: int) -> None:
            if error is None:
                self.outcomes.written()
            else:
                self.outcomes.failed(profile.topic, self._transport.words(error))

        try:
            if self._wait:
                answered(None, *self._producer.send_and_wait(record))
            else:
                self._producer.send(record, answered)
        except self._transport.Failure as error:
            answered(error)
