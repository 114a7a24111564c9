"""Checks for the exercises of Episode 1. Hints and solutions stand in the notebooks."""
from __future__ import annotations

import numpy as np

from utils.lesson import Hint, exercise

# ------------------------------------------------------------ 1.1 What is in the pile?

# ------------------------------------------------------------ 1.2 What is in a file?

# ------------------------------------------------------------ 1.3 Is the test set really unseen?
