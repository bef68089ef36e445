"""The service: the stages as middleware of a router, between a subscriber and a publisher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import stages
from outcomes import Outcomes
from watermillx import (
    KEY,
    CloseError,
    KeyMarshaler,
    LoggerAdapter,
    Message,
    Publisher,
    PublishError,
    Router,
    Subscriber,
    Unmarshaler,
    new_uuid,
)

if TYPE_CHECKING:
    from watermillx import Handler


class ProfileService:
    """Reads events and writes each on to the topic of its category.

    Those topics must exist: a category that nobody has planned for does not create one. With `wait`
    each write is answered before the next event is read.
    """

    def __init__(
        self,
        brokers: list[str],
        transport: Any,
        *,
        wait: bool,
        logger: LoggerAdapter | None = None,
        **options: Any,
    ) -> None:
        self.outcomes = Outcomes()
        self._words = transport.words
        self._publisher = Publisher(
            brokers,
            KeyMarshaler(),
            transport.producer(**options),
            wait=wait,
            on_success=lambda _: self.outcomes.written(),
            on_error=self._failed,
            logger=logger,
        )
        self._subscriber = Subscriber(
            brokers, Unmarshaler(), transport.consumer("profile-service"), logger=logger
        )
        self._router = Router(logger)
        self._router.add_middleware(self._counted, unpack, init, self._handled, self._written)

    def run(self, topic: str, count: float, idle: float) -> None:
        """Read `count` events, or until none has come for `idle` seconds; return when all is out.

        Raises the transport's Failure when the topic cannot be read.
        """
        self._router.add_handler("profiles", topic, self._subscriber, lambda _: [])
        try:
            self._router.run(idle=idle, count=count)
        finally:
            try:
                self._publisher.close()
            except CloseError as error:
                self.outcomes.unanswered(error.unanswered)

    def _counted(self, handler: Handler) -> Handler:
        """Count each event; one that is none would come again for ever, and is left."""

        def counted(message: Message) -> list[Message]:
            self.outcomes.read()
            try:
                return handler(message)
            except ValueError as error:
                place = "{topic}[{partition}]@{offset}".format(**message.context)
                self.outcomes.failed(place, error)
                return []

        return counted

    def _handled(self, handler: Handler) -> Handler:
        def handled(message: Message) -> list[Message]:
            if stages.handle(message.context["profile"]):
                return handler(message)
            self.outcomes.left_out()
            return []

        return handled

    def _written(self, handler: Handler) -> Handler:
        """Write the profile; one that cannot be written would come again for ever, and is left."""

        def written(message: Message) -> list[Message]:
            profile: stages.Profile = message.context["profile"]
            outgoing = Message(new_uuid(), profile.payload, {KEY: profile.key})
            outgoing.context["topic"] = profile.topic
            try:
                self._publisher.publish(profile.topic, outgoing)
            except PublishError as error:
                self._failed(outgoing, error.__cause__ or error)
            return handler(message)

        return written

    def _failed(self, message: Message, error: BaseException) -> None:
        self.outcomes.failed(message.context["topic"], self._words(error))


def unpack(handler: Handler) -> Handler:
    """Put the event of a message into its context."""

    def unpacked(message: Message) -> list[Message]:
        message.context["event"] = stages.unpack(message.payload)
        return handler(message)

    return unpacked


def init(handler: Handler) -> Handler:
    """Put the profile that an event begins into the context."""

    def initialized(message: Message) -> list[Message]:
        message.context["profile"] = stages.init(message.context["event"])
        return handler(message)

    return initialized
