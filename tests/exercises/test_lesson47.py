"""What the checks of lesson 4.7 must say."""
import numpy as np
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson47

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
OF = "def patient_of(file):\n    "
NAME = "name = file.rsplit('/', 1)[-1]\n    "
MISTAKES["patient_of"] = [
    (OF + NAME + "return name.split('_')[0] if name[0] == 'P' else None", "is a visit"),
    (OF + NAME + "return name if name[0] == 'P' else None", "is one slice"),
    (OF + NAME + "found = re.match(r'P(\\d+)[-_]', name)\n    return found[1] if found else None", "keep the letter"),
    (OF + NAME + "found = re.match(r'(P\\d+)[-_]', name)\n    return found[1] if found else 'unknown'",
     "all such files would be one patient"),
    (OF + "found = re.search(r'(P\\d+)[-_]', file)\n    return found[1] if found else None", "from the folder"),
    (OF + "found = re.search(r'/(P\\d+)[-_]', file)\n    return found[1] if found else None", "without a folder"),
    (OF + NAME + "found = re.search(r'(P\\d+)[-_]', name)\n    return found[1] if found else None",
     "look at the beginning only"),
    (OF + NAME + "found = re.match(r'P\\d{3}', name)\n    return found[0] if found else None", "any number of digits"),
    (OF + NAME + "found = re.match(r'(P\\d+)-', name)\n    return found[1] if found else None", "names no visit"),
    (OF + NAME + "found = re.match(r'P(\\d+)[-_]', name)\n    return int(found[1]) if found else None",
     "you return int"),
]
PARTED = "def parted(numbers, groups):\n    "
ORDERED = "ordered = np.asarray(groups)[np.argsort(numbers)]\n    "
MISTAKES["parted"] = [
    (PARTED + "groups = np.asarray(groups)\n    return (groups[1:] != groups[:-1]).mean()", "sort by number first"),
    (PARTED + ORDERED + "return (ordered[1:] != ordered[:-1]).sum()", "that is how many"),
    (PARTED + ORDERED + "return (ordered[1:] != ordered[:-1]).sum() / len(ordered)", "there are 11 pairs"),
    (PARTED + ORDERED + "return (ordered[1:] == ordered[:-1]).mean()", "in one group"),
    (PARTED + ORDERED + "return ordered[1:] != ordered[:-1]", "return one number"),
    (PARTED + "groups = np.sort(groups)\n    return (groups[1:] != groups[:-1]).mean()", "compare neighbours"),
    (PARTED + ORDERED + "return 0.25 + 0 * len(ordered)", "4 of 11 neighbours"),
    (PARTED + "ordered = groups[numbers.argsort()]\n    return (ordered[1:] != ordered[:-1]).mean()", "list"),
]
LACKING = "def lacking(page, names):\n    "
LINES = "lines = page.splitlines()\n    "
MISTAKES["lacking"] = [
    (LACKING + "return [name for name in names if name not in page]", "no line: look for"),
    (LACKING + LINES + "return [n for n in names if not any(f'- **{n}:**' in line for line in lines)]",
     "what stands behind the colon"),
    (LACKING + LINES + "return [n for n in names if not any("
     "line.startswith(f'- **{n}:**') and len(line) > len(f'- **{n}:**') for line in lines)]", "blanks only"),
    (LACKING + LINES + "return [n for n in names if not any("
     "f'- **{n}:**' in line and line.split(f'- **{n}:**')[1].strip() for line in lines)]", "in the middle of a line"),
    (LACKING + "return all(name in page for name in names)", "only whether"),
    (LACKING + "return {name for name in names}", "you return set"),
    (LACKING + LINES + "return [n for n in names if any("
     "line.startswith(f'- **{n}:**') and line[len(f'- **{n}:**'):].strip() for line in lines)]", "return the others"),
    (LACKING + LINES + "return sorted(n for n in names if not any("
     "line.startswith(f'- **{n}:**') and line[len(f'- **{n}:**'):].strip() for line in lines))", "in the order of"),
    (LACKING + LINES + "return list(names)", "and ["),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "patient_of": OF + """name = file.split('/')[-1]
    head = name.replace('-', '_').split('_')[0]
    return head if head[:1] == 'P' and head[1:].isdigit() else None""",
    "parted": PARTED + """pairs = sorted(zip(numbers, groups))
    changes = [one[1] != two[1] for one, two in zip(pairs, pairs[1:])]
    return sum(changes) / len(changes)""",
    "lacking": LACKING + """found = []
    for name in names:
        if not re.search(rf'(?m)^- \\*\\*{re.escape(name)}:\\*\\*[ \\t]*\\S', page):
            found.append(name)
    return found""",
}

SAID = np.eye(2)[[1, 1, 0, 0, 0, 0, 1, 1, 0, 1]] * 0.7 + 0.15
TRUTH = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])  # two of five healthy called ill; two of five ill called healthy
TRUTH_3 = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1])  # three of seven


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (300 / 7, "done", "hundred families"),
        (3 / 7, "wrong", "times 100"),
        (400 / 7, "wrong", "called healthy"),
        (30.0, "wrong", "divide by all films"),
        (100 / 3, "wrong", "the ill that are called healthy"),
        (3, "wrong", "make it of a hundred"),
        (60, "wrong", "divide by those called ill"),
        (100 * (1 - SAID[TRUTH_3 == 0, 0].mean()), "wrong", "mean probability"),
        (12.3, "wrong", "you give 12.3"),
        ("many", "wrong", "one number"),
    ],
)
def test_false_alarms(answer, state, words):
    verdict = lesson47.false_alarms(answer, SAID, TRUTH_3)
    assert verdict.state == state and words in verdict.message, verdict


NEXT = pd.DataFrame({"found": ["0.450 (0.380 to 0.520)", "0.970 (0.950 to 0.990)"],
                     "covered": ["0.390 (0.320 to 0.460)", "0.930 (0.900 to 0.960)"]}, ["NORMAL", "ILL"])  # fmt: skip


@pytest.mark.parametrize(
    ("covered", "answer", "state", "words"),
    [
        (..., ..., "blank", "not attempted"),
        (0.39, ..., "blank", "not attempted"),
        (0.39, 61, "done", "promised one in ten"),
        (0.385, 61.5, "done", "promised one in ten"),
        (39, 61, "wrong", "not percent"),
        (0.45, 55, "wrong", "the column covered"),
        (0.93, 7, "wrong", "the other class"),
        (0.61, 39, "wrong", "first give the share"),
        (0.39, 39, "wrong", "ask for the others"),
        (0.39, 0.61, "wrong", "times 100"),
        (0.39, 10, "wrong", "what the set promised"),
        (0.39, 50, "wrong", "left_out is 50.0"),
        (0.5, 50, "wrong", "the table says 0.390"),
        ("0.390 (…)", 61, "wrong", "covered is one number"),
    ],
)
def test_left_out(covered, answer, state, words):
    verdict = lesson47.left_out(answer, covered, NEXT)
    assert verdict.state == state and words in verdict.message, verdict
