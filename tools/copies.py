"""The learner's copies: `work/` holds every lesson without results, the map, and the pages beside the lessons.

What the learner has not changed is renewed by the next call; what they have changed stays, and the new version is put
beside it. Changed is what code or text says, not outputs, counts or what JupyterLab writes into a file when it saves.
"""
from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
from pathlib import Path

from tools import notebook
from tools.notebook import NotebookError, all_notebooks, label, read, tags, write_whole

RECORD = ".origins.json"  # {file in work/: the mark of what was copied}
PAGES = ("README.md", "checklist.md", "checklist.html", "glossary.md", "train.py")  # beside the lessons of an episode
PICTURES = "*.png"  # that these pages show
BADGE = re.compile(r"\n?\[!\[Open in Colab\].*\n?")  # a picture from the network, and a way to another copy
LINK = re.compile(r"\]\(episodes/")
START = """# Start here

These are **your copies**: change what you like, nothing here is overwritten. They come without results, so that you
guess before you see. Open 1.1 in the map and run it cell by cell with Shift-Enter.

- *Reopened a lesson?* Nothing has run yet: *Run, Run All Above Selected Cell*.
- *Machine slow?* Each open lesson keeps its memory: *Kernel, Shut Down* when you leave one.
- *An update?* `git pull`, then `make lab` again: lessons that you have not changed are renewed, a new version of one
  that you have changed is put beside yours. The originals, with their results, are in the folder `episodes`.

"""


def without_results(path: Path) -> str:
    """The text of a notebook without outputs, execution counts and stamp."""
    content = read(path)
    content["metadata"].pop("course", None)
    for cell in content["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _lesson(path: Path) -> str:
    """The text of a lesson's copy: without results, and without the badge, which needs the network."""
    content = json.loads(without_results(path))
    first = content["cells"][0]
    first["source"] = BADGE.sub("\n", "".join(first["source"])).splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _mark(text: str, name: Path) -> str:
    """A hash of what a file says: of a notebook, kind and text of its cells. Raises ValueError where it is damaged.

    Left out are empty cells, which running the last cell adds, and the Colab cell, which changes with each release.
    """
    if name.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if "colab" not in tags(cell)]
        said = [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in cells]
        text = json.dumps([one for one in said if one[1]])
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


def the_map() -> str:
    """The page on which JupyterLab opens: the course's map with links to the copies."""
    text = (notebook.ROOT / "README.md").read_text(encoding="utf-8")
    table, rest = text.partition("## The map")[2].partition("\n## ")[::2]
    rows = [re.sub(r"\[!\[.*$", "|", line) if line.startswith("|") else line for line in table.splitlines()]
    rows = [row.replace("| time | |", "| time | video |") for row in rows]
    works = "## " + rest.partition("\n## ")[0] if rest.startswith("How a lesson works") else ""
    body = LINK.sub("](", "\n".join(rows))
    cards = "The data cards are in [data/README.md](../data/README.md).\n"
    return f"{START}## The map{body}\n\n{works}".rstrip() + f"\n\n{cards}"


def make_copies(folder: Path | None = None) -> list[str]:
    """Make or renew the copies; returns what there is to say, one sentence each, the count of lessons first."""
    folder = folder or notebook.ROOT / "work"
    record = _record(folder)
    wanted = {path.relative_to(notebook.ROOT / "episodes"): _lesson(path) for path in all_notebooks()}
    lessons = len(wanted)
    for page in PAGES:
        for path in sorted(notebook.ROOT.glob(f"episodes/*/{page}")):
            wanted[path.relative_to(notebook.ROOT / "episodes")] = path.read_text(encoding="utf-8")
    wanted[Path("README.md")] = the_map()
    said, made, renewed = [], 0, 0
    for name, text in wanted.items():
        copy, key, new = folder / name, name.as_posix(), _mark(text, name)
        if not copy.exists():
            _write(copy, text)
            record[key], made = new, made + (copy.suffix == ".ipynb")
            continue
        try:
            now = _mark(copy.read_text(encoding="utf-8"), name)
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            said.append(f"{label(copy)} is no whole notebook any more: it stays; move it away for a fresh one.")
            continue
        if now in (new, record.get(key)):
            if now != new:
                _write(copy, text)
                renewed += 1
            record[key] = new
        elif record.get(key) != new:
            beside = _free(copy)
            _write(beside, text)
            why = "has your changes" if key in record else "has no note of its origin"
            record[key] = new
            said.append(f"{label(copy)} {why} and stays; its new version is {beside.name} beside it.")
    gone = [key for key in record if key not in {name.as_posix() for name in wanted}]
    for key in gone:
        del record[key]
        if (folder / key).exists():
            said.append(f"{label(folder / key)} is no lesson of the course any more: it stays, and you may delete it.")
    for path in sorted(notebook.ROOT.glob(f"episodes/*/{PICTURES}")):
        copy = folder / path.relative_to(notebook.ROOT / "episodes")
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            shutil.copyfile(path, copy)
    _write(folder / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")
    kept = f"{made} lessons copied into work/, {lessons - made} copies of yours left as they are"
    return [kept + (f", {renewed} files renewed" if renewed else "") + ".", *said]


def _free(copy: Path) -> Path:
    """A name beside a copy that no file has: the learner may have worked in an earlier new version."""
    names = (copy.with_name(f"{copy.stem}.new{n if n > 1 else ''}{copy.suffix}") for n in itertools.count(1))
    return next(name for name in names if not name.exists())


def _record(folder: Path) -> dict[str, str]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}
    except (OSError, ValueError):  # not there, or of an earlier version
        return {}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
            write_whole(path, text)
    except OSError as error:
        raise NotebookError(f"{label(path)} cannot be written ({error.strerror}): free it, and try again.") from None


def main_copies(names: list[str]) -> int:
    for sentence in make_copies():
        print(sentence)
    print("Open them with `make lab`: it begins on work/README.md.")
    return 0
