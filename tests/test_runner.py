"""The runner on small notebooks of its own: what is wrong or behind, what is not, what a failure leaves behind."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import __main__ as command
from tools import fingerprint, notebook, stamp
from tools.notebook import NotebookError

CELLS = {
    "setup": ("from utils.lesson import claim\n\nx = 1  # one", []),
    "shout": ("print('x is', x)", []),
    "claim": ("claim('one is less than two', x < 2)", ["nbval-check-output"]),
}
REAL = "data: DermaMNIST from your COURSE_DATA folder, fingerprint 65e96f36f760."
MADE = "data: DermaMNIST from the virtual clinic (synthetic), fingerprint 0123456789ab."


def write(path, cells=CELLS, **others):
    content = [
        {"cell_type": "code", "id": name, "metadata": {"tags": tags}, "execution_count": None, "outputs": [],
         "source": source}
        for name, (source, tags) in cells.items()
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": content, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **others}))
    return path


def edit(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change({cell["id"]: cell for cell in content["cells"]})
    path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    path = write(tmp_path_factory.mktemp("course") / "episode" / "lesson.ipynb")
    stamp.run(path)
    return path


@pytest.fixture
def fresh(executed, tmp_path):
    return Path(shutil.copy(executed, tmp_path / "lesson.ipynb"))


def problems(path):
    return [sentence for sentences in stamp.verify(path) for sentence in sentences]


def test_run_stamps_what_it_ran(executed):
    made = notebook.read(executed)["metadata"]["course"]
    assert made["seconds"] > 0 and made["peak_mib"] > 10 and made["python"] and made["versions"]["numpy"]
    assert "claim" in made["utils"] and made["lesson"] == "lesson" and made["clinic"] == {}
    assert stamp.verify(executed) == ([], [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["setup"].update(source="from utils.lesson import claim\n\nx = 0"), "cell setup changed"),
        (lambda c: c["shout"].update(outputs=[]), "outputs of cell shout"),
        (lambda c: c["shout"]["outputs"][0].update(text=["x is 7\n"]), "outputs of cell shout"),
        (lambda c: c["shout"].update(id="scream"), "cell scream changed"),
        (lambda c: c["setup"].update(source="from utils.lesson import claim\nx = = 1"), "a cell is no Python"),
    ],
)
def test_a_change_in_the_notebook_is_wrong(fresh, change, words):
    edit(fresh, change)
    found = stamp.verify(fresh)
    assert any(words in problem for problem in found.wrong) and not found.behind


@pytest.mark.parametrize(
    "source",
    ["# why\nfrom utils.lesson import (claim)\nx=1", "import json\nfrom utils.lesson import device, claim\nx = 1"],
)
def test_comments_layout_and_imports_are_not(fresh, source):
    edit(fresh, lambda c: c["setup"].update(source=source))
    assert problems(fresh) == []


def test_a_change_in_what_it_reaches_is_behind(fresh, tmp_path, monkeypatch, capsys):
    shutil.copytree(fingerprint.ROOT / "utils", tmp_path / "utils")
    file = tmp_path / "utils" / "lesson.py"
    text = file.read_text(encoding="utf-8")
    assert 'f"✓ {sentence}"' in text
    file.write_text(text.replace('f"✓ {sentence}"', 'f"✔ {sentence}"'), encoding="utf-8")
    monkeypatch.setattr(fingerprint, "library", lambda: fingerprint.Library(tmp_path))
    assert stamp.verify(fresh) == ([], ["claim changed since it was executed"])
    for name in ("COURSE_PULL_REQUEST", "GITHUB_EVENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert command.main(["verify", str(fresh)]) == 1
    assert command.main(["verify", str(fresh), "--allow-behind"]) == 0
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    assert command.main(["verify", str(fresh)]) == 0
    assert "behind: claim changed" in capsys.readouterr().out
    edit(fresh, lambda c: c["shout"].update(outputs=[]))
    assert command.main(["verify", str(fresh)]) == 1, "what is wrong fails everywhere"
    edit(fresh, lambda c: c["setup"].update(source="x = 1"))
    assert command.main(["restamp", str(fresh)]) == 1, "a cell lacks its import"


def test_restamp_runs_what_is_behind_and_nothing_else(fresh, tmp_path, capsys):
    content = json.loads(fresh.read_text(encoding="utf-8"))
    other = tmp_path / "other" / "lesson.ipynb"
    shutil.copytree(fresh.parent, other.parent, ignore=shutil.ignore_patterns("other"))
    before = other.read_bytes()
    content["metadata"]["course"]["utils"]["claim"] = "00000000"
    fresh.write_text(json.dumps(content))
    assert command.main(["restamp", str(fresh), str(other)]) == 0
    assert stamp.verify(fresh) == ([], []) and other.read_bytes() == before


def test_a_run_on_synthetic_data_does_not_replace_a_real_one(tmp_path, capsys):
    path = write(tmp_path / "lesson.ipynb", {"header": (f"print({REAL!r})", [])})
    assert stamp.run(path)["data"] == [REAL.removeprefix("data: ")]
    edit(path, lambda c: c["header"].update(source=f"print({MADE!r})"))
    before = path.read_bytes()
    assert command.main(["run", str(path)]) == 1
    assert "nothing was written" in capsys.readouterr().err and path.read_bytes() == before
    assert command.main(["run", str(path), "--synthetic"]) == 0
    assert stamp.verify(path) == ([], [])


def test_a_lesson_that_lost_its_real_data_is_behind(tmp_path, monkeypatch):
    path = write(tmp_path / "lesson.ipynb", {"header": (f"print({MADE!r})", [])})
    stamp.run(path)
    monkeypatch.setattr(stamp, "REAL_DATA", tmp_path / "real_data.txt")
    stamp.REAL_DATA.write_text("# so\nlesson 1\n")
    assert "stands on real data" in stamp.verify(path).behind[0]
    stamp.REAL_DATA.write_text("# so\nlesson 0\n")
    assert stamp.verify(path) == ([], [])


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([REAL], 1),
        ([MADE], 0),
        (["chest films of the virtual clinic (synthetic), made below", "78 DICOM files that come with pydicom"], 0),
        (["DermaMNIST from downloaded from zenodo.org, fingerprint 0123456789ab. A note."], 1),
        (["chest CT of the virtual clinic (synthetic); MR from your COURSE_DATA folder, fingerprint fa75fb38abcc."], 1),
        (["CT from the virtual clinic (synthetic), fingerprint 0123456789ab.; MR from the course's data folder, "
          "fingerprint fa75fb38abcc."], 1),
        (["films from the virtual clinic (synthetic), fingerprint none."], 0),
    ],
)  # fmt: skip
def test_real_data_sets_are_counted_in_the_header(lines, count):
    assert stamp.real_sets(lines) == count


def test_the_clinics_code_counts_where_the_data_line_says_synthetic(tmp_path):
    source = f"from utils import datasets\nif False: datasets.load('pneumoniamnist')\nprint({MADE!r})"
    path = write(tmp_path / "lesson.ipynb", {"header": (source, [])})
    assert set(stamp.run(path)["clinic"]) == {"pneumoniamnist"}
    edit(path, lambda c: c["header"].update(source=source.replace(MADE, REAL)))
    assert stamp.run(path)["clinic"] == {}
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metadata"]["course"]["clinic"] = {"dermamnist": "00000000"}
    path.write_text(json.dumps(content))
    assert stamp.verify(path).behind == ["how the clinic makes dermamnist changed since it was executed"]


# ---------------------------------------------------------------------------- bad input: one sentence, nothing lost


def refused(capsys, *arguments):
    assert command.main(list(map(str, arguments))) == 1
    said = capsys.readouterr()
    lines = (said.err + said.out).splitlines()
    return "\n".join(line for line in lines if not line.endswith("… "))


def test_a_notebook_without_stamp_is_named(tmp_path, capsys):
    assert "unrun.ipynb, wrong: it has no stamp" in refused(capsys, "verify", write(tmp_path / "unrun.ipynb"))


def test_a_copied_notebook_bears_the_stamp_of_another(fresh, capsys):
    copy = fresh.rename(fresh.with_name("another.ipynb"))
    assert "its stamp is that of lesson" in refused(capsys, "verify", copy)


def test_an_unknown_lesson_is_answered_with_those_there_are(capsys):
    assert "There is no notebook 99_nothing: give a path or one of 01_" in refused(capsys, "run", "99_nothing")


BROKEN = {
    "damaged": ('{"cells": [', "is damaged"),
    "empty": ("", "is damaged"),
    "list": ("[]", "is no notebook"),
    "table": ('{"a": 1}', "is no notebook"),
    "merge": ('{"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs\n]}', "unfinished merge"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("order", ["run", "verify", "evidence"])
def test_what_is_no_notebook_is_named_and_left(tmp_path, capsys, text, order):
    path = tmp_path / "lesson.ipynb"
    path.write_text(text[0])
    said = refused(capsys, order, path)
    assert text[1] in said and len(said.splitlines()) == 1 and path.read_text() == text[0]


@pytest.mark.parametrize("change", [{"nbformat_minor": 4}, {"nbformat": 3}, {}])
def test_a_notebook_of_another_format_is_named_and_left(tmp_path, capsys, change):
    path = write(tmp_path / "lesson.ipynb", **change)
    content = json.loads(path.read_text())
    if content["nbformat_minor"] == 4 or not change:
        del content["cells"][0]["id"]
        path.write_text(json.dumps(content))
    before = path.read_bytes()
    assert "saved by another program" in refused(capsys, "run", path) and path.read_bytes() == before


def test_sources_split_or_whole_and_missing_metadata_are_the_same_notebook(fresh):
    def resave(cells):
        for cell in cells.values():
            cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
            for output in cell["outputs"]:
                output["text"] = "".join(output["text"])
        cells["setup"].pop("metadata")

    edit(fresh, resave)
    assert stamp.verify(fresh) == ([], [])


def test_a_failing_cell_leaves_the_file_as_it_was(fresh, capsys):
    edit(fresh, lambda c: c["shout"].update(source="1 / 0"))
    before = fresh.read_bytes()
    said = refused(capsys, "run", fresh)
    assert "cell shout" in said and "ZeroDivisionError" in said and fresh.read_bytes() == before


@pytest.mark.parametrize(
    ("source", "words"), [("import os; os._exit(1)", "the kernel died"), ("while True: pass", "no end after 2 s")]
)
def test_a_kernel_that_dies_or_hangs_is_named(fresh, source, words):
    edit(fresh, lambda c: c["shout"].update(source=source))
    before = fresh.read_bytes()
    with pytest.raises(NotebookError, match=f"cell shout: {words}"):
        notebook.execute(fresh, longest=2)
    assert fresh.read_bytes() == before


def test_a_terminal_without_ticks_is_answered_in_plain_letters(fresh):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(notebook.ROOT)}
    for order, words in (("verify", b"ok 1 notebooks"), ("text", b"> ok one is less than two")):
        call = [sys.executable, "-m", "tools", order, str(fresh)]
        result = subprocess.run(call, capture_output=True, env=environment, cwd=notebook.ROOT, check=False)
        assert result.returncode == 0 and words in result.stdout, result.stderr


# ---------------------------------------------------------------------------- text and nbval


def test_a_notebook_as_text_shows_sources_outputs_and_figures(tmp_path, capsys):
    figure = {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": "<Figure>"},
              "metadata": {"image/png": {"alt": "two curves that cross"}}}  # fmt: skip
    path = write(tmp_path / "lesson.ipynb")
    edit(path, lambda c: c["shout"].update(outputs=[figure]))
    assert command.main(["text", str(path)]) == 0
    said = capsys.readouterr().out
    assert "code claim nbval-check-output\nclaim(" in said and "iVBOR" not in said
    assert "> figure: two curves that cross, " in said
    path.write_text("<<<<<<< HEAD\n")
    assert command.main(["text", str(path)]) == 0, "git compares whatever is there"
    assert capsys.readouterr().out == "<<<<<<< HEAD\n"


def nbval(path):
    call = [sys.executable, "-m", "pytest", str(path), "--nbval-lax", "-q", "-p", "no:cacheprovider",
            "--nbval-sanitize-with", str(notebook.ROOT / "tests" / "sanitize.cfg")]  # fmt: skip
    return subprocess.run(call, capture_output=True, text=True, cwd=notebook.ROOT, check=False)


def test_nbval_accepts_the_notebook_and_a_claim_that_waits_for_real_data(fresh):
    edit(fresh, lambda c: c["claim"].update(source="claim('one is less than two', x < 2, real=False)"))
    result = nbval(fresh)
    assert result.returncode == 0, result.stdout


def test_nbval_refuses_a_claim_whose_truth_is_reversed(fresh):
    edit(fresh, lambda c: c["claim"].update(source="claim('one is less than two', not (x < 2))"))
    result = nbval(fresh)
    assert result.returncode == 1 and "ClaimError" in result.stdout
