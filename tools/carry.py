"""Once: give notebooks and evidence that the old rule calls clean stamps by the new rule, without running them.

The new hashes are those of the code at a given commit, so that what has changed since shows as behind.
"""
from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools import evidence, fingerprint, notebook, stamp
from tools.notebook import ROOT, NotebookError


def main(commit: str | None) -> int:
    """Carry every stamp and every row over; what differs from the commit already is left alone and named."""
    if not commit:
        raise NotebookError("carry needs the commit at which the old stamps were clean: --commit 107f48a.")
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder).resolve()
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(old, filter="data")
        command = [sys.executable, "-m", "utils.notebooks", "verify"]
        clean = subprocess.run(command, cwd=old, env={**os.environ, "PYTHONPATH": str(old)}, check=False)
        if clean.returncode:
            raise NotebookError(f"The old rule does not call {commit} clean, so nothing was carried over.")
        library = fingerprint.Library(old)
        for path in sorted(old.glob("episodes/episode*/*.ipynb")):
            print(f"{path.stem}: {_carry(path, ROOT / path.relative_to(old), library)}")
    return 0


def _carry(path: Path, target: Path, library: fingerprint.Library) -> str:
    """Write the new stamp of a notebook at the commit into today's notebook; returns what was done."""
    if not target.exists():
        return "not here any more"
    before, today = (json.loads(file.read_text(encoding="utf-8")) for file in (path, target))
    if before["metadata"]["course"] != today["metadata"].get("course"):
        return "stamped since, left alone"
    table, kept = evidence.file_of(path), evidence.file_of(target)
    if table.exists() and table.read_bytes() == kept.read_bytes():
        codes = set(evidence.evidence.read(table)["code"])
        text = kept.read_text(encoding="utf-8")
        for code in codes:
            text = text.replace(f",{code},", f",{evidence.code_hash(evidence.sources(path), library)},")
        notebook.write_whole(kept, text)
        notebook.write_whole(table, text)
    elif table.exists():
        return "its evidence was gathered since, left alone"
    course = today["metadata"]["course"]
    course |= stamp.hashes(notebook.read(path), path, course["data"], library)
    today["metadata"]["course"] = {"lesson": target.stem, **course}
    notebook.write_whole(target, json.dumps(today, indent=1, ensure_ascii=False) + "\n")
    return "carried over"
