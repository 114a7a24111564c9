"""What the front door promises: the map, the address, the requirements, the checklist, the rooms."""
from __future__ import annotations

import ast
import importlib
import re
import tomllib

import pytest

from utils import notebooks

ROOT = notebooks.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOTEBOOKS = notebooks.all_notebooks()
MARKDOWN = sorted({*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("episodes/**/*.md")})


def stated_time(path):
    return re.search(r"\*\*Time\*\* (\d+ min)", notebooks.read(path)["cells"][0]["source"]).group(1)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_map_shows_every_lesson_with_its_question_time_and_badge(path):
    title = notebooks.read(path)["cells"][0]["source"].splitlines()[0].removeprefix("# ")
    number, question = title.split(" · ")
    target = path.relative_to(ROOT).as_posix()
    row = next(line for line in README.splitlines() if f"({target})" in line)
    assert number in row and question in row and stated_time(path) in row
    assert notebooks.badge(path) in row
    episode = (path.parent / "README.md").read_text(encoding="utf-8")
    row = next(line for line in episode.splitlines() if f"({path.name})" in line)
    assert number in row and question in row and stated_time(path) in row


def test_the_repository_has_one_address():
    found = set()
    for file in [*MARKDOWN, ROOT / "CITATION.cff", *NOTEBOOKS]:
        text = file.read_text(encoding="utf-8")
        found |= set(re.findall(r"https://github\.com/[\w-]+/bender-course", text))
        badges = re.findall(r"colab\.research\.google\.com/github/([\w-]+/[\w-]+)", text)
        found |= {f"https://github.com/{slug}" for slug in badges}
    assert found <= {notebooks.address()}


@pytest.mark.parametrize("file", MARKDOWN, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(file):
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target


def names(requirements):
    lines = [line.partition("#")[0].strip() for line in requirements.splitlines()]
    return {re.split(r"[<>=!~\[]", line)[0].lower(): line for line in lines if line and not line.startswith("-")}


def test_what_was_tested_lies_within_what_is_asked_for():
    from packaging.requirements import Requirement

    asked = names((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    tested = names((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    for name, line in asked.items():
        assert name in tested, f"constraints.txt names no version of {name}"
        version = Requirement(tested[name]).specifier
        assert next(iter(version)).version in Requirement(line).specifier, (line, tested[name])
        assert "<" not in line and "==" not in line, "ranges stay open at the top: Colab sets its own versions"


def test_pip_and_conda_install_the_same():
    conda = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "-r requirements.txt" in conda and "-c constraints.txt" in conda
    assert (ROOT / "requirements.txt").read_text(encoding="utf-8").rstrip().endswith("-e .")


def test_every_folder_of_utils_is_installed():
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {".".join(f.parent.relative_to(ROOT).parts) for f in (ROOT / "utils").rglob("__init__.py")}
    assert folders == set(configuration["tool"]["setuptools"]["packages"])


ROOMS = ["clinic", "dicom", "sources", "files", "archives", "datasets", "audit", "figures", "lesson",
         "evidence", "models", "augment", "training", "recipes", "bench", "exercises", "notebooks"]  # fmt: skip


def room(module):
    return module.split(".")[1] if "." in module else ""


def test_imports_run_one_way():
    """A room imports only from rooms above it in CONTRIBUTING.md's table; fingerprint, colab and lab stand aside."""
    for file in (ROOT / "utils").rglob("*.py"):
        here = file.relative_to(ROOT / "utils").with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for module in modules:
                assert not module.startswith(("tests", "episodes")), file
                if module.startswith("utils.") and here in ROOMS and room(module) in ROOMS and room(module) != here:
                    assert ROOMS.index(room(module)) < ROOMS.index(here), f"{file.name} imports {module}"


def test_contributing_names_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for entry in (ROOT / "utils").iterdir():
        if (entry.suffix == ".py" or entry.is_dir()) and not entry.name.startswith("__"):
            assert f"`{entry.name}" in text, entry.name


CHECKLISTS = sorted(ROOT.glob("episodes/*/checklist.md"))


@pytest.mark.parametrize("file", CHECKLISTS, ids=lambda file: file.parent.name)
def test_the_checklist_names_code_that_exists_and_lessons_that_exist(file):
    text = file.read_text(encoding="utf-8")
    for module, name in re.findall(r"\b(dicom|audit|figures|datasets)\.(\w+)\(", text):
        assert hasattr(importlib.import_module(f"utils.{module}"), name), f"{module}.{name}"
    rows = [line for line in text.splitlines() if line.startswith("| ☐") and "| question |" not in line]
    assert len(rows) >= 7
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5 and all(cells), row
        assert cells[1].endswith("?") and "`" in cells[3], row
        assert re.search(r"\d\.\d", cells[4]), row


@pytest.mark.parametrize("file", CHECKLISTS, ids=lambda file: file.parent.name)
def test_the_printable_page_is_the_checklist(file):
    assert file.with_suffix(".html").read_text(encoding="utf-8") == notebooks.printable(file)


def test_committed_text_files_end_their_lines_the_same_way():
    for file in [*MARKDOWN, *NOTEBOOKS]:
        assert b"\r" not in file.read_bytes(), file
