"""The documents in the package, in Markdown: one file a subject."""
