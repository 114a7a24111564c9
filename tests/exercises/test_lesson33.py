"""What the checks of lesson 3.3 must say."""
import numpy as np
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson33

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
LOAD = "def load_upright(path):\n    data = pydicom.dcmread(path)\n    film = data.pixel_array"
TURN = "\n    return 1 - film if data.PhotometricInterpretation == 'MONOCHROME1' else film"
MISTAKES["load_upright"] = [
    (LOAD + " / (2**data.BitsStored - 1)\n    return film", "MONOCHROME1 stays inverted"),
    (LOAD + " / (2**data.BitsStored - 1)\n    return 1 - film", "MONOCHROME2 are inverted"),
    (LOAD + " / (2**data.BitsAllocated - 1)" + TURN, "12 bits are stored in 16"),
    (LOAD + " / 2**data.BitsStored" + TURN, "255, not 256"),
    (LOAD + "\n    film = film / film.max()" + TURN, "this film's largest value"),
    (LOAD + "\n    film = (film - film.min()) / np.ptp(film)" + TURN, "its own minimum and maximum"),
    (LOAD + ".T / (2**data.BitsStored - 1)" + TURN, "lies on its side"),
    (LOAD + "\n    return film", "whole numbers"),
    (LOAD + " * 1.0\n    return film", "stored values"),
    (LOAD + "\n    return film.mean()", "(rows, columns)"),
]
SPLIT = "def split_by_patient(patients, share, seed):\n    rng = np.random.default_rng(seed)\n    "
MISTAKES["split_by_patient"] = [
    (SPLIT + "return rng.random(len(patients)) < share", "deal patients, not films"),
    (SPLIT + "people = np.unique(patients)\n    return np.isin(patients, people[: round(share * len(people))])",
     "two seeds give the same"),
    (SPLIT + "people = rng.permutation(pd.unique(patients))\n    "
     "return np.isin(patients, people[: round(share * len(people))])", "sorted otherwise"),
    (SPLIT + "people = np.random.permutation(np.unique(patients))\n    "
     "return np.isin(patients, people[: round(share * len(people))])", "the second time"),
    (SPLIT + "people = rng.permutation(np.unique(patients))\n    return people[: round(share * len(people))]",
     "one True or False a film"),
    (SPLIT + "people = rng.permutation(np.unique(patients))\n    "
     "return np.isin(patients, people[: round(share * len(patients))])", "of 40 patients is"),
    (SPLIT + "people = rng.permutation(np.unique(patients))\n    "
     "return np.isin(patients, people[: round(share * len(people))]).astype(int)", "True and False"),
]
CUT = "def cut_for(scores, specificity):\n    n = len(scores)\n    for cut in np.sort(scores):\n        "
END = "\n            return cut\n    return np.inf"
MISTAKES["cut_for"] = [
    (CUT + "if (scores < cut).mean() >= specificity:" + END, "its lower bound does not"),
    ("def cut_for(scores, specificity):\n    return np.quantile(scores, specificity)", "in half of all samples"),
    (CUT + "if metrics.wilson((scores <= cut).sum(), n).low >= specificity:" + END, "count <, not <="),
    (CUT.replace("np.sort(scores)", "np.sort(scores)[::-1]") + "if metrics.wilson((scores < cut).sum(), n).low >= "
     "specificity:" + END, "the lowest is asked for"),
    (CUT + "if metrics.wilson((scores < cut).sum(), n).high >= specificity:" + END, "the lower one"),
    (CUT + "if metrics.wilson((scores < cut).sum(), n).low >= specificity:" + END.replace("np.inf", "scores.max()"),
     "three people cannot promise"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "load_upright": """def load_upright(path):
    from utils import dicom

    data = dicom.read(path)
    film = dicom.stored_values(data).astype(np.float32) / np.float32(2 ** int(data.BitsStored) - 1)
    return np.abs((data.PhotometricInterpretation == 'MONOCHROME1') - film)""",
    "split_by_patient": """def split_by_patient(patients, share, seed):
    return audit.split_by(patients, {'in': share, 'out': 1 - share}, seed=seed) == 'in'""",
    "cut_for": """def cut_for(scores, specificity):
    fit = [c for c in scores if metrics.wilson(int((scores < c).sum()), len(scores)).low >= specificity]
    return min(fit, default=float('inf'))""",
}

TABLE = pd.DataFrame({"film": list("abcdef"), "patient": [1, 1, 1, 2, 3, 3], "n_boxes": [2, 0, 1, 0, 0, 1]})
ILL = np.array([True, True, False, False, False, True, False, False])
PART = np.array(["train"] * 3 + ["test"] * 5)


@pytest.mark.parametrize(
    ("check", "answer", "state", "words"),
    [
        ("most", ..., "blank", "not attempted"),
        ("most", 3, "done", "not a patient"),
        ("most", np.int64(3), "done", "not a patient"),
        ("most", 6, "wrong", "how many films there are"),
        ("most", 1, "wrong", "each film is there once"),
        ("most", 2, "wrong", "average"),
        ("most", 5, "wrong", "you say 5"),
        ("always_no", ..., "blank", "not attempted"),
        ("always_no", 4 / 5, "done", "must beat"),
        ("always_no", 1 / 5, "wrong", "always *yes*"),
        ("always_no", 5 / 8, "wrong", "all films"),
        ("always_no", 1 / 3, "wrong", "training films"),
        ("always_no", 4, "wrong", "divide by how many"),
        ("always_no", 0.5, "wrong", "you say 0.500"),
    ],
)
def test_the_tasks(check, answer, state, words):
    given = (TABLE,) if check == "most" else (ILL, PART)
    verdict = getattr(lesson33, check)(answer, *given)
    assert verdict.state == state and words in verdict.message
