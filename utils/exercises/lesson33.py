"""Lesson 3.3, Is there pneumonia in this film: its checks."""
import tempfile
from pathlib import Path

import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, number, refuse
from utils.lesson import exercise


@exercise("Task", "so a row of this table is a film, and not a patient")
def most(answer, table):
    """The answer comes with the lesson's table of films."""
    counts = table["patient"].value_counts()
    expect_number(
        answer, counts.max(),
        {
            "that is how many films there are; count them by patient": len(table),
            "that is how many patients there are; ask how many films the largest has": len(counts),
            "that counts by film, and each film is there once; count by the column patient": (
                table["film"].value_counts().max()),
            "that is the average; the largest count is asked for": counts.mean(),
            "that is the largest number of boxes on a film; count films": table["n_boxes"].max(),
        },
        "you say {got:g}; count the rows of each patient, then take the largest count",
    )  # fmt: skip


@exercise("Task", "what an accuracy must beat, to begin with")
def always_no(answer, ill, part):
    """The answer comes with ill bool (films,) and part str (films,)."""
    expect_number(
        answer, 1 - ill[part == "test"].mean(),
        {
            "that is always *yes*: how often is *no* right?": ill[part == "test"].mean(),
            "those are all films; take the test films, [part == \"test\"]": 1 - ill.mean(),
            "those are the training films; take the test films": 1 - ill[part == "train"].mean(),
            "that counts films; divide by how many test films there are": (~ill[part == "test"]).sum(),
        },
        "you say {got:.3f}; how large is the share of test films without pneumonia?",
    )  # fmt: skip


def _films():
    """(pixels, bits stored, photometric interpretation) of films that a careless reader gets wrong."""
    rng = np.random.default_rng(0)
    for bits, kind in ((8, "MONOCHROME2"), (12, "MONOCHROME2"), (8, "MONOCHROME1"), (12, "MONOCHROME1")):
        yield rng.integers(2**bits // 4, 2**bits // 2, (6, 4)), bits, kind


@exercise("Exercise 1", "rows first, from 0 to 1, dense is bright, whatever the device")
def load_upright(answer):
    from utils.clinic import dicomfile

    for pixels, bits, kind in _films():
        stored = pixels.astype(np.uint8 if bits == 8 else np.uint16)
        tags = {"PhotometricInterpretation": kind, "BitsStored": bits, "PatientID": "exercise"}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "film.dcm"
            data = dicomfile.dataset(stored, dicomfile.SECONDARY_CAPTURE, "exercise", kind, bits, tags)
            data.save_as(path, enforce_file_format=True)
            got = answer(path)
        share, full = pixels / (2**bits - 1), 2 ** (8 * stored.itemsize) - 1
        right = 1 - share if kind == "MONOCHROME1" else share
        got = np.asarray(got)
        sideways = got.shape == pixels.T.shape and np.allclose(got, right.T)
        refuse(sideways, "your film lies on its side: rows come first")
        got = expect_shape(got, pixels.shape, "return the film (rows, columns) = {shape}; yours is {got}")
        refuse(got.dtype.kind in "ui", "return floats from 0 to 1; yours are whole numbers")
        expect_array(
            got, right,
            {
                "a film in MONOCHROME1 stays inverted: there a large value is dark, so take 1 minus it": share,
                "now the films in MONOCHROME2 are inverted: only MONOCHROME1 needs it": 1 - share,
                "12 bits are stored in 16: divide by 2**BitsStored - 1, not by what BitsAllocated holds": (
                    pixels / full, 1 - pixels / full),
                "the largest value of 8 bits is 255, not 256: divide by 2**BitsStored - 1": (
                    pixels / 2**bits, 1 - pixels / 2**bits),
                "divide by what the bits can hold, not by this film's largest value: films must stay comparable": (
                    pixels / pixels.max(), 1 - pixels / pixels.max()),
                "you stretch each film between its own minimum and maximum: films must stay comparable": (
                    (pixels - pixels.min()) / np.ptp(pixels), (pixels.max() - pixels) / np.ptp(pixels)),
                "these are stored values: divide by 2**BitsStored - 1": (pixels, pixels.max() - pixels),
            },
            "a film of {bits} bits in {kind} is off by up to {off:.3g}", bits=bits, kind=kind,
        )  # fmt: skip


@exercise("Exercise 2", "whole patients, the same ones however the table is sorted")
def split_by_patient(answer):
    rng = np.random.default_rng(3)
    people = np.array([f"P{k:02d}" for k in range(40)])
    patients = rng.permutation(np.repeat(people, rng.integers(1, 6, 40)))
    chosen = {}
    for share, seed in ((0.2, 0), (0.2, 1), (0.5, 0)):
        got = expect_shape(answer(patients, share, seed), patients.shape, "return one True or False a film, {shape}; "
                           "you return {got}")  # fmt: skip
        refuse(got.dtype != bool, "return True and False, not {}", got.dtype)
        inside, outside = set(patients[got]), set(patients[~got])
        refuse(inside & outside, "{} is on both sides: deal patients, not films", next(iter(inside & outside), ""))
        wanted = round(share * len(people))
        refuse(abs(len(inside) - wanted) > 1, "a share of {} of 40 patients is {}; you draw {}", share, wanted,
               len(inside))  # fmt: skip
        chosen[share, seed] = inside
        again = np.asarray(answer(patients, share, seed))
        refuse((again != got).any(), "the same seed gives another split the second time: draw from "
               "np.random.default_rng(seed)")  # fmt: skip
        order = rng.permutation(len(patients))
        moved = np.asarray(answer(patients[order], share, seed))
        refuse((moved != got[order]).any(), "sorted otherwise, your table gives other patients: sort them first "
               "(np.unique does)")  # fmt: skip
    refuse(chosen[0.2, 0] == chosen[0.2, 1], "two seeds give the same patients: shuffle them by the seed")
    first, last = set(people[:8]), set(people[-8:])
    refuse(chosen[0.2, 0] in (first, last), "you take the first patients by name: shuffle them by the seed")


def _cut(scores, specificity, low):
    for cut in np.sort(scores):
        if low((scores < cut).sum(), len(scores)) >= specificity:
            return cut
    return np.inf


@exercise("Exercise 3", "a promise that a small validation set can keep, at home")
def cut_for(answer):
    from utils.evaluation import metrics

    rng = np.random.default_rng(5)
    for n, specificity in ((200, 0.9), (60, 0.8), (1000, 0.95)):
        scores = np.round(rng.normal(size=n), 2)  # with ties
        truth = _cut(scores, specificity, lambda k, n: metrics.wilson(int(k), n).low)
        plain = _cut(scores, specificity, lambda k, n: k / n)
        ranks = np.sort(scores)
        at_most = [c for c in ranks if metrics.wilson(int((scores <= c).sum()), n).low >= specificity]
        expect_number(
            answer(scores, specificity), truth,
            {
                "your share reaches the specificity, its lower bound does not: ask metrics.wilson(below, n).low": plain,
                "the quantile keeps its promise in half of all samples: ask metrics.wilson(below, n).low": (
                    float(np.quantile(scores, specificity))),
                "scores equal to the cut-off are called ill, so they do not lie below it: count <, not <=": (
                    at_most[0] if at_most else np.inf),
                "that is the highest score that will do; the lowest is asked for": ranks[-1],
                "you use the upper end of the interval; a promise needs the lower one": _cut(
                    scores, specificity, lambda k, n: metrics.wilson(int(k), n).high),
            },
            "of {n} scores you cut at {got:g}; {truth:g} is the lowest whose lower bound reaches {specificity}",
            n=n, specificity=specificity,
        )  # fmt: skip
    few = np.array([0.1, 0.2, 0.3])
    got = number(answer(few, 0.9), "with three scores nothing reaches .9: return np.inf, not {kind}")
    refuse(np.isfinite(got), "three people cannot promise a specificity of .9: return np.inf")
