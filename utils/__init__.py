"""Shared code of the BENDER course; see CONTRIBUTING.md for its rooms."""
