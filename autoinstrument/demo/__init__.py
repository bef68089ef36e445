"""The embedded broker and the examples, for the demo and the benchmark."""
