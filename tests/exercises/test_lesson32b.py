"""What the checks of lesson 3.2b must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson32b

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
OF = "def patient_number(file):\n    "
NAME = "name = file.rsplit('/', 1)[-1]\n    "
MATCH = r"found = re.match(r'[Pp]\d{4}(?!\d)', name)" + "\n    "
MISTAKES["patient_number"] = [
    (OF + NAME + MATCH + "return found[0].upper() if found else 'unknown'", "all such files would be one patient"),
    (OF + NAME + MATCH + "return found[0].upper() if found else ''", "'scan7.png', which names nobody, you return ''"),
    (OF + NAME + MATCH + "return found[0] if found else None", "return capitals"),
    (OF + NAME + MATCH + "return found[0][1:] if found else None", "the letter, too"),
    (OF + NAME + MATCH + "return int(found[0][1:]) if found else None", "you return int"),
    (OF + NAME + r"found = re.match(r'P\d{4}(?!\d)', name)" + "\n    return found[0] if found else None",
     "begin with a small p"),
    (OF + NAME + r"found = re.search(r'[Pp]\d{4}(?!\d)', name)" + "\n    return found[0].upper() if found else None",
     "at the beginning only"),
    (OF + r"found = re.search(r'(?:^|/)([Pp]\d{4})(?!\d)', file)" + "\n    return found[1].upper() if found else None",
     "only the file's name counts"),
    (OF + NAME + r"found = re.match(r'[Pp]\d{4}', name)" + "\n    return found[0].upper() if found else None",
     "five digits"),
    (OF + NAME + MATCH + "return name if found else None", "is one film of P0042"),
    (OF + "return re.match('nobody', file)", "for some inputs your function returns nothing"),
]
STEEP = "def steepest(rates, losses):\n    "
MISTAKES["steepest"] = [
    (STEEP + "return np.nanargmin(np.diff(losses))", "return the position"),
    (STEEP + "return rates[np.nanargmin(losses)]", "no longer falls"),
    (STEEP + "return rates[np.nanargmin(losses)] / 10", "the other rule"),
    (STEEP + "return rates[np.nanargmin(np.diff(losses) / np.diff(rates))]", "equally wide"),
    (STEEP + "return rates[np.nanargmax(np.diff(losses))]", "rises most steeply"),
    (STEEP + "return rates[np.argmin(np.diff(losses))]", "become NaN"),
    (STEEP + "return np.diff(losses)", "return one rate"),
    (STEEP + "return losses[-1] * rates[0]", "you return NaN"),
    (STEEP + "return 0.5", "falls most steeply at"),
]
TWO = "def two_labels(images, labels):\n    "
KEYS = "keys = [image.tobytes() for image in images]\n    "
MISTAKES["two_labels"] = [
    (TWO + KEYS + "return [k for k in range(len(keys)) if keys.count(keys[k]) > 1]", "no contradiction"),
    (TWO + KEYS + """first = {}
    for k, key in enumerate(keys):
        first.setdefault(key, k)
    return [k for k, key in enumerate(keys) if labels[first[key]] != labels[k]]""", "only the later"),
    (TWO + KEYS + """first, found = {}, set()
    for k, key in enumerate(keys):
        first.setdefault(key, k)
        if labels[first[key]] != labels[k]:
            found |= {first[key], k}
    return sorted(found)""", "row 7"),
    (TWO + "keys = [image.sum() for image in images]\n    "
     "return [k for k in range(len(keys)) if len({labels[j] for j in range(len(keys)) if keys[j] == keys[k]}) > 1]",
     "compare whole pictures"),
    (TWO + "return []", "you find none"),
    (TWO + "return 3", "return a list of rows"),
    (TWO + "return [(0, 2)]", "single rows, not pairs"),
    (TWO + KEYS + "return [len({labels[j] for j in range(len(keys)) if keys[j] == key}) > 1 for key in keys]",
     "True or False"),
    (TWO + "return [0, 0, 2, 7, 8, 9]", "stands twice"),
    (TWO + "return [0, 2, 7, 8, 9]", "return an empty list"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "patient_number": OF + """name = file.split('/')[-1].upper()
    number = name[1:5]
    if name[0] != 'P' or len(number) < 4 or not number.isdigit() or name[5:6].isdigit():
        return None
    return 'P' + number""",
    "steepest": STEEP + """slope = np.gradient(losses, np.log10(rates))
    slope[np.isnan(slope)] = 0
    return float(rates[slope.argmin()])""",
    "two_labels": TWO + """found = set()
    for j in range(len(images)):
        for k in range(j):
            if np.array_equal(images[j], images[k]) and labels[j] != labels[k]:
                found |= {j, k}
    return found""",
}


@pytest.mark.parametrize(
    ("task", "answers", "state", "words"),
    [
        ("aside", (...,), "blank", "not attempted"),
        ("aside", ("boxes.csv",), "done", "in silence"),
        ("aside", (" boxes.csv",), "done", "in silence"),
        ("aside", ("boxes",), "wrong", "with its ending"),
        ("aside", ("masks.npz",), "wrong", "the other one"),
        ("aside", ("0001.jpg",), "wrong", "no file called '0001.jpg'"),
        ("aside", ("stands beside the folders",), "wrong", "that is the reason"),
        ("aside", (2,), "wrong", "in quotes"),
        ("aside", ({"boxes.csv": "stands beside"},), "wrong", "the whole list"),
        ("aside", (["boxes.csv"],), "wrong", "one name"),
        ("first_loss", (...,), "blank", "not attempted"),
        ("first_loss", (np.log(2),), "done", "ln k"),
        ("first_loss", (0.693,), "done", "ln k"),
        ("first_loss", (-np.log(0.5),), "done", "ln k"),
        ("first_loss", (np.log(0.5),), "wrong", "is negative"),
        ("first_loss", (0.5,), "wrong", "probability of each class"),
        ("first_loss", (np.log2(2),), "wrong", "base 2"),
        ("first_loss", (np.log10(2),), "wrong", "base 10"),
        ("first_loss", (0,), "wrong", "right and sure"),
        ("first_loss", (0.69,), "wrong", "rounded too early"),
        ("first_loss", (0.7,), "wrong", "rounded too early"),
        ("first_loss", ("ln 2",), "wrong", "one number"),
        ("first_loss", (0.8,), "wrong", "you give 0.800"),
        ("times_longer", (...,), "blank", "not attempted"),
        ("times_longer", (64,), "done", "twice"),
        ("times_longer", ((224 / 28) ** 2,), "done", "twice"),
        ("times_longer", (8,), "wrong", "many pixels"),
        ("times_longer", (512,), "wrong", "two sides"),
        ("times_longer", (224**2,), "wrong", "divide by"),
        ("times_longer", (196,), "wrong", "difference"),
        ("times_longer", (1 / 64,), "wrong", "other way round"),
        ("times_longer", (60,), "wrong", "you give 60"),
    ],
)
def test_the_tasks(task, answers, state, words):
    skipped = {"boxes.csv": "stands beside the folders", "masks.npz": "stands beside the folders"}
    check = getattr(lesson32b, task)
    verdict = check(*answers, skipped) if task == "aside" else check(*answers)
    assert verdict.state == state and words in verdict.message, verdict


SAID = np.eye(2)[[1, 1, 0, 0, 1, 0, 0, 0, 1, 1]]  # called ill or not
ILL = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])  # four of seven are missed, two of three healthy called ill
THREE = np.eye(3)[[0, 0, 0, 1, 1, 2, 2, 2, 2, 0]]
KIND = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])


@pytest.mark.parametrize(
    ("task", "answer", "state", "words"),
    [
        ("missed", ..., "blank", "not attempted"),
        ("missed", 4 / 7, "done", "paediatrician"),
        ("missed", 3 / 7, "wrong", "the share found"),
        ("missed", 2 / 3, "wrong", "healthy films"),
        ("missed", 4 / 10, "wrong", "divide by all films"),
        ("missed", 4, "wrong", "how many are missed"),
        ("missed", 6 / 10, "wrong", "all wrong answers"),
        ("missed", 4 / 5, "wrong", "not called ill"),
        ("missed", 400 / 7, "wrong", "not percent"),
        ("missed", 5 / 10, "wrong", "healthy ones too"),
        ("missed", 0.1, "wrong", "you give 0.100"),
        ("missed", [0.5, 0.5], "wrong", "one number"),
        ("balanced", ..., "blank", "not attempted"),
        ("balanced", np.mean([3 / 4, 1 / 2, 3 / 4]), "done", "same say"),
        ("balanced", 7 / 10, "wrong", "that is the accuracy"),
        ("balanced", 2.0, "wrong", "take the mean"),
        ("balanced", np.mean([3 / 4, 1 / 2, 3 / 4]) + 0.05, "wrong", "the share of hits"),
    ],
)
def test_the_tasks_with_answers_of_a_network(task, answer, state, words):
    check = getattr(lesson32b, task)
    verdict = check(answer, *((SAID, ILL) if task == "missed" else (THREE, KIND)))
    assert verdict.state == state and words in verdict.message, verdict


def test_the_balance_of_answers_is_not_that_of_classes():
    said, kind = np.eye(3)[[0, 0, 0, 0, 1, 2]], np.array([0, 0, 1, 1, 1, 2])
    verdict = lesson32b.balanced(np.mean([1 / 2, 1, 1]), said, kind)
    assert verdict.state == "wrong" and "each answer is right" in verdict.message


def test_a_mean_probability_is_no_share_of_films():
    unsure = np.array([[0.4, 0.6], [0.3, 0.7], [0.85, 0.15], [0.9, 0.1]])
    labels = np.array([1, 1, 1, 0])
    for mean in (np.mean([0.4, 0.3, 0.85]), np.mean([0.6, 0.7, 0.15])):
        verdict = lesson32b.missed(mean, unsure, labels)
        assert verdict.state == "wrong" and "mean probability" in verdict.message
    assert lesson32b.missed(1 / 3, unsure, labels).state == "done"


def test_the_missed_of_three_classes_are_called_any_other():
    kinds = np.array([1, 1, 1, 1, 0, 2])
    said = np.eye(3)[[1, 0, 2, 1, 0, 1]]
    assert lesson32b.missed(1 / 2, said, kinds).state == "done"
