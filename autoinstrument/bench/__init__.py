"""What the agent costs, beside another agent: one program, interleaved rounds, added costs.

`cases` says what is run, `workload` is the program, `running` runs it, `comparing` has the
statistics, `text` and `picture` show them. Nothing here is imported by the agent.
"""
