"""Gathers evidence: a lesson's experiment over its variants and seeds, one row a run; `utils.evidence` reads it.

The experiment stands in a lesson's cells tagged `evidence`, or in a script `episodes/*/evidence/<name>.py`. It
defines VARIANTS; SEEDS, for all variants or {variant: seeds}; TOLERANCE; experiment(variant, seed), which returns
its metrics and, if it likes, "predictions" {split: array}; and, if it likes, REFERENCE {name: array}, kept once.
"""
from __future__ import annotations

import contextlib
import io
import json
import random
import re
import time
import traceback
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from tools import fingerprint, notebook
from tools.notebook import NotebookError, label
from utils import evidence, lesson

ROUNDING = 1e-6  # of a tolerance: below that a number is called the same
NEEDED = {"VARIANTS", "SEEDS", "TOLERANCE", "experiment"}
DAMAGED = ("{} is damaged or merged badly: `git checkout` takes a whole one, or delete it and run "
           "`make evidence NB={}`.")  # fmt: skip
MADE = re.compile(r"[0-9a-f]{12}(\+[0-9a-f]{12})*")  # fingerprints of data sets; "none" stands where there are none


def sources(path: Path) -> dict[str, str]:
    """The code of an experiment by cell: a notebook's cells tagged `evidence`, in order, or a whole script."""
    if path.suffix == ".py":
        return {"script": path.read_text(encoding="utf-8")}
    cells = notebook.code_cells(notebook.read(path))
    return {cell["id"]: cell["source"] for cell in cells if "evidence" in notebook.tags(cell)}


def file_of(path: Path, suffix: str = ".csv") -> Path:
    """Where the evidence of a lesson or script stands."""
    folder = path.parent if path.suffix == ".py" else path.parent / "evidence"
    return folder / f"{path.stem}{suffix}"


def rows_of(path: Path) -> pd.DataFrame:
    """All rows of a lesson's evidence, none where there is no file. Raises NotebookError: see `arrays_of`."""
    file = file_of(path)
    try:
        rows = evidence.read(file) if file.exists() else pd.DataFrame(columns=evidence.KEYS)
        if rows[["variant", "seed", "source", "data", "code"]].isna().any(axis=None):
            raise ValueError("a gap")
    except (OSError, ValueError, KeyError):
        raise NotebookError(DAMAGED.format(label(file), path.stem)) from None
    return rows


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """All that a lesson's evidence keeps beside its rows. Raises NotebookError: it is damaged, or merged badly."""
    file = file_of(path, ".npz")
    try:
        with np.load(file, allow_pickle=False) if file.exists() else contextlib.nullcontext({}) as npz:
            return dict(npz)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        raise NotebookError(DAMAGED.format(label(file), path.stem)) from None


def words(cells: dict[str, str]) -> set[str]:
    """Every string in these cells; of a path its last part."""
    found = fingerprint.strings(node for source in cells.values() for node in fingerprint.parse(source))
    return {string.rpartition("/")[2] for string in found}


def drawn(cells: dict[str, str], path: Path) -> list[Path]:
    """The evidence files that a lesson stands on: its own, and those of others that a string in its cells names."""
    named = words(cells) | {path.stem}
    files = sorted(notebook.ROOT.glob("episodes/*/evidence/*.*"))
    return [f for f in files if f.suffix in (".csv", ".npz") and {f.stem, f.name} & named]


def scripts(cells: dict[str, str], path: Path) -> dict[str, str]:
    """{name: text} of the Python files beside a lesson that a string in these cells names, such as "train.py"."""
    named = words(cells)
    files = [file for file in sorted(path.parent.glob("*.py")) if file.name in named and file != path]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def code_of(
    cells: dict[str, str], path: Path, library: fingerprint.Library
) -> tuple[dict[str, str], fingerprint.Reading]:
    """Hashes of cells and of the scripts that they name, and what all of them name in the library."""
    code, reading = library.code(cells)
    for name, text in scripts(cells, path).items():
        own, beside = library.code({name: text})
        code |= own
        reading.found |= beside.found
        reading.asked += beside.asked
    return code, reading


def code_hash(path: Path, library: fingerprint.Library | None = None) -> str:
    """Hashes of an experiment's own code (see `sources`, `scripts`) and of what it reaches, joined by a hyphen.

    The data door is left out, since each row holds the data's fingerprint; so are figures and claims.
    """
    library = library or fingerprint.library()
    own, reading = code_of(sources(path), path, library)
    reached = library.reached(reading.found, fingerprint.DOOR + fingerprint.STYLE)
    return f"{fingerprint.digest(''.join(own.values()))}-{fingerprint.digest(json.dumps(reached))}"


def state(path: Path) -> tuple[list[str], list[str]]:
    """What is wrong with the evidence of a lesson or script, and what is behind; see `stamp.verify`."""
    if not file_of(path).exists():
        return [], []
    mend = f"run `make evidence NB={path.stem}`"
    name, now = f"evidence/{path.stem}.csv", code_hash(path)
    codes = set(rows_of(path)["code"])
    if any(code.partition("-")[0] != now.partition("-")[0] for code in codes):
        return [f"{name} was made by another experiment: {mend}"], []
    return [], [f"{name} was made before code that it reaches changed: {mend}"] if codes - {now} else []


def made_sets(path: Path, library: fingerprint.Library) -> set[str]:
    """The data sets of the virtual clinic on which some rows of a lesson's evidence stand."""
    rows = rows_of(path)
    made = rows.loc[rows["source"] == "synthetic", "data"].str.fullmatch(MADE.pattern).any()
    return library.sets(code_of(sources(path), path, library)[1]) if made else set()


def experiment_of(path: Path) -> dict[str, Any]:
    """Execute the code of an experiment and return its names: VARIANTS, SEEDS, TOLERANCE, experiment, …

    Raises NotebookError: there is no such code, or it does not define what is needed.
    """
    cells = sources(path)
    if not cells:
        raise NotebookError(f"{label(path)} has no cell tagged evidence.")
    namespace: dict[str, Any] = {"__name__": "evidence", "__file__": str(path)}
    with contextlib.chdir(path.parent):
        for name, source in cells.items():
            try:
                exec(compile(source, f"<{path.stem}, {name}>", "exec"), namespace)
            except (Exception, SystemExit) as error:
                raise NotebookError(_failed(error, path, f", {name}")) from error
    if missing := ", ".join(sorted(NEEDED - namespace.keys())):
        raise NotebookError(f"The evidence code of {label(path)} does not define {missing}.")
    return namespace


def _failed(error: BaseException, path: Path, where: str) -> str:
    """One sentence: where an experiment failed, by its own deepest line, and why."""
    steps = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [f", line {line} of {file[1:-1]}" for file, line in steps if file.startswith(f"<{path.stem}, ")]
    return f"{label(path)}{where}{own[-1] if own else ''}: {notebook.brief(type(error).__name__, error)}"


def source_of(namespace: dict[str, Any]) -> Any | None:
    """`is_real` (one of them is enough) and `fingerprint` (joined by +) of an experiment's data sets, else None."""
    found = (getattr(value, "source", None) for value in namespace.values())
    found = [source for source in found if hasattr(source, "is_real")]
    if not found:
        return None
    marks = "+".join(dict.fromkeys(source.fingerprint for source in found))
    return SimpleNamespace(is_real=any(source.is_real for source in found), fingerprint=marks)


def _stands_on(namespace: dict[str, Any]) -> tuple[str, str]:
    """The kind of data of an experiment and their fingerprint, as a row of evidence says them."""
    source = source_of(namespace)
    return ("real" if source.is_real else "synthetic", source.fingerprint) if source else ("synthetic", "none")


def planned(namespace: dict[str, Any]) -> list[tuple[str, int]]:
    """Every (variant, seed) of an experiment. Raises NotebookError where a variant has no seeds."""
    seeds, variants = namespace["SEEDS"], list(namespace["VARIANTS"])
    by_variant = seeds if isinstance(seeds, dict) else dict.fromkeys(variants, list(seeds))
    if missing := ", ".join(variant for variant in variants if variant not in by_variant):
        raise NotebookError(f"SEEDS names no seeds for {missing}: add them, or give one range for all.")
    return [(variant, seed) for variant in variants for seed in by_variant[variant]]


def one_run(namespace: dict[str, Any], variant: str, seed: int) -> tuple[dict, dict, float]:
    """One run of an experiment: its metrics, its predictions by split, and its seconds."""
    started = time.perf_counter()
    try:
        metrics = dict(namespace["experiment"](variant, seed))
    except (Exception, SystemExit) as error:
        where = f", {variant}, seed {seed}"
        raise NotebookError(_failed(error, Path(namespace["__file__"]), where)) from error
    predictions = metrics.pop("predictions", {})
    seconds = time.perf_counter() - started
    return {name: float(value) for name, value in metrics.items()}, predictions, seconds


def gather(path: Path, only: str | None = None) -> Path:
    """Run what is missing of an experiment, and write its evidence after each run.

    Rows of the same code, data and seed are kept, and all rows on the other kind of data (real, synthetic).

    Args:
        only: this variant alone.

    Returns:
        The CSV's path.
    """
    namespace = experiment_of(path)
    plan, (kind, data) = planned(namespace), _stands_on(namespace)
    if only and only not in dict(plan):
        choice = ", ".join(dict(plan))
        raise NotebookError(f"{label(path)} has no variant {only}: choose one of {choice}.")
    fixed = {"source": kind, "data": data, "device": lesson.device(), "code": code_hash(path)}
    store = _Store(path, fixed, namespace.get("REFERENCE", {}))
    for variant, seed in plan:
        if (variant, seed) in store.rows or only not in (None, variant):
            continue
        metrics, predictions, seconds = one_run(namespace, variant, seed)
        rounded = {name: float(f"{value:.6g}") for name, value in metrics.items()}
        row = {"variant": variant, "seed": seed, "seconds": round(seconds, 2), **fixed, **rounded}
        store.add(row, predictions)
        store.write()
        print(f"{path.stem}, {fixed['source']}, {variant}, seed {seed}: {metrics} ({seconds:.1f} s)", flush=True)
    store.write()
    if path.is_relative_to(notebook.ROOT / "work"):  # a copy's cells as they were: `utils.evidence` compares them
        copy = {"cells": notebook.read(path)["cells"]}
        notebook.write_whole(store.file.with_suffix(".json"), json.dumps(copy, ensure_ascii=False))
    return store.file


def recheck(path: Path) -> Path:
    """After a change of code that should change no number: run one seed of each variant, and let all rows stand.

    The seed is drawn at random. Every number must come out as it is stored, to its six digits or to a millionth of
    its tolerance (what is nothing but rounding has no six digits), and every prediction to the bit; only what has no
    tolerance, as seconds have, may differ. Then all rows of this kind of data (real, synthetic) get the hash of the
    code as it is.

    Raises:
        NotebookError: a number differs, or a row is missing or stands on other data. Nothing is written then.
    """
    namespace = experiment_of(path)
    plan, (kind, data) = planned(namespace), _stands_on(namespace)
    everything, stored = rows_of(path), arrays_of(path)
    rows = everything[everything["source"] == kind]
    there = set(zip(rows["variant"], rows["seed"], strict=True))
    if there != set(plan) or set(rows["data"]) != {data}:
        raise NotebookError(f"{label(path)} has other rows on {kind} data than its code asks for: gather them anew.")
    for variant in namespace["VARIANTS"]:
        of_variant = rows[rows["variant"] == variant].sort_values("seed")
        position = random.randrange(len(of_variant))
        row = of_variant.iloc[position]
        metrics, predictions, seconds = one_run(namespace, variant, int(row["seed"]))
        for name, value in metrics.items():
            limit = namespace["TOLERANCE"]
            limit = limit[name] if isinstance(limit, dict) else limit
            now, before = float(f"{value:.6g}"), row[name]
            same = now == before or abs(now - before) <= ROUNDING * limit or np.isnan([now, before]).all()
            if np.isfinite(limit) and not same:
                who = f"{path.stem}, {kind}, {variant}, seed {row['seed']}"
                raise NotebookError(f"{who}: {name} was {before} and is {now}: gather the evidence anew.")
        for split, array in predictions.items():
            there = stored[f"{kind}|{variant}|{split}"][position]
            if not np.array_equal(there, array, equal_nan=there.dtype.kind == "f"):
                raise NotebookError(f"{path.stem}, {kind}, {variant}: its predictions changed: gather them anew.")
        print(f"{path.stem}, {kind}, {variant}, seed {row['seed']}: as stored ({seconds:.1f} s)", flush=True)
    everything.loc[rows.index, "code"] = code_hash(path)
    for name, array in namespace.get("REFERENCE", {}).items():
        stored[f"{kind}||{name}"] = np.asarray(array)
    if stored:
        _write_arrays(file_of(path, ".npz"), stored)
    notebook.write_whole(file_of(path), everything.to_csv(index=False, lineterminator="\n"))
    return file_of(path)


class _Store:
    """The evidence on one kind of data as it grows, beside what there is on the other kind."""

    def __init__(self, path: Path, fixed: dict[str, str], reference: dict[str, Any]):
        self.file, self.kind = file_of(path), fixed["source"]
        self.rows: dict[tuple[str, int], dict] = {}
        self.arrays: dict[str, dict[int, np.ndarray]] = {}  # "kind|variant|split": {seed: array}
        rows, stored = rows_of(path), arrays_of(path)
        before, self.others = rows[rows["source"] == self.kind], rows[rows["source"] != self.kind]
        kept = {key: array for key, array in stored.items() if key.split("|")[0] != self.kind}
        self.whole = kept | {f"{self.kind}||{name}": np.asarray(array) for name, array in reference.items()}
        for variant, rows in before.groupby("variant"):
            mine = {key: array for key, array in stored.items() if key.startswith(f"{self.kind}|{variant}|")}
            if any(len(array) != len(rows) for array in mine.values()):
                continue  # rows and arrays disagree
            for position, row in enumerate(rows.sort_values("seed").to_dict("records")):
                if (row["code"], row["data"]) == (fixed["code"], fixed["data"]):
                    self.add(row, {key.split("|")[2]: array[position] for key, array in mine.items()})

    def add(self, row: dict[str, Any], predictions: dict[str, Any]) -> None:
        self.rows[row["variant"], row["seed"]] = row
        for split, array in predictions.items():
            key = f"{self.kind}|{row['variant']}|{split}"
            self.arrays.setdefault(key, {})[row["seed"]] = np.asarray(array)

    def write(self) -> None:
        """Arrays first: where a run is stopped between the two files, its variant is run again."""
        self.file.parent.mkdir(exist_ok=True)
        arrays = dict(self.whole)
        for key, by_seed in self.arrays.items():
            arrays[key] = np.stack([by_seed[seed] for seed in sorted(by_seed)])
        if arrays:
            _write_arrays(self.file.with_suffix(".npz"), arrays)
        own = pd.DataFrame(self.rows.values())
        table = pd.concat([self.others, own]) if len(self.others) else own
        first = [*evidence.KEYS, *(column for column in table if column not in evidence.KEYS)]
        table = table[first].sort_values(["source", "variant", "seed"])
        notebook.write_whole(self.file, table.to_csv(index=False, lineterminator="\n"))


def _write_arrays(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """A compressed .npz that is either whole or as it was."""
    whole = io.BytesIO()
    np.savez_compressed(whole, **arrays)
    notebook.write_whole(file, whole.getvalue())
