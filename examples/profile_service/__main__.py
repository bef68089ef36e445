"""Run the profile service: python profile_service BOOTSTRAP TOPIC."""

from __future__ import annotations

import argparse
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
    settings = parser.parse_args()

    service = ProfileService(settings.bootstrap)
    try:
        service.run(settings.topic, settings.count, settings.idle)
    except KafkaException as error:
        return f"{settings.topic} cannot be read: {error.args[0].str()}"
    finally:
        print(service)
    return None


if __name__ == "__main__":
    sys.exit(main())
