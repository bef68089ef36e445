"""The commands of `autoinstrument`: each has SUMMARY, add_arguments(parser), execute(parsed)."""
