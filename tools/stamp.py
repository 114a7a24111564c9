"""Stamps: what an executed notebook must agree with, written into its metadata and compared later.

A notebook is *wrong* where its cells, outputs and evidence do not belong together, and *behind* where the code
that it reaches has changed since: a maintainer with the real data runs it again.
"""
from __future__ import annotations

import datetime
import json
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from tools import evidence, fingerprint, notebook
from tools.notebook import NotebookError, code_cells, label, tags
from utils import lesson

PACKAGES = ["numpy", "pandas", "scikit-learn", "torch", "torchvision", "monai", "pydicom", "matplotlib"]
REAL_DATA = Path(__file__).with_name("real_data.txt")
SHOWN = 8  # names of changed definitions in one sentence
CLINIC = " from the virtual clinic (synthetic)"
MADE = re.compile(rf"{re.escape(CLINIC)}, fingerprint [0-9a-f]{{12}}\b")
REAL = re.compile(rf"(?!{re.escape(CLINIC)}) from [^,;]{{1,300}}, fingerprint [0-9a-f]{{12}}\b")
PARTS = {
    "code": "cell {} changed since it was executed",
    "outputs": "the outputs of cell {} are not those of the run that was stamped",
    "evidence": "evidence/{} changed since it was executed",
}


class State(NamedTuple):
    """What is the matter with a notebook, one sentence each."""

    wrong: list[str]
    behind: list[str]


def hashes(content: dict, path: Path, data: list[str], library: fingerprint.Library | None = None) -> dict:
    """What a stamp must agree with: hashes of cells, outputs, evidence, and of the code that the cells reach.

    A script beside the lesson that a cell names counts as a cell.

    The Colab cell is left out: a test compares it with its template.

    Args:
        data: the lines of the header that say where the data come from.
    """
    library = library or fingerprint.library()
    cells = [cell for cell in code_cells(content) if "colab" not in tags(cell)]
    sources = {cell["id"]: cell["source"] for cell in cells}
    code, reading = evidence.code_of(sources, path, library)
    made = library.sets(reading) if MADE.search("\n".join(data)) else set()
    made |= evidence.made_sets(path, library)
    return {
        "code": code,
        "outputs": {cell["id"]: _outputs(cell["outputs"]) for cell in cells},
        "utils": library.reached(reading.found),
        "clinic": {name: library.clinic(name) for name in sorted(made)},
        "evidence": {f.name: fingerprint.digest(f.read_bytes().hex()) for f in evidence.drawn(sources, path)},
    }


def _outputs(outputs: list[dict]) -> str:
    counted = [{key: value for key, value in one.items() if key != "execution_count"} for one in outputs]
    return fingerprint.digest(json.dumps(counted, sort_keys=True))


def verify(path: Path) -> State:
    """Compare a notebook with its stamp, without a kernel; of a script, its evidence alone."""
    content = notebook.read(path) if path.suffix == ".ipynb" else {"metadata": {}}
    stamp = content["metadata"].get("course")
    try:
        wrong, behind = evidence.state(path)
        if path.suffix == ".py":
            return State(wrong, behind)
        if not stamp:
            return State(["it has no stamp: execute it with `make run`"], [])
        if stamp.get("lesson", path.stem) != path.stem:
            return State([f"its stamp is that of {stamp['lesson']}: execute it with `make run`"], [])
        data = list(map(str, stamp["data"]))
        now = hashes(content, path, data)
        differing = {part: _differing(stamp.get(part, {}), now[part]) for part in [*PARTS, "utils", "clinic"]}
    except SyntaxError as error:
        return State([f"a cell is no Python ({error.msg}: {(error.text or '').strip()})"[: notebook.SHOWN]], [])
    except (AttributeError, KeyError, TypeError):
        return State(["its stamp is damaged: execute it with `make run`"], [])
    for part, sentence in PARTS.items():
        wrong += [sentence.format(key) for key in differing[part]]
    if names := differing["utils"]:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        behind.append(f"{', '.join(names[:SHOWN])}{more} changed since it was executed")
    behind += [f"how the clinic makes {name} changed since it was executed" for name in differing["clinic"]]
    if real_sets(data) < expected_real().get(path.stem, 0):
        behind.append("it stands on real data, says tools/real_data.txt, and was executed on synthetic data")
    return State(wrong, behind)


def _differing(before: dict, now: dict) -> list[str]:
    return sorted(key for key in {**before, **now} if before.get(key) != now.get(key))


def real_sets(data: list[str]) -> int:
    """How many real data sets the lines of a header name."""
    return len(REAL.findall("\n".join(data)))


def expected_real() -> dict[str, int]:
    """{lesson: how many real data sets it stands on}, from the committed list."""
    lines = REAL_DATA.read_text(encoding="utf-8").splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines if line.strip() and line[:1] != "#")}


def run(path: Path, synthetic: bool = False) -> dict[str, Any]:
    """Execute a notebook in a fresh kernel, write its outputs, and stamp it.

    Args:
        synthetic: let a run on fewer real data sets replace one on more.

    Returns:
        The stamp.

    Raises:
        NotebookError: a cell failed, or real results would be lost; the file is then as it was.
    """
    if path.suffix == ".py":
        raise NotebookError(f"{label(path)} is a script: `make evidence NB={path.stem}` runs it.")
    notebook.refuse_read_only(path)
    before, file = notebook.read(path)["metadata"].get("course"), path.read_bytes()
    before = list(map(str, before.get("data") or [])) if isinstance(before, dict) else []
    content, seconds, peak = notebook.execute(path)
    data = _data_lines(content)
    if real_sets(data) < real_sets(before) and not synthetic:
        raise NotebookError(
            f"{label(path)} stands on real data and this run does not, so nothing was written: set COURSE_DATA, "
            "leave it to a maintainer, or say ARGS=--synthetic to replace it on purpose."
        )
    installed = {distribution.name for distribution in metadata.distributions()}
    stamp = {
        "lesson": path.stem,
        **hashes(content, path, data),
        "data": data,
        "device": lesson.device(), "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES if name in installed},
        "cores": os.cpu_count(), "seconds": round(seconds, 1), "peak_mib": peak,
        "date": datetime.date.today().isoformat(),
    }  # fmt: skip
    if path.read_bytes() != file:
        raise NotebookError(f"{label(path)} was changed while it ran, so nothing was written: run it again.")
    content["metadata"]["course"] = stamp
    notebook.write(path, content)
    return stamp


def _data_lines(content: dict) -> list[str]:
    outputs = [output for cell in code_cells(content) for output in cell["outputs"]]
    texts = [output["text"] for output in outputs if output["output_type"] == "stream"]
    lines = [line for text in texts for line in text.splitlines()]
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
