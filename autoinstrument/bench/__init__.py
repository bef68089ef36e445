"""What the agent costs, next to another agent: one program, interleaved rounds, added costs.

`cases` lists what is measured, `workload` is the program, `running` starts it. It has a broker from
`brokers`, and another agent from `other`. `starts` and `measuring` take the rounds, which `outcome`
has. `comparing` has the statistics, `text` and `picture` show them. The agent imports nothing here.
"""
