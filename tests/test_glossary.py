"""The glossary: its form, its links, and that it explains the words the lessons use."""
from __future__ import annotations

import re

import pytest

from tools import glossary
from tools import notebook as notebooks
from tools.glossary import key, other_names, prose, terms_met

TEXT = glossary.FILE.read_text(encoding="utf-8")
LESSONS = notebooks.all_notebooks()
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
# Bold that builds the page and names no term; bold that ends in ":" or "." does not either.
STRUCTURE = {
    "time", "level", "data", "video", "needs", "you will be able to", "what we showed", "references", "next",
    "checklist items earned", "glossary terms met",
}  # fmt: skip


ENTRIES = [entry for part in glossary.PARTS for entry in glossary.entries(part, TEXT)]
KNOWN = {key(name) for entry in ENTRIES for name in glossary.names_of(*entry)}


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
    assert all(len(glossary.entries(part, TEXT)) >= 60 for part in glossary.PARTS)


def test_no_name_is_explained_twice():
    owner = {}
    for term, paragraph in ENTRIES:
        for name in {key(name) for name in [term, *other_names(paragraph)]}:
            assert name not in owner, f"“{name}” belongs to both {owner[name]} and {term}"
            owner[name] = term


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


def test_what_is_derived_is_what_the_entries_and_the_lessons_give():
    """Order, jump lines, lessons and their addresses, other names."""
    assert glossary.written(TEXT) == TEXT, "run `python -m tools glossary`"


def test_what_is_derived_would_be_mended():
    a, b = (f"### {term}\n\n{paragraph}\n" for term, paragraph in ENTRIES[:2])
    first = glossary.entries(glossary.PARTS[1], TEXT)[0][0]
    for old, new in [(f"{a}\n{b}", f"{b}\n{a}"), (f"[A](#{first.replace(' ', '-')})", "[A](#elsewhere)"),
                     ("[3.2]: ../", "[3.2]: "), ("5-NN: [", "6-NN: [")]:  # fmt: skip
        wrong = TEXT.replace(old, new)
        assert wrong != TEXT and glossary.written(wrong) == TEXT, old


def test_an_entry_names_the_lessons_that_list_it_those_that_use_its_word_and_those_that_are_planned():
    met = {"1.1": {"box"}, "1.2": set(), "1.3": set()}
    said = {"1.1": "a box", "1.2": "two box and more", "1.3": "nothing"}
    old = "A thing. *Why it matters:* It does. *Lesson:* [1.2], [1.3], 4.6 (in preparation)."
    now = glossary.with_lessons("boxes", old, met, said)
    assert now.endswith("*Lesson:* [1.1], [1.2], 4.6 (in preparation).")
    assert glossary.with_lessons("sphere", "A. *Lesson:* [1.3].", met, said) == "A. *Lesson:* not used here."
    assert glossary.with_lessons("boxes", "A new one.", met, said) == "A new one. *Lesson:* [1.1]."


@every_lesson
def test_the_terms_a_lesson_says_it_met_are_explained(path):
    assert unexplained(terms_met(notebooks.read(path))) == []


@every_lesson
def test_the_terms_a_lesson_says_it_met_lead_to_their_entries(path):
    assert glossary.linked(path, TEXT) == path.read_text(encoding="utf-8"), "run `python -m tools glossary`"


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
