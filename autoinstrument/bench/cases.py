"""The cases to measure, each a row of the table.

A case is a figure of one phase of a program, which has one client and one sampler. Cases with the
same program are measured in the same process, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

CONFLUENT, KAFKA_PYTHON, AIOKAFKA = "confluent-kafka", "kafka-python", "aiokafka"
CLIENTS = {CONFLUENT: "confluent_kafka", KAFKA_PYTHON: "kafka", AIOKAFKA: "aiokafka"}
"""The module of each client, by the name of its distribution."""

SAMPLINGS = {
    "100 %": {"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
    "1 %": {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "off": {"OTEL_TRACES_SAMPLER": "always_off"},
}
"""The standard variables for each way to sample."""

SERVICE_TOPICS = tuple(f"service-{number}" for number in range(5))
"""One topic for each thread of the service."""
BACKLOGS = {"in-sampled": 1, "in-1-percent": 100}
"""The topics that are read; one in so many of their messages is sampled."""
BACKLOG = 6000
"""The number of messages in each of them: more than are read."""
TOPICS = ("out", *SERVICE_TOPICS, *BACKLOGS)


@dataclass(frozen=True)
class Program:
    """A process that does phases, one after another."""

    client: str = CONFLUENT
    sampling: str = "100 %"
    apart: str = ""
    """A name, for a program that needs a process of its own: it would disturb other cases."""
    bounded: bool = False
    """Whether the queue of spans has its default limit; else it is practically unlimited."""


@dataclass(frozen=True)
class Phase:
    """What a program does while it is measured."""

    does: str = ""
    """A name of `workload.phases.PHASES`, or of a client's method."""
    messages: int = 0
    rate: float = 0
    """Messages per second; 0: as fast as possible."""
    key: bool = True
    headers: int = 0
    topics: tuple[str, ...] = ("out",)


@dataclass(frozen=True)
class Case:
    """One row of the table: a phase, what is measured of it, and the goal for the ratio."""

    group: str
    words: str
    measure: str
    """A name of `outcome.MEASURES`."""
    phase: Phase
    program: Program = field(default_factory=Program)
    goal: float | None = None
    short: bool = False
    """Whether it is measured if the user names no case."""
    once: bool = False
    """Whether it has only one round, since that takes minutes."""

    @property
    def name(self) -> str:
        """The unique name of the case, in JSON and pictures."""
        program = self.program
        return f"{self.group}: {program.client}, {self.words}, {self.measure}, {program.sampling}"


GROUPS = {
    "start": "startup of `python -c pass`",
    "written": "CPU per written message at a steady rate, including export",
    "read": "CPU per message read one by one from a backlog, including export",
    "call": "the call that writes, in a loop",
    "ceiling": "one producer thread that never sleeps",
    "service": f"a whole service: {len(SERVICE_TOPICS)} threads write, flush, read back and commit",
    "memory": "memory for messages in flight, and growth over a million messages",
    "latency": "how late a thread wakes while another writes 10,000 messages per second",
    "rate": "share of a core at a steady rate, including export",
}
"""The groups of cases that the user can name, and what they measure."""


def _steady(rate: float, seconds: float) -> Phase:
    return Phase("write_steadily", round(rate * seconds), rate)


def _call() -> list[Case]:
    loop = Phase("write_in_a_loop", 10_000)
    kinds = {
        "keyed": loop,
        "no key": replace(loop, key=False),
        "keyed, five headers": replace(loop, headers=5),
    }
    goals = {"100 %": {"keyed": 0.06}, "off": {"keyed": 0.12, "keyed, five headers": 0.15}}
    return [
        Case(
            "call",
            words,
            "call",
            phase,
            Program(CONFLUENT, sampling),
            goals.get(sampling, {}).get(words),
            short=sampling != "1 %" and words == "keyed",
        )
        for sampling in SAMPLINGS
        for words, phase in kinds.items()
    ]


def _written() -> list[Case]:
    goals = {
        "100 %": {CONFLUENT: 0.125, KAFKA_PYTHON: 0.10, AIOKAFKA: 0.12},
        "off": dict.fromkeys(CLIENTS, 0.12),
    }
    usual = [
        Case(
            "written",
            "2,000 per second",
            "cpu",
            _steady(2000, 1.5),
            Program(client, sampling),
            goals[sampling][client],
            short=client == CONFLUENT,
        )
        for sampling in goals
        for client in CLIENTS
    ]
    one_percent = Case(
        "written", "2,000 per second", "cpu", _steady(2000, 1.5), Program(sampling="1 %")
    )
    slowly = Case("written", "200 per second", "cpu", _steady(200, 2), goal=0.15)
    return [*usual, one_percent, slowly]


def _read() -> list[Case]:
    goals = {
        "100 %": dict.fromkeys(CLIENTS, 0.10) | {CONFLUENT: 0.08},
        "off": {CONFLUENT: 0.08, KAFKA_PYTHON: 0.20, AIOKAFKA: 0.10},
    }
    backlogs = {"100 %": "in-sampled", "1 %": "in-1-percent", "off": "in-sampled"}

    def case(client: str, sampling: str, goal: float | None = None) -> Case:
        phase = Phase("read", 5000, topics=(backlogs[sampling],))
        program = Program(client, sampling)
        short = client == CONFLUENT and sampling != "1 %"
        return Case("read", "from a backlog", "cpu", phase, program, goal, short=short)

    usual = [
        case(client, sampling, goals[sampling][client]) for sampling in goals for client in CLIENTS
    ]
    return [*usual, case(CONFLUENT, "1 %")]


def _service() -> list[Case]:
    phase = Phase("service", 1000 * len(SERVICE_TOPICS), headers=5, topics=SERVICE_TOPICS)
    return [
        Case(
            "service",
            "1,000 messages per thread",
            measure,
            phase,
            Program(CONFLUENT, sampling, "service"),
        )
        for sampling in ("100 %", "1 %")
        for measure in ("cpu", "wall")
    ]


def _memory() -> list[Case]:
    in_flight, many = Program(apart="in flight"), Program(apart="a million", bounded=True)
    return [
        Case("memory", "in flight", "bytes", Phase("hold", 20_000), in_flight),
        Case(
            "memory",
            "a million messages",
            "growth",
            Phase("write_many", 1_000_000),
            many,
            once=True,
        ),
    ]


CASES = (
    Case("start", "by the environment variable", "start", Phase("start"), goal=0.01, short=True),
    Case("start", "under `run`", "start", Phase("run"), goal=0.05, short=True),
    *_written(),
    *_read(),
    *_call(),
    *(
        Case(
            "ceiling",
            "keyed",
            "pace",
            Phase("write_without_sleep", 300_000),
            Program(CONFLUENT, sampling, "ceiling"),
        )
        for sampling in ("100 %", "off")
    ),
    *_service(),
    *_memory(),
    Case(
        "latency",
        "the slowest 1 %",
        "late",
        Phase("wake_beside_writes", 30_000, 10_000),
        Program(apart="latency"),
    ),
)


def at_rate(rate: float) -> list[Case]:
    """Return cases that give the share of a core at `rate` messages per second, for each client."""
    return [
        Case("rate", f"{rate:,g} per second", "core", _steady(rate, 3), Program(client, sampling))
        for client in CLIENTS
        for sampling in SAMPLINGS
    ]
