"""The program to measure: it knows a client, and nothing about tracing.

Its arguments are a client's module, the address of a broker, and the version of Kafka's protocol
(JSON; null: whatever the client finds out). It reads phases from stdin, one line of JSON each. For
each one it prints what it measured, as one line of JSON:

- `messages`: how many it wrote or read.
- `cpu`: seconds of CPU, until all spans are exported.
- `elapsed`: seconds until all messages of the phase were answered or read.
- `in_calls`, if the phase measures that: seconds within the client's calls.
- `bytes`, likewise: memory that the phase added.
- `late`, likewise: by how many seconds a sleeping thread woke too late.

`program` reads the phases and measures them, `phases` and `clients` do them, `messages` has what is
written. The program also runs where autoinstrument is not installed, so it imports nothing else of
it.
"""
