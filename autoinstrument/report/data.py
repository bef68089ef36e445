"""A report as data for other programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from .model import OUTCOMES, Partition, Report, Topic, Trace, Write

SCHEMA = "autoinstrument.report/1"
"""The number changes when a field is removed or changes its meaning, not when one is added."""


def as_data(report: Report) -> dict[str, Any]:
    """Return `report` as plain values, ready for JSON.

    - `schema`: `"autoinstrument.report/1"`.
    - `path`, `files`, `spans`: the recording's path, its number of files and of spans.
    - `services`: list of names. `processes`: their number, counted up to 1,000.
    - `started`, `ended`: first start and last end of any span, ISO 8601 in UTC, or null;
      `duration_ns`: the time between them.
    - `messages`: totals, an object with `written` (acknowledged by the broker), `failed`,
      `unconfirmed` (the client cannot know) and `undecided` (in a transaction whose outcome is
      unknown).
    - `findings`, most severe first: `slug`, `headline`, `evidence`, `remedy`, up to 5
      `traces` and, of `synchronous-writes`, `numbers`: `before_ns`, and `after_ns` without waiting,
      at best.
    - `topics`, most messages first: `name`, the four counts, `partitions` (distinct ones written
      to, up to 1,000), `per_second` (written, over `duration_ns`) or null, `latency_ns` (from the
      call to the acknowledgement: `p50`, `p90`, `p99`, at most 1% too long, and `max`, exact) or
      null, `over_time` (messages written, by their call: `started`, nanoseconds since 1970,
      `width` of each step, `counts`) or null, and `by_partition`: `number`, `written`,
      `latency_ns`.
    - `causes` of failure, most frequent first: `error_type`, `topic`, `count`, and of the last one
      `description` (the client's error message) and `trace_id`.
    - `flows` from topic to topic, most messages first: `source`, `target`, `messages` (written to
      `target` while one of `source` was processed) and `per_second` or null.
    - `longest`: the trace with the longest processing of a message that led to a write, or
      null: `trace_id`, `duration_ns` and up to 200 `steps` in the order of a tree: `depth`, `name`,
      `service`, `after_ns` its start, `duration_ns`, `error`.
    - `slowest` of the messages written and the last `failed` ones, up to 10 each: `trace_id`,
      `span_id`, `topic`, `partition`, `offset`, `duration_ns`, `error_type`, `description`,
      `called_from` (the application's function). What a span does not say is null, or empty for
      the description.
    - `cost_ns`: the agent's overhead per operation, in the application's `call` and in the
      `background`, and the spans that were `dropped`; null if the recording has no metrics.
    - `sent`: messages sent to a broker by the processes that have metrics in the recording: those
      `recorded` as spans, and all that were `counted`. If far more were counted, the recording is
      sampled or its oldest part was deleted, and no other number includes the missing messages.
      Null if the recording has no metrics.
    - `kept`: spans that a sampler dropped and the agent kept. If there are any, the numbers do not
      include other messages that were dropped.
    - `untimed`: spans with no start, a start before 2000, or an end before the start (the clock was
      changed). They are counted, but not timed.
    - `not_understood`: `lines`, `spans` and `files` that could not be read and are not counted.

    More than 1,000 topics or causes are counted together under `(other topics)` and
    `(other causes)`.
    """
    return {
        "schema": SCHEMA,
        "path": report.path,
        "files": report.files,
        "spans": report.spans,
        "services": list(report.services),
        "processes": report.processes,
        "started": _instant(report.started),
        "ended": _instant(report.ended),
        "duration_ns": report.duration,
        "messages": {outcome: report.count(outcome) for outcome in OUTCOMES},
        "findings": [
            {**asdict(finding), "traces": list(finding.traces)} for finding in report.findings
        ],
        "topics": [_topic(topic) for topic in report.topics],
        "causes": [asdict(cause) for cause in report.causes],
        "flows": [asdict(flow) for flow in report.flows],
        "longest": None if report.longest is None else _trace(report.longest),
        "slowest": [_write(write) for write in report.slowest],
        "failed": [_write(write) for write in report.failed],
        "cost_ns": None if report.cost is None else asdict(report.cost),
        "sent": None if report.sent is None else asdict(report.sent),
        "kept": report.kept,
        "untimed": report.untimed,
        "not_understood": {
            "lines": report.lines_not_understood,
            "spans": report.spans_not_understood,
            "files": report.files_not_read,
        },
    }


def _instant(nanoseconds: int | None) -> str | None:
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _topic(topic: Topic) -> dict[str, Any]:
    fields = asdict(topic)
    fields["latency_ns"] = fields.pop("latency")
    if topic.over_time is not None:
        fields["over_time"]["counts"] = list(topic.over_time.counts)
    fields["by_partition"] = [_partition(partition) for partition in topic.by_partition]
    return fields


def _partition(partition: Partition) -> dict[str, Any]:
    fields = asdict(partition)
    fields["latency_ns"] = fields.pop("latency")
    return fields


def _trace(trace: Trace) -> dict[str, Any]:
    return {
        "trace_id": trace.trace_id,
        "duration_ns": trace.duration,
        "steps": [
            {
                "depth": step.depth,
                "name": step.name,
                "service": step.service,
                "after_ns": step.after,
                "duration_ns": step.duration,
                "error": step.error,
            }
            for step in trace.steps
        ],
    }


def _write(write: Write) -> dict[str, Any]:
    fields = asdict(write)
    fields["duration_ns"] = fields.pop("duration")
    return fields
