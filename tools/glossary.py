"""The glossary: what is read out of it, and what in it follows from its entries and from the lessons.

An entry is "### term" and one paragraph. The order of the entries, their *Lesson* lines, the jump lines, the list of
other names and the addresses of the lessons are derived, and so are the links of the terms that a lesson lists as met;
`python -m tools glossary` writes them anew.
"""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tools import notebook, publish

FILE = notebook.ROOT / "episodes" / "episode02_domain_specifics" / "glossary.md"
PARTS = ["Clinical words for engineers", "Technical words for clinicians"]
PLANNED, NOWHERE = " (in preparation)", "not used here"


def key(name: str) -> str:
    """A name without case, plural, possessive and punctuation: 'Near-duplicates' and 'near duplicate' are one."""
    name = re.sub(r"['’]s\b", "", name.casefold()).replace("’", "'")
    return " ".join(_singular(word) for word in re.findall(r"[^\W_]+", name))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and re.search(r"(ch|sh|x|ss)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and re.search(r"[^suia]s$", word) else word


# ------------------------------------------------------------ reading


def section(title: str, text: str) -> str:
    """What stands below a heading of the page."""
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def entries(part: str, text: str) -> list[tuple[str, str]]:
    """(term, paragraph) for each entry of a part, in the order of the page."""
    blocks = re.split(r"(?m)^### ", section(part, text))[1:]
    return [(block.partition("\n")[0].strip(), block.partition("\n")[2].strip()) for block in blocks]


def other_names(paragraph: str) -> list[str]:
    """The names listed after 'Also' and 'Here too' at the start of an entry."""
    lists = re.match(r"(?:\*Also:\* (.+?)\. )?(?:\*Here too:\* (.+?)\. )?(?=[A-Z\[*0-9])", paragraph)
    return [name for names in (lists.groups() if lists else ()) if names for name in names.split(", ")]


def names_of(term: str, paragraph: str) -> list[str]:
    """A term, both halves of 'anterior and posterior', and its other names."""
    return [term, *term.split(" and "), *other_names(paragraph)]


def prose(cell: dict[str, Any]) -> str:
    """A Markdown cell without code, formulas and addresses."""
    text = re.sub(r"```.*?```", "", cell["source"], flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`|\$[^$\n]+\$", "", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


def terms_met(content: dict[str, Any]) -> list[str]:
    """The terms a lesson lists after 'Glossary terms met:'."""
    met = []
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown" and "Glossary terms met" in cell["source"]:
            listed = prose(cell).partition("Glossary terms met")[2].split("\n\n")[0]
            listed = re.sub(r"[*\[\]]", "", listed).strip(" :.\n")
            met += [term for term in (name.strip(" .\n") for name in re.split("[,·;]", listed)) if term]
    return [" ".join(term.split()) for term in met]


# ------------------------------------------------------------ writing


def written(text: str) -> str:
    """The page with all that is derived in it."""
    lessons = {publish.number(path): path for path in notebook.all_notebooks()}
    content = {number: notebook.read(path) for number, path in lessons.items()}
    met = {number: {key(term) for term in terms_met(lesson)} for number, lesson in content.items()}
    said = {number: key(" ".join(cell["source"] for cell in lesson["cells"])) for number, lesson in content.items()}
    jumps, others = {}, []
    for part in PARTS:
        found = sorted(entries(part, text), key=lambda entry: re.findall("[a-z0-9]+", entry[0].casefold()))
        first: dict[str, str] = {}
        for term, _ in found:
            first.setdefault(term[0].upper(), term.replace(" ", "-"))
        jumps[part] = " · ".join(f"[{letter}](#{address})" for letter, address in first.items())
        blocks = [f"### {term}\n\n{with_lessons(term, paragraph, met, said)}\n" for term, paragraph in found]
        lead = section(part, text).partition("\n### ")[0].rsplit("\n\n", 1)[0]
        body = f"{lead}\n\n{jumps[part]}\n\n" + "\n".join(blocks)
        text = text.replace(section(part, text), body)
        others += [(name, term) for term, paragraph in found for name in other_names(paragraph)]
        line = rf"(?m)^- \[{part}\]\(.+$"
        text = re.sub(line, f"- [{part}](#{part.replace(' ', '-')}): {jumps[part]}", text)
    others.sort(key=lambda pair: (pair[0].casefold(), pair[0]))
    lines = [f"{name}: [{term}](#{term.replace(' ', '-')})" for name, term in others]
    text = text.replace(section("Other names", text), "\n" + " ·\n".join(lines) + "\n")
    near = {number: path.relative_to(notebook.ROOT / "episodes").as_posix() for number, path in lessons.items()}
    home = FILE.parent.name
    near = {n: p.removeprefix(f"{home}/") if p.startswith(home) else f"../{p}" for n, p in near.items()}
    addresses = "\n".join(f"[{number}]: {target}" for number, target in sorted(near.items()))
    return re.sub(r"(\[\d\.\d\w?\]: .+\n?)+$", addresses + "\n", text)


def linked(path: Path, text: str) -> str:
    """A lesson's file in which each term that it lists as met leads to its entry on the page `text`."""
    home = FILE.name if path.parent == FILE.parent else f"../{FILE.parent.name}/{FILE.name}"
    found = [entry for part in PARTS for entry in entries(part, text)]
    address = {key(name): term.replace(" ", "-") for term, paragraph in found for name in names_of(term, paragraph)}
    content = json.loads(publish.text_of(path))  # as it stands: nothing but these lists changes
    for cell in content["cells"]:
        before, mark, _ = "".join(cell["source"]).partition("**Glossary terms met:**")
        terms = terms_met({"cells": [{**cell, "source": "".join(cell["source"])}]})
        if mark and all(key(term) in address for term in terms):  # else a test names the one that is not explained
            links = ", ".join(f"[{term}]({home}#{address[key(term)]})" for term in terms)
            cell["source"] = f"{before}{mark} {links}.".splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def with_lessons(term: str, paragraph: str, met: dict[str, set[str]], said: dict[str, str]) -> str:
    """The paragraph with the lessons that list the term, and of those it named the ones that use its word.

    A lesson that is not there yet stays "4.6 (in preparation)".
    """
    before, found, line = paragraph.rpartition("*Lesson:* ")
    before, line = (before, line) if found else (f"{paragraph} ", "")  # a new entry has no such line
    keys = {key(name) for name in names_of(term, paragraph)}
    named = re.findall(r"\d\.\d\w?", line)
    used = [number for number in named if number in said and any(f" {one} " in f" {said[number]} " for one in keys)]
    there = {number for number, terms in met.items() if terms & keys} | set(used)
    planned = [number for number in named if number not in said]
    found = [f"[{number}]" if number in there else number + PLANNED for number in sorted({*there, *planned})]
    return f"{before}*Lesson:* {', '.join(found) or NOWHERE}."


def main_glossary(names: list[str]) -> int:
    page = written(publish.text_of(FILE))
    texts = {FILE: page, **{path: linked(path, page) for path in notebook.all_notebooks()}}
    changed = publish.write_changed(texts)
    print("\n".join(f"wrote {notebook.label(path)}" for path in changed) or "nothing to write: it is up to date")
    return 0
