"""What the demonstration and the benchmark run on: a broker in memory, and the examples."""
