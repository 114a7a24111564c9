"""The reader's bar: which right images its defaults decline, at home and at a second site, and
which wrong ones.

The gate is as in `assistant/gate.py`. Its settings come from a plan whose author had tried the
method on such kinds of images; after that nothing was changed for what is in KEPT_ASIDE, which
only this script looks at. (Colours were added to the skin's gate for malaria cells and chest films,
which are not in it.) Count sources, not pictures: all slices of a CT are one body. Run as a
program, it prints the table.
"""
from dataclasses import replace

import numpy as np
import pandas as pd
import pydicom
from assistant import defaults, reader
from PIL import Image, ImageDraw, ImageFont
from skimage import data as photographs
from sklearn.datasets import load_sample_images
from utils import datasets
from utils.clinic import chest, ct
from utils.clinic.patient import draws, make_patient, rotation
from utils.datasets import CARDS, places
from utils.evaluation import calibration, metrics

# Wrong images a seed: grey medical ones, three in four of all, and others.
KEPT_ASIDE = {"lateral films": 40, "CT across": 30, "CT from the front": 30, "CT from the side": 20,
              "head MR": 30, "skin": 20, "photographs": 20, "printed pages": 10}  # fmt: skip
MEDICAL = 5  # of these kinds are grey medical images
RIGHT = 200  # images a seed, of home and of the second site

VARIANTS = ["chest, children", "chest, clinic", "skin", "skin without rosendahl",
            "skin without vienna_dias"]  # fmt: skip
SEEDS = range(3)
TOLERANCE = 25  # images; shares differ far less

children = defaults.chest()
moles = datasets.load("dermamnist", metadata=True)
# The second hospital of the clinic's children, which nothing but this script knows
ELSEWHERE = chest.Site("Lakeside, children", photons=20_000, blur=2.2, gamma=0.8, collimation=0.04,
                       text="BED", marker="", portable=0.5)  # fmt: skip


def child_or_adult(number, child):
    """Age, and the side of the film in mm."""
    age = 1 + number % 5 if child else None
    return age, float(np.interp(age, [1, 5], [150, 215])) if child else 384.0


def frontal(site, first, child):
    """Films, three in four with pneumonia as among the clinic's children: uint8 (RIGHT, 64, 64)."""
    found = []
    for k in range(RIGHT):
        age, side = child_or_adult(k, child)
        kind = "opacity" if k % 4 else "normal"
        patient = make_patient(first + k, kind, age, vessels=6, severity=2.0)
        film = chest.picture(patient, replace(site, side=side), 64, first + k)[0] / 16.06
        found.append(np.clip(film, 0, 255).astype(np.uint8))
    return np.stack(found)


def lateral(number):
    """A film of the clinic from the side, of a child or an adult."""
    age, side = child_or_adult(number, number % 2)
    patient, rng = make_patient(number, "normal", age), draws(number, 9)
    side_on = float(rng.choice([90, -90])) + rng.normal(0, 2)
    turn = rotation(2, side_on) @ rotation(0, rng.normal(0, 2))
    signal = chest.expose(chest.projection(patient, 128, side, turn), 40_000, 0.3, rng)
    low, high = np.quantile(signal[32:-32, 32:-32], [0.02, 0.98])
    black, white = 0.85 * low, 1.05 * high
    return (255 * np.clip((signal - black) / (white - black), 0, 1)).astype(np.uint8)


def slices(axis, count, rng):
    """CT slices in two windows: half of the course's scan, half of a patient of the clinic."""
    own = ct.ct(make_patient(int(rng.integers(900_000, 990_000))), (3, 3, 4), (128, 96, 80))[0]
    scan = datasets.ct_volume().array
    for k in range(count):
        volume = scan if k % 2 else own  # (x, y, z)
        edge = volume.shape[axis] // 5
        one = np.rot90(np.take(volume, rng.integers(edge, volume.shape[axis] - edge), axis))
        low, high = [(-1000, 400), (-160, 240)][rng.integers(2)]
        yield (255 * np.clip((one - low) / (high - low), 0, 1)).astype(np.uint8)


def heads(count, rng):
    """MR of heads: half of one series, half of many patients with a tumour."""
    paths, tumours = datasets.mr_series().paths, datasets.load("brain_tumours").images
    for k in range(count):
        one = tumours[rng.integers(len(tumours))]
        if k % 2:
            one = pydicom.dcmread(paths[rng.integers(10, len(paths) - 10)]).pixel_array
        yield (255 * np.clip(one / max(1, one.max()), 0, 1)).astype(np.uint8)


def pieces(count, rng):
    """Pieces of thirteen photographs that come with scikit-image and scikit-learn."""
    names = ["astronaut", "brick", "camera", "cat", "coffee", "coins", "grass", "gravel",
             "hubble_deep_field", "moon", "rocket"]  # fmt: skip
    every = [getattr(photographs, name)() for name in names] + load_sample_images().images
    for _ in range(count):
        one = every[rng.integers(len(every))]
        piece = int(rng.integers(100, min(one.shape[:2])))
        y, x = (int(rng.integers(side - piece + 1)) for side in one.shape[:2])
        yield one[y : y + piece, x : x + piece]


def pages(count, rng):
    for _ in range(count):
        sheet = Image.new("L", (128, 128), 255)
        font, draw = ImageFont.load_default(size=int(rng.integers(10, 22))), ImageDraw.Draw(sheet)
        for y in range(4, 120, 22):
            draw.text((4, y), "".join(rng.choice(list("abc defgh iklmn oprst"), 16)), 0, font=font)
        yield np.asarray(sheet)


def kept_aside(kind, count, seed):
    """Pictures of a kind, of any size, in grey or colour."""
    rng = np.random.default_rng([seed, *kind.encode()])
    if kind == "lateral films":
        return [lateral(950_000 + 1000 * seed + k) for k in range(count)]
    if kind.startswith("CT"):
        axis = ["CT from the side", "CT from the front", "CT across"].index(kind)
        return slices(axis, count, rng)
    if kind == "skin":
        return moles.val.images[rng.permutation(len(moles.val))[:count]]
    return {"head MR": heads, "photographs": pieces, "printed pages": pages}[kind](count, rng)


def declined(made, pictures):
    """How many the gate declines; no header is asked, nor the rule about colours."""
    channels = len(made.trained.mean)
    small = [reader.sized(np.ascontiguousarray(one), made.side, channels) for one in pictures]
    return int(made.gate.declines(np.stack(small)).sum())


def answers(made, part):
    """Of images that nothing was trained or calibrated on: accuracy, recalls, the 90 % sets."""
    images = part.images if part.images.ndim == 4 else part.images[..., None]
    said = made.probabilities(images)
    sets = calibration.conformal_sets(said, made.thresholds)
    found = {"images": len(sets), "accuracy": (said.argmax(1) == part.labels).mean(),
             "set size": sets.sum(1).mean(), "empty sets": (sets.sum(1) == 0).mean(),
             "temperature": made.temperature}  # fmt: skip
    for c, name in enumerate(made.classes):
        rows = part.labels == c
        found[f"recall, {name}"] = (said[rows].argmax(1) == c).mean()
        found[f"coverage, {name}"] = sets[rows, c].mean()
    return {f"home, {what}": value for what, value in found.items()}


def without(pile, out):
    """Skin without a source and without classes of which fifty images are not left; the source."""
    table = pd.concat([moles.train.table, moles.val.table])["dataset"].to_numpy(str)
    there = np.isin(pile.groups, pile.groups[table == out])  # no lesion on both sides
    many = np.flatnonzero(np.bincount(pile.labels[~there], minlength=len(pile.classes)) >= 50)
    kept = ~there & np.isin(pile.labels, many)
    classes = tuple(pile.classes[c] for c in many)
    left = pile._replace(images=pile.images[kept], groups=pile.groups[kept], classes=classes,
                         labels=np.searchsorted(many, pile.labels[kept]))  # fmt: skip
    return left, pile.images[table == out]


def experiment(variant, seed):
    """A default trained as it is shipped, from this seed; its gate asked about right and wrong."""
    rng, name = np.random.default_rng(seed), variant[:5].strip(", ")
    few_children = children.images[rng.permutation(len(children.images))[:RIGHT]]
    adults = frontal(chest.Site(), 810_000 + RIGHT * seed, False) if name == "chest" else None
    if variant == "chest, children":
        pile, others = children, {"clinic's adults": adults}
        second = defaults.children(defaults.chest_place(), "test").images
    elif variant == "chest, clinic":
        pile = defaults.children(places.make(CARDS["chest_xray"], ""), "train")
        second = frontal(ELSEWHERE, 820_000 + RIGHT * seed, True)
        others = {"clinic's adults": adults, "real children": few_children}
    else:
        pile, second = without(defaults.skin(), variant.rpartition(" ")[2])
        others = {"children's films": few_children}
    made, rest = defaults.train(name, pile, seed), pile.dealt(seed)["rest"]
    row = answers(made, rest)
    for place, images in ({"home": rest.images, "second site": second} | others).items():
        some = images[rng.permutation(len(images))[:RIGHT]]
        row[f"asked, {place}"] = len(some)
        row[f"declined, {place}"] = declined(made, some) if len(some) else 0
    wrong = {}
    for kind, count in KEPT_ASIDE.items():
        if kind == "skin" and name == "skin":  # right there: more photographs stand in for it
            wrong["more photographs"] = declined(made, kept_aside("photographs", count, seed + 100))
        else:
            wrong[kind] = declined(made, kept_aside(kind, count, seed))
    row |= {f"declined, {kind}": count for kind, count in wrong.items()}
    return row | {"declined, wrong": sum(wrong.values()),
                  "declined, grey medical": sum(list(wrong.values())[:MEDICAL])}  # fmt: skip


def table(runs):
    """Wilson's 95 % intervals of what is declined, pooled over seeds, and each seed's count."""
    medical = sum(list(KEPT_ASIDE.values())[:MEDICAL])
    asked, rows = {"wrong": sum(KEPT_ASIDE.values()), "grey medical": medical}, {}
    for variant, found in runs.groupby("variant", sort=False):
        for what in ("home", "second site", "wrong", "grey medical"):
            counts = found[f"declined, {what}"].astype(int)
            of = asked.get(what, 0) * len(found) or int(found[f"asked, {what}"].sum())
            if of:
                share = metrics.wilson(counts.sum(), of)
                rows[variant, what] = (f"{counts.sum()}/{of}", *(round(end, 3) for end in share),
                                       *counts)  # fmt: skip
    columns = ["declined", "share", "low", "high", *(f"seed {seed}" for seed in SEEDS)]
    return pd.DataFrame(rows, index=columns).T


if __name__ == "__main__":
    print(table(pd.read_csv(__file__.replace(".py", ".csv"))).to_string())
