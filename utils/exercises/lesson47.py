"""Lesson 4.7, Your folder, start to finish: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_type, number, refuse
from utils.lesson import exercise

# ---------------------------------------------------------------------------- tasks


@exercise("Task 1", "of a hundred families; write it beside the accuracy, which hides it")
def false_alarms(answer, said, truth):
    """The answer comes with what the lesson has: probabilities (n, classes) and labels (n,), 0 is the healthy class."""
    alarm, well = said.argmax(1) != 0, truth == 0
    share = alarm[well].mean()
    expect_number(
        answer, 100 * share,
        {
            "give it of a hundred children: times 100": share,
            "those are the ones called healthy; ask about the others": (100 * (1 - share), 1 - share),
            "you divide by all films; take the healthy ones only, [truth == 0]": (
                100 * (alarm & well).mean(), (alarm & well).mean()),
            "those are the ill that are called healthy; ask about the healthy ones": (
                100 * (~alarm)[~well].mean(), (~alarm)[~well].mean()),
            "that is how many in this part; make it of a hundred": float((alarm & well).sum()),
            "that is a mean probability; count the films whose argmax is not 0": (
                100 * (1 - said[well, 0].mean()), 1 - said[well, 0].mean()),
            "you divide by those called ill; ask of the healthy ones": (
                100 * (alarm & well).sum() / max(alarm.sum(), 1), (alarm & well).sum() / max(alarm.sum(), 1)),
        },
        "you give {got:.1f}; of the films with label 0, a hundred times the share whose argmax is not 0",
    )  # fmt: skip


@exercise("Task 2", "a set promised one in ten; the promise was about another ward")
def left_out(answer, covered, table):
    """The answers come with the table of the next ward; a share may be typed or taken from it."""
    share = float(table["covered"].iloc[0].split()[0])
    given = number(covered, "covered is one number, a share; you give {kind}")
    other = float(table["covered"].iloc[1].split()[0])
    found = float(table["found"].iloc[0].split()[0])
    expect_number(
        given, share,
        {
            "covered is a share from 0 to 1, not percent": 100 * share,
            "that is the share *found*; take the column covered": found,
            "that is covered of the other class; take the row of the healthy": other,
            "that is the share left out; first give the share that is covered": 1 - share,
        },
        "covered is {got:.3f}; the table says {truth:.3f} for the first class of the next ward", atol=0.006,
    )  # fmt: skip
    expect_number(
        answer, 100 * (1 - given),
        {
            "those are the children whose set holds the true name; ask for the others": 100 * given,
            "give it of a hundred children: times 100": 1 - given,
            "that is what the set promised; ask what it did": 10.0,
        },
        "left_out is {got:.1f}; a hundred times what is missing to 1 is {truth:.1f}", atol=0.6,
    )  # fmt: skip


# ---------------------------------------------------------------------------- exercises

SLICES = {
    "glioma/P012-2_T1_034.png": "P012", "glioma/P012_T1_001.png": "P012", "glioma/P7-1_T2_9.png": "P7",
    "pituitary/scan_034.png": None, "P012-1/scan_001.png": None, "P003/P044-1_T1_002.png": "P044",
    "P044-1_T1_002.png": "P044", "glioma/T1_P012_034.png": None, "glioma/P1234-1_T1_1.png": "P1234",
}  # fmt: skip


@exercise("Exercise 1", "a visit is not a patient, and nobody is not one large patient")
def patient_of(answer):
    bare = getattr(answer, "__wrapped__", answer)  # None is an answer here, and not a missing return
    got = {file: bare(file) for file in SLICES}
    if all(value is None for value in got.values()):
        answer("glioma/P012-2_T1_034.png")  # says what is missing
    for value in got.values():
        expect_type(value, (str, type(None)), "return the patient as text, or None; you return {kind}")
    visit = got["glioma/P012-2_T1_034.png"]
    refuse(visit in ("P012-2", "P012_2"), "{!r} is a visit: two visits of a patient would be two patients", visit)
    refuse(visit not in (None, "P012") and "034" in visit, "{!r} is one slice: its neighbours would be other patients",
           visit)  # fmt: skip
    refuse(visit == "012", "keep the letter, too: 'P012'")
    nobody = got["pituitary/scan_034.png"]
    refuse(nobody is not None, "for 'scan_034.png', which names nobody, you return {!r}: all such files would be one "
           "patient; return None", nobody)  # fmt: skip
    refuse(got["P012-1/scan_001.png"] is not None or got["P003/P044-1_T1_002.png"] == "P003",
           "you take the number from the folder; only what follows the last / counts")  # fmt: skip
    refuse(got["P044-1_T1_002.png"] is None, "a file without a folder has a name, too: 'P044-1_T1_002.png'")
    refuse(got["glioma/T1_P012_034.png"] is not None, "'T1_P012_034.png' does not begin with a patient; look at the "
           "beginning only, as re.match does")  # fmt: skip
    refuse(got["glioma/P1234-1_T1_1.png"] == "P123" or got["glioma/P7-1_T2_9.png"] is None,
           "numbers may have any number of digits: P7 and P1234 are patients")  # fmt: skip
    refuse(got["glioma/P012_T1_001.png"] is None, "'P012_T1_001.png' names no visit; it is of P012 all the same")
    for file, right in SLICES.items():
        refuse(got[file] != right, "for {!r} you return {!r}, not {!r}", file, got[file], right)


@exercise("Exercise 2", "near 1 for a rule that calls each image a patient; then look how alike the parted ones are")
def parted(answer):
    rng = np.random.default_rng(0)
    numbers = np.arange(12)
    order = rng.permutation(12)
    groups = np.array(list("aaaabbbbcccc"))
    groups[5] = "d"  # a a a a b d b b c c c c: changes at 4 of 11
    mixed = groups[order]
    truth = 4 / 11
    got = answer(numbers[order].copy(), mixed.copy())
    unsorted = (mixed[1:] != mixed[:-1]).mean()
    expect_number(
        got, truth,
        {
            "you compare them as they lie; sort by number first": (unsorted, (mixed[1:] != mixed[:-1]).sum()),
            "that is how many; return the share of the pairs": 4.0,
            "you divide by the images; of 12 images there are 11 pairs": 4 / 12,
            "that is the share of neighbours in one group; ask for those that the rule parts": 1 - truth,
            "you count the groups; compare neighbours": (4.0 / 12 + 1e-9, 3 / 11, 4.0 - 1e-9),
            "you sort by group; sort by number": (np.sort(mixed)[1:] != np.sort(mixed)[:-1]).mean(),
        },
        "you return {got:.3f} where {truth:.3f} is right: 4 of 11 neighbours are in two groups",
    )  # fmt: skip
    listed = answer([3, 1, 2], ["x", "y", "y"])
    expect_array(number(listed), 0.5, {}, "for lists, too: numbers [3, 1, 2] of x, y, y part 1 of 2 pairs; you say "
                 "{got:.2f}")  # fmt: skip
    expect_array(number(answer(np.arange(4), np.array(list("abcd")))), 1.0, {},
                 "each image its own group parts every pair, 1.0; you say {got:.2f}")  # fmt: skip


PAGE = """# Model card: films

- **Data:** children's films, 2018
- **Groups:**
- **Results:** found 0.93; Split and Sets are as usual
- **Calibration:**   \t
The line - **Sets:** stands here in running text.
- **Not tried on:** adults"""
NAMES = ("Made for", "Data", "Groups", "Split", "Results", "Calibration", "Sets", "Not tried on")


@exercise("Exercise 3", "a line that is there and untrue, no function finds")
def lacking(answer):
    got = answer(PAGE, NAMES)
    refuse(isinstance(got, bool | np.bool_), "return the names that are lacking, as a list; you say only whether")
    expect_type(got, (list, tuple), "return a list of names; you return {kind}")
    got = list(got)
    right = ["Made for", "Groups", "Split", "Calibration", "Sets"]
    refuse(got == [name for name in NAMES if name not in right], "those are the lines that are there; return the "
           "others")  # fmt: skip
    refuse(set(got) == {"Made for"}, "a word that occurs in the text is no line: look for '- **Split:**' at the "
           "beginning of a line")  # fmt: skip
    refuse("Groups" not in got, "the line Groups is there and says nothing: what stands behind the colon?")
    refuse("Calibration" not in got, "the line Calibration holds blanks only: strip them")
    refuse("Sets" not in got, "'- **Sets:**' stands in the middle of a line: a line begins with it")
    refuse("Split" not in got, "the word Split occurs, but there is no line of it")
    refuse(sorted(got) == sorted(right) and got != right, "give them in the order of names")
    refuse(got != right, "you return {}, and {} is right", got, right)
    refuse(list(answer(PAGE, ("Data",))) != [], "where every line is there, return an empty list")
    refuse(list(answer("", ("Data",))) != ["Data"], "an empty card lacks every line")
