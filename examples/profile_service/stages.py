"""The four stages that an event goes through: unpack, init, handle, write."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

SCENARIOS = {"web": "browsing", "ios": "mobile", "android": "mobile"}
NOT_FOR_PROFILES = {"ping"}


@dataclass(frozen=True)
class Event:
    """What has happened, as the applications report it."""

    id: int
    category: str
    app: str
    user: int


@dataclass(frozen=True)
class Profile:
    """What an event adds to the profile of its user."""

    event: Event
    scenario: str

    @property
    def topic(self) -> str:
        """Where it is written to."""
        return f"profile.{self.event.category}"

    @property
    def key(self) -> str:
        """What keeps a user's profiles in order."""
        return str(self.event.user)

    @property
    def payload(self) -> bytes:
        """What is written."""
        return json.dumps(asdict(self)).encode()


def unpack(payload: bytes | None) -> Event:
    """Return the event in a message's value; raises ValueError if there is none."""
    try:
        return Event(**json.loads(payload or b""))
    except TypeError as error:
        raise ValueError(f"not an event: {error}") from error


def init(event: Event) -> Profile:
    """Return the profile that an event begins."""
    return Profile(event, scenario=SCENARIOS.get(event.app, "unknown"))


def handle(profile: Profile) -> bool:
    """Tell whether a profile is worth writing."""
    return profile.event.category not in NOT_FOR_PROFILES
