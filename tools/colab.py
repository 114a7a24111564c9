"""Run by the Colab cell: install the packages of requirements.txt that Colab lacks, and touch nothing it has.

What Colab has, torch and numpy above all, is built for its drivers; pip is told to leave every installed
version where it is, and refuses rather than changes one.
"""
from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
NOT_NEEDED = {"jupyterlab", "nbval", "pytest", "pytest-xdist", "ruff"}  # Colab is the notebook; tests run elsewhere


def missing(requirements: str) -> list[str]:
    """The lines of a requirements text whose package is neither installed nor unneeded on Colab."""
    lines = [line.partition("#")[0].strip() for line in requirements.splitlines()]
    wanted = {re.split(r"[<>=!~\[ ]", line)[0].lower(): line for line in lines if line and not line.startswith("-")}
    installed = {(distribution.name or "").lower() for distribution in metadata.distributions()}
    return [line for name, line in wanted.items() if name not in installed | NOT_NEEDED]


def main() -> int:
    """Install what is missing under constraints that pin what is there; returns pip's exit status."""
    lines = missing(REQUIREMENTS.read_text(encoding="utf-8"))
    if not lines:
        return 0
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as pins:
        pins.writelines(f"{name}=={metadata.version(name)}\n" for name in ("torch", "torchvision", "numpy"))
    print("installing", ", ".join(lines), flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", pins.name, *lines]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
