"""Checks for the exercises of lesson 3.1b. Hints and solutions stand in the notebook."""
from __future__ import annotations

import numpy as np

from utils.lesson import Hint, exercise


@exercise("Exercise 1", "a share, whatever the labels are called")
def share_of_ones(answer):
    for labels in ([0, 1, 1, 1], [1, 1, 2, 2, 2], [0, 0]):
        got, truth = float(answer(np.array(labels))), labels.count(1) / len(labels)
        if got == labels.count(1) != truth:
            raise Hint("that is how many there are; divide by the number of all labels")
        if got == np.mean(labels) != truth:
            raise Hint("the mean of the labels is the share only where they are 0 and 1; compare with 1 first")
        if not np.isclose(got, truth):
            raise Hint(f"of the labels {labels}, {truth:.2f} are 1; you say {got:.2f}")
