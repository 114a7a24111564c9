"""One module a lesson: the checks behind its exercises. `expect` holds what they share."""
