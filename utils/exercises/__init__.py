"""One module per episode: the checks behind the exercises."""
