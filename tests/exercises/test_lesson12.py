"""Lesson 1.2, What is in a file?: what its checks must say."""
import functools

import pandas as pd
import pydicom
import pytest
from pydicom.data import get_testdata_file
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils import dicom
from utils.exercises import lesson12

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

MISTAKES["to_hu"] = [
    ("def to_hu(stored, header):\n    return stored", "still the stored values"),
    ("def to_hu(stored, header):\n    return stored.astype(float) + header['intercept']", "multiply first"),
    (
        "def to_hu(stored, header):\n    return (stored.astype(float) + header['intercept']) * header['slope']",
        "before you multiply",
    ),
    (
        "def to_hu(stored, header):\n"
        "    return stored * np.array(header['slope']).astype(stored.dtype if header['slope'] == 1 else float)"
        " + np.array(header['intercept']).astype(stored.dtype if header['slope'] == 1 else float)",
        "wrap round",
    ),
    (
        "def to_hu(stored, header):\n    return stored.astype(float) * header['slope'] + header['intercept']",
        "never measured",
    ),
    ("def to_hu(stored, header):\n    stored[:] = 0\n    return stored.astype(float)", "make a new one"),
    (
        "def to_hu(stored, header):\n    hu = stored.astype(float) * header['slope'] + header['intercept']\n"
        "    if header['padding']:\n        hu[stored == header['padding']] = np.nan\n    return hu",
        "a padding of 0",
    ),
    (
        "def to_hu(stored, header):\n    hu = stored.astype(float) * header['slope'] + header['intercept']\n"
        "    if header['padding'] is not None:\n        hu[stored <= header['padding']] = np.nan\n    return hu",
        "measured values into NaN",
    ),
    (
        "def to_hu(stored, header):\n    hu = stored.astype(np.float16) * header['slope'] + header['intercept']\n"
        "    if header['padding'] is not None:\n        hu[stored == header['padding']] = np.nan\n    return hu",
        "float16 holds",
    ),
]
MISTAKES["in_order"] = [
    ("def in_order(table):\n    return list(table.sort_values('instance')['name'])", "InstanceNumber"),
    ("def in_order(table):\n    return sorted(table['name'])", "file name"),
    (
        "def in_order(table):\n"
        "    return list(table.assign(z=[p[2] for p in table['position']]).sort_values('z')['name'])",
        "wrong for others (sagittal)",
    ),
    (
        "def in_order(table):\n"
        "    return list(table.assign(d=[np.linalg.norm(p) for p in table['position']]).sort_values('d')['name'])",
        "not neighbours in the body",
    ),
    ("def in_order(table):\n    return list(table.sort_values('position')['name'])", "you sort by x or y"),
    ("def in_order(table):\n    return list(np.argsort(table['instance']))", "file names in order"),
    (
        "def in_order(table):\n"
        "    return list(table.assign(d=[sum(p) for p in table['position']]).sort_values('d')['name'])",
        "x + y + z",
    ),
]
MISTAKES["still_named"] = [
    (
        "def still_named(pictures, box):\n    top, left, bottom, right = box\n"
        "    return int(np.argmax([p[top:bottom, left:right].max() > 0 for p in pictures]))",
        "blank need not mean 0",
    ),
    ("def still_named(pictures, box):\n    return int(np.argmax([p.std() for p in pictures]))", "you say picture"),
    (
        "def still_named(pictures, box):\n    top, left, bottom, right = box\n"
        "    return [p[top:bottom, left:right].std() > 0 for p in pictures]",
        "number of the picture",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["to_hu"] = """
def to_hu(stored, header):
    value = lambda v: np.nan if v == header["padding"] else v * header["slope"] + header["intercept"]
    return [[value(int(v)) for v in row] for row in stored]
"""
UNUSUAL["in_order"] = """
def in_order(table):
    places = np.array(table["position"].tolist())
    depth = np.linalg.svd(places - places.mean(axis=0))[0][:, 0]
    return pd.Series(table["name"].to_numpy()[np.argsort(-depth)])
"""
UNUSUAL["still_named"] = """
def still_named(pictures, box):
    top, left, bottom, right = box
    return [i for i, p in enumerate(pictures) if len(set(p[top:bottom, left:right].ravel().tolist())) > 1]
"""


@functools.cache
def mr():
    return pydicom.dcmread(get_testdata_file("MR_small.dcm"))


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (lambda: ..., "blank", "not attempted"),
        (lambda: mr().EchoTime, "done", "240 ms"),
        (lambda: mr()["EchoTime"].value, "done", "240 ms"),
        (lambda: mr()[0x0018, 0x0081].value, "done", "240 ms"),
        (lambda: "240.0", "done", "240 ms"),
        (mr, "wrong", "whole header"),
        (lambda: mr()["EchoTime"], "wrong", ".value"),
        (lambda: "EchoTime", "wrong", "dcmread"),
        (lambda: mr().RepetitionTime, "wrong", "repetition time"),
        (lambda: 0.24, "wrong", "in ms"),
        (lambda: 5, "wrong", "MR_small.dcm"),
        (lambda: [240, 1], "wrong", "one number"),
    ],
)
def test_the_task_of_reading(answer, state, words):
    verdict = lesson12.echo_time(answer())
    assert verdict.state == state and words in verdict.message, verdict


TABLE = pd.DataFrame(
    {"readable": [True] * 6 + [False] * 2, "spacing": [(1.0, 1.0)] * 4 + [None] * 4}
).convert_dtypes()


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((TABLE["readable"] & TABLE["spacing"].isna()).sum(), "done", "counted"),
        (len(TABLE[TABLE["readable"] & TABLE["spacing"].isna()]), "done", "counted"),
        (TABLE["spacing"].isna().sum(), "wrong", "unreadable files, too"),
        (TABLE["readable"] & TABLE["spacing"].isna(), "wrong", ".sum()"),
        (6, "wrong", "all of them"),
        (7, "wrong", "2 readable files"),
        ("two", "wrong", "one number"),
    ],
)
def test_the_task_of_what_is_missing(answer, state, words):
    verdict = lesson12.without_spacing(answer, TABLE)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ("E", "done", "one series is left"),
        (["e"], "done", "one series is left"),
        ("CE", "wrong", "broken off"),
        ("DE", "wrong", "sharp kernel"),
        ("D and E", "wrong", "sharp kernel"),
        ("A", "wrong", "LOCALIZER"),
        ("BE", "wrong", "step is 0"),
        ("EF", "wrong", "5 mm"),
        ("EG", "wrong", "MPR"),
        ("EH", "wrong", "MIP"),
        ("EI", "wrong", "secondary capture"),
        ("EJ", "wrong", "dose"),
        ("", "wrong", "from A to J"),
        ("K", "wrong", "from A to J"),
        (5, "wrong", "one int"),
    ],
)
def test_the_task_of_series(answer, state, words):
    verdict = lesson12.accepted(answer)
    assert verdict.state == state and words in verdict.message, verdict


@functools.cache
def film():
    header = pydicom.Dataset()
    header.PatientName, header.ImageComments = "", "Mrs Danuser asks"
    header.private_block(0x0029, "RAY-O", create=True).add_new(1, "LO", "bed Danuser")
    earlier = pydicom.Dataset()
    earlier.PatientID = "Danuser-77"
    header.OtherPatientIDsSequence = [earlier]
    header.PixelData = b"\0\0"
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.SourceApplicationEntityTitle = "DANUSER"
    return header


def hits(things):
    return [e for e in things if "Danuser" in str(e.value)]


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (lambda: ..., "blank", "not attempted"),
        (lambda: [e.tag for e in hits(film().iterall())], "done", "all of them"),
        (lambda: hits(film().iterall()), "done", "all of them"),
        (lambda: [e.tag for e in hits(film().iterall()) if e.VR != "SQ"], "done", "all of them"),
        (lambda: {e.keyword or e.tag for e in hits(film().iterall())}, "done", "all of them"),
        (lambda: [e.tag for e in (*hits(film().iterall()), *film().file_meta)], "done", "all of them"),
        (lambda: [e.tag for e in hits(film()) if e.VR != "SQ"], "wrong", "inside a sequence"),
        (lambda: [e.keyword for e in hits(film().iterall())], "wrong", "no keyword"),
        (lambda: [e.tag for e in hits(film().iterall()) if not e.tag.is_private], "wrong", "private one"),
        (lambda: [e.tag for e in film().iterall()], "wrong", "does not hold"),
        (lambda: [e.value for e in hits(film().iterall())], "wrong", "is no tag"),
        (lambda: "ImageComments", "wrong", "list of tags"),
        (lambda: 4, "wrong", "list of tags"),
        (list, "wrong", "you miss 3 of 3"),
    ],
)
def test_the_task_of_finding_her(answer, state, words):
    verdict = lesson12.named(answer(), film())
    assert verdict.state == state and words in verdict.message, verdict


BOX = (3, 5, 20, 60)


@functools.cache
def visits():
    """Two visits of one patient 394 days apart, and the secret they are cleaned with."""
    first, later = (pydicom.dcmread(get_testdata_file("CT_small.dcm")) for _ in range(2))
    later.StudyDate, later.SOPInstanceUID = "20050217", "2.25.1"
    later.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    secret = dicom.Pseudonymiser("keep this sentence out of the repository")
    return first, later, secret, dicom.deidentify(first, secret, clean_regions=[BOX])


def cleaned(film, secret=None, regions=(BOX,)):
    return dicom.deidentify(film, secret or visits()[2], clean_regions=list(regions))


def moved(film):
    film.StudyDate = "20010101"
    return film


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (lambda first, later: ..., "blank", "not attempted"),
        (lambda first, later: cleaned(later), "done", "one pseudonym"),
        (lambda first, later: cleaned(later, regions=[(3, 5, 20, 40), (3, 40, 20, 60)]), "done", "one pseudonym"),
        (lambda first, later: later, "wrong", "as it was"),
        (lambda first, later: cleaned(first), "wrong", "the first visit"),
        (lambda first, later: cleaned(later, dicom.Pseudonymiser("another sentence")), "wrong", "another pseudonym"),
        (lambda first, later: moved(cleaned(later)), "wrong", "days lay between"),
        (lambda first, later: cleaned(later, regions=[]), "wrong", "still names her"),
        (lambda first, later: cleaned(later, regions=[(0, 0, 30, 60)]), "wrong", "more than the box"),
        (lambda first, later: "visit2", "wrong", "not one str"),
    ],
)
def test_the_task_of_the_second_visit(answer, state, words):
    first, later, _, clean = visits()
    verdict = lesson12.second(answer(first, later), later, first, clean, BOX)
    assert verdict.state == state and words in verdict.message, verdict
