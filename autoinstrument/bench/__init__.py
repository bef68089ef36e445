"""What the agent costs, next to another agent: one program, interleaved rounds, added costs.

`cases` lists what is measured, `workload` is the program, `running` runs it, `comparing` has the
statistics, `text` and `picture` show them. The agent imports nothing from here.
"""
