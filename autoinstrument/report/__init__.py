"""The report: recording -> model -> text, page or JSON.

`reading` yields the spans of a recording, `gathering` counts them and builds a `model.Report` with
its `findings`, and `text`, `html` and `data` render it. Nothing here knows OpenTelemetry's SDK, a
client or the agent.
"""
