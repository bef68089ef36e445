"""What a report reads: every line that can be understood, whatever stands between them."""

from __future__ import annotations

import errno
import json
import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from recordings import START, recording, request, root, span, span_id, write

from autoinstrument.export.recording import Recording
from autoinstrument.report.data import as_data
from autoinstrument.report.gathering import report
from autoinstrument.report.reading import NotARecording, Tally, recording_files, spans
from autoinstrument.report.text import render

if TYPE_CHECKING:
    from pathlib import Path

    from autoinstrument.report.model import Report


def read(tmp_path: Path, *lines: str | bytes) -> Report:
    """Return the report on a recording of `lines`, given as they stand in the file."""
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return report(str(path))


def read_span(tmp_path: Path, **changed: Any) -> Report:
    """Return the report on one good write and one with `changed` members."""
    return read(tmp_path, request([write(), write() | changed]))


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\xff\xfe\x80 binary\n",
        b"not JSON\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'"resourceSpans"\n',
        b'["resourceSpans"]\n',
        b'{"level": "info", "message": "somebody\'s log"}\n',
        b'{"resourceSpans": {"not": "a list"}}\n',
        b"[" * 100_000 + b"\n",
        b"9" * 10_000 + b"\n",
        request([write()])[:-40].encode(),
        b'{"resourceSpans": [' + b" " * (17 << 20) + b"]}\n",
    ],
    ids=[
        "binary",
        "text",
        "empty object",
        "array",
        "null",
        "string",
        "array with the name",
        "foreign JSON",
        "wrong type",
        "deep",
        "huge number",
        "truncated",
        "too long",
    ],
)
def test_a_line_that_is_no_request_is_counted_and_the_rest_is_read(
    tmp_path: Path, line: bytes
) -> None:
    """One bad line, first or last, costs that line alone."""
    good = request([write()])
    for lines in ((good, line), (line.rstrip(b"\n") + b"\n", good)):
        found = read(tmp_path, *lines)
        assert (found.count("written"), found.lines_not_understood) == (1, 1)
        assert found.spans_not_understood == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"traceId": None},
        {"traceId": 7},
        {"traceId": "S/kvNXezTaajzpKdDg5HNg=="},
        {"spanId": ""},
        {"parentSpanId": ["x"]},
        {"name": 7},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": -1},
        {"endTimeUnixNano": str(1 << 64)},
        {"endTimeUnixNano": True},
        {"attributes": {"messaging.system": "kafka"}},
        {"status": "error"},
        {"status": {"code": "STATUS_CODE_BROKEN"}},
        {"status": {"code": [2]}},
        {"status": {"code": 2, "message": {}}},
    ],
    ids=str,
)
def test_a_span_with_a_wrong_type_is_counted_and_its_neighbours_are_read(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    """Half a span would be a wrong one, so it is left out and told."""
    found = read_span(tmp_path, **changed)
    assert (found.spans, found.count("written"), found.spans_not_understood) == (1, 1, 1)
    assert found.lines_not_understood == 0


@pytest.mark.parametrize("group", [None, 7, "spans", ["spans"], {"scopeSpans": 7}], ids=str)
def test_a_group_that_cannot_be_entered_counts_as_one_span(tmp_path: Path, group: object) -> None:
    """What is inside such a group is not known; that it was there is told."""
    mixed = json.loads(request([write()]))
    mixed["resourceSpans"].append(group)
    mixed["resourceSpans"][0]["scopeSpans"].append(group)
    mixed["resourceSpans"][0]["scopeSpans"][0]["spans"].append(group)
    found = read(tmp_path, json.dumps(mixed) + "\n")
    # An object without `spans` is an empty group of them.
    assert found.spans_not_understood == (2 if isinstance(group, dict) else 3)
    assert found.count("written") == 1


def test_an_attribute_that_cannot_be_understood_is_left_out_alone(tmp_path: Path) -> None:
    """Other types of attributes, and broken ones, cost neither the span nor its neighbours."""
    good = write(offset=7)
    strange: list[object] = [
        None,
        "kafka",
        {"key": "messaging.kafka.offset"},
        {"key": "a", "value": None},
        {"key": "b", "value": "intValue"},
        {"key": ["c"], "value": {"stringValue": "x"}},
        {"key": "d", "value": {"intValue": "many"}},
        {"key": "e", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}},
        {"key": "f", "value": {"boolValue": True}},
    ]
    found = read(tmp_path, request([good | {"attributes": strange + good["attributes"]}]))
    assert (found.spans_not_understood, found.slowest[0].offset) == (0, 7)


def test_protobufs_other_ways_to_write_json_are_read(tmp_path: Path) -> None:
    """Numbers for 64-bit integers, names for enumerations, ids in capitals, null for nothing."""
    numbers = write(trace=0xABC, error="no", error_type="x") | {
        "traceId": f"{0xABC:032X}",
        "kind": "SPAN_KIND_PRODUCER",
        "startTimeUnixNano": START,
        "endTimeUnixNano": START + 5,
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
        "links": None,
        "parentSpanId": None,
    }
    found = read(tmp_path, request([numbers]))
    assert (found.spans_not_understood, found.failed[0].duration) == (0, 5)
    assert found.failed[0].trace_id == f"{0xABC:032x}"


def test_what_the_collectors_file_exporter_has_written_reads_the_same(tmp_path: Path) -> None:
    """It repeats our spans with fields and types of its own, of several services in one line."""
    ours = [
        request([write(trace=n, offset=n, ms=n), root("f", trace=n)], service=f"service-{n}")
        for n in range(1, 4)
    ]
    theirs: dict[str, list[Any]] = {"resourceSpans": []}
    for line in ours:
        (resource,) = json.loads(line)["resourceSpans"]
        resource["schemaUrl"] = "https://opentelemetry.io/schemas/1.37.0"
        resource["resource"]["droppedAttributesCount"] = 0
        resource["resource"]["attributes"] += [
            {"key": "process.command_args", "value": {"arrayValue": {"values": []}}},
            {"key": "host.cores", "value": {"doubleValue": 2.5}},
        ]
        resource["scopeSpans"].append({"scope": {}, "spans": []})
        for one in resource["scopeSpans"][0]["spans"]:
            one["traceState"] = ""
            one["events"] = [{"timeUnixNano": str(START), "name": "retry", "attributes": []}]
            one["attributes"].append({"key": "sampled", "value": {"boolValue": True}})
        theirs["resourceSpans"].append(resource)
    logs = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}\n'
    metrics = '{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[]}]}]}\n'
    found = read(tmp_path, logs, json.dumps(theirs) + "\n", metrics)
    assert (found.lines_not_understood, found.spans_not_understood) == (0, 0)
    assert found == read(tmp_path, *ours)


def damaged(node: Any, chance: random.Random) -> Any:
    """Return a copy of `node` in which about one value in fifty is something else."""
    if chance.random() < 0.02:
        junk = (None, True, -1, 1e400, "", "\ud800\x1b[2J", [], [[]], {}, {"value": {}}, 1 << 70)
        return chance.choice(junk)
    if isinstance(node, dict):
        return {key: damaged(value, chance) for key, value in node.items()}
    if isinstance(node, list):
        return [damaged(value, chance) for value in node]
    return node


@pytest.mark.once
def test_no_damage_raises_and_none_goes_uncounted(tmp_path: Path) -> None:
    """Any value may be of any type: a report comes out, and it shows."""
    from autoinstrument.report.html import page

    chance = random.Random(3)  # noqa: S311 - no secret
    parent = span_id()
    whole = json.loads(
        request([write(parent=parent, error="no", error_type="x"), root("f", trace=1), write()])
    )
    lines = [json.dumps(damaged(whole, chance)) + "\n" for _ in range(1_000)]
    found = read(tmp_path, *lines, request([write()]))
    assert found.lines_not_understood > 0
    assert found.spans_not_understood > 0
    assert 500 < found.spans < 3_000
    json.dumps(as_data(found))
    assert page(found)
    assert all(letter.isprintable() for letter in render(found).replace("\n", ""))


def test_metrics_and_logs_are_passed_over(tmp_path: Path) -> None:
    """Other signals share a recording and are no damage to it."""
    found = read(tmp_path, '{"resourceMetrics":[]}\n', '{"resourceLogs":[]}\n', request([write()]))
    assert (found.count("written"), found.lines_not_understood) == (1, 0)


def test_blank_lines_and_a_byte_order_mark_are_no_damage(tmp_path: Path) -> None:
    """Editors leave both."""
    found = read(tmp_path, b"\xef\xbb\xbf", request([write()]), "\r\n", "\n")
    assert (found.count("written"), found.lines_not_understood) == (1, 0)


def test_files_of_a_folder_and_of_run_folders_in_it_are_merged(tmp_path: Path) -> None:
    """A folder means every recording in it, rotated ones included, one level deep."""
    for at, name in enumerate(("a.jsonl", "a.jsonl.1", "a.jsonl.12", "run-1/b.jsonl")):
        recording(tmp_path / name, [request([write(at=at, ms=1)], pid=at)])
    for name in ("notes.txt", "a.jsonl.gz", "x/y/too-deep.jsonl"):
        recording(tmp_path / name, [request([write()])])
    (tmp_path / "folder.jsonl").mkdir()
    found = report(str(tmp_path))
    assert (found.files, found.count("written"), found.processes) == (4, 4, 4)
    assert (found.started, found.ended) == (START, START + 4_000_000)


def test_a_file_brings_its_rotated_siblings(tmp_path: Path) -> None:
    """A recording given as a file is whole, and another file beside it is not part of it."""
    for name in ("one.jsonl", "one.jsonl.1", "one.jsonl.2", "two.jsonl"):
        recording(tmp_path / name, [request([write()])])
    assert report(str(tmp_path / "one.jsonl")).files == 3
    assert report(str(tmp_path / "one.jsonl.1")).files == 1


def test_what_the_agent_has_rotated_is_read_in_the_order_in_which_it_was_written(
    tmp_path: Path,
) -> None:
    """A program that waits for each write is seen waiting, however long its recording is."""
    lines = [
        request([write(at=at, ms=0.9, autoinstrument__waited="flush") for at in range(n, n + 50)])
        for n in range(0, 300, 50)
    ]
    agents = Recording(str(tmp_path / "waits"), most_bytes=8 * len(lines[-1]))
    for line in lines:
        agents.append(line.encode())
    found = report(str(tmp_path / "waits"))
    assert found.files == len(lines)
    assert [finding.slug for finding in found.findings] == ["synchronous-writes"]


def test_half_a_line_that_a_killed_process_left_costs_no_other(tmp_path: Path) -> None:
    """Who writes next begins a line of its own, in a file that several processes share."""
    shared = tmp_path / "shared.jsonl"
    good = request([write()]).encode()
    shared.write_bytes(good[:-40])
    for _ in range(2):
        assert Recording(str(shared)).append(good)
    assert shared.read_bytes() == good[:-40] + b"\n" + good + good
    found = report(str(shared))
    assert (found.count("written"), found.lines_not_understood) == (2, 1)


def test_rotations_by_count_and_by_the_collector_are_read_oldest_first(tmp_path: Path) -> None:
    """The name says which is older: a higher count, an earlier time, and last the file itself."""
    names = ["a.log.12", "a.log.2", "a.log.1", "a.log"]
    dated = ["b-2025-11-23T16-10-02.123.json", "b-2025-11-23T17-10-02.123.json", "b.json"]
    for name in sorted([*names, *dated, "b-other.json"]):
        recording(tmp_path / name, [request([write()])])
    assert [each.name for each in recording_files(str(tmp_path / "a.log"))] == names
    assert [each.name for each in recording_files(str(tmp_path / "b.json"))] == dated


def test_a_report_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    """Processes write at the same time; what is slowest, last or first is a matter of clocks."""
    lines = [
        request([write(trace=n, at=n % 7, ms=n % 5, error="no" if n % 3 else None)], pid=n)
        for n in range(60)
    ]
    found = []
    for folder, order in (("one", lines), ("two", lines[::-1])):
        for at, line in enumerate(order):
            recording(tmp_path / folder / f"{at:02}.jsonl", [line])
        found.append(report(str(tmp_path / folder)))
    assert found[0].slowest == found[1].slowest
    assert found[0].failed == found[1].failed
    assert found[0].causes == found[1].causes
    assert found[0].topics == found[1].topics


@pytest.mark.parametrize("root_first", [True, False])
def test_the_caller_is_found_wherever_its_span_stands(tmp_path: Path, root_first: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    """A root closes after its write, perhaps in a later request or another file."""
    parent = span_id()
    lines = [
        request([write(trace=5, parent=parent)]),
        request([root("app.send_it", trace=5, identifier=parent.upper())]),
        request([root("other.trace", trace=6, identifier=parent)]),
    ]
    recording(tmp_path / "a.jsonl", lines[1:2] if root_first else lines[:1])
    recording(tmp_path / "b.jsonl", lines[:1] if root_first else lines[1:2])
    recording(tmp_path / "c.jsonl", lines[2:])
    assert report(str(tmp_path)).slowest[0].called_from == "app.send_it"


def test_a_parent_that_is_no_root_of_ours_gives_its_name(tmp_path: Path) -> None:
    """A write inside a web framework's span is called from there."""
    parent = span_id()
    http = span("POST /profiles", trace=5, identifier=parent)
    found = read(tmp_path, request([write(trace=5, parent=parent), http]))
    assert found.slowest[0].called_from == "POST /profiles"


def test_a_file_that_is_gone_when_it_is_opened_is_counted(tmp_path: Path) -> None:
    """Rotation removes files while they are read."""
    there = tmp_path / "there.jsonl"
    recording(there, [request([write()])])
    tally = Tally()
    assert len(list(spans((tmp_path / "gone.jsonl", there), tally))) == 1
    assert (tally.files_not_read, tally.reason) == (1, os.strerror(errno.ENOENT))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no recording at"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"[project]\nname = 'x'\n", "is not a recording: expected OTLP/JSON"),
        (b"\x7fELF\x00\xff", "is not a recording: expected OTLP/JSON"),
    ],
)
def test_what_is_no_recording_is_refused_by_its_path(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    """One sentence names the path and what is wrong with it."""
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotARecording) as refused:
        report(str(path))
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    """It says what names it looked for."""
    recording(tmp_path / "notes.txt", [request([write()])])
    with pytest.raises(NotARecording, match=r"expected files named \*\.jsonl"):
        report(str(tmp_path))


def test_a_path_that_no_file_system_takes_is_refused(tmp_path: Path) -> None:
    """The system's own error becomes a sentence too."""
    with pytest.raises(NotARecording):
        report(str(tmp_path / ("x" * 5_000)))


@pytest.mark.once
def test_200_000_spans_are_read_in_bounded_memory(tmp_path: Path) -> None:
    """Memory holds one request and what a report keeps, not the recording of 67 MB."""
    # Few attributes and no name for the caller: tracing each allocation is what takes the time.
    pairs = [
        (
            span(
                "WriteKafka",
                trace=0,
                ms=n + 1,
                parent=f"feedface{n:08x}",
                messaging__system="kafka",
                messaging__operation__type="send",
                messaging__destination__name=f"topic-{n % 20}",
            ),
            span("app.send", trace=0, ms=n + 2, identifier=f"feedface{n:08x}"),
        )
        for n in range(100)
    ]
    line = request([one for pair in pairs for one in pair])
    recording(
        tmp_path / "large.jsonl", (line.replace("feedface", f"{n:08x}") for n in range(1, 1_001))
    )
    import tracemalloc  # PyPy has none

    tracemalloc.start()
    try:
        found = report(str(tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.spans, found.count("written"), len(found.topics)) == (200_000, 100_000, 20)
    assert {kept.called_from for kept in found.slowest} == {"app.send"}
    assert peak < 2 << 20


def test_distinct_names_are_told_apart_up_to_a_limit_and_none_is_lost(tmp_path: Path) -> None:
    """Foreign data cannot grow a report without end; what is beyond the limit is still counted."""
    writes = [
        write(f"topic-{n}", error="no", error_type=f"error-{n}", trace=n) for n in range(1_500)
    ]
    found = read(tmp_path, *(request([one], pid=n) for n, one in enumerate(writes)))
    assert len(found.topics) == 1_001
    assert {topic.name: topic.failed for topic in found.topics}["(other topics)"] == 500
    assert sum(cause.count for cause in found.causes) == 1_500
    assert len(found.causes) <= 2_001
    assert found.processes == 1_000
