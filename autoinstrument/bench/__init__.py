"""Measures what the agent adds to a program, compared with what another agent adds.

`cases` lists what is measured, `workload` is the program, and `running` starts it: bare, under this
agent and under the other, in turn. `brokers` gives it a broker, and `other` installs the other
agent. `measuring` and `starts` run the rounds, and `outcome` has their figures. `comparing` has the
statistics, which `text` and `picture` show. `pipeline` measures the example service.
"""
