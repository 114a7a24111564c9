"""Notebooks as files: find, read, write and execute them, and show one as text."""
from __future__ import annotations

import json
import os
import re
import stat
import time
from pathlib import Path
from typing import Any

from tools.fingerprint import ROOT, digest

LONGEST = 900  # seconds for one cell; the longest that a lesson is allowed in all is 240
KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
          "language_info": {"name": "python"}}  # fmt: skip
KINDS = {"code": "code_cell", "markdown": "markdown_cell", "raw": "raw_cell"}  # in nbformat's schema
MERGE = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[\d;]*m")  # colours of a terminal
CELL_LINE = re.compile(r"^ *Cell In\[(\d+)\], line (\d+)", re.MULTILINE)
FILE = re.compile(r" \(\d+\.py, line \d+\)")  # how IPython names a cell in a SyntaxError
SHOWN = 300  # letters of an error


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
        if Path(name).suffix not in (".ipynb", ".py"):
            raise NotebookError(f"{name} is no notebook: its name would end in .ipynb.")
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

    Raises NotebookError: the file cannot be read, is no notebook, is damaged, or lacks what a stamp needs.
    """
    import nbformat
    from nbformat.v4.rwbase import rejoin_lines

    name = label(path)
    back = f"`git checkout {name}` brings back what was committed."
    try:
        text = path.read_text(encoding="utf-8-sig")
        if MERGE.search(text):
            raise NotebookError(f"{name} holds the marks of an unfinished merge: `git checkout --ours` or `--theirs` "
                                "takes one side whole, then run it again.")  # fmt: skip
        notebook = json.loads(text)
    except OSError as error:
        raise NotebookError(f"{name} cannot be read ({error.strerror}): close what holds it, or allow it.") from None
    except (ValueError, RecursionError) as error:
        why = f"it is not whole from line {error.lineno} on" if hasattr(error, "lineno") else "it is no UTF-8 text"
        raise NotebookError(f"{name} is damaged ({why}): {back}") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not isinstance(notebook.setdefault("metadata", {}), dict):
        raise NotebookError(f"{name} is no notebook (it has no list of cells): {back}")
    version = f"{notebook.get('nbformat')!r}.{notebook.get('nbformat_minor')!r}"
    ids = [cell.get("id") for cell in cells if isinstance(cell, dict)]
    if not re.fullmatch(r"4\.([5-9]|\d\d)", version) or None in ids:
        raise NotebookError(f"{name} was saved by another program (format {version}, or cells without ids): open and "
                            "save it in JupyterLab 3 or later.")  # fmt: skip
    for place, cell in enumerate(cells, start=1):
        try:
            cell.setdefault("metadata", {})
            if cell["cell_type"] == "code":
                cell.update({"execution_count": None, "outputs": [], **cell})
            nbformat.validate(cell, ref=KINDS[cell["cell_type"]], version=4, version_minor=5)
        except (nbformat.ValidationError, AttributeError, KeyError, TypeError):
            raise NotebookError(f"{name}, cell {place}: this is no cell, so the file is damaged: {back}") from None
        if cell["id"] in ids[place:]:
            raise NotebookError(f"{name}, cell {place}: another cell is called {cell['id']}, too, as after a merge or "
                                "copy: give it an id of its own.")  # fmt: skip
    return rejoin_lines(nbformat.from_dict(notebook))


def refuse_read_only(path: Path) -> None:
    """Raise NotebookError where a file may not be written, although its folder may."""
    if path.exists() and not (path.stat().st_mode & stat.S_IWUSR and os.access(path, os.W_OK)):
        raise NotebookError(f"{label(path)} is read-only, so nothing was written: allow writing, or work on a copy.")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that is there whole or not at all.

    Raises NotebookError: it is read-only or locked, or there is no room. It is as it was, then.
    """
    refuse_read_only(path)
    whole = path.resolve()  # a link stays a link
    temporary = whole.with_name(whole.name + ".part")
    try:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.replace(temporary, whole)
    except (OSError, UnicodeEncodeError) as error:
        why = getattr(error, "strerror", None) or "it holds half a letter, which no file can"
        raise NotebookError(f"{label(path)} cannot be written ({why}), so it is as it was: mend that, and run it "
                            "again.") from None  # fmt: skip
    finally:
        temporary.unlink(missing_ok=True)


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
        NotebookError: no kernel started, or a cell raised, hung, or killed the kernel; the message names it.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = read(path)
    client = NotebookClient(
        notebook, timeout=longest, kernel_name="python3", record_timing=False,
        coalesce_streams=False,  # `_tidy` does it: nbclient takes hours for a line of a megabyte
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    client.reset_execution_trackers()
    probe = nbformat.v4.new_code_cell(PEAK, id="peak-memory")
    notebook.cells.append(probe)
    where, started = f"{label(path)}, before its first cell", time.perf_counter()
    try:
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                where = f"{label(path)}, cell {cell.id}"
                if cell is probe:
                    seconds = time.perf_counter() - started
                client.execute_cell(cell, index)
    except CellExecutionError as error:
        line = CELL_LINE.findall(ANSI.sub("", error.traceback))
        place = "".join(", line {1} of In[{0}]".format(*numbers) for numbers in line[-1:])
        raise NotebookError(f"{where}{place}: {brief(error.ename, error.evalue)}") from None
    except Exception as error:
        why = f"Jupyter's kernel does not start or answer ({brief(type(error).__name__, error)})"
        known = {CellTimeoutError: f"no end after {longest:g} s",
                 DeadKernelError: "the kernel died; out of memory is the usual reason"}  # fmt: skip
        raise NotebookError(f"{where}: {known.get(type(error), why)}.") from None
    notebook.cells.pop()
    for cell in code_cells(notebook):
        cell.outputs = _tidy(cell.outputs)
    return {**notebook, "metadata": dict(KERNEL)}, seconds, round(int(probe.outputs[0].text) / 2**20)


def brief(kind: str, words: object) -> str:
    """An error as one line that fits into a sentence."""
    first = FILE.sub("", next(iter(str(words).strip().splitlines()), ""))
    return f"{kind}: {first}"[:SHOWN] if first else kind


def _tidy(outputs: list) -> list:
    """One text for each stream, where its first part stood; of a progress bar only the last state."""
    streams: dict[str, Any] = {}
    for output in outputs:
        output.pop("transient", None)
        if output.output_type == "stream":
            streams.setdefault(output.name, []).append(output)
    for parts in streams.values():
        lines = "".join(part.text for part in parts).split("\n")
        parts[0].text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)
    firsts = [id(parts[0]) for parts in streams.values()]
    return [output for output in outputs if output.output_type != "stream" or id(output) in firsts]


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
