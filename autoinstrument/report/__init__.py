"""What was written: recording -> model -> text.

`reading` streams spans out of a recording, `gathering` makes a `model.Report` of them, `text` and
`data` show one. Nothing here knows OpenTelemetry's SDK, a client or the agent.
"""
