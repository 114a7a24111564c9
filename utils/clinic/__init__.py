"""The virtual clinic: synthetic patients whose truth is known."""
