"""What a report says: its numbers, its text, its data, its command."""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from processes import until
from recordings import (
    MS,
    START,
    attributes,
    count,
    metrics,
    recording,
    request,
    root,
    span,
    span_id,
    write,
)

from autoinstrument.commands import report as command
from autoinstrument.report.data import as_data
from autoinstrument.report.gathering import report
from autoinstrument.report.latency import Latencies
from autoinstrument.report.model import Percentiles, Report, Sent
from autoinstrument.report.sentences import notes
from autoinstrument.report.text import render
from autoinstrument.report.timeline import over_time
from autoinstrument.report.wording import duration, foreign, shortened, significant

GOLDEN = """\
3 messages written, 1 failed, 1 unconfirmed, in 260 ms: service `profile`, 1 process.
2025-11-23 16:10:02 UTC, 9 spans in 1 file.

Findings
  failures-by-cause: 1 write to profiles failed: MESSAGE_TOO_LARGE.
    Error message: Broker: Message size too large
    Fix: Split or compress the message; otherwise raise the topic's max.message.bytes and the
         client's own limit.

  topic     written  failed  unconfirmed  per s  partitions      p50      p90      p99      max
  profiles        3       1            0   11.5           2  82.1 ms  84.7 ms  84.7 ms  84.7 ms
  audit           0       0            1      -           0        -        -        -        -
  p50 to max: time from call to acknowledgement (-: none). Percentiles are at most 1% too high.

Failures by cause
  failed  error              topic     error message
       1  MESSAGE_TOO_LARGE  profiles  Broker: Message size too large

Slowest writes
     took  topic[partition]@offset  trace                             called from
  84.7 ms  profiles[1]@1            0000000000000000000000000000000b  profile.publish
  82.1 ms  profiles[0]@0            0000000000000000000000000000000c  profile.publish
  81.2 ms  profiles[1]@0            0000000000000000000000000000000a  profile.publish

Last failed writes
    took  error              topic     trace                             called from
  130 us  MESSAGE_TOO_LARGE  profiles  0000000000000000000000000000000d  profile.publish

Unconfirmed: the client cannot know whether the message was written, as with acks=0 or
  delivery.report.only.error=true.

For details, run: autoinstrument report profile.jsonl --html report.html
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    """Return a recording of a small service: three writes, a failure, one without an answer."""
    pairs: list[dict[str, Any]] = []
    for trace, parts in (
        (0xA, {"at": 0, "ms": 81.24, "partition": 1, "offset": 0}),
        (0xB, {"at": 90, "ms": 84.7, "partition": 1, "offset": 1}),
        (0xC, {"at": 90, "ms": 82.1, "partition": 0, "offset": 0}),
        (
            0xD,
            {
                "at": 180,
                "ms": 0.13,
                "partition": None,
                "error": "Broker: Message size too large",
                "error_type": "MESSAGE_TOO_LARGE",
            },
        ),
    ):
        parent = span_id()
        pairs.append(write(trace=trace, parent=parent, **parts))
        pairs.append(root("profile.publish", trace=trace, identifier=parent, at=parts["at"]))
    pairs.append(write("audit", trace=0xE, at=250, ms=10, outcome="unconfirmed"))
    return recording(tmp_path / "profile.jsonl", [request(pairs)])


def reported(tmp_path: Path, *spans: dict[str, Any], **source: Any) -> Report:
    """Return the report on a recording of `spans`, one request."""
    return report(recording(tmp_path / "recording.jsonl", [request(spans, **source)]))


# --- numbers


def test_every_outcome_is_counted_apart(tmp_path: Path) -> None:
    """Only what the broker acknowledged is called written."""
    found = reported(
        tmp_path,
        write(),
        write(offset=None),
        write(outcome="unconfirmed"),
        write(outcome="undecided"),
        write(outcome="something newer"),
        write(error="no", error_type="x"),
        write(error="no", error_type="x", outcome="unconfirmed"),
    )
    (topic,) = found.topics
    assert (topic.written, topic.failed, topic.unconfirmed, topic.undecided) == (2, 2, 2, 1)


def test_anothers_span_without_an_offset_is_not_called_written(tmp_path: Path) -> None:
    """Other instrumentations close a span when the call returns; that proves nothing."""
    spans = [write(offset=None), write(offset=-1001, partition=-1), write(offset=0, partition=0)]
    found = reported(tmp_path, *spans, scope="somebody's")
    assert (found.count("written"), found.count("unconfirmed")) == (1, 2)


def test_a_note_says_why_messages_are_unconfirmed(tmp_path: Path) -> None:
    """Its client's settings, a publisher of the application's own, or another agent."""
    client = write(outcome="unconfirmed")
    publisher = write(outcome="unconfirmed", autoinstrument__publisher="shop:publish")
    causes = (
        (
            "the client cannot know whether the message was written, as with acks=0 or"
            " delivery.report.only.error=true"
        ),
        "a publisher that AUTOINSTRUMENT_TRACE names does not say what the broker answered",
        "the other agent that made the span does not say what the broker answered",
    )
    assert notes(reported(tmp_path, client)) == [f"Unconfirmed: {causes[0]}."]
    assert notes(reported(tmp_path, client, publisher)) == [
        f"Unconfirmed: {causes[0]}; or {causes[1]}."
    ]
    assert notes(reported(tmp_path, write(offset=None), scope="somebody's")) == [
        f"Unconfirmed: {causes[2]}."
    ]
    assert notes(reported(tmp_path, write())) == []


def test_a_write_is_known_by_its_attributes_whatever_its_name(tmp_path: Path) -> None:
    """`send {topic}` is a write too; other work with Kafka, and other systems, are not."""
    kafka = {"messaging__system": "kafka", "messaging__destination__name": "profiles"}
    found = reported(
        tmp_path,
        write() | {"name": "send profiles"},
        span("WriteKafka", trace=1),
        span("process", trace=1, messaging__operation__type="process", **kafka),
        span("send", trace=1, messaging__system="rabbitmq", messaging__operation__type="send"),
    )
    assert (found.spans, found.count("written")) == (4, 1)


def test_rate_is_written_over_the_time_observed(tmp_path: Path) -> None:
    """From the first start to the last end of any span; failures are no throughput."""
    spans = [write(at=at * 100, ms=1) for at in range(10)]
    failed = write(at=500, error="no", error_type="x")
    (topic,) = reported(tmp_path, *spans, failed, root("f", trace=1, at=0, ms=2_000)).topics
    assert topic.per_second == 5.0


def test_no_rate_is_given_for_no_time(tmp_path: Path) -> None:
    """A number that cannot be known is absent."""
    assert reported(tmp_path, write(ms=0)).topics[0].per_second is None


@pytest.mark.parametrize(
    ("at", "ms"),
    [(10, -5), (-START / MS, 5), (5_000 - START / MS, 5), (10, 1e13)],
    ids=["back", "none", "never set", "centuries"],
)
def test_a_span_without_a_usable_clock_counts_but_in_no_time(
    tmp_path: Path, at: float, ms: float
) -> None:
    """A clock set back would make a latency of nothing, one without a start a range of decades."""
    found = reported(tmp_path, write(at=20, ms=1), write(at=at, ms=ms))
    assert (found.count("written"), found.untimed) == (2, 1)
    assert found.topics[0].latency == Percentiles(*[1_000_000] * 4)
    assert found.duration == 1_000_000
    assert len(found.slowest) == 1
    assert "1 span without usable timestamps (no start, " in render(found)


def test_failures_are_grouped_by_cause_with_the_last_of_each(tmp_path: Path) -> None:
    """A cause is an error type on a topic; its words and trace are those of the last failure."""
    found = reported(
        tmp_path,
        write(trace=1, at=5, error="second", error_type="queue_full"),
        write(trace=2, at=9, error="last", error_type="queue_full"),
        write(trace=3, at=1, error="first", error_type="queue_full"),
        write("other", trace=4, at=1, error="?"),
        write("", trace=5, at=1, error="?", error_type=""),
    )
    assert [(c.error_type, c.topic, c.count, c.description) for c in found.causes] == [
        ("queue_full", "profiles", 3, "last"),
        ("_OTHER", "(no topic)", 1, "?"),
        ("_OTHER", "other", 1, "?"),
    ]
    assert render(found).count("_OTHER") == 5
    assert found.causes[0].trace_id == f"{2:032x}"


def test_the_slowest_and_the_last_failed_are_kept(tmp_path: Path) -> None:
    """Ten of each, in order; a failure is not a slow acknowledgement."""
    spans = [write(trace=n, at=n, ms=n) for n in range(1, 50)]
    spans += [write(trace=100 + n, at=n, ms=900, error="no", error_type="x") for n in range(50)]
    random.Random(1).shuffle(spans)  # noqa: S311 - no secret
    found = reported(tmp_path, *spans)
    assert [int(kept.trace_id, 16) for kept in found.slowest] == list(range(49, 39, -1))
    assert [int(kept.trace_id, 16) for kept in found.failed] == list(range(149, 139, -1))
    assert found.slowest[0].duration == found.topics[0].latency.max  # type: ignore[union-attr] - there are latencies


def test_processes_are_told_apart_by_service_and_pid(tmp_path: Path) -> None:
    """A forked child is a process of its own."""
    lines = [request([write()], service=s, pid=p) for s, p in (("a", 1), ("a", 2), ("b", 1))]
    found = report(recording(tmp_path / "x.jsonl", [*lines, lines[0]]))
    assert (found.services, found.processes) == (("a", "b"), 3)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_latencies_that_occurred_at_most_one_percent_high(seed: int) -> None:
    """The documented bound, against exact nearest ranks, over data of very different shapes."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    shapes = (
        lambda: int(chance.lognormvariate(15, 2)),
        lambda: chance.randrange(1 << 64),
        lambda: chance.choice((0, 1, 2, 3, 1_000_000)),
        lambda: 80_000_000 + chance.randrange(1_000),
    )
    for shape in shapes:
        exact = sorted(shape() for _ in range(chance.choice((1, 2, 99, 5_000))))
        latencies = Latencies()
        for nanoseconds in chance.sample(exact, len(exact)):
            latencies.add(nanoseconds)
        for percent in range(1, 101):
            true = exact[-(-len(exact) * percent // 100) - 1]
            found = latencies.percentile(percent)
            assert true <= found <= true * 1.01 + 1e-6
            assert found in exact
        assert latencies.percentile(100) == exact[-1]


# --- text


def test_the_text_of_a_small_recording(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word what a user of a small service reads."""
    monkeypatch.chdir(small.rpartition("/")[0])
    assert render(report("profile.jsonl")) == GOLDEN


def test_a_steady_rate_is_a_level_line(tmp_path: Path) -> None:
    """Steps that do not fit the bars are shared between them, or a line would show a rhythm."""
    found = reported(tmp_path, *(write(at=at * 10, ms=1) for at in range(330)))
    (topic,) = found.topics
    for width in (7, 12, 24):
        bars = over_time(topic, found, width)
        assert len(bars) == width
        assert set(bars) <= set("▇█")


def test_a_recording_without_writes_says_so(tmp_path: Path) -> None:
    """Both kinds of nothing are told from a failure to read."""
    metrics = recording(tmp_path / "metrics.jsonl", ['{"resourceMetrics":[]}\n'])
    assert render(report(metrics)).startswith(
        "No messages were written: the recording has no spans.\n"
    )
    assert render(reported(tmp_path, root("main.run", trace=1))).startswith(
        "No messages were written in 1.00 ms: service `profile`, 1 process.\n"
    )


def test_what_is_missing_from_the_numbers_is_told(tmp_path: Path) -> None:
    """Unread lines and spans, and what a sampler dropped, are named beside the numbers."""
    kept = write()
    kept["attributes"] += root("f", trace=1, autoinstrument__kept="failure")["attributes"]
    path = recording(tmp_path / "x.jsonl", [request([kept, 7, 7]), "torn off", ""])
    told = render(report(path))
    assert "Could not be read, and is not included above: 1 line, 2 spans." in told
    assert "Sampled: 1 span kept as failed or slow; " in told


def crowd(tmp_path: Path, name: str) -> Report:
    """Return a report on 30 topics in 4 services, with `name` wherever a name can stand."""
    lines = []
    for n in range(30):
        parent = span_id()
        topic = f"{name}{n}"
        lines.append(
            request(
                [
                    write(topic, trace=n, offset=10**9 + n, ms=10.0**n % 1e9, parent=parent),
                    write(topic, trace=n, error=name, error_type=name, parent=parent),
                    write(topic, trace=n, outcome="undecided"),
                    write(topic, trace=n, outcome="unconfirmed"),
                    root(name, trace=n, identifier=parent),
                ],
                service=f"{name}{n % 4}",
            )
        )
    return report(recording(tmp_path / "crowd.jsonl", lines))


@pytest.mark.parametrize("name", ["t", "profile.events.enriched", "x" * 10_000, "\x1b[2J" * 900])
@pytest.mark.parametrize("width", [1, 80, 100, 200])
def test_no_line_is_wider_than_asked_whatever_the_names(
    tmp_path: Path, name: str, width: int
) -> None:
    """Names are cut, columns leave: a terminal of 80 or more characters wraps nothing."""
    found = replace(crowd(tmp_path, name), path="crowd.jsonl")
    lines = render(found, width).splitlines()
    assert max(map(len, lines)) <= max(width, 80)
    assert len(lines) < 80


def test_a_crowd_fits_on_one_screen_and_says_how_many_more(tmp_path: Path) -> None:
    """The text is a summary; the data has all."""
    told = render(crowd(tmp_path, "t"))
    assert len(told.splitlines()) < 70
    assert told.count("  and 25 more\n") == 2
    assert told.count("  and 20 more\n") == 1


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred\x1b[0m",
        "a\nb\r\tc",
        "\x00\x07\x08\x7f\x9b",
        "\u202egnp.exe",
        "\ud800",
        "\u2028",
    ],
    ids=ascii,
)
def test_names_from_the_application_cannot_speak_to_the_terminal(
    tmp_path: Path, hostile: str
) -> None:
    """Escapes, controls, line ends and writing direction reach the terminal as plain letters."""
    told = render(crowd(tmp_path, hostile))
    assert all(letter.isprintable() for letter in told.replace("\n", ""))
    assert len(told.splitlines()) == told.count("\n")
    assert ascii(hostile)[1:5] in told


def test_foreign_text_stays_readable() -> None:
    """What is printable is left as it is, in any script."""
    assert foreign("profil-büro 档案 [1]") == "profil-büro 档案 [1]"
    assert foreign("\x1b\n") == r"\x1b\n"
    assert shortened("profile.events.enriched", 15) == "profil...riched"


@pytest.mark.parametrize(
    ("nanoseconds", "said"),
    [
        (0, "0 us"),
        (850, "0.850 us"),
        (999_499, "999 us"),
        (999_600, "1.00 ms"),
        (84_700_000, "84.7 ms"),
        (999_960_000, "1.00 s"),
        (119_400_000_000, "119 s"),
        (125_000_000_000, "2.08 min"),
        (5 * 3_600_000_000_000, "5.00 h"),
        (100 * 86_400_000_000_000, "100 days"),
    ],
)
def test_durations_have_three_digits_and_a_unit_that_suits(nanoseconds: int, said: str) -> None:
    """Rounding never gives a fourth digit nor the wrong unit."""
    assert duration(nanoseconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.0633, "0.0633"),
        (9.996, "10.0"),
        (12_345.6, "12,346"),
        (-0.0633, "-0.0633"),
        (-12_345.6, "-12,346"),
    ],
)
def test_numbers_have_three_digits_or_all_before_the_point(value: float, said: str) -> None:
    """A rate is not more exact than it is."""
    assert significant(value) == said


# --- what the metrics say of the spans


def test_a_recording_that_has_lost_its_beginning_says_so(tmp_path: Path) -> None:
    """Totals of the newest files alone look like totals; the metrics have counted them all."""
    sent = metrics(count("messaging.client.sent.messages", 1_000, 4_000))
    writes = [write(error="full", error_type="queue_full"), *(write() for _ in range(300))]
    found = report(recording(tmp_path / "rotated.jsonl", [metrics(), request(writes), sent]))
    assert found.sent == Sent(recorded=300, counted=5_000)
    said = "The recording has 300 of 5,000 messages written: it is sampled, or its oldest part was"
    assert said in render(found)
    assert "301 spans in 1 file: 300 of 5,000 messages.\n" in render(found)
    assert as_data(found)["sent"] == {"recorded": 300, "counted": 5_000}


@pytest.mark.parametrize("counted", [None, 40, 350, 400])
def test_what_is_yet_to_be_recorded_is_not_missing(tmp_path: Path, counted: int | None) -> None:
    """Of a process that runs spans and metrics come one after the other; some have no metrics."""
    names = [] if counted is None else [count("messaging.client.sent.messages", counted)]
    lines = [request([write() for _ in range(300)]), metrics(*names)]
    found = report(recording(tmp_path / "running.jsonl", lines))
    assert "The recording has" not in render(found)


def test_each_process_must_have_its_own_messages(tmp_path: Path) -> None:
    """What one has recorded beyond its metrics is not what another lacks."""
    sent = count("messaging.client.sent.messages", 500)
    lines = [metrics(sent), metrics(sent, pid=1), request([write() for _ in range(900)], pid=1)]
    found = report(recording(tmp_path / "two.jsonl", lines))
    assert found.sent == Sent(recorded=500, counted=1_000)


@pytest.mark.parametrize("value", [math.nan, math.inf, "Infinity", "NaN", 1e300, -1])
def test_a_number_that_no_clock_or_counter_gives_is_passed_over(
    tmp_path: Path, value: float | str
) -> None:
    """JSON in Python's words has NaN and Infinity, as protobuf's has them in strings."""
    part = attributes({"autoinstrument.part": "background"})
    point = {"attributes": part, "asDouble": value}
    cost = {"name": "autoinstrument.cost", "gauge": {"dataPoints": [point]}}
    number = value if isinstance(value, float) else str(value)
    dropped = count("autoinstrument.spans.dropped", number)
    sent = count("messaging.client.sent.messages", number)
    lines = [request([write()]), metrics(cost, dropped, sent)]
    found = report(recording(tmp_path / "infinite.jsonl", lines))
    assert (found.cost, found.sent) == (None, None)
    assert json.loads(json.dumps(as_data(found), allow_nan=False))
    assert "Agent overhead" not in render(found)


def test_a_metric_that_is_not_understood_leaves_the_others(tmp_path: Path) -> None:
    """One bad number is one number."""
    named = "messaging.client.sent.messages"
    lines = [
        request([write()]),
        metrics(count("autoinstrument.spans.dropped", math.inf), count(named, 9)),
    ]
    assert report(recording(tmp_path / "one.jsonl", lines)).sent == Sent(recorded=1, counted=9)


# --- data


def test_the_data_has_a_version_and_every_field_it_documents(small: str) -> None:
    """A program can rely on the schema that `as_data` documents."""
    data = json.loads(json.dumps(as_data(report(small))))
    parent_known = data["slowest"][0]
    assert data == {
        "schema": "autoinstrument.report/1",
        "path": small,
        "files": 1,
        "spans": 9,
        "services": ["profile"],
        "processes": 1,
        "started": "2025-11-23T16:10:02.000000000Z",
        "ended": "2025-11-23T16:10:02.260000000Z",
        "duration_ns": 260_000_000,
        "messages": {"written": 3, "failed": 1, "unconfirmed": 1, "undecided": 0},
        "findings": [
            {
                "slug": "failures-by-cause",
                "headline": "1 write to profiles failed: MESSAGE_TOO_LARGE.",
                "evidence": "Error message: Broker: Message size too large",
                "remedy": data["findings"][0]["remedy"],
                "traces": [f"{0xD:032x}"],
                "numbers": {},
            }
        ],
        "topics": data["topics"],
        "causes": [
            {
                "error_type": "MESSAGE_TOO_LARGE",
                "topic": "profiles",
                "count": 1,
                "description": "Broker: Message size too large",
                "trace_id": f"{0xD:032x}",
            }
        ],
        "flows": [],
        "longest": None,
        "slowest": data["slowest"],
        "failed": data["failed"],
        "cost_ns": None,
        "sent": None,
        "kept": 0,
        "untimed": 0,
        "not_understood": {"lines": 0, "spans": 0, "files": 0},
    }
    assert data["topics"][1] == {
        "name": "audit",
        "written": 0,
        "failed": 0,
        "unconfirmed": 1,
        "undecided": 0,
        "partitions": 0,
        "per_second": 0.0,
        "latency_ns": None,
        "over_time": None,
        "by_partition": [],
    }
    assert data["topics"][0]["latency_ns"]["max"] == 84_700_000
    assert parent_known == {
        "trace_id": f"{0xB:032x}",
        "span_id": parent_known["span_id"],
        "topic": "profiles",
        "partition": 1,
        "offset": 1,
        "duration_ns": 84_700_000,
        "error_type": None,
        "description": "",
        "called_from": "profile.publish",
    }
    assert data["failed"][0]["error_type"] == "MESSAGE_TOO_LARGE"
    assert data["failed"][0]["partition"] is None


# --- command


def run(*arguments: str) -> int:
    """Run the command in this process, as the command line does."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.execute(parser.parse_args(arguments))


@pytest.mark.smoke
def test_the_command_prints_text_or_data(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints one object and nothing else."""
    assert run(small) == 0
    assert capsys.readouterr().out.startswith("3 messages written, 1 failed")
    assert run(small, "--json") == 0
    assert json.loads(capsys.readouterr().out) == as_data(report(small))


def test_without_a_path_the_recording_is_where_the_agent_writes_it(
    small: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`AUTOINSTRUMENT_RECORD`, or else `.autoinstrument` in the current folder."""
    monkeypatch.setenv("AUTOINSTRUMENT_RECORD", small)
    assert run() == 0
    monkeypatch.delenv("AUTOINSTRUMENT_RECORD")
    monkeypatch.chdir(tmp_path)
    recording(tmp_path / ".autoinstrument" / "1.jsonl", [request([write()])])
    assert run() == 0
    assert "\n1 message written in 1.00 ms" in capsys.readouterr().out


def test_what_is_no_recording_is_one_sentence_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is shown as if it were a report, and the path cannot speak to the terminal."""
    assert run(str(tmp_path / "no\x1bwhere")) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("autoinstrument: there is no recording at `")
    assert captured.err.endswith(
        "no\\x1bwhere`: expected a file or folder that"
        " `autoinstrument run -- COMMAND` has written.\n"
    )


def test_a_reader_that_has_seen_enough_ends_the_report_quietly(small: str) -> None:
    """`| head -1` must not end in a traceback; only a process has a pipe that breaks at exit."""
    with subprocess.Popen(
        [sys.executable, "-m", "autoinstrument", "report", small],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110 - as short
@pytest.mark.parametrize("option", [["--json"], []], ids=["data", "text"])
def test_a_full_disk_is_one_sentence_and_exit_1(small: str, option: list[str]) -> None:
    """Half a report must not look like a whole one; only a process has a stdout that is full."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - as above
        done = subprocess.run(
            [sys.executable, "-m", "autoinstrument", "report", small, *option],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == ("autoinstrument: stdout cannot be written: No space left on device.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="open files are seen in /proc")
def test_ctrl_c_ends_a_report_quietly(tmp_path: Path) -> None:
    """A large recording takes its time; a program of its own, as the signal is for all of it."""
    line = request([write(trace=number + 1, offset=number) for number in range(100)])
    large = recording(tmp_path / "large.jsonl", [line] * 1_500)
    command = [sys.executable, "-m", "autoinstrument", "report", large]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        files = Path(f"/proc/{reader.pid}/fd")
        until(lambda: large in map(os.path.realpath, files.iterdir()), "it is not read")
        reader.send_signal(signal.SIGINT)
        said = reader.communicate(timeout=20)
    assert (reader.returncode, said) == (130, (b"", b""))


def test_a_stream_that_cannot_hold_a_letter_gets_its_escape(tmp_path: Path) -> None:
    """In the C locale a name in another script is no crash; an encoding is set at start only."""
    path = recording(tmp_path / "x.jsonl", [request([write("档案")])])
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "autoinstrument", "report", path],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert rb"\u6863\u6848" in done.stdout
    assert done.stderr == b""
