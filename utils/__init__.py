"""Shared code of the BENDER course; CONTRIBUTING.md names its rooms."""

__version__ = "0.1.0"
