"""What can be told about a committed notebook without running it."""
from __future__ import annotations

import ast
import getpass
import re
from pathlib import Path

import pytest

from tools import fingerprint, stamp
from tools import notebook as notebooks
from tools.__main__ import on_pull_request

NOTEBOOKS = notebooks.all_notebooks()
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
SLOW = {"02_seven_versions", "04_detect_pneumonia", "05_segment_lung_lesions"}  # 240 s instead of 90 s
KIB = 1024


def outputs(path, kind=None):
    for cell in notebooks.code_cells(notebooks.read(path)):
        for output in cell["outputs"]:
            if kind is None or output["output_type"] == kind:
                yield cell, output


def course_of(path):
    """The stamp; a lesson without one is named by the test of the stamps and counts nowhere else."""
    stamped = notebooks.read(path)["metadata"].get("course")
    return stamped or {"data": [], "seconds": 0, "peak_mib": 0}


def texts(path):
    for cell, output in outputs(path):
        yield cell["id"], "".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", ""))


def claims(path):
    """The claim() calls of a notebook, as syntax trees, with their cells."""
    for cell in notebooks.code_cells(notebooks.read(path)):
        for node in ast.walk(ast.Module(fingerprint.parse(cell["source"]), [])):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("claim"):
                yield cell, node


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 3


@every_notebook
def test_outputs_are_those_of_the_code(path):
    wrong, behind = stamp.verify(path)
    assert not wrong
    if behind and on_pull_request():
        pytest.skip(f"behind, a maintainer runs it again: {'; '.join(behind)}")
    assert not behind, "run `make restamp`"


def test_the_list_of_lessons_on_real_data_is_that_of_the_stamps():
    stamped = {path.stem: stamp.real_sets(course_of(path)["data"]) for path in NOTEBOOKS}
    listed = stamp.expected_real()
    assert set(listed) <= set(stamped), "tools/real_data.txt names a lesson that is not there"
    for lesson, count in stamped.items():
        assert listed.get(lesson, 0) >= count, f"tools/real_data.txt lacks a line: {lesson} {count}"


@every_notebook
def test_the_colab_cell_is_the_template(path):
    from tools import publish

    cells = [cell["source"] for cell in notebooks.code_cells(notebooks.read(path)) if "colab" in notebooks.tags(cell)]
    assert cells == [publish.colab_cell()], "`python -m tools address URL` rewrites it"


@every_notebook
def test_executed_top_to_bottom_in_a_fresh_kernel(path):
    counts = [cell["execution_count"] for cell in notebooks.code_cells(notebooks.read(path))]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_nothing_went_to_stderr_and_nothing_failed(path):
    assert not [cell["id"] for cell, o in outputs(path, "stream") if o["name"] == "stderr"]
    assert not [cell["id"] for cell, _ in outputs(path, "error")]


@every_notebook
def test_no_traces_of_the_machine(path):
    root, home = str(notebooks.ROOT), str(Path.home())
    for cell, text in texts(path):
        for trace in (root, home, "/tmp/", f"/{getpass.getuser()}/", "0x7f"):
            assert trace not in text, f"cell {cell} shows {trace}"


@every_notebook
def test_claims_are_compared_by_nbval(path):
    made = list(claims(path))
    assert made, "a lesson's takeaways are claims"
    for cell, _ in made:
        assert "nbval-check-output" in notebooks.tags(cell), f"cell {cell['id']} makes a claim without the tag"
        assert cell["execution_count"], f"nbval passes cell {cell['id']} silently when it was never executed"
    for cell in notebooks.code_cells(notebooks.read(path)):
        if "nbval-check-output" in notebooks.tags(cell):
            shown = "".join("".join(o.get("text", "")) for o in cell["outputs"])
            calls = sum(c["id"] == cell["id"] for c, _ in made)
            assert calls and shown.count("✓") + shown.count("–") >= 1, f"cell {cell['id']} is tagged but claims nothing"
            assert all(line[0] in "✓–" for line in shown.splitlines()), f"cell {cell['id']} prints more than claims"


@every_notebook
def test_no_claim_has_its_answer_baked_in(path):
    for cell, call in claims(path):
        truth = call.args[1] if len(call.args) > 1 else next(k.value for k in call.keywords if k.arg == "truth")
        names = [n for n in ast.walk(truth) if isinstance(n, ast.Name | ast.Attribute)]
        assert names, f"cell {cell['id']}: {ast.unparse(truth)} is decided before the data are seen"


def test_at_most_one_claim_in_five_needs_the_real_data():
    made = [call for path in NOTEBOOKS for _, call in claims(path)]
    real_only = [call for call in made if any(keyword.arg == "real" for keyword in call.keywords)]
    assert len(real_only) <= len(made) / 5, f"{len(real_only)} of {len(made)}"


@every_notebook
def test_anatomy(path):
    cells = notebooks.read(path)["cells"]
    first = cells[0]["source"]
    episode, lesson, letter = re.match(r"episode(\d+)_\w+/(\d+)([a-z]?)_", f"{path.parent.name}/{path.stem}").groups()
    number = f"{int(episode)}.{int(lesson)}{letter}"
    assert re.match(rf"# {number} · .+\?", first), f"the title is {number} · and a question"
    for word in ("**Time**", "**Level**", "**Data**", "**Video**", "**Needs**"):
        assert word in first, word
    headings = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown").lower()
    for part in ("you will be able to", "what we showed", "checklist", "glossary", "references", "next"):
        assert part in headings, f"no part called “{part}”"
    assert sum("colab" in notebooks.tags(cell) for cell in cells) == 1
    assert "<b>Predict.</b>" in "".join(cell["source"] for cell in cells), "predict, then reveal"


@every_notebook
def test_the_badge_opens_this_notebook(path):
    from tools import publish

    assert publish.badge(path) in notebooks.read(path)["cells"][0]["source"]


@every_notebook
def test_the_run_header_comes_first(path):
    first = next(iter(outputs(path)), ("", {}))[1]
    assert "".join(first.get("text", "")).startswith("course "), "lesson.header prints the first output"


@every_notebook
def test_cells_have_readable_ids_of_their_own(path):
    ids = [cell["id"] for cell in notebooks.read(path)["cells"]]
    assert len(set(ids)) == len(ids)
    assert not [i for i in ids if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", i)], "ids are slugs, not random"


@every_notebook
def test_figures_have_alternative_text_and_stay_small(path):
    for cell, output in outputs(path):
        picture = output.get("data", {}).get("image/png")
        if picture:
            assert output["metadata"].get("image/png", {}).get("alt"), f"cell {cell['id']}: figure without alt text"
            assert len("".join(picture)) * 3 / 4 <= 400 * KIB, f"cell {cell['id']}: figure over 400 KiB"
    assert path.stat().st_size <= 1.5e6


@every_notebook
def test_no_widget_state(path):
    assert "widgets" not in notebooks.read(path)["metadata"]


@every_notebook
def test_within_time_and_memory(path):
    measured = course_of(path)
    assert measured["seconds"] <= (240 if path.stem in SLOW else 90)
    assert measured["peak_mib"] <= 4096


def test_the_course_as_a_whole_fits_its_time():
    seconds = sorted(course_of(path)["seconds"] for path in NOTEBOOKS)
    assert sum(seconds) <= 25 * 60
    assert seconds[(len(seconds) - 1) // 2] <= 50


@every_notebook
def test_links_to_files_of_the_course_lead_somewhere(path):
    for cell in notebooks.read(path)["cells"]:
        if cell["cell_type"] == "markdown":
            for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", cell["source"]):
                assert (path.parent / target).exists(), f"cell {cell['id']} links to {target}"
