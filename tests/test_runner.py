"""The runner on small notebooks of its own: what makes a stamp stale, what does not, what a failure leaves behind."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from utils import evidence, fingerprint, notebooks

CELLS = {
    "setup": ("from utils.lesson import claim\n\nx = 1  # one", []),
    "shout": ("print('x is', x)", []),
    "claim": ("claim('one is less than two', x < 2)", ["nbval-check-output"]),
}


def write(path, cells=CELLS):
    content = [
        {"cell_type": "code", "id": name, "metadata": {"tags": tags}, "execution_count": None, "outputs": [],
         "source": source}
        for name, (source, tags) in cells.items()
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": content, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def edit(path, change):
    notebook = json.loads(path.read_text())
    change({cell["id"]: cell for cell in notebook["cells"]})
    path.write_text(json.dumps(notebook))


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    path = write(tmp_path_factory.mktemp("course") / "episode" / "lesson.ipynb")
    notebooks.run(path)
    return path


@pytest.fixture
def fresh(executed, tmp_path):
    return shutil.copy(executed, tmp_path / "lesson.ipynb") and tmp_path / "lesson.ipynb"


def test_run_stamps_what_it_ran(executed):
    stamp = notebooks.read(executed)["metadata"]["course"]
    assert stamp["seconds"] > 0 and stamp["peak_mib"] > 10 and stamp["python"] and stamp["versions"]["numpy"]
    assert "lesson.claim" in stamp["utils"]
    assert notebooks.verify(executed) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["setup"].update(source="from utils.lesson import claim\n\nx = 0"), "cell setup changed"),
        (lambda c: c["shout"].update(outputs=[]), "outputs of cell shout"),
        (lambda c: c["shout"]["outputs"][0].update(text=["x is 7\n"]), "outputs of cell shout"),
        (lambda c: c["shout"].update(id="scream"), "cell scream changed"),
    ],
)
def test_a_change_makes_the_stamp_stale(fresh, change, words):
    edit(fresh, change)
    assert any(words in problem for problem in notebooks.verify(fresh))


def test_comments_and_layout_do_not(fresh):
    edit(fresh, lambda c: c["setup"].update(source="# why\nfrom utils.lesson import (claim)\nx=1"))
    assert notebooks.verify(fresh) == []


def test_a_notebook_without_stamp_is_named(tmp_path, capsys):
    path = write(tmp_path / "unrun.ipynb")
    assert notebooks.main(["verify", str(path)]) == 1
    assert "unrun.ipynb: has no stamp" in capsys.readouterr().out


@pytest.fixture
def library_copy(tmp_path):
    shutil.copytree(fingerprint.UTILS, tmp_path / "utils")
    return tmp_path / "utils"


def reached(root):
    code = "from utils import lesson\nfrom utils.lesson import claim\nclaim('a', lesson.device())"
    return fingerprint.Library(root).reached(fingerprint.parse_cell(code))


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ('print(f"✓ {sentence}")', 'print(f"✔ {sentence}")', True),
        ('class ClaimError(AssertionError):', 'class ClaimError(RuntimeError):', True),  # reached through claim
        ('"""A takeaway of the lesson does not hold in this run."""', '"""Does not hold."""', False),
        ('print(f"✓ {sentence}")', 'print(f"✓ {sentence}")  # hooray', False),
        ('"your answer raises', '"your code raises', False),  # another function of the same module
    ],
)
def test_a_change_in_utils_is_seen_where_it_is_reached(library_copy, old, new, stale):
    before = reached(library_copy)
    file = library_copy / "lesson.py"
    text = file.read_text(encoding="utf-8")
    assert old in text or old.replace('"your', 'f"your') in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    assert (reached(library_copy) != before) == stale


@pytest.mark.parametrize(
    "code",
    [
        "import utils.lesson\nutils.lesson.claim('a', True)",
        "from utils import lesson as l\nl.claim('a', True)",
        "from utils.lesson import claim as c\n[c(x, True) for x in 'ab']",
        "from utils import lesson\nprint(lesson)",  # passed around whole
    ],
)
def test_every_way_to_reach_a_function_counts(code):
    assert "lesson.claim" in fingerprint.library().reached(fingerprint.parse_cell(code))


def test_a_failing_cell_leaves_the_file_as_it_was(fresh, capsys):
    edit(fresh, lambda c: c["shout"].update(source="1 / 0"))
    before = fresh.read_bytes()
    assert notebooks.main(["run", str(fresh)]) == 1
    error = capsys.readouterr().err
    assert "cell shout" in error and "ZeroDivisionError" in error
    assert fresh.read_bytes() == before


def nbval(path):
    command = [sys.executable, "-m", "pytest", str(path), "--nbval-lax", "-q", "-p", "no:cacheprovider",
               "--nbval-sanitize-with", str(notebooks.ROOT / "tests" / "sanitize.cfg")]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, cwd=notebooks.ROOT, check=False)


def test_nbval_accepts_the_notebook_and_a_claim_that_waits_for_real_data(fresh):
    edit(fresh, lambda c: c["claim"].update(source="claim('one is less than two', x < 2, real=False)"))
    result = nbval(fresh)
    assert result.returncode == 0, result.stdout


def test_nbval_refuses_a_claim_whose_truth_is_reversed(fresh):
    edit(fresh, lambda c: c["claim"].update(source="claim('one is less than two', not (x < 2))"))
    result = nbval(fresh)
    assert result.returncode == 1 and "ClaimError" in result.stdout


EXPERIMENT = """
VARIANTS, SEEDS, TOLERANCE = ["plain", "shifted"], range(3), 1e-9

class pile:
    class source:
        is_real, fingerprint = {real}, "abc"

def experiment(variant, seed):
    return {{"score": seed + (variant == "shifted") / 3, "predictions": {{"val": [seed, seed + 1]}}}}
"""


def test_evidence_keeps_the_rows_of_the_other_kind_of_data(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "EPISODES", tmp_path)
    for real in (True, False, True):
        cells = {"experiment": (EXPERIMENT.format(real=real), ["evidence"])}
        path = write(tmp_path / "episode01_x" / "01_dice.ipynb", cells)
        notebooks.gather(path)
    runs = pd.read_csv(tmp_path / "episode01_x" / "evidence" / "01_dice.csv")
    assert len(runs) == 12 and set(runs["source"]) == {"real", "synthetic"}
    kept = evidence.predictions("01_dice", notebooks.experiment_of(path)["pile"].source)
    assert kept["plain"].tolist() == [[0, 1], [1, 2], [2, 3]]
    assert notebooks.stale_evidence(path)  # the synthetic rows come from the cell as it was before
    with pytest.raises(evidence.EvidenceError, match="no predictions for test"):
        evidence.predictions("01_dice", notebooks.experiment_of(path)["pile"].source, split="test")
