"""Outside formats in, domain objects out: one package per format."""
