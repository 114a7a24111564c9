"""Notebooks as files: find, read, write and execute them, and show one as text."""
from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from tools.fingerprint import ROOT, digest

LONGEST = 900  # seconds for one cell; the longest that a lesson is allowed in all is 240
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
MERGE = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)


class NotebookError(Exception):
    """A notebook cannot be run, stamped or used; one sentence."""


PEAK = """\
import sys
try:
    import resource
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
except ImportError:  # Windows
    import psutil
    print(psutil.Process().memory_info().peak_wset)
"""  # the largest memory of a kernel, in bytes


def all_notebooks() -> list[Path]:
    """Every lesson, in the order of the course."""
    return sorted((ROOT / "episodes").glob("episode*/*.ipynb"))


def all_scripts() -> list[Path]:
    """Every script that makes evidence; it stands beside its CSV."""
    return sorted((ROOT / "episodes").glob("episode*/evidence/*.py"))


def find(name: str) -> Path:
    """The notebook or evidence script meant by a path or by a name.

    Raises NotebookError when there is none.
    """
    if Path(name).is_file():
        return Path(name).resolve()
    known = {path.stem: path for path in [*all_scripts(), *all_notebooks()]}
    if Path(name).stem not in known:
        choice = ", ".join(sorted(known))
        raise NotebookError(f"There is no notebook {name}: give a path or one of {choice}.")
    return known[Path(name).stem]


def label(path: Path) -> str:
    """A path for messages: relative to the course where it lies inside it."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def tags(cell: dict) -> list[str]:
    return cell.get("metadata", {}).get("tags", [])


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def read(path: Path) -> dict[str, Any]:
    """A notebook as JSON, each source and text one string, whichever program has saved it.

    Raises NotebookError: the file is no notebook, is damaged, or lacks what a stamp needs.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if MERGE.search(text):
            raise NotebookError(f"{label(path)} holds the marks of an unfinished merge: `git checkout --ours` or "
                                "`--theirs` takes one side whole, then run it again.")  # fmt: skip
        notebook = json.loads(text)
        version = f"{notebook['nbformat']}.{notebook['nbformat_minor']}"
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
        notebook.setdefault("metadata", {})
        for cell in code_cells(notebook):
            cell.setdefault("execution_count", None)
            cell["outputs"] = [_joined(output) for output in cell.get("outputs", [])]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise NotebookError(f"{label(path)} is damaged ({error}): `git checkout` brings it back.") from None
    except (KeyError, TypeError, AttributeError):
        raise NotebookError(f"{label(path)} is no notebook: `git checkout` brings it back.") from None
    ids = [cell.get("id") for cell in notebook["cells"]]
    if not version.startswith("4.") or None in ids or len(set(ids)) < len(ids):
        raise NotebookError(f"{label(path)} was saved by another program (format {version}, cells without ids of "
                            "their own): open and save it in JupyterLab 3 or later.")  # fmt: skip
    return notebook


def _joined(output: dict) -> dict:
    """An output whose texts are single strings, as some programs save them and others do not."""
    def join(value: Any) -> Any:
        return "".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value

    output = {key: value if key == "traceback" else join(value) for key, value in output.items()}
    if "data" in output:
        output["data"] = {kind: join(value) for kind, value in output["data"].items()}
    return output


def write_whole(path: Path, text: str) -> None:
    """Write a text file that is there whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def write(path: Path, notebook: dict[str, Any]) -> None:
    """Write a notebook as `read` gives it, in the form that JupyterLab saves."""
    import nbformat

    write_whole(path, nbformat.writes(nbformat.from_dict(notebook), version=nbformat.NO_CONVERT) + "\n")


def execute(path: Path, longest: float = LONGEST) -> tuple[dict[str, Any], float, int]:
    """Execute a notebook in a fresh kernel in its own folder.

    Args:
        longest: seconds that one cell may take.

    Returns:
        The notebook with its outputs, not yet written; its seconds; its peak memory in MiB.

    Raises:
        NotebookError: a cell raised, hung, or killed the kernel; the message names it.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.from_dict(read(path))
    client = NotebookClient(
        notebook, timeout=longest, kernel_name="python3", record_timing=False, coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    client.reset_execution_trackers()
    probe = nbformat.v4.new_code_cell(PEAK, id="peak-memory")
    notebook.cells.append(probe)
    started = time.perf_counter()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            where = f"{label(path)}, cell {cell.id}"
            if cell is probe:
                seconds = time.perf_counter() - started
            try:
                client.execute_cell(cell, index)
            except CellTimeoutError:
                raise NotebookError(f"{where}: no end after {longest:g} s.") from None
            except DeadKernelError:
                raise NotebookError(f"{where}: the kernel died; out of memory is the usual reason.") from None
            except CellExecutionError as error:
                raise NotebookError(f"{where}: {error}") from None
    notebook.cells.pop()
    for cell in code_cells(notebook):
        cell.outputs = [_tidy(output) for output in cell.outputs]
    return {**notebook, "metadata": dict(KERNEL)}, seconds, round(int(probe.outputs[0].text) / 2**20)


def _tidy(output: Any) -> Any:
    """Keep of a progress bar only its last state."""
    output.pop("transient", None)
    if output.output_type == "stream":
        lines = output.text.split("\n")
        output.text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)
    return output


def as_text(path: Path) -> str:
    """A notebook for reviews: sources, texts, and each figure as its alternative text and hash."""
    parts = []
    for cell in read(path)["cells"]:
        parts.append(f"──── {cell['cell_type']} {cell['id']} {' '.join(tags(cell))}".rstrip())
        parts.append(cell["source"])
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                alt = output.get("metadata", {}).get("image/png", {}).get("alt", "without alternative text")
                parts.append(f"> figure: {alt}, {digest(data['image/png'])}")
            else:
                text = output.get("text") or data.get("text/plain") or output.get("evalue", "")
                parts += [f"> {line}" for line in text.rstrip().split("\n")]
    return "\n".join(parts) + "\n"
