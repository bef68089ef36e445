"""The agent as a whole: it builds the pipeline and ties the parts, and alone knows all of them."""
