"""What a reader meets of a lesson: its number, minutes, badge and Colab cell, its rows in the maps."""
from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from tools import notebook
from tools.copies import main_copies as main_copies
from tools.copies import without_results
from tools.notebook import NotebookError, all_notebooks, label, read, tags, write_whole
from utils import __version__

HERE = Path(__file__).resolve().parent
LESSON = re.compile(r"episodes/episode(\d\d)_\w+/(\d\d)([a-z]?)_\w+\.ipynb")
EXAMPLE = "episodes/episode01_data_pile/05_my_lesson.ipynb"
UNWRITTEN = "*what you leave with*"  # `make new` puts it into the map; a test asks for better
# minutes each: 180 words a minute, 6 s a visible line of code, 45 s a figure, 30 s a prediction
PACE = {"word": 1 / 180, "line": 0.1, "figure": 0.75, "predict": 0.5, "task": 3, "exercise": 8}
HINTS = re.compile(r"<details><summary>(<b>)?(Hint|Solution).*?</details>", flags=re.DOTALL)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def write_changed(texts: dict[Path, str]) -> list[Path]:
    """Write those files whose text is another than before; returns them."""
    changed = [path for path, text in texts.items() if not path.exists() or text_of(path) != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, texts[path])
    return changed


# ------------------------------------------------------------ address and Colab


def address() -> str:
    """The repository's own address; it stands in pyproject.toml and nowhere else by hand."""
    return tomllib.loads(text_of(notebook.ROOT / "pyproject.toml"))["project"]["urls"]["Repository"]


def colab_cell() -> str:
    """The Colab cell, identical in every notebook."""
    cell = text_of(HERE / "colab_cell.txt").rstrip()
    return cell.replace("ADDRESS", address()).replace("VERSION", __version__)


def badge(path: Path) -> str:
    """The line of a notebook that opens it in Colab."""
    site, slug = "https://colab.research.google.com", address().removeprefix("https://github.com/")
    target = f"{site}/github/{slug}/blob/main/{path.relative_to(notebook.ROOT).as_posix()}"
    return f"[![Open in Colab]({site}/assets/colab-badge.svg)]({target})"


def move_address(new: str) -> list[Path]:
    """Rewrite the repository's address in every text file, and the Colab cell of every notebook.

    Returns the files that changed. Raises NotebookError: `new` is no https://github.com/owner/repository.
    """
    home, root = "https://github.com/", notebook.ROOT
    if not re.fullmatch(home + r"[\w.-]+/[\w.-]+", new):
        raise NotebookError(f"{new} is not an address of the form {home}owner/repository.")
    old = rf"{re.escape(address().removeprefix(home))}(?![\w-])"
    places = ["*.toml", "*.md", "*.cff", "data/*.md", "episodes/**/*.md", "episodes/**/*.ipynb", ".github/**/*"]
    files = sorted({file for place in places for file in root.glob(place) if file.is_file()})
    changed = write_changed({f: re.sub(old, new.removeprefix(home), text_of(f)) for f in files})
    texts = {}
    for path in [*all_notebooks(), root / "episodes" / "template.ipynb"]:
        read(path)  # says in a sentence what is wrong with it
        content = json.loads(text_of(path))  # as it stands: nothing but the Colab cell changes
        for cell in content["cells"]:
            if "colab" in tags(cell):
                cell["source"] = colab_cell().splitlines(keepends=True)
        texts[path] = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    return sorted({*changed, *write_changed(texts)})


def number(path: Path) -> str:
    """A lesson's number by its path, such as 3.1 or 3.1b. Raises NotebookError where it has none."""
    found = LESSON.fullmatch(label(path))
    if not found:
        raise NotebookError(f"{label(path)} is no lesson's path: that looks like {EXAMPLE}, or 05b_….")
    return f"{int(found[1])}.{int(found[2])}{found[3]}"


def minutes(content: dict[str, Any]) -> float:
    """The minutes to read a lesson and do what it asks, by PACE.

    Not counted: hints and solutions (the exercise has its time), collapsed code, the Colab cell, and sections
    whose heading says "second reading", up to the next heading as high or to "What we showed".
    """
    spent, depth = 0.0, 0  # of the heading whose section is left out
    for cell in content["cells"]:
        text, marks = cell["source"], tags(cell)
        heading = re.match(r"(#+) .*|\*\*What we showed", text)
        if heading and len(heading[1] or "") <= (depth or 9):
            depth = len(heading[1] or "") if "second reading" in heading[0].lower() else 0
        if depth or "colab" in marks:
            continue
        spent += sum(PACE[mark] for mark in marks if mark in ("task", "exercise"))
        if cell["cell_type"] == "markdown":
            text = HINTS.sub("", text)
            spent += PACE["predict"] * text.count("<b>Predict")
            words = re.sub(r"\]\(\S*?\)|<[^>]*>", " ", text).split()
            spent += PACE["word"] * sum(bool(re.search(r"\w", word)) for word in words)
        else:
            spent += PACE["figure"] * sum("image/png" in o.get("data", {}) for o in cell["outputs"])
            shown = not cell["metadata"].get("jupyter", {}).get("source_hidden")
            spent += PACE["line"] * shown * sum(bool(line.strip()) for line in text.splitlines())
    return spent


def timed(path: Path) -> dict[Path, str]:
    """The texts, by file, of a lesson and the two maps that name it, when they say the minutes computed.

    Both are rounded to five. A row of the map that is not there yet is made; what a row says that no title
    line says (what you leave with, the data in short) stays. Raises NotebookError: see the sentences.
    """
    content, own, front, near = read(path), number(path), notebook.ROOT / "README.md", path.parent / "README.md"
    said = re.match(rf"# {own} · (.+)[^*]*\*\*Time\*\* \d+ min · .*\*\*Data\*\* (.+?) · ",
                    content["cells"][0]["source"])  # fmt: skip
    if not said:
        raise NotebookError(f"{label(path)}: the first cell needs the title “# {own} · a question?” and the line "
                            "“**Time** 60 min · …” with its parts, as in episodes/template.ipynb.")  # fmt: skip
    time = f"{max(5, 5 * round(minutes(content) / 5))} min"
    row = f"| {own} | [{said[1]}]({label(path)}) | KEPT | {time} | {badge(path)} |"
    short = f"| [{own}]({path.name}) | {said[1]} | KEPT | {time} |"
    return {
        path: re.sub(r"(?<=\*\*Time\*\* )\d+ min", time, text_of(path), count=1),  # all else to the byte
        front: with_row(front, row, UNWRITTEN),
        near: with_row(near, short, said[2]),
    }


def with_row(file: Path, row: str, default: str) -> str:
    """The text of a map with this row in place of the one of its number, or where its number belongs.

    The row's KEPT is what the old row's third cell says, else with `default`.
    """
    if not file.is_file() or "|---" not in text_of(file):
        raise NotebookError(f"{label(file)} has no table of lessons: write it first.")
    lines = text_of(file).splitlines()
    keys = {_key(line): place for place, line in enumerate(lines)}
    if _key(row) in keys:
        place = keys[_key(row)]
        lines[place] = row.replace("KEPT", (lines[place].split(" | ") + [default] * 3)[2])
    else:
        keys[()] = [line[:4] for line in lines].index("|---")
        place = keys[max(key for key in keys if key < _key(row))]
        lines.insert(place + 1, row.replace("KEPT", default))
    return "\n".join(lines) + "\n"


def _key(row: str) -> tuple:
    """(3, 1, "b") for the row of lesson 3.1b, (3, 0, "") for that of Episode 3, () for any other line."""
    found = re.match(r"\| (?:\[?(\d)\.(\d+)([a-z]?)\W|\| \*\*\[?Episode (\d))", row)
    return (int(found[1] or found[4]), int(found[2] or 0), found[3] or "") if found else ()


# ------------------------------------------------------------ new lessons, pages


def new_lesson(path: Path) -> list[Path]:
    """Start a lesson: the template's notebook, checks and tests with its own number, and its rows in both maps.

    Raises:
        NotebookError: the path is no lesson's, something of that number is there, or the template is damaged.
    """
    root, path = notebook.ROOT, path.resolve()
    own, slug = number(path), "lesson" + number(path).replace(".", "")
    pattern = root / "episodes" / "template.ipynb"
    targets = {
        pattern: path,
        root / "utils/exercises/lesson00.py": root / f"utils/exercises/{slug}.py",
        root / "tests/exercises/test_lesson00.py": root / f"tests/exercises/test_{slug}.py",
    }
    there = [file for file in targets.values() if file.exists()]
    there += [other for other in all_notebooks() if number(other) == own]
    if there:
        raise NotebookError(f"{label(there[0])} is there already: take another number, or add a letter to it.")
    lost = [file for file in targets if not file.is_file()]
    change = {"# 0.0 · ": f"# {own} · ", badge(pattern): badge(path), "lesson00": slug}
    if lost or any(old not in text_of(pattern) for old in change):
        name = label([*lost, pattern][0])
        raise NotebookError(f"{name} is missing or damaged: `git checkout {name}` brings it back.")
    change |= {label(pattern): label(path), "lesson 0.0": f"lesson {own}"}
    texts = {path: without_results(pattern)}
    for source, target in targets.items():
        texts[target] = texts.get(target) or text_of(source)
        for old, new in change.items():
            texts[target] = texts[target].replace(old, new)
    for readme in (root / "README.md", path.parent / "README.md"):
        with_row(readme, f"| {own} |", "")  # before anything is written: is there a map?
    written = write_changed(texts)
    try:
        return list(dict.fromkeys(written + write_changed(timed(path))))
    except NotebookError:
        for file in written:
            file.unlink()
        raise


def printable(checklist: Path) -> str:
    """A checklist as one HTML page for the printer."""
    import mistune

    text = text_of(checklist)
    body = mistune.create_markdown(plugins=["table"])(text)
    return text_of(HERE / "page.html").format(title=text.splitlines()[0].removeprefix("# "), body=body)


# ------------------------------------------------------------ commands of `python -m tools`


def main_new(names: list[str]) -> int:
    if len(names) != 1:
        raise NotebookError(f"Name one new lesson: make new NB={EXAMPLE}.")
    for file in new_lesson(Path(names[0])):
        print(f"wrote {label(file)}")
    print(f"Write the lesson; say in README.md's map what you leave with; then `make run NB={Path(names[0]).stem}`.")
    return 0


def main_print(names: list[str]) -> int:
    lists = sorted(notebook.ROOT.glob("episodes/*/checklist.md"))
    write_changed({path.with_suffix(".html"): printable(path) for path in lists})
    print(f"{len(lists)} checklists are pages for the printer")
    return 0


def main_address(names: list[str]) -> int:
    changed = move_address(names[0] if names else address())
    print(f"{len(changed)} files changed; the course is at {address()}")
    return 0


def main_time(names: list[str]) -> int:
    paths = [notebook.find(name) for name in names] or all_notebooks()
    for path in paths:
        changed = write_changed(timed(path))
        print(f"{label(path)}: {minutes(read(path)):.0f} min" + ", now written" * bool(changed))
    return 0
