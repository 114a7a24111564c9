"""Lesson 4.5, Who pays for the mistakes?: its checks."""
import numpy as np
import pandas as pd

from utils.exercises.expect import expect_number, expect_type, number, refuse
from utils.lesson import exercise

COLUMNS = ["n", "melanomas", "lesions", "recall", "false alarms"]


def _rows() -> pd.DataFrame:
    """Images of three named groups and of nobody knows whom; one group has no melanoma, an index repeats."""
    text = """A L1 1 1, A L1 1 0, A L1 1 0, A L2 1 0, A L3 0 1, A L3 0 0, A L4 0 0, A L9 0 0, A L10 0 0,
              B L5 0 0, B L6 0 1, B L11 0 0, - L7 1 1, - L7 1 0, - L8 0 0, C L12 1 0, C L13 1 1, C L14 1 1"""
    rows = [entry.split() for entry in text.split(",")]
    table = pd.DataFrame(rows, columns=["group", "lesion", "melanoma", "called"], index=[3, 1, 4, 1, 5, 9, 2, 6, 5] * 2)
    table["group"] = table["group"].where(table["group"] != "-", None)
    return table.assign(melanoma=table["melanoma"] == "1", called=table["called"] == "1")


@exercise("Exercise 1", "lesions are counted, a rate of nobody is no rate, and the unknown keep their row")
def subgroup_table(answer):
    table = _rows()
    got = answer(table)
    expect_type(got, pd.DataFrame, "return a DataFrame with one row a group; you return {kind}")
    missing = [name for name in COLUMNS if name not in got.columns]
    refuse(missing, "your table has no column {}", ", ".join(missing))
    names = [str(name) for name in got.index]
    refuse(not {"A", "B", "C"} <= {*names}, "your rows are {}; each group is one row, named in the index",
           ", ".join(names))  # fmt: skip
    refuse("unknown" not in names, "the rows without a group are gone: call their group unknown, groupby drops "
           "missing names")  # fmt: skip
    refuse(sorted(names) != ["A", "B", "C", "unknown"], "your rows are {}; each group is one row, named in the index",
           ", ".join(names))  # fmt: skip
    got.index = names
    for name, rows in table.groupby(table["group"].fillna("unknown")):
        sick, others, mine = rows[rows["melanoma"]], rows[~rows["melanoma"]], got.loc[name]
        of = {column: f"the {column} of group {name}: you give {{got:g}}, not {{truth:g}}" for column in COLUMNS}
        expect_number(mine["n"], len(rows), {}, of["n"])
        expect_number(mine["melanomas"], len(sick), {
            "melanomas are counted in images here, and lesions beside them": sick["lesion"].nunique(),
        }, of["melanomas"])  # fmt: skip
        expect_number(mine["lesions"], sick["lesion"].nunique(), {
            "those are images; images of one lesion are one case, count different lesions": len(sick),
            "those are the lesions of all images; for the recall only those of melanomas are cases": (
                rows["lesion"].nunique()),
        }, of["lesions"])  # fmt: skip
        for column, part, whole in (("recall", sick, others), ("false alarms", others, sick)):
            truth, value = part["called"].mean(), number(mine[column])
            if len(part) == 0:
                refuse(not np.isnan(value), "group {} has nobody to compute the {} from: that is NaN, not {got:g}",
                       name, column, got=value)  # fmt: skip
                continue
            expect_number(value, truth, {
                "you divide by all images of the group; the recall is among its melanomas, false alarms among the rest":
                    part["called"].sum() / len(rows),
                "recall and false alarms are the wrong way round": whole["called"].mean(),
                "that is the share of alarms that are right or wrong; divide by who was asked, not by who was called": (
                    part["called"].sum() / rows["called"].sum()),
                "you average over lesions; here each image counts once": (
                    part.groupby("lesion")["called"].mean().mean()),
                "that is the share that was not called": 1 - truth,
            }, of[column])  # fmt: skip


@exercise("Exercise 2", "what a set could show is known before any result")
def smallest_gap(answer):
    for n_a, n_b, rate in ((42, 69, 0.43), (1000, 20, 0.9), (30, 30, 0.5), (5, 800, 0.2)):
        spread = rate * (1 - rate)
        truth = 2.8 * np.sqrt(spread * (1 / n_a + 1 / n_b))
        expect_number(
            answer(n_a, n_b, rate), truth,
            {
                "variances add, standard errors do not: add first, then one root": (
                    2.8 * (np.sqrt(spread / n_a) + np.sqrt(spread / n_b))),
                "with 1.96 you would see such a gap only every other time: take 2.80": (
                    1.96 / 2.8 * truth, truth / 2.8 * 1.645),
                "that is the standard error; a gap must be 2.80 of them": truth / 2.8,
                "that is the variance: take the root, then 2.80 times": (spread * (1 / n_a + 1 / n_b), truth**2 / 2.8),
                "you pool both groups into one; the smaller one decides, so 1/n_a + 1/n_b": (
                    2.8 * np.sqrt(spread / (n_a + n_b))),
                "each group has its own number of cases": (
                    2.8 * np.sqrt(2 * spread / n_a), 2.8 * np.sqrt(2 * spread / n_b),
                    2.8 * np.sqrt(4 * spread / (n_a + n_b))),
                "the variance of a share is rate · (1 − rate), not rate": 2.8 * np.sqrt(rate * (1 / n_a + 1 / n_b)),
            },
            "for {n_a} and {n_b} cases and a rate of {rate} you give {got:.3f}; right is {truth:.3f}",
            rtol=2e-3,  # from the normal quantiles 2.80 is 2.8016
            n_a=n_a, n_b=n_b, rate=rate,
        )  # fmt: skip


@exercise("Exercise 3", "a smaller gap is a gain only if somebody gains")
def levels_down(answer):
    first = {"men": 0.95, "women": 0.85, "unknown": 0.90}
    cases = [
        ({"women": 0.70, "men": 0.70, "unknown": 0.70}, True,
         "all fell to one level and nobody gained: that levels down"),
        ({"men": 0.90, "women": 0.85, "unknown": 0.88}, True,
         "the best fell, the worst stayed, nobody gained: that levels down, even if not all lost"),
        ({"women": 0.93, "men": 0.95, "unknown": 0.93}, False, "women gained and nobody lost: that is a cure"),
        ({"women": 0.87, "men": 0.90, "unknown": 0.90}, False,
         "the gap got smaller and women gained: men paid, but not for nothing"),
        ({"women": 0.70, "men": 0.90, "unknown": 0.80}, False,
         "all lost and the gap got larger: that is worse, but it levels nothing"),
        ({"women": 0.85, "men": 0.95, "unknown": 0.90}, False, "nothing changed, so the gap did not get smaller"),
        ({"women": 0.84, "men": 0.86, "unknown": 0.91}, False,
         "one group gained, the one between best and worst: go over all groups, by name"),
        ({"women": 0.85, "men": 0.88, "unknown": 0.88}, True,
         "the order of the two dictionaries may differ: compare each group with itself, by name"),
    ]  # fmt: skip
    cases = [(first, *case) for case in cases] + [
        ({"men": 0.90, "women": 0.85, "unknown": 0.70}, {"men": 0.80, "women": 0.79, "unknown": 0.55}, False,
         "the gap is of all groups, highest minus lowest, not of men and women alone; it grew"),
        ({"men": 0.90, "women": 0.85, "unknown": 0.88}, {"men": 0.60, "women": 0.80, "unknown": 0.70}, False,
         "the order turned and the gap grew: who is highest afterwards is found afresh"),
        ({"A": 0.80, "B": 0.92}, {"A": 0.78, "B": 0.79}, True,
         "groups may have other names: go over those in the dictionary"),
    ]  # fmt: skip
    for before, after, truth, words in cases:
        try:
            got = answer(dict(before), dict(after))
        except KeyError as name:
            refuse(True, "for {before} your function asks for {name}: go over the names in the dictionary",
                   before=before, name=name)  # fmt: skip
        expect_type(got, (bool, np.bool_), "return True or False; you return {kind}")
        refuse(bool(got) != truth, "for {before} and then {after} you say {got}; {}", words, before=before, after=after,
               got=bool(got))  # fmt: skip


@exercise("Task", "count the looks before you believe one")
def ten_groups(looks, p):
    expect_number(looks, 45, {
        "you count each pair twice, once from each side": (90, 100),
        "each group is compared with all others, not with one reference": (9, 10),
        "ten groups have nine others each, and each pair is met twice: 10 · 9 / 2": 55,
    }, "ten groups have 10 · 9 / 2 pairs, not {got:g}")  # fmt: skip
    expect_number(p, 0.45, {
        "that is the p before the correction": 0.01,
        "Holm multiplies the smallest p by the number of looks": (0.1, 0.09, 0.44, 0.05 / 45, 0.01 / 45, 0.9),
        "nearly: that is the chance of at least one such p among 45 independent looks; Holm multiplies": (
            1 - 0.99**45),
    }, "the smallest of 45 p-values counts 45-fold; you give {got:g}")  # fmt: skip


@exercise("Task", "a gap of a quarter, and none within strata: all of it is case mix")
def two_hospitals(at_a, at_b, within):
    swapped = "both hospitals mix .95 and .40; A has 90 moles of 100, B has 40"
    expect_number(at_a, 0.895, {
        swapped: (0.62, 0.455), "A sends more than moles: ten of its 100 images are right at .40": (0.95, 0.855),
        "the two do not count alike: 90 images and 10": 0.675, "give the share, not how many of 100": 89.5,
    }, "at A 90 of 100 are right at .95 and 10 at .40; you give {got:g}")  # fmt: skip
    expect_number(at_b, 0.62, {
        swapped: (0.895, 0.73), "B sends more than moles: 60 of its 100 images are right at .40": (0.95, 0.38),
        "the two do not count alike: 40 images and 60": 0.675, "give the share, not how many of 100": 62.0,
    }, "at B 40 of 100 are right at .95 and 60 at .40; you give {got:g}")  # fmt: skip
    expect_number(within, 0, {
        "that is the crude gap; within the moles, and within the rest, compare A with B": (0.275, -0.275),
        "that is between moles and others; compare A with B, first among the moles": (0.55, -0.55),
    }, "moles are right at .95 in both, others at .40 in both; you give {got:g}")  # fmt: skip


@exercise("Task", "the record caps right alarms at .6, however good the network")
def by_record(answer):
    expect_number(answer, 0.54, {
        "that is the share in truth; by the record 40 % of those are wrong": 0.9,
        "that is the share of recorded alarms that are wrong by the bias; ask how many are right": 0.36,
        "the 40 % are of the sick 90, not of all 100": 0.5,
        "that is how many; give the share of 100 alarms": 54.0,
        "those who are healthy in truth are not recorded as sick: leave the ten out": (0.64, 0.6),
    }, "90 of 100 are sick, 60 % of those are recorded as sick; you give {got:g}")  # fmt: skip
