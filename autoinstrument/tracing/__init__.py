"""The life of an operation, from its beginning to its end: it knows no client and no exporter."""
