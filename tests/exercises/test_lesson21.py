"""Lesson 2.1, What does a pixel measure?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_LOW = "def to_unit_range(hu, centre, width):\n    return "
MISTAKES["to_unit_range"] = [
    (_LOW + "(hu - (centre - width / 2)) / width", "below the window all is 0"),
    (_LOW + "np.clip((hu - (centre - width)) / (2 * width), 0, 1)", "twice too wide"),
    (_LOW + "np.clip((hu - centre) / width, 0, 1)", "begins at its centre"),
    (_LOW + "(hu - float(hu.min())) / (float(hu.max()) - float(hu.min()))", "ignore the window"),
    (_LOW + "np.round(255 * np.clip((hu - (centre - width / 2)) / width, 0, 1))", "0 to 255"),
    (_LOW + "1 - np.clip((hu - (centre - width / 2)) / width, 0, 1)", "other way round"),
]
_KEEP = "def keep_order(scan):\n    "
MISTAKES["keep_order"] = [
    (_KEEP + "return (scan - scan.min()) / np.ptp(scan)", "metal"),
    (_KEEP + "return (scan - scan.mean()) / scan.std()", "between 0 and 1"),
    (
        _KEEP + "low, high = np.percentile(scan, (1, 99))\n    return np.clip((scan - low) / (high - low), 0, 1)",
        "filled with −2048",
    ),
    (_KEEP + "return np.clip((scan + 160) / 400, 0, 1)", "-1000 and -980 HU get the same value"),
    (_KEEP + "return np.clip((1000 - scan) / 2000, 0, 1)", "denser must become larger"),
]
_SUV = (
    "def suv(activity, tags):\n    a, b = (tags[k] for k in ('RadiopharmaceuticalStartTime', 'SeriesTime'))\n"
    "    t = (datetime.strptime(b, '%H%M%S') - datetime.strptime(a, '%H%M%S')).total_seconds()\n"
    "    dose, half, weight = (tags[k] for k in ('RadionuclideTotalDose', 'RadionuclideHalfLife', 'PatientWeight'))\n"
    "    return activity * "
)
MISTAKES["suv"] = [
    (_SUV + "weight / (dose * 0.5 ** (t / half))", "in grams"),
    (_SUV + "1000 * weight / dose", "as it was injected"),
    (_SUV + "1000 * weight / (dose * 2 ** (t / half))", "wrong direction"),
    (_SUV + "1000 * weight / (dose * np.exp(-t / half))", "one half is left"),
    (_SUV + "1000 * weight / (dose * 0.5 ** ((int(b) - int(a)) / half))", "as if they were numbers"),
    (_SUV + "1000 * weight / (dose * 0.5 ** (t / half))", "ADMIN"),
    (
        _SUV.replace("    return", "    t = 0 if tags['DecayCorrection'] == 'ADMIN' else t\n    return")
        + "1000 * weight / (dose * 0.5 ** (t / half))",
        "with NONE",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["to_unit_range"] = """
def to_unit_range(hu, centre, width):
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2  # DICOM's LINEAR
    return np.interp(hu, [low, high], [0, 1])
"""
UNUSUAL["keep_order"] = """
def keep_order(scan):
    return 0.5 + np.arctan(scan / 700.0) / np.pi
"""
UNUSUAL["suv"] = """
def suv(activity, tags):
    mode = ["START", "ADMIN"].index(tags["DecayCorrection"])
    seconds = lambda t: 3600 * int(t[:2]) + 60 * int(t[2:4]) + int(t[4:])
    waited = seconds(tags["SeriesTime"]) - seconds(tags["RadiopharmaceuticalStartTime"])
    left = np.exp(-np.log(2) * waited / tags["RadionuclideHalfLife"]) if mode == 0 else 1
    return (activity / (tags["RadionuclideTotalDose"] * left / (1000 * tags["PatientWeight"]))).tolist()
"""
