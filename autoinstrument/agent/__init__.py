"""The agent as a whole: it builds the pipeline, connects the parts, and alone knows them all."""
