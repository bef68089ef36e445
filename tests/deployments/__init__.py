"""How programs start, live and end: a matrix of small ones, each run without the agent and with it.

Its rows are the entries of the tables here, a program or a command by its name; an entry more is a
row more. `write(count)`, from `programs`, is all that a program needs to know.

- `ends`, how a process ends, by `methods`, how it is begun, and by client;
- `pools`, `children`, `threads_and_tasks` and `producers`, what programs consist of;
- `starts`, commands that start a program;
- `servers`, those of the web and of tasks.

`comparing` runs a row, and `test_deployments` says which combinations run.
"""
