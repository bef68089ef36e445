"""The report: recording -> model -> text, page or JSON.

`reading` streams spans from a recording, `gathering` builds a `model.Report` from them, and `text`,
`html` and `data` render it. Nothing here knows OpenTelemetry's SDK, a client or the agent.
"""
