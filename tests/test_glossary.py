"""The glossary: its form, its links, and that it explains the words the lessons use."""
from __future__ import annotations

import re

import pytest

from tools import notebook as notebooks

GLOSSARY = notebooks.ROOT / "episodes" / "episode02_domain_specifics" / "glossary.md"
TEXT = GLOSSARY.read_text(encoding="utf-8")
PARTS = ["Clinical words for engineers", "Technical words for clinicians"]
LESSONS = notebooks.all_notebooks()
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
# Bold that builds the page and names no term; bold that ends in ":" or "." does not either.
STRUCTURE = {
    "time", "level", "data", "video", "needs", "you will be able to", "what we showed", "references", "next",
    "checklist items earned", "glossary terms met",
}  # fmt: skip


def key(name):
    """A name without case, plural, possessive and punctuation: 'Near-duplicates' and 'near duplicate' are one."""
    name = re.sub(r"['’]s\b", "", name.casefold()).replace("’", "'")
    return " ".join(singular(word) for word in re.findall(r"[^\W_]+", name))


def singular(word):
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and re.search(r"(ch|sh|x|ss)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and re.search(r"[^suia]s$", word) else word


def section(title):
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def entries(part):
    """(term, paragraph) for each entry of a part, in the order of the page."""
    blocks = re.split(r"(?m)^### ", section(part))[1:]
    return [(block.partition("\n")[0].strip(), block.partition("\n")[2].strip()) for block in blocks]


ENTRIES = [entry for part in PARTS for entry in entries(part)]


def other_names(paragraph):
    """The names listed after 'Also' and 'Here too' at the start of an entry."""
    lists = re.match(r"(?:\*Also:\* (.+?)\. )?(?:\*Here too:\* (.+?)\. )?(?=[A-Z\[*0-9])", paragraph)
    return [name for names in (lists.groups() if lists else ()) if names for name in names.split(", ")]


def known_names():
    """Keys of all terms, of their other names, and of both halves of 'anterior and posterior'."""
    known = set()
    for term, paragraph in ENTRIES:
        for name in [term, *term.split(" and "), *other_names(paragraph)]:
            known.add(key(name))
    return known


KNOWN = known_names()


def prose(cell):
    """A Markdown cell without code, formulas and addresses."""
    text = re.sub(r"```.*?```", "", cell["source"], flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`|\$[^$\n]+\$", "", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


def terms_met(notebook):
    """The terms a lesson lists after 'Glossary terms met:'."""
    met = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and "Glossary terms met" in cell["source"]:
            listed = prose(cell).partition("Glossary terms met")[2].split("\n\n")[0]
            listed = re.sub(r"[*\[\]]", "", listed).strip(" :.\n")
            met += [term for term in (name.strip(" .\n") for name in re.split("[,·;]", listed)) if term]
    return [" ".join(term.split()) for term in met]


def bold_terms(notebook):
    """What stands in bold in a lesson's prose and is not part of the page's structure."""
    found = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            bold = re.findall(r"\*\*(\S(?:.*?\S)?)\*\*", prose(cell), flags=re.DOTALL)
            found += [text for text in (" ".join(text.split()) for text in bold) if not structural(text)]
    return found


def structural(text):
    return text[-1] in ":." or text.casefold() in STRUCTURE or bool(re.fullmatch(r"Exercise \d+", text))


def unexplained(names):
    return [name for name in names if key(name) not in KNOWN]


def test_at_least_120_terms_from_both_sides():
    assert len(ENTRIES) >= 120
    assert all(len(entries(part)) >= 60 for part in PARTS)


def test_no_name_is_explained_twice():
    owner = {}
    for term, paragraph in ENTRIES:
        for name in {key(name) for name in [term, *other_names(paragraph)]}:
            assert name not in owner, f"“{name}” belongs to both {owner[name]} and {term}"
            owner[name] = term


@pytest.mark.parametrize("part", PARTS)
def test_alphabetical_within_a_part(part):
    order = [" ".join(re.findall("[a-z0-9]+", term.casefold())) for term, _ in entries(part)]
    assert order == sorted(order)


def test_an_entry_is_one_paragraph_with_a_reason_and_a_lesson():
    shape = re.compile(r"(.+?[.)]) \*Why it matters:\* (.+?[.)?]) \*Lesson:\* (.+)\.")
    for term, paragraph in ENTRIES:
        parts = shape.fullmatch(paragraph)
        assert parts, f"{term}: one paragraph: a definition. *Why it matters:* a sentence. *Lesson:* numbers."
        assert all(len(text.split()) >= 5 for text in parts.groups()[:2]), f"{term}: too short to help anybody"


# GitHub makes "affine-matrix" of "affine matrix" and lowers the case, JupyterLab keeps the case; a heading of letters,
# digits, hyphens and single spaces has an address that works in both.
def test_headings_have_addresses_that_work_in_github_and_jupyterlab():
    headings = re.findall(r"(?m)^#{2,6} (.+)$", TEXT)
    assert not [heading for heading in headings if not re.fullmatch(r"[A-Za-z0-9]+([ -][A-Za-z0-9]+)*", heading)]
    addresses = [heading.replace(" ", "-").casefold() for heading in headings]
    assert len(set(addresses)) == len(addresses)


def test_every_internal_link_leads_to_a_heading():
    addresses = {heading.replace(" ", "-") for heading in re.findall(r"(?m)^#{2,6} (.+)$", TEXT)}
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert len(links) > len(ENTRIES)
    assert not [link for link in links if link not in addresses]


@pytest.mark.parametrize("part", PARTS)
def test_the_jump_line_leads_to_the_first_term_of_each_letter(part):
    first = {}
    for term, _ in entries(part):
        first.setdefault(term[0].upper(), term.replace(" ", "-"))
    line = section(part).partition("### ")[0].strip().splitlines()[-1]
    assert line == " · ".join(f"[{letter}](#{address})" for letter, address in first.items())
    assert line in TEXT.partition("\n## ")[0], "the same line stands at the top of the page"


def test_the_list_of_other_names_is_complete_and_right():
    listed = dict(re.findall(r"(?m)^(.+?): \[(.+?)\]\(#.+?\)", section("Other names")))
    assert listed == {name: term for term, paragraph in ENTRIES for name in other_names(paragraph)}


def lesson_problem(lesson, there, addresses):
    """What is wrong with a lesson as an entry names it: '[1.3]' if the notebook exists, else '1.3 (in preparation)'."""
    number, in_preparation = re.fullmatch(r"\[?([1-4]\.[1-9])\]?( \(in preparation\))?", lesson).groups()
    if in_preparation:
        return f"lesson {number} exists: write [{number}], its address below" if number in there else ""
    if lesson != f"[{number}]" or addresses.get(number) != there.get(number, "none"):
        return f"{lesson} leads to no notebook: write {number} (in preparation), or mend its address below"
    return ""


def test_each_lesson_exists_or_is_in_preparation_or_there_is_none():
    there = {f"{int(path.parent.name[7:9])}.{int(path.stem[:2])}": path for path in LESSONS}
    targets = dict(re.findall(r"(?m)^\[(\d\.\d)\]: (\S+)$", TEXT))
    addresses = {number: (GLOSSARY.parent / target).resolve() for number, target in targets.items()}
    for term, paragraph in ENTRIES:
        lessons = re.search(r"\*Lesson:\* (.+)\.$", paragraph).group(1)
        for lesson in [] if lessons == "not used here" else lessons.split(", "):
            problem = lesson_problem(lesson, there, addresses)
            assert not problem, f"{term}: {problem}"


def test_a_wrong_lesson_would_be_noticed():
    here, elsewhere = GLOSSARY.with_name("a.ipynb"), GLOSSARY.with_name("b.ipynb")
    assert lesson_problem("1.1 (in preparation)", {"1.1": here}, {})
    assert lesson_problem("[1.1]", {}, {}) and lesson_problem("[1.1]", {"1.1": here}, {"1.1": elsewhere})
    assert lesson_problem("1.1", {"1.1": here}, {"1.1": here})
    assert not lesson_problem("[1.1]", {"1.1": here}, {"1.1": here})
    assert not lesson_problem("1.1 (in preparation)", {}, {})


@every_lesson
def test_the_terms_a_lesson_says_it_met_are_explained(path):
    assert unexplained(terms_met(notebooks.read(path))) == []


@every_lesson
def test_the_words_a_lesson_prints_in_bold_are_explained(path):
    """A word in bold is a promise of a definition. For stress, lessons use italics."""
    assert unexplained(bold_terms(notebooks.read(path))) == []


def lesson_with(*texts):
    return {"cells": [{"cell_type": "markdown", "source": text} for text in texts]}


def test_a_term_that_is_missing_would_be_noticed():
    met = terms_met(lesson_with("**Items earned:** a, b. **Glossary terms met:** leakage, frobnication ·\n[UID](x)."))
    assert met == ["leakage", "frobnication", "UID"]
    assert unexplained(met) == ["frobnication"]
    text = "**Time** 5 min, **Exercise 2.** Find the **frobnication\nrate** of `a**b**c`."
    assert bold_terms(lesson_with(text, "**Note:** x")) == ["frobnication rate"]
    assert unexplained(["frobnication rate"])


def test_names_are_compared_without_case_plural_and_punctuation():
    assert key("Near-duplicates") == key("near duplicate")
    assert key("Cohen’s Kappa") == key("Cohen's kappa")
    assert key("boxes") == key("box") and key("arteries") == key("artery") and key("masses") == key("mass")
    assert key("bias") != key("bia") and key("diagnosis") != key("diagnosi")
