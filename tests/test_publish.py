"""What publishes a lesson, on a small copy of the course: numbers, minutes, maps, new lessons, copies, the address."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import colab, copies, notebook, publish

ROOT = notebook.ROOT
NEW = "episodes/episode03_modeling/06b_my_lesson.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The course without its code, evidence and outputs: what `publish` reads and writes."""
    for place in ("pyproject.toml", "README.md", "CITATION.cff", "utils/exercises/lesson00.py",
                  "tests/exercises/test_lesson00.py", "tests/exercises/conftest.py", "tests/exercises/support.py",
                  "episodes/template.ipynb"):  # fmt: skip
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    for path in [path for kind in ("md", "html", "png", "ipynb") for path in ROOT.glob(f"episodes/*/*.{kind}")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    monkeypatch.setattr(notebook, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(file):
    return [line for line in file.read_text(encoding="utf-8").splitlines() if publish._key(line)]


# ------------------------------------------------------------ a new lesson


def test_a_new_lesson_has_its_number_everywhere(course, capsys):
    before = snapshot(course)
    assert publish.main_new([NEW]) == 0
    said = capsys.readouterr().out
    for name in ("06b_my_lesson.ipynb", "lesson36b.py", "test_lesson36b.py", "README.md"):
        assert name in said
    written = {path.relative_to(course).as_posix() for path in snapshot(course).keys() - before.keys()}
    assert written == {NEW, "utils/exercises/lesson36b.py", "tests/exercises/test_lesson36b.py"}
    content = notebook.read(course / NEW)
    first = content["cells"][0]["source"]
    assert first.startswith("# 3.6b · ") and publish.badge(course / NEW) in first
    assert f"**Time** {5 * round(publish.minutes(content) / 5)} min" in first
    whole = "".join(cell["source"] for cell in content["cells"])
    assert "from utils.exercises import lesson36b as check" in whole and "lesson00" not in whole
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in notebook.code_cells(content))
    assert "course" not in content["metadata"]
    assert "lesson 3.6b" in (course / "utils/exercises/lesson36b.py").read_text(encoding="utf-8")
    tests = (course / "tests/exercises/test_lesson36b.py").read_text(encoding="utf-8")
    assert "lesson 3.6b" in tests and "00" not in tests


@pytest.mark.parametrize(
    ("path", "key", "above", "below"),
    [
        (NEW, (3, 6, "b"), (3, 6, ""), (3, 7, "")),
        ("episodes/episode01_data_pile/05_last.ipynb", (1, 5, ""), (1, 4, ""), (2, 0, "")),
        ("episodes/episode03_modeling/09_planned.ipynb", (3, 9, ""), (3, 8, ""), (4, 0, "")),
    ],
)
def test_its_rows_stand_where_the_number_belongs(course, path, key, above, below):
    front, near = course / "README.md", (course / path).parent / "README.md"
    if "planned" in path:  # a row without a notebook stands there already
        last = rows(near)[-1]
        text = near.read_text(encoding="utf-8")
        near.write_text(text.replace(last, f"{last}\n| 3.9 | What is planned? | none yet | in preparation |"))
    before = rows(front), rows(near)
    publish.new_lesson(Path(path))
    keys = [publish._key(row) for row in rows(front)]
    place = keys.index(key)
    assert keys[place - 1] == above and keys[place + 1] == below and keys == sorted(keys)
    row = rows(front)[place]
    assert f"({path})" in row and publish.UNWRITTEN in row and publish.badge(course / path) in row
    assert [other for other in rows(front) if other != row] == before[0], "no other row changed"
    near_keys = [publish._key(row) for row in rows(near)]
    assert near_keys == sorted(near_keys) and near_keys.count(key) == 1
    assert f"({Path(path).name})" in rows(near)[near_keys.index(key)]


def test_the_new_lesson_and_its_tests_work_as_they_are(course):
    publish.new_lesson(Path(NEW))
    for package in ("utils", "tools"):
        shutil.copytree(ROOT / package, course / package, dirs_exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(course),
               "-p", "no:cacheprovider", "-p", "no:nbval", "tests/exercises/test_lesson36b.py"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(course)}
    result = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "5 passed" in result.stdout, result.stdout + result.stderr


def damage(course, old, new):
    file = course / "episodes/template.ipynb"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


FAULTS = {
    "elsewhere": ("05_mine.ipynb", lambda course: None, "looks like episodes/episode01"),
    "no number": ("episodes/episode01_data_pile/mine.ipynb", lambda course: None, "looks like episodes/episode01"),
    "two letters": ("episodes/episode01_data_pile/01bc_x.ipynb", lambda course: None, "looks like"),
    "outside": ("../episodes/episode01_data_pile/05_x.ipynb", lambda course: None, "no lesson's path"),
    "there": ("episodes/episode01_data_pile/01_explore_dermamnist.ipynb", lambda course: None, "is there already"),
    "number taken": ("episodes/episode01_data_pile/01_other.ipynb", lambda course: None, "is there already"),
    "checks there": (NEW, lambda c: (c / "utils/exercises/lesson36b.py").write_text("mine"), "is there already"),
    "tests there": (NEW, lambda c: (c / "tests/exercises/test_lesson36b.py").write_text("mine"), "already"),
    "no episode": ("episodes/episode05_beyond/01_x.ipynb", lambda course: None, "no table of lessons"),
    "no map": (NEW, lambda course: (course / "README.md").write_text("# Course\n"), "no table of lessons"),
    "no template": (NEW, lambda c: (c / "episodes/template.ipynb").unlink(), "is missing or damaged"),
    "no checks": (NEW, lambda c: (c / "utils/exercises/lesson00.py").unlink(), "lesson00.py is missing"),
    "title gone": (NEW, lambda course: damage(course, "# 0.0 · ", "# "), "is missing or damaged"),
    "badge gone": (NEW, lambda course: damage(course, "colab-badge", "badge"), "is missing or damaged"),
    "time gone": (NEW, lambda course: damage(course, "**Time**", "Time"), "first cell needs the title"),
    "no JSON": (NEW, lambda course: damage(course, '"cells": [', '"cells": [['), "template.ipynb is "),
}


@pytest.mark.parametrize(("path", "fault", "words"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_one_sentence_and_nothing_is_written(course, path, fault, words):
    fault(course)
    before = snapshot(course)
    with pytest.raises(notebook.NotebookError, match=re.escape(words)) as caught:
        publish.main_new([path])
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", "back."))
    assert snapshot(course) == before


def test_new_needs_one_name():
    with pytest.raises(notebook.NotebookError, match="Name one new lesson"):
        publish.main_new([])


# ------------------------------------------------------------ minutes


def cell(kind, source, marks=(), outputs=(), **metadata):
    extra = {"outputs": list(outputs)} if kind == "code" else {}
    return {"cell_type": kind, "source": source, "metadata": {"tags": list(marks), **metadata}, **extra}


HIDDEN = {"jupyter": {"source_hidden": True}}
FIGURE = {"output_type": "display_data", "data": {"image/png": "…"}}
TEXT = {"output_type": "stream", "text": "x"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([cell("markdown", "word " * 180)], 1),
        ([cell("markdown", "[word](https://a.long/address) ![b](c.png) <b>word</b> | · —")], 3 / 180),
        ([cell("code", "x = 1\n\n# a comment\ny = 2")], 0.3),
        ([cell("code", "x = 1\ny = 2", **HIDDEN)], 0),
        ([cell("code", "import sys", ["colab"])], 0),
        ([cell("code", "", outputs=[FIGURE, TEXT, FIGURE])], 1.5),
        ([cell("code", "x = 1", outputs=[FIGURE], **HIDDEN)], 0.75),
        ([cell("markdown", "<details><summary><b>Predict.</b> Which?</summary>\n\nThat.\n</details>")], 0.5 + 3 / 180),
        ([cell("markdown", "<details><summary>Hint</summary>\n\nno word counts\n</details> one")], 1 / 180),
        ([cell("markdown", "<details><summary><b>Solution</b></summary>\n\n```python\nx\n```\n</details>")], 0),
        ([cell("code", "", ["exercise"]), cell("code", "", ["task"]), cell("markdown", "", ["task"])], 14),
    ],
)
def test_minutes_are_counted(cells, expected):
    assert publish.minutes({"cells": cells}) == pytest.approx(expected)


def test_a_second_reading_does_not_count_and_ends_with_its_section():
    long, one = cell("markdown", "word " * 1800), cell("markdown", "one")
    second = cell("markdown", "## 5. More (*second reading*)\n\n" + "word " * 900)
    below, next_ = cell("markdown", "### Deeper\n\nword"), cell("markdown", "## 6\n")
    code = cell("code", "x = 1", outputs=[FIGURE])
    counted = [one, second, long, below, code, next_, one]
    assert publish.minutes({"cells": counted}) == pytest.approx(3 / 180)
    closing = cell("markdown", "**What we showed**")
    assert publish.minutes({"cells": [second, long, closing]}) == pytest.approx(3 / 180)
    assert publish.minutes({"cells": [second, long, cell("markdown", "# 1"), one]}) == pytest.approx(2 / 180)


def test_time_writes_title_and_maps_and_nothing_else(course, capsys):
    lesson = course / "episodes/episode01_data_pile/02_explore_dicom.ipynb"
    raw, near = lesson.read_text(encoding="utf-8"), lesson.parent / "README.md"
    raw = re.sub(r"(?<=\*\*Time\*\* )\d+", "15", raw, count=1)
    lesson.write_text(raw, encoding="utf-8")
    kept = [row.split(" | ")[2] for row in rows(near)]
    computed = publish.minutes(notebook.read(lesson))
    assert publish.main_time(["02_explore_dicom"]) == 0
    assert f"{computed:.0f} min" in capsys.readouterr().out
    minutes = f"{5 * round(computed / 5)} min"
    assert lesson.read_text(encoding="utf-8") == raw.replace("**Time** 15 min", f"**Time** {minutes}", 1)
    for file in (near, course / "README.md"):
        row = next(row for row in rows(file) if publish._key(row) == (1, 2, ""))
        assert f"| {minutes} |" in row
    assert [row.split(" | ")[2] for row in rows(near)] == kept, "what the map says of the data stays"
    after = snapshot(course)
    assert publish.main_time(["02_explore_dicom"]) == 0 and snapshot(course) == after, "twice is once"


def test_time_makes_the_rows_that_are_missing(course):
    file = course / "README.md"
    text = file.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| 2.2 |"))
    file.write_text(text.replace(row + "\n", ""), encoding="utf-8")
    publish.main_time(["02_where_a_pixel_is"])
    keys = [publish._key(line) for line in rows(file)]
    assert keys == sorted(keys) and (2, 2, "") in keys


@pytest.mark.parametrize(
    ("old", "new"), [("# 1.2 · ", "# "), ("# 1.2 · ", "# 1.3 · "), ("**Time** 60 min", "**Time** an hour")]
)
def test_a_title_without_number_or_time_is_one_sentence(course, old, new):
    lesson = course / "episodes/episode01_data_pile/02_explore_dicom.ipynb"
    text = re.sub(r"\*\*Time\*\* \d+ min", "**Time** 60 min", lesson.read_text(encoding="utf-8"))
    assert old in text
    lesson.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = snapshot(course)
    with pytest.raises(notebook.NotebookError, match="first cell needs the title “# 1.2 ·"):
        publish.main_time(["02_explore_dicom"])
    assert snapshot(course) == before


# ------------------------------------------------------------ copies, address, Colab, JupyterLab


def said_of(course, name):
    (sentence,) = [sentence for sentence in copies.make_copies() if name in sentence] or [""]
    return sentence


def changed(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_copies_come_without_results_and_are_never_overwritten(course, capsys):
    count = len(notebook.all_notebooks())
    assert f"{count} lessons copied" in copies.make_copies()[0]
    made = sorted((course / "work").rglob("*.ipynb"))
    assert len(made) == count
    for copy in made:
        content = notebook.read(copy)
        assert not any(c["outputs"] or c["execution_count"] for c in notebook.code_cells(content))
        assert "course" not in content["metadata"] and "colab-badge" not in copy.read_text(encoding="utf-8")
        original = notebook.read(course / "episodes" / copy.parent.name / copy.name)
        assert [c["source"] for c in content["cells"][1:]] == [c["source"] for c in original["cells"][1:]]
        assert any(c["outputs"] for c in notebook.code_cells(original)), "the original keeps its own"
    made[0].write_text("mine")
    made[1].unlink()
    assert copies.main_copies([]) == 0
    out = capsys.readouterr().out
    assert f"1 lessons copied into work/, {count - 1} copies of yours" in out and "make lab" in out
    assert made[0].read_text() == "mine" and made[1].is_file()


def test_the_map_and_the_pages_lead_to_what_is_there(course):
    copies.make_copies()
    for page in sorted((course / "work").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        assert "](http" not in "".join(re.findall(r"!\[[^\]]*\]\([^)]*\)", text)), "no picture from the network"
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
            if "://" not in link and not link.startswith("../data"):
                assert (page.parent / link).exists(), (page.name, link)
    first = (course / "work" / "README.md").read_text(encoding="utf-8")
    assert first.startswith("# Start here") and "episodes/episode" not in first
    lessons = re.findall(r"\]\((episode\d\d_\w+/\w+\.ipynb)\)", first)
    assert len(lessons) == len(notebook.all_notebooks())


def test_saving_and_running_is_no_change_and_an_update_renews(course):
    copies.make_copies()
    copy, original = (course / part / "episode01_data_pile" / "02_explore_dicom.ipynb" for part in ("work", "episodes"))
    content = json.loads(copy.read_text(encoding="utf-8"))
    content["metadata"] = {"language_info": {"name": "python"}, **content["metadata"], "widgets": {}}
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])  # as some editors write it
        if cell["cell_type"] == "code":
            cell.update(outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}], execution_count=7)
    content["cells"].append({"cell_type": "code", "id": "z", "metadata": {}, "source": [], "outputs": [],
                             "execution_count": None})  # fmt: skip
    copy.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
    ran = copy.read_bytes()
    assert said_of(course, "02_explore") == "" and copy.read_bytes() == ran, "nothing new: the results stay"
    changed(original, "import pydicom", "import pydicom  # new")
    assert "1 files renewed" in copies.make_copies()[0]
    assert "import pydicom  # new" in copy.read_text(encoding="utf-8")


def test_a_changed_copy_stays_and_the_new_version_is_put_beside_it(course):
    copies.make_copies()
    copy, original = (course / part / "episode01_data_pile" / "02_explore_dicom.ipynb" for part in ("work", "episodes"))
    changed(copy, "import pydicom", "import pydicom as mine")
    mine = copy.read_bytes()
    assert said_of(course, "02_explore") == "" and copy.read_bytes() == mine
    changed(original, "import pydicom", "import pydicom  # new")
    said = said_of(course, "02_explore")
    assert said == ("work/episode01_data_pile/02_explore_dicom.ipynb has your changes and stays; its new version is "
                    "02_explore_dicom.new.ipynb beside it.")  # fmt: skip
    assert copy.read_bytes() == mine and said_of(course, "02_explore") == "", "said once"
    assert "# new" in copy.with_name("02_explore_dicom.new.ipynb").read_text(encoding="utf-8")


def test_what_is_written_into_a_new_version_or_into_the_map_is_never_lost(course):
    copies.make_copies()
    copy, original = (course / part / "episode01_data_pile" / "02_explore_dicom.ipynb" for part in ("work", "episodes"))
    changed(copy, "import pydicom", "import pydicom as mine")
    changed(original, "import pydicom", "import pydicom  # second")
    copies.make_copies()
    second = copy.with_name("02_explore_dicom.new.ipynb")
    changed(second, "# second", "# second, with my answers")
    changed(original, "# second", "# third")
    assert "02_explore_dicom.new2.ipynb beside it" in said_of(course, "02_explore")
    assert "my answers" in second.read_text(encoding="utf-8")
    assert "# third" in copy.with_name("02_explore_dicom.new2.ipynb").read_text(encoding="utf-8")
    page = course / "work" / "README.md"
    page.write_text(page.read_text(encoding="utf-8") + "\nmy notes\n", encoding="utf-8")
    assert said_of(course, "work/README.md") == "" and "my notes" in page.read_text(encoding="utf-8")
    changed(course / "README.md", "What is in a file?", "What is in this file?")
    assert "README.new.md beside it" in said_of(course, "work/README.md")
    assert "my notes" in page.read_text(encoding="utf-8")


def test_a_release_or_an_empty_cell_is_no_change_and_an_empty_file_is_named(course, monkeypatch):
    copies.make_copies()
    copy, original = (course / part / "episode01_data_pile" / "02_explore_dicom.ipynb" for part in ("work", "episodes"))
    mine = copy.with_name("03_split_and_leak.ipynb")
    changed(mine, "import numpy", "import numpy as mine")
    monkeypatch.setattr(publish, "__version__", "9.9")
    publish.move_address(publish.address())
    (counted,) = copies.make_copies()
    assert "renewed" not in counted, "a new tag in the Colab cell changes no lesson"
    content = json.loads(copy.read_text(encoding="utf-8"))
    content["cells"].append({"cell_type": "code", "id": "z", "metadata": {}, "source": ["\n"], "outputs": [],
                             "execution_count": None})  # fmt: skip
    copy.write_text(json.dumps(content), encoding="utf-8")
    changed(original, "import pydicom", "import pydicom  # new")
    assert "1 files renewed" in copies.make_copies()[0]
    copy.write_text("", encoding="utf-8")
    assert "no whole notebook any more: it stays" in said_of(course, "02_explore")


def test_a_ticked_checklist_a_lesson_that_is_gone_and_a_lost_record(course):
    copies.make_copies()
    ticked = course / "work" / "episode01_data_pile" / "checklist.md"
    changed(ticked, "| ☐ |", "| ☑ |")
    mine = ticked.read_bytes()
    (course / "episodes" / "episode01_data_pile" / "02_explore_dicom.ipynb").unlink()
    said = copies.make_copies()
    assert ticked.read_bytes() == mine
    assert any("no lesson of the course any more: it stays" in sentence for sentence in said)
    (course / "work" / copies.RECORD).unlink()  # as an earlier version left it
    other = course / "work" / "episode02_domain_specifics" / "02_where_a_pixel_is.ipynb"
    changed(course / "episodes" / "episode02_domain_specifics" / other.name, "import numpy", "import numpy  # new")
    before = other.read_bytes()
    assert "beside it" in said_of(course, "02_where") and other.read_bytes() == before, "nobody knows whose it is"


def test_a_fork_moves_the_address_everywhere(course):
    slug = publish.address().removeprefix("https://github.com/")
    changed = publish.move_address("https://github.com/somebody/fork")
    assert publish.address() == "https://github.com/somebody/fork"
    assert course / "README.md" in changed
    texts = [f for f in course.rglob("*") if f.suffix in (".md", ".ipynb", ".toml", ".cff")]
    assert len(texts) > 15 and not [f for f in texts if slug in f.read_text(encoding="utf-8")]
    for path in notebook.all_notebooks():
        assert publish.badge(path) in path.read_text(encoding="utf-8")
        assert [c["source"] for c in notebook.read(path)["cells"] if "colab" in notebook.tags(c)] == [
            publish.colab_cell()
        ]
    with pytest.raises(notebook.NotebookError, match="not an address"):
        publish.main_address(["https://example.org/x"])


def test_without_an_address_only_colab_cells_that_differ_are_rewritten(course, monkeypatch):
    assert publish.move_address(publish.address()) == []
    monkeypatch.setattr(publish, "__version__", "9.9")
    before = snapshot(course)
    changed = publish.move_address(publish.address())
    assert len(changed) == len(notebook.all_notebooks()) + 1
    for path in changed:
        old, new = json.loads(before[path]), json.loads(path.read_text(encoding="utf-8"))
        assert old["metadata"] == new["metadata"]
        differ = [b for a, b in zip(old["cells"], new["cells"], strict=True) if a != b]
        assert [notebook.tags(c) for c in differ] == [["colab"]] and "v9.9" in "".join(differ[0]["source"])


def test_the_colab_cell_does_nothing_elsewhere():
    code, before = publish.colab_cell(), list(sys.path)
    assert max(map(len, code.splitlines())) <= 100
    exec(code, {})
    assert sys.path == before


@pytest.fixture
def colab_machine(tmp_path, monkeypatch):
    """The cell's code as on Colab, with a folder in place of /content and a repository in place of GitHub's."""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    repository, content = tmp_path / "github", tmp_path / "content"
    (repository / "tools").mkdir(parents=True)
    content.mkdir()
    (repository / "tools" / "colab.py").write_text("print('installed')")
    git = ["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "the course"]):
        subprocess.run([*git, *command], check=True)
    code = publish.colab_cell().replace(publish.address(), repository.as_uri())
    return code.replace("/content", content.as_posix()), git, content


def test_the_colab_cell_takes_the_tag_or_else_the_newest(colab_machine, capfd):
    code, git, content = colab_machine
    exec(code, {})
    said = capfd.readouterr()
    assert "was not found: trying the newest" in said.out and "installed" in said.out and not said.err
    assert sys.path[0] == (content / "course").as_posix()
    exec(code, {})
    assert capfd.readouterr().out == "installed\n" and sys.path.count(sys.path[0]) == 1, "twice in a row"
    shutil.rmtree(content / "course")
    subprocess.run([*git, "tag", f"v{publish.__version__}"], check=True)
    exec(code, {})
    assert capfd.readouterr().out == "installed\n"


def test_without_a_network_the_colab_cell_says_one_sentence(colab_machine, capfd):
    code, git, content = colab_machine
    with pytest.raises(SystemExit, match="is there a network. Run this cell again"):
        exec(code.replace("file://", "file:///nowhere"), {})
    assert not capfd.readouterr().err
    (content.parent / "github" / "tools" / "colab.py").write_text("import sys; sys.exit(3)")
    subprocess.run([*git, "commit", "-qam", "broken"], check=True)
    with pytest.raises(SystemExit, match="not complete"):
        exec(code, {})


class _Done:
    returncode = 0


class _Failed:
    returncode = 128


def test_colab_installs_only_what_is_missing(monkeypatch):
    wanted = "numpy>=1.26\njupyterlab>=4\nsurely-not-installed>=1  # why\n# a comment\n-e .\n"
    assert colab.missing(wanted) == ["surely-not-installed>=1"]
    assert colab.missing("Scikit_Learn>=1\nscikit.image>=999\nPillow>999\n") == ["scikit.image>=999", "Pillow>999"]
    assert colab.missing("torch>999\nnumpy>999\nnbval>999") == [], "what must be left alone, and what is not needed"
    assert colab.missing("pytest_xdist[psutil]\ndask[no-such-extra]") == []
    assert colab.missing('surely-not-installed; sys_platform == "nowhere"') == []
    seen = {}
    monkeypatch.setattr(colab, "missing", lambda text: ["surely-not-installed>=1"])
    monkeypatch.setattr(colab.subprocess, "run", lambda command, check: seen.update(command=command) or _Done())
    assert colab.main() == 0
    pins = Path(seen["command"][seen["command"].index("--constraint") + 1]).read_text(encoding="utf-8")
    import numpy
    import torch

    assert f"numpy=={numpy.__version__}" in pins and f"torch=={torch.__version__.split('+')[0]}" in pins


def test_colab_lacks_nothing_that_only_the_tests_need():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").partition("check the course")[2]
    assert {"pytest", "pytest-xdist", "nbval", "ruff"} <= colab.NOT_NEEDED
    assert set(re.findall(r"^([\w-]+)>", text, flags=re.MULTILINE)) <= colab.NOT_NEEDED


def test_jupyterlab_reads_its_settings_beside_its_door():
    from tools import lab

    folder = Path(next(option.partition("=")[2] for option in lab.LANDING if "app_settings_dir" in option))
    settings = json.loads((folder / "overrides.json").read_text(encoding="utf-8"))
    assert any("Markdown Preview" in str(value) for value in settings.values())
    assert not (ROOT / "utils" / "lab").exists()
