"""Lesson 1.2, What is in a file?: its checks."""
import re

import numpy as np
import pandas as pd

from utils import dicom
from utils.exercises.expect import NEW_ARRAY, expect_array, expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import exercise


@exercise("Task: read", "one file, one keyword, one value: 240 ms")
def echo_time(answer):
    refuse(hasattr(answer, "iterall"), "that is the whole header; ask it for .EchoTime")
    refuse(hasattr(answer, "VR"), "that is the element, with tag and VR; its number is in .value")
    refuse(isinstance(answer, str) and not re.fullmatch(r"\s*[\d.]+\s*", answer), "give what the file says, not {!r}: "
           "open it with pydicom.dcmread", answer)
    expect_number(answer, 240, {
        "that is the repetition time; the echo time is another element": 4000,
        "that is 0.24 s, and right; the file says it in ms": 0.24,
    }, "the file says another number than {got:g}: is it MR_small.dcm, and EchoTime?")


@exercise("Task: what is missing", "counted, and not dropped in silence")
def without_spacing(answer, table):
    readable, missing = table["readable"].astype(bool), table["spacing"].isna()
    refuse(np.ndim(answer) > 0, "that is a column: count its True with .sum()")
    expect_number(number(answer), int((readable & missing).sum()), {
        "you count the unreadable files, too: of those nothing is known": int(missing.sum()),
        "those are the readable files that *do* say one": int((readable & ~missing).sum()),
        "those are the readable files, all of them": int(readable.sum()),
        "those are the files that cannot be read": int((~readable).sum()),
        "value_counts leaves NA out unless you say dropna=False": int(table["spacing"].value_counts().sum()),
    }, "{truth:.0f} readable files have NA there; you give {got:g}")


SERIES = {
    "A": "A has two images: the overview on which the scan was planned (LOCALIZER)",
    "B": "B is one place, scanned fourteen times: its step is 0 mm, so it is no volume",
    "C": "C covers 38 × 0.8 mm, three centimetres: a scan that was broken off",
    "D": "D has a sharp kernel (B70), and you asked for the one for soft tissue",
    "F": "F is 5 mm thick, and you asked for less than 2",
    "G": "G was computed from the axial slices (MPR), across another direction",
    "H": "H shows the brightest voxel along a line (MIP), not the tissue in a slice",
    "I": "I is a picture of a page: it says CT, and its class says secondary capture",
    "J": "J is text: a report of the radiation dose",
}


@exercise("Task: which series", "class, type, thickness, kernel, length: five questions, and one series is left")
def accepted(answer):
    expect_type(answer, (str, list, tuple, set), 'give the letters, such as "AB"; you give one {kind}')
    words = re.findall(r"[^\W_]+", " ".join([answer] if isinstance(answer, str) else map(str, answer)).upper())
    given = {letter for word in words if word != "AND" for letter in word}
    refuse(not given or given - set("ABCDEFGHIJ"), "give letters from A to J; you give {!r}", answer)
    for letter in sorted(given - {"E"}):
        refuse(True, SERIES[letter])
    refuse("E" not in given, "E is thin, axial, long enough and of the kernel you asked for")


@exercise("Task: find her", "all of them; the file meta information, which iterall leaves out, names her as well")
def named(answer, header):
    refuse(isinstance(answer, str) or not hasattr(answer, "__iter__"), "give a list of tags, not one {}",
           type(answer).__name__)
    holding = [e for e in header.iterall() if "Danuser" in str(e.value)]
    known = {str(e.tag): e for e in header.iterall()}
    given = [str(getattr(one, "tag", one)) for one in answer]
    by_keyword = {e.keyword: tag for tag, e in known.items() if e.keyword}
    tags = {by_keyword.get(one, one) for one in given} - {str(e.tag) for e in header.file_meta}
    refuse("" in given, "a private element has no keyword: give its tag")
    refuse(tags - known.keys(), "{} is no tag of this header: give element.tag", min(tags - known.keys(), default=""))
    for tag in sorted(tags - {str(e.tag) for e in holding}):
        refuse(True, "{} ({}) does not hold Danuser", tag, known[tag].name)
    inside = {str(e.tag) for e in holding if e.VR != "SQ"}
    top = {str(e.tag) for e in header if "Danuser" in str(e.value) and e.VR != "SQ"}
    missed = inside - tags
    refuse(missed and not missed & top, "one is missing, and it stands inside a sequence: walk with iterall()")
    private = any(known[tag].tag.is_private for tag in missed)
    refuse(missed, "you miss {} of {} elements{}", len(missed), len(inside),
           ", a private one among them" if private else "")


@exercise(
    "Exercise 1", "stored numbers become Hounsfield units, and what was never measured is no number",
    spoilt=NEW_ARRAY,
)
def to_hu(answer):
    rng = np.random.default_rng(0)
    cases = [("int16", 1, -1024, None), ("int16", 0.5, -10.0, None), ("uint16", 1, -1024, None),
             ("int16", 2.0, -1000.0, -2000), ("int16", 1, -1024, 0), ("int16", 1.0, -8192.0, 100)]
    for dtype, slope, intercept, padding in cases:
        stored = rng.integers(0, 900, (6, 8)).astype(dtype)
        stored[-1] = 4000 + np.arange(8)  # a bright metal
        if padding is not None:
            stored[0, :3] = padding
        header = {"slope": slope, "intercept": intercept, "padding": padding}
        got = expect_shape(answer(stored, header), stored.shape,
                           "the picture has shape {shape}, your answer {got}").astype(float)
        refuse(dtype == "uint16" and (got > 60_000).any(), "unsigned 16-bit numbers cannot go "
               "below zero and wrap round: turn them into floats first")
        measured = stored != padding
        lost = np.isnan(got[measured]).any()
        refuse(lost, "you turn measured values into NaN: only the padding ({}) is none", padding)
        refuse(padding == 0 and not np.isnan(got[~measured]).any(), "a padding of 0 is a padding: `if padding` takes 0 "
               "for none; ask whether it `is not None`")
        value = stored[measured].astype(float)
        expect_array(got[measured], value * slope + intercept, {
            "these are still the stored values: use slope and intercept": value,
            "with a slope of {slope} you only add the intercept: multiply first": value + intercept,
            "you add the intercept before you multiply: slope times stored value, then the intercept":
                (value + intercept) * slope,
            "float16 holds whole numbers only up to 2,048: turn the array into float32 or float64":
                stored.astype(np.float16)[measured].astype(float) * slope + intercept,
        }, "for slope {slope} and intercept {intercept} you are off by up to {off:g} HU", **header)
        refuse(not np.isnan(got[~measured]).all(), "padding ({}) was never measured: make it NaN, "
               "before or after the rescale", padding)


@exercise("Task: the second visit", "one person, one pseudonym, the same days between visits, and no name in the box")
def second(answer, original, before, after, box):
    refuse(not hasattr(answer, "iterall"), "give what dicom.deidentify returns, not one {}", type(answer).__name__)
    refuse(str(answer.get("PatientID")) == str(original.PatientID), "that is the film as it was, her number included: "
           "hand it to dicom.deidentify")
    refuse(answer.get("SOPInstanceUID") == after.SOPInstanceUID, "that is the first visit; the second is another file")
    refuse(str(answer.get("PatientID")) != str(after.PatientID), "she has another pseudonym than at her first visit: "
           "pass `pseudonyms`; without it each call invents a secret of its own")
    days = [(pd.Timestamp(two.StudyDate) - pd.Timestamp(one.StudyDate)).days
            for one, two in ((before, original), (after, answer))]  # fmt: skip
    refuse(days[0] != days[1], "{} days lay between the visits, and now {}: is it visit2.dcm?", *days)
    top, left, bottom, right = box
    was, now = dicom.stored_values(original), dicom.stored_values(answer)
    refuse(np.ptp(now[top:bottom, left:right]) > 0, "the picture still names her: pass clean_regions=[box]")
    changed = np.asarray(was != now)
    changed[top:bottom, left:right] = False
    refuse(changed.any(), "you blank more than the box: {} pixels outside it have changed", int(changed.sum()))


HEADER = 1e-4  # mm, by which positions in headers are rounded


@exercise("Exercise 2", "position along the slice normal gives the order, in any orientation")
def in_order(answer):
    rng = np.random.default_rng(2)
    directions = {
        "axial": [[1, 0, 0], [0, 1, 0]],
        "sagittal": [[0, 1, 0], [0, 0, -1]],
        "tilted": [[0.98, 0.0, -0.199], [0.05, 0.96, 0.27]],
        "coronal, turned by 45°": [[1, 1, 0], [0, 0, -1]],  # along its normal x + y + z does not change
    }
    for title, axes in directions.items():
        axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
        count = 24
        steps = np.arange(count) * 2.5 - 30
        across = rng.normal(0, HEADER, (count, 2)) @ axes  # headers are rounded, within the slices as well
        places = np.array([30.0, -90.0, 12.0]) + np.outer(steps, np.cross(*axes)) + across
        truth = [f"{code:06x}.dcm" for code in rng.choice(16**6, count, replace=False)]
        table = pd.DataFrame({
            "name": truth,
            "instance": rng.permutation(count) + 1,
            "position": [tuple(map(float, place)) for place in places],
            "orientation": [tuple(map(float, axes.ravel()))] * count,
        })
        got = answer(table.sample(frac=1, random_state=1).reset_index(drop=True))
        listed = isinstance(got, list) or (not isinstance(got, str) and np.ndim(got) == 1)
        got = list(got) if listed else []
        refuse(not listed or not all(isinstance(name, str) for name in got), "return the file "
               "names in order, as a list, not their row numbers or the whole table")
        refuse(sorted(got) != sorted(truth), "the series has {} files; your answer does not hold "
               "each of them once", count)
        if got not in (truth, truth[::-1]):
            _wrong_order(title, got, table, places)


def _wrong_order(title, got, table, places):
    either = (got, got[::-1])
    refuse(list(table.sort_values("instance")["name"]) in either, "InstanceNumber is what the "
           "scanner made of it, in the order it liked; use the positions")
    refuse(got == sorted(got), "a file name says nothing about where a slice lies; use the positions")
    across = [list(table["name"][np.argsort(along, kind="stable")]) for along in places.T[:2]]
    by_sum = list(table["name"][np.argsort(places.sum(axis=1), kind="stable")])
    refuse(by_sum in either, "x + y + z grows along one diagonal of the room, and these slices ({}) are stacked across "
           "it: use the slice normal", title)
    refuse(title == "axial" and any(names in either for names in across), "you sort by x or y (tuples sort by their "
           "first number); axial slices are stacked along z, others along neither: project the position on the normal "
           "of the slices")
    refuse(title != "axial", "right for axial slices, wrong for others "
           "({}): project the position on the normal of the slices, which is the cross product of the two directions "
           "in `orientation`", title)
    refuse(True, "neighbours in your list are not neighbours in the body: sort by position along the slice normal")


@exercise("Exercise 3", "a blanked box holds one value, whichever value that is; the other one still names somebody")
def still_named(answer):
    rng = np.random.default_rng(3)
    top, left, bottom, right = box = (2, 20, 8, 44)
    for trial in range(6):
        pictures = [rng.integers(200, 4000, (32, 48)).astype(np.uint16) for _ in range(5)]
        boxes = [picture[top:bottom, left:right] for picture in pictures]
        guilty = (trial * 2 + 1) % 5
        for i, inside in enumerate(boxes):
            inside[:] = (0, 4095, 0, 700, 4095)[(i + trial) % 5]
        letters = rng.random((bottom - top - 2, right - left - 4)) < 0.1
        dark = boxes[guilty][0, 0] < 2000
        boxes[guilty][1:-1, 2:-2][letters] = 4095 if dark else 0
        got = np.asarray(answer(pictures, box))
        refuse(got.size != 1 or got.ndim > 1 or got.dtype.kind not in "iu", "return the number of "
               "the picture, counted from 0, not a list of answers and not the picture")
        got = int(got.ravel()[0])
        if got == guilty:
            continue
        inside = boxes[got % 5]
        refuse(inside.min() == inside.max() > 0, "picture {} has one value, {}, in the whole box: "
               "blank need not mean 0, and where high values are dark it never does", got,
               inside.max())
        refuse(True, "you say picture {}, but its box is blank: look only inside the box, and at "
               "whether it varies", got)
