"""Run the profile service: python profile_service BOOTSTRAP TOPIC."""

from __future__ import annotations

import argparse
import asyncio
import math
import sys

from confluent_kafka import KafkaException
from service import ProfileService


def main() -> str | None:
    """Run the service and return what kept it from reading, if something did."""
    parser = argparse.ArgumentParser(
        prog="profile_service",
        description="Write events about users on to profile.CATEGORY, topics which must exist.",
    )
    parser.add_argument("bootstrap", help="a Kafka broker, HOST:PORT")
    parser.add_argument("topic", help="where the events are")
    parser.add_argument("--count", type=int, default=math.inf, help="stop after so many events")
    parser.add_argument("--idle", type=float, default=30, help="stop after so many quiet seconds")
    parser.add_argument("--asyncio", action="store_true", help="run as a coroutine, on aiokafka")
    settings = parser.parse_args()
    if settings.asyncio:
        return run_asyncio(settings)

    service = ProfileService(settings.bootstrap)
    try:
        service.run(settings.topic, settings.count, settings.idle)
    except KafkaException as error:
        return f"{settings.topic} cannot be read: {error.args[0].str()}"
    finally:
        print(service)
    return None


def run_asyncio(settings: argparse.Namespace) -> str | None:
    """Run the service as a coroutine and return what kept it from that, if something did."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - only for who has chosen it
    from service_asyncio import AsyncProfileService  # noqa: PLC0415 - as above

    service = AsyncProfileService(settings.bootstrap)
    try:
        asyncio.run(service.run(settings.topic, settings.count, settings.idle))
    except KafkaError as error:
        return f"{settings.bootstrap} cannot be reached: {error}"
    finally:
        print(service)
    return None


if __name__ == "__main__":
    sys.exit(main())
