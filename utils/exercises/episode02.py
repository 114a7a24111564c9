"""Checks for the exercises of Episode 2. Hints and solutions stand in the notebooks."""
from __future__ import annotations

# ------------------------------------------------------------ 2.1 What does a pixel measure?

# ------------------------------------------------------------ 2.2 Where is a pixel?

# ------------------------------------------------------------ 2.3 How do you move big images?

# ------------------------------------------------------------ 2.4 What do the experts say?
