"""The maintainer's runner: execute and stamp notebooks, verify the stamps, gather evidence, move the address.

    python -m utils.notebooks run [NB …]        execute in a fresh kernel, write outputs, stamp
    python -m utils.notebooks verify [NB …]     recompute every stamp in seconds, without a kernel
    python -m utils.notebooks evidence NB …     run a lesson's experiment over its variants and seeds
    python -m utils.notebooks address URL       rewrite every badge and Colab cell for a fork
    python -m utils.notebooks new PATH          start a lesson from episodes/template.ipynb
    python -m utils.notebooks print             write each checklist.md as a page for the printer
    python -m utils.notebooks copies            put copies of all lessons in work/, for a learner to change
NB is a path, or a lesson's name such as 03_split_and_leak. Without NB: all.
"""
from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from utils import __version__, evidence, fingerprint

ROOT = Path(__file__).resolve().parent.parent
STAMPED_PACKAGES = ["numpy", "pandas", "scikit-learn", "torch", "torchvision", "monai", "pydicom", "matplotlib"]


class NotebookError(Exception):
    """A notebook cannot be run, stamped or used; one sentence."""


# ---------------------------------------------------------------------------- reading and writing


def all_notebooks() -> list[Path]:
    """Every lesson, in the order of the course."""
    return sorted((ROOT / "episodes").glob("episode*/*.ipynb"))


def find(name: str) -> Path:
    """The notebook meant by a path or by a lesson's name.

    Raises NotebookError when there is none.
    """
    if Path(name).is_file():
        return Path(name).resolve()
    found = [path for path in all_notebooks() if path.stem == Path(name).stem]
    if not found:
        known = ", ".join(path.stem for path in all_notebooks())
        raise NotebookError(f"There is no notebook {name}: give a path or one of {known}.")
    return found[0]


def read(path: Path) -> dict[str, Any]:
    """A notebook as JSON, with sources and texts joined into single strings."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotebookError(f"{label(path)} is not valid JSON ({error}).") from None
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def label(path: Path) -> str:
    """A notebook's path for messages: relative to the course where it lies inside it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def tags(cell: dict) -> list[str]:
    return cell.get("metadata", {}).get("tags", [])


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)


# ---------------------------------------------------------------------------- address and Colab


def address() -> str:
    """The repository's own address; it stands in pyproject.toml and nowhere else by hand."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def colab_cell() -> str:
    """The Colab cell, identical in every notebook."""
    return f"""# On Colab: fetch the course and the packages Colab lacks. Anywhere else this cell does nothing.
import sys

if "google.colab" in sys.modules:
    import subprocess

    course = ["{address()}", "/content/course"]
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", "--branch", "v{__version__}", *course], check=False)
    subprocess.run([sys.executable, "/content/course/utils/colab.py"], check=True)
    sys.path.insert(0, "/content/course")"""


def badge(path: Path) -> str:
    """The line of a notebook that opens it in Colab."""
    slug = address().removeprefix("https://github.com/")
    target = f"https://colab.research.google.com/github/{slug}/blob/main/{path.relative_to(ROOT).as_posix()}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({target})"


def move_address(new: str) -> list[Path]:
    """Rewrite the repository's address in every tracked text file: badges, Colab cells, README, citation.

    Args:
        new: https://github.com/<owner>/<repository>

    Returns:
        The files that changed.

    Raises:
        NotebookError: the address does not look like one.
    """
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", new):
        raise NotebookError(f"{new} is not an address of the form https://github.com/owner/repository.")
    old_slug, new_slug = (url.removeprefix("https://github.com/") for url in (address(), new))
    places = ["*.toml", "*.md", "*.cff", "episodes/**/*.ipynb", "episodes/**/*.md", "data/*.md", ".github/**/*"]
    changed = []
    for file in sorted({file for place in places for file in ROOT.glob(place) if file.is_file()}):
        text = file.read_text(encoding="utf-8")
        moved = re.sub(rf"{re.escape(old_slug)}(?![\w-])", new_slug, text)
        if moved != text:
            _write_atomically(file, moved)
            changed.append(file)
    return changed


def new_lesson(path: Path) -> Path:
    """Start a lesson: a copy of episodes/template.ipynb, without outputs, whose badge opens the copy.

    Raises:
        NotebookError: the file exists, or is no episodes/episodeNN_…/NN_….ipynb of this course.
    """
    path = path.resolve()
    if path.exists():
        raise NotebookError(f"{label(path)} exists already.")
    if not re.fullmatch(r"episodes/episode\d\d_\w+/\d\d_\w+\.ipynb", label(path)):
        raise NotebookError("A lesson's path looks like episodes/episode01_data_pile/05_my_lesson.ipynb.")
    template = ROOT / "episodes" / "template.ipynb"
    notebook = read(template)
    notebook["metadata"].pop("course", None)
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace(badge(template), badge(path)).splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_atomically(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return path


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
@page {{ size: A4 landscape; margin: 12mm }}
body {{ font: 9pt/1.3 "DejaVu Sans", Arial, sans-serif; max-width: 270mm; margin: 1em auto; padding: 0 1em }}
h1 {{ font-size: 14pt; margin: 0 }} h2 {{ font-size: 10.5pt; margin: 1em 0 .2em; break-after: avoid }}
table {{ border-collapse: collapse; width: 100%; table-layout: fixed }} tr {{ break-inside: avoid }}
th, td {{ border-bottom: 1px solid #bbb; padding: .25em .4em; text-align: left; vertical-align: top }}
th:nth-child(1), td:nth-child(1) {{ width: 3% }} th:nth-child(2), td:nth-child(2) {{ width: 26% }}
th:nth-child(4), td:nth-child(4) {{ width: 33% }} th:nth-child(5), td:nth-child(5) {{ width: 8% }}
code {{ font-size: 8pt; overflow-wrap: anywhere }} a {{ color: inherit }}
</style>
{body}</html>
"""


def printable(checklist: Path) -> str:
    """A checklist as one HTML page for the printer."""
    import mistune

    text = checklist.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")
    return PAGE.format(title=title, body=mistune.create_markdown(plugins=["table"])(text))


def print_checklists() -> list[Path]:
    """Write checklist.html beside every checklist.md."""
    pages = [(path, printable(path)) for path in sorted((ROOT / "episodes").glob("*/checklist.md"))]
    for path, page in pages:
        _write_atomically(path.with_suffix(".html"), page)
    return [path for path, _ in pages]


def make_copies(folder: Path = ROOT / "work") -> tuple[int, int]:
    """Copy every lesson into a folder that updates never touch; a copy that is there already stays as it is.

    Returns:
        How many copies were made, and how many were there already.
    """
    made = 0
    for path in all_notebooks():
        copy = folder / path.parent.name / path.name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            made += 1
    return made, len(all_notebooks()) - made


# ---------------------------------------------------------------------------- stamp and verify


def stamp_hashes(notebook: dict, path: Path) -> dict[str, Any]:
    """What a stamp must agree with: hashes of cells, of their outputs, of `utils`, and of the evidence.

    The Colab cell is left out: it is compared with its template instead.
    """
    cells = [cell for cell in code_cells(notebook) if "colab" not in tags(cell)]
    _, reached = fingerprint.code_of([cell["source"] for cell in cells])
    files = [path.parent / "evidence" / f"{path.stem}.{suffix}" for suffix in ("csv", "npz")]
    return {
        "code": {c["id"]: fingerprint.code_of([c["source"]])[0] for c in cells},
        "outputs": {c["id"]: fingerprint.digest(fingerprint.outputs_text(c["outputs"])) for c in cells},
        "utils": reached,
        "evidence": {f.name: fingerprint.digest(f.read_bytes().hex()) for f in files if f.exists()},
    }


def verify(path: Path) -> list[str]:
    """What is stale in a notebook, one sentence each; an empty list when its outputs are what its code gives."""
    notebook = read(path)
    stamp = notebook["metadata"].get("course")
    if not stamp:
        return ["has no stamp: execute it with `make run`"]
    problems = []
    now = stamp_hashes(notebook, path)
    sentences = {
        "code": "cell {} changed since the notebook was executed",
        "outputs": "the outputs of cell {} are not those of the run that was stamped",
        "utils": "utils.{} changed since the notebook was executed",
        "evidence": "evidence/{} changed since the notebook was executed",
    }
    for part, sentence in sentences.items():
        before = stamp.get(part, {})
        differing = [key for key in {**before, **now[part]} if before.get(key) != now[part].get(key)]
        problems += [sentence.format(key) for key in sorted(differing)]
    if any("colab" in tags(c) and c["source"] != colab_cell() for c in code_cells(notebook)):
        problems.append("the Colab cell differs from the template: `python -m utils.notebooks address URL` rewrites it")
    return problems + stale_evidence(path)


def stale_evidence(path: Path) -> list[str]:
    """Rows of a lesson's evidence that were made by other code than the notebook holds now."""
    file = path.parent / "evidence" / f"{path.stem}.csv"
    if not file.exists():
        return []
    current = evidence_hash(path)
    stale = {code for code in evidence.read(file)["code"] if code != current}
    return [f"evidence/{file.name} was made by other code: run `make evidence NB={path.stem}`"] if stale else []


# ---------------------------------------------------------------------------- run


def run(path: Path) -> dict[str, Any]:
    """Execute a notebook in a fresh kernel in its own folder, write its outputs, and stamp it.

    Returns:
        The stamp. The file is untouched when a cell fails.

    Raises:
        NotebookError: a cell raised; the message holds the cell's id and the error.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=900, kernel_name="python3", record_timing=False, coalesce_streams=True,
                            resources={"metadata": {"path": str(path.parent)}})  # fmt: skip
    client.reset_execution_trackers()
    started = time.perf_counter()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                raise NotebookError(f"{label(path)}, cell {cell.id}: {error}") from None
        seconds = time.perf_counter() - started
        probe = nbformat.v4.new_code_cell("import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)")
        notebook.cells.append(probe)
        client.execute_cell(probe, len(notebook.cells) - 1)
        notebook.cells.pop()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_tidy(output) for output in cell.outputs]
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    plain = json.loads(nbformat.writes(notebook, version=nbformat.NO_CONVERT))
    for cell in plain["cells"]:
        cell["source"] = "".join(cell["source"])
    for cell in code_cells(plain):
        for output in cell["outputs"]:
            output.pop("transient", None)
    stamp = {
        **stamp_hashes(plain, path),
        "data": _data_lines(plain),
        "device": "cuda" if _uses_cuda() else "cpu",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in STAMPED_PACKAGES if _installed(name)},
        "cores": os.cpu_count(),
        "seconds": round(seconds, 1),
        "peak_mib": round(int(probe.outputs[0].text) / 1024),
        "date": datetime.date.today().isoformat(),
    }
    plain["metadata"]["course"] = stamp
    for cell in plain["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    _write_atomically(path, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    return stamp


def _tidy(output: Any) -> Any:
    """Keep of a progress bar only its last state."""
    if output.output_type == "stream":
        output.text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in output.text.split("\n"))
    return output


def _data_lines(notebook: dict) -> list[str]:
    streams = [o for cell in code_cells(notebook) for o in cell["outputs"] if o["output_type"] == "stream"]
    lines = [line for stream in streams for line in "".join(stream["text"]).splitlines()]
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def _installed(name: str) -> bool:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return bool(metadata.version(name))
    return False


def _uses_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


# ---------------------------------------------------------------------------- evidence


def evidence_cells(path: Path) -> list[str]:
    """The sources of a notebook's cells tagged `evidence`, in order."""
    return [cell["source"] for cell in code_cells(read(path)) if "evidence" in tags(cell)]


def evidence_hash(path: Path) -> str:
    """Hash of the code behind a lesson's evidence: its tagged cells and the `utils` they reach.

    How data come in is left out, since each row holds the fingerprint of the data themselves; so are the
    house style and the claims, which change no number.
    """
    leave_out = ("utils.datasets", "utils.figures", "utils.lesson")
    code, reached = fingerprint.code_of(evidence_cells(path), leave_out)
    return fingerprint.digest(code + json.dumps(reached, sort_keys=True), 12)


def experiment_of(path: Path) -> dict[str, Any]:
    """Execute a notebook's evidence cells and return their names: VARIANTS, SEEDS, TOLERANCE, experiment, …

    Raises:
        NotebookError: there are no such cells, or they do not define what is needed.
    """
    sources = evidence_cells(path)
    if not sources:
        raise NotebookError(f"{label(path)} has no cell tagged evidence.")
    namespace: dict[str, Any] = {"__name__": "evidence"}
    with _inside(path.parent):
        for source in sources:
            exec(compile(source, f"<{path.stem}>", "exec"), namespace)
    missing = {"VARIANTS", "SEEDS", "TOLERANCE", "experiment"} - namespace.keys()
    if missing:
        raise NotebookError(f"The evidence cells of {label(path)} do not define {', '.join(sorted(missing))}.")
    return namespace


def source_of(namespace: dict[str, Any]) -> Any | None:
    """The `Source` of the first data set that the evidence cells loaded; None where there is none."""
    sources = (getattr(value, "source", None) for value in namespace.values())
    return next((source for source in sources if hasattr(source, "is_real")), None)


def one_run(namespace: dict[str, Any], variant: str, seed: int) -> tuple[dict[str, float], dict[str, Any], float]:
    """One run of a lesson's experiment: its metrics, its predictions by split, and its seconds."""
    started = time.perf_counter()
    metrics = dict(namespace["experiment"](variant, seed))
    predictions = metrics.pop("predictions", {})
    return {k: float(v) for k, v in metrics.items()}, predictions, time.perf_counter() - started


def gather(path: Path) -> Path:
    """Run a lesson's experiment over all variants and seeds and keep one row a run.

    Rows on the other kind of data (real, synthetic) stay. Returns the CSV's path.
    """
    import numpy as np
    import pandas as pd

    namespace = experiment_of(path)
    source, code = source_of(namespace), evidence_hash(path)
    kind = "real" if source and source.is_real else "synthetic"
    rows, arrays = [], {}
    for variant in namespace["VARIANTS"]:
        for seed in namespace["SEEDS"]:
            metrics, predictions, seconds = one_run(namespace, variant, seed)
            rows.append({"variant": variant, "seed": seed, "source": kind,
                         "data": source.fingerprint if source else "none", "device": "cuda" if _uses_cuda() else "cpu",
                         "seconds": round(seconds, 2), "code": code,
                         **{k: float(f"{v:.6g}") for k, v in metrics.items()}})  # fmt: skip
            for split, array in predictions.items():
                arrays.setdefault(f"{kind}|{variant}|{split}", []).append(np.asarray(array))
            print(f"{path.stem} · {kind} · {variant} · seed {seed}: {metrics} ({seconds:.1f} s)", flush=True)
    table = pd.DataFrame(rows)
    file = path.parent / "evidence" / f"{path.stem}.csv"
    file.parent.mkdir(exist_ok=True)
    if file.exists():
        old = evidence.read(file)
        table = pd.concat([old[old["source"] != kind], table])
    _write_atomically(file, table.sort_values(["source", "variant", "seed"]).to_csv(index=False, lineterminator="\n"))
    if arrays:
        store = file.with_suffix(".npz")
        kept = {}
        if store.exists():
            with np.load(store, allow_pickle=False) as old_store:
                kept = {key: old_store[key] for key in old_store.files if not key.startswith(f"{kind}|")}
        with open(store.with_name(store.name + ".part"), "wb") as part:
            np.savez_compressed(part, **kept, **{key: np.stack(runs) for key, runs in arrays.items()})
        os.replace(part.name, store)
    return file


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


# ---------------------------------------------------------------------------- command line


def main(arguments: list[str] | None = None) -> int:
    """The commands of this module; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.notebooks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=["run", "verify", "evidence", "address", "new", "print", "copies"])
    parser.add_argument("names", nargs="*", metavar="NB, PATH or URL")
    options = parser.parse_args(arguments)
    try:
        if options.command == "address":
            if len(options.names) != 1:
                raise NotebookError("address needs one URL: https://github.com/owner/repository.")
            changed = move_address(options.names[0])
            print(f"{len(changed)} files now say {options.names[0]}")
            return 0
        if options.command == "new":
            for name in options.names:
                print(f"{label(new_lesson(Path(name)))}: write it, then `make run NB={Path(name).stem}`")
            return 0
        if options.command == "print":
            print(f"{len(print_checklists())} checklists written as .html")
            return 0
        if options.command == "copies":
            made, kept = make_copies()
            print(f"{made} lessons copied into work/, {kept} copies of yours left as they are")
            return 0
        if options.command == "evidence" and not options.names:
            raise NotebookError("Evidence is gathered lesson by lesson: make evidence NB=03_split_and_leak.")
        paths = [find(name) for name in options.names] or all_notebooks()
        return _COMMANDS[options.command](paths)
    except NotebookError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1


def _run_all(paths: list[Path]) -> int:
    for path in paths:
        print(f"{label(path)} …", end=" ", flush=True)
        stamp = run(path)
        print(f"{stamp['seconds']:.0f} s, {stamp['peak_mib']} MiB", flush=True)
    return 0


def _verify_all(paths: list[Path]) -> int:
    problems = [f"✗ {label(path)}: {problem}" for path in paths for problem in verify(path)]
    print("\n".join(problems) if problems else f"✓ {len(paths)} notebooks are what their code gives")
    return bool(problems)


def _gather_all(paths: list[Path]) -> int:
    for path in paths:
        print(f"wrote {label(gather(path))}")
    return 0


_COMMANDS = {"run": _run_all, "verify": _verify_all, "evidence": _gather_all}

if __name__ == "__main__":
    sys.exit(main())
