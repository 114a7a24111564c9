"""What maintainers run: execute, stamp and verify lessons, gather evidence, publish. See `python -m tools`."""
