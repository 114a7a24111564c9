"""Stand-in until the branch `tools` brings the real module: finding, reading and writing notebooks."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class NotebookError(Exception):
    """A notebook cannot be run, stamped or used; one sentence."""


def all_notebooks() -> list[Path]:
    return sorted((ROOT / "episodes").glob("episode*/*.ipynb"))


def find(name: str) -> Path:
    if Path(name).is_file():
        return Path(name).resolve()
    found = [path for path in all_notebooks() if path.stem == Path(name).stem]
    if not found:
        known = ", ".join(path.stem for path in all_notebooks())
        raise NotebookError(f"There is no notebook {name}: give a path or one of {known}.")
    return found[0]


def read(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotebookError(f"{label(path)} is not valid JSON ({error}).") from None
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def tags(cell: dict) -> list[str]:
    return cell.get("metadata", {}).get("tags", [])


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)
