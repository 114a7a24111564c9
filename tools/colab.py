"""Run by the Colab cell: install the packages of requirements.txt that Colab lacks, and touch nothing it has.

What Colab has, torch and numpy above all, is built for its drivers; pip is told to leave every installed
version where it is, and refuses rather than changes one.
"""
from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
LEFT_ALONE = ("torch", "torchvision", "numpy")  # built for Colab's drivers
NOT_NEEDED = {"jupyterlab", "nbval", "pytest", "pytest-xdist", "ruff"}  # Colab is the notebook; tests run elsewhere


def missing(requirements: str) -> list[str]:
    """The lines of a requirements text that Colab does not meet, by canonical name (PEP 503), version and extras.

    Left out are what Colab does not need, and `LEFT_ALONE`, whatever its version.
    """
    lines = [line.partition("#")[0].strip() for line in requirements.splitlines()]
    return [line for line in lines if line and not line.startswith("-") and not _met(Requirement(line))]


def _met(wanted: Requirement, seen: frozenset[str] = frozenset()) -> bool:
    name = canonicalize_name(wanted.name)
    if name in NOT_NEEDED or name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
        return True
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    if name not in LEFT_ALONE and not wanted.specifier.contains(found.version, prereleases=True):
        return False
    more = [Requirement(line) for line in found.requires or ()]
    needed = [one for one in more for extra in wanted.extras if one.marker and one.marker.evaluate({"extra": extra})
              and not one.marker.evaluate({"extra": ""})]  # fmt: skip
    return all(_met(Requirement(f"{one.name}{one.specifier}"), seen | {name}) for one in needed)


def main() -> int:
    """Install what is missing under constraints that pin what is there; returns pip's exit status."""
    lines = missing(REQUIREMENTS.read_text(encoding="utf-8"))
    if not lines:
        return 0
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as pins:
        pins.writelines(f"{name}=={metadata.version(name)}\n" for name in LEFT_ALONE)
    print("installing", ", ".join(lines), flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", pins.name, *lines]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
