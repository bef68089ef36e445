"""Run the profile service: python profile_service BOOTSTRAP TOPIC."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys

import transports
from base_runner import BaseRunner
from service import ProfileService
from watermillx import PublishError, StdLogger


def main() -> str | None:
    """Run the service and return what kept it from reading, if something did."""
    settings = _settings()
    if settings.asyncio:
        return run_asyncio(settings)

    transport = transports.transport(settings.client)
    brokers = settings.bootstrap.split(",")
    options = transport.TUNED if settings.tuned else {}
    wait = settings.writes == "sync"
    runner: BaseRunner | ProfileService
    try:
        if settings.runner == "base":
            runner = BaseRunner(brokers, transport, wait=wait, **options)
        else:
            logger = StdLogger(finest=True) if settings.verbose else None
            runner = ProfileService(brokers, transport, wait=wait, logger=logger, **options)
    except (transport.Failure, PublishError) as error:
        return f"{settings.bootstrap} cannot be reached: {error}"
    try:
        runner.run(settings.topic, settings.count, settings.idle)
    except transport.Failure as error:
        return f"{settings.topic} cannot be read: {transport.words(error)}"
    finally:
        _tell(runner, as_json=settings.json)
    return None


def _settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="profile_service",
        description="Write events about users on to profile.CATEGORY, topics which must exist.",
    )
    parser.add_argument("bootstrap", help="Kafka brokers, HOST:PORT,...")
    parser.add_argument("topic", help="where the events are")
    parser.add_argument("--count", type=int, default=math.inf, help="stop after so many events")
    parser.add_argument("--idle", type=float, default=30, help="stop after so many quiet seconds")
    parser.add_argument("--runner", choices=["watermillx", "base"], default="watermillx")
    parser.add_argument("--writes", choices=["async", "sync"], default="async")
    parser.add_argument("--client", choices=transports.NAMES, default=transports.NAMES[0])
    parser.add_argument("--tuned", action="store_true", help="do not linger before a write")
    parser.add_argument("--verbose", action="store_true", help="tell of each message")
    parser.add_argument("--json", action="store_true", help="print the outcome as data")
    parser.add_argument("--asyncio", action="store_true", help="run as a coroutine, on aiokafka")
    return parser.parse_args()


def _tell(runner: BaseRunner | ProfileService, *, as_json: bool) -> None:
    outcomes = runner.outcomes
    if as_json:
        print(json.dumps({**outcomes.counts, "seconds": outcomes.seconds}))
    else:
        print(outcomes)


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
