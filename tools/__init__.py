"""What maintainers run: `python -m tools` says what there is. Lessons import nothing from here."""
