"""Each exercise is tried three ways: blank, with each typical mistake, and with the very solution a learner reads."""
from __future__ import annotations

import ast
import importlib
import re

import pytest

from tools import notebook as notebooks
from tools.fingerprint import parse
from utils.lesson import Hint, Verdict, exercise, is_blank

# {check: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES: dict[str, list[tuple[str, str]]] = {}

# ------------------------------------------------------------ 1.1 What is in the pile?

_RATIO = "def imbalance_ratio(labels):\n    n = np.unique(labels, return_counts=True)[1]\n    return "
MISTAKES["imbalance_ratio"] = [
    (_RATIO + "n.min() / n.max()", "turn it round"),
    ("def imbalance_ratio(labels):\n    n = np.bincount(labels)\n    return n.max() / n.min()", "do not occur"),
    (_RATIO + "n.max() / n.mean()", "average one"),
    (_RATIO + "n.max() // n.min()", "fraction"),
    (_RATIO + "n.max() / len(labels)", "share of the largest"),
    (_RATIO + "n.max() - n.min()", "should give"),
]
MISTAKES["find_copies"] = [
    (
        "def find_copies(images):\n    n = range(len(images))\n"
        "    return [(i, j) for i in n for j in n if (images[i] == images[j]).all()]",
        "no copy of itself",
    ),
    (
        "def find_copies(images):\n    n = range(len(images))\n"
        "    return [(i, j) for i in n for j in n if i != j and (images[i] == images[j]).all()]",
        "smaller number first",
    ),
    (
        "def find_copies(images):\n    n, means = len(images), images.reshape(len(images), -1).mean(axis=1)\n"
        "    return [(i, j) for i in range(n) for j in range(i + 1, n) if means[i] == means[j]]",
        "different places",
    ),
    (
        "def find_copies(images):\n    n = len(images)\n"
        "    return [(i, j) for i in range(n) for j in range(i + 1, n) if np.allclose(images[i], images[j], atol=2)]",
        "differ in their last pixel",
    ),
    (
        "def find_copies(images):\n    seen, pairs = {}, []\n    for j, image in enumerate(images):\n"
        "        i = seen.setdefault(image.tobytes(), j)\n        if i != j:\n            pairs.append((i, j))\n"
        "    return pairs",
        "three pairs",
    ),
    ("def find_copies(images):\n    return len(images) - len(np.unique(images, axis=0))", "list of pairs"),
    (
        "def find_copies(images):\n"
        "    return [(i, i + 1) for i in range(len(images) - 1) if (images[i] == images[i + 1]).all()]",
        "need not be neighbours",
    ),
]
MISTAKES["colour_baseline"] = [
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    names, counts = np.unique(train_labels, return_counts=True)\n"
        "    return np.full(len(new_images), names[counts.argmax()])",
        "most frequent class",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    colour = train_images.mean(axis=(1, 2))\n"
        "    centres = np.array([colour[train_labels == name].mean(axis=0) for name in np.unique(train_labels)])\n"
        "    gap = new_images.mean(axis=(1, 2))[:, None] - centres\n"
        "    return np.linalg.norm(gap, axis=2).argmin(axis=1)",
        "not its position",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    return np.random.default_rng(0).choice(np.unique(train_labels), len(new_images))",
        "use the colour",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n    return train_labels",
        "one label for each",
    ),
]

# ------------------------------------------------------------ 1.2 What is in a file?

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
]
MISTAKES["in_order"] = [
    ("def in_order(table):\n    return list(table.sort_values('instance')['name'])", "InstanceNumber"),
    ("def in_order(table):\n    return sorted(table['name'])", "file name"),
    (
        "def in_order(table):\n"
        "    return list(table.assign(z=[p[2] for p in table['position']]).sort_values('z')['name'])",
        "wrong for sagittal",
    ),
    (
        "def in_order(table):\n"
        "    return list(table.assign(d=[np.linalg.norm(p) for p in table['position']]).sort_values('d')['name'])",
        "not neighbours in the body",
    ),
    ("def in_order(table):\n    return list(np.argsort(table['instance']))", "file names in order"),
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

# ------------------------------------------------------------ 1.3 Is the test set really unseen?

MISTAKES["leaked_images"] = [
    ("def leaked_images(train, test):\n    return np.isin(test, train).sum()", "one number"),
    (
        "def leaked_images(train, test):\n"
        "    left, right = pd.DataFrame({'lesion': test}), pd.DataFrame({'lesion': train})\n"
        "    return left.merge(right, on='lesion').notna().to_numpy()[:, 0]",
        "matching pairs",
    ),
    ("def leaked_images(train, test):\n    return np.isin(train, test)", "training images"),
    ("def leaked_images(train, test):\n    return ~np.isin(test, train)", "other way round"),
    ("def leaked_images(train, test):\n    return np.isin(np.unique(test), train)", "you count lesions"),
]
MISTAKES["grouped_split"] = [
    (
        "def grouped_split(groups, share, seed):\n    return np.random.default_rng(seed).random(len(groups)) < share",
        "both sides",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.random.default_rng().permutation(np.unique(groups))\n"
        "    return np.isin(groups, names[:round(share * len(names))])",
        "same seed",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.unique(groups)\n"
        "    return np.isin(groups, names[:round(share * len(names))])",
        "another seed",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.random.default_rng(seed).permutation(np.unique(groups))\n"
        "    return np.isin(groups, names[round(share * len(names)):])",
        "asked for",
    ),
    ("def grouped_split(groups, share, seed):\n    return np.arange(round(share * len(groups)))", "True or False"),
]
MISTAKES["crossings"] = [
    (
        "def crossings(train, test, columns):\n    return any(train[c].isin(test[c]).any() for c in columns)",
        "list of column",
    ),
    (
        "def crossings(train, test, columns):\n    return [c for c in columns if train[c].isin(test[c]).any()]",
        "missing values",
    ),
    (
        "def crossings(train, test, columns):\n"
        "    return [c for c in columns if (train[c].to_numpy()[:len(test)] == test[c].to_numpy()).any()]",
        "different rows",
    ),
    (
        "def crossings(train, test, columns):\n"
        "    return [c for c in columns if set(train[c].dropna()) & set(test[c].dropna())][:1]",
        "all three",
    ),
]

# ------------------------------------------------------------ 1.4 What did the model really learn?

_BALANCED = (
    "def balanced_rows(hospital, sick, seed):\n"
    "    rng, rows = np.random.default_rng(seed), []\n"
    "    for name in np.unique(hospital):\n"
    "        ill, well = (np.flatnonzero((hospital == name) & (sick == value)) for value in (True, False))\n"
)
_DRAW = "        rows += [*rng.choice(ill, n, {0}), *rng.choice(well, n, {0})]\n    return {1}"
_LEAST = "        n = min(len(ill), len(well))\n"
MISTAKES["balanced_rows"] = [
    (
        "def balanced_rows(hospital, sick, seed):\n    rng = np.random.default_rng(seed)\n"
        "    ill, well = np.flatnonzero(sick), np.flatnonzero(~sick)\n    n = min(len(ill), len(well))\n"
        "    return np.concatenate([rng.choice(ill, n, False), rng.choice(well, n, False)])",
        "over all hospitals",
    ),
    (_BALANCED + "        n = max(len(ill), len(well))\n" + _DRAW.format("True", "np.array(rows)"), "drawn twice"),
    (_BALANCED + "        n = 5\n" + _DRAW.format("False", "np.array(rows)"), "rarest group of all"),
    (_BALANCED + "        n = 3\n" + _DRAW.format("False", "np.array(rows)"), "are possible"),
    (_BALANCED + _LEAST + _DRAW.format("False", "np.isin(np.arange(len(sick)), rows)"), "row numbers"),
    (_BALANCED + _LEAST + "        rows += [*ill[:n], *well[:n]]\n    return np.array(rows)", "another seed"),
    (
        (_BALANCED + _LEAST + _DRAW.format("False", "np.array(rows)")).replace("default_rng(seed)", "default_rng()"),
        "generator from the seed",
    ),
]
_MASK = (
    "def mask_text(pictures, box):\n    top, left, bottom, right = box\n    masked = pictures.copy()\n"
    "    part = masked[:, top:bottom, left:right]\n    "
)
MISTAKES["mask_text"] = [
    (_MASK + "part[part == 255] = 0\n    return masked", "outline of the letters"),
    (_MASK + "part[:] = part.mean(axis=(1, 2), keepdims=True)\n    return masked", "depends on what it hides"),
    (_MASK.replace("pictures.copy()", "pictures") + "part[:] = 0\n    return masked", "work on a copy"),
    (
        _MASK.replace("top, left, bottom, right", "left, top, right, bottom") + "part[:] = 0\n    return masked",
        "rows first",
    ),
    (_MASK.replace("masked[:, ", "masked[0, ") + "part[:] = 0\n    return masked", "only the first picture"),
    (_MASK + "part[:] = pictures[:, :1, :1]\n    return masked", "one value"),
    ("def mask_text(pictures, box):\n    return pictures[:, : box[0]]", "should keep it"),
]
_IGNORES = (
    "def ignores_marker(score, pictures, markers, tolerance):\n    before = score(pictures)\n"
    "    after = np.stack([score(np.maximum(pictures, marker)) for marker in markers])\n    return bool("
)
MISTAKES["ignores_marker"] = [
    (_IGNORES + "abs((after - before).mean(1)).max() <= tolerance)", "mean stays"),
    (_IGNORES + "(after - before).max() <= tolerance)", "say 'healthy'"),
    (_IGNORES + "abs(after[0] - before).max() <= tolerance)", "last of the names"),
    (_IGNORES + "abs(after - after[0]).max() <= tolerance)", "without a name"),
    (_IGNORES + "((after > 0) == (before > 0)).all())", "decision stays"),
    (_IGNORES + "np.median(abs(after - before), axis=1).max() <= tolerance)", "single film"),
    (_IGNORES + "(after == before).all())", "less than the tolerance"),
]

# ------------------------------------------------------------ 2.1 What does a pixel measure?

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

# ------------------------------------------------------------ 2.2 Where is a pixel?

MISTAKES["volume_ml"] = [
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask)", "number of voxels"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * np.prod(spacing)", "in mm³"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * np.prod(spacing) / 10", "not 10"),
    ("def volume_ml(mask, spacing):\n    return mask.sum() * np.prod(spacing) / 1000", "add up the values"),
    ("def volume_ml(mask, spacing):\n    return (mask == 1).sum() * np.prod(spacing) / 1000", "only the ones"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * spacing[0] * spacing[1] / 1000", "an area"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * spacing[0] ** 3 / 1000", "for a cube"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * sum(spacing) / 1000", "you add the spacings"),
]


def _affine(first=1, second=0, steps="count - 1", order=(0, 1, 2), flip="F @ A"):
    """Code for nifti_affine with one thing different."""
    return (
        "def nifti_affine(first, last, count, orientation, pixel_spacing):\n"
        "    row, column = np.reshape(orientation, (2, 3))\n"
        f"    parts = [row * pixel_spacing[{first}], column * pixel_spacing[{second}],\n"
        f"             (np.array(last) - np.array(first)) / ({steps})]\n"
        "    A, F = np.eye(4), np.diag([-1, -1, 1, 1])\n"
        f"    A[:3] = np.stack([parts[{order[0]}], parts[{order[1]}], parts[{order[2]}], first], axis=1)\n"
        f"    return {flip}"
    )


MISTAKES["nifti_affine"] = [
    (_affine(flip="A"), "still LPS"),
    (_affine(flip="np.hstack([(F @ A)[:, :3], A[:, 3:]])"), "origin is still LPS"),
    (_affine(flip="A @ F"), "negate two columns"),
    (_affine(first=0, second=1), "distance between rows"),
    (_affine(order=(1, 0, 2)), "first column"),
    (_affine(steps="count"), "n − 1 steps"),
    (_affine(order=(2, 1, 0)), "follow the indices"),
    (_affine(flip="(F @ A)[:3, :3]"), "4 rows and 4 columns"),
    (_affine(flip="(F @ A).T"), "its last row"),
]
MISTAKES["resample_labels"] = [
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=1)",
        "do not mix",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels.astype(float), to_old, output_shape=new_shape, order=0)",
        "data type",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(new_affine) @ affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=0)",
        "nearest neighbour: new index",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=0, cval=7)",
        "nobody drew",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, order=0)",
        "the new grid has shape",
    ),
]

# ------------------------------------------------------------ 2.3 How do you move big images?

_SECONDS = "def transfer_seconds(shape, bits_stored, megabits, share=1.0):\n    return "
MISTAKES["transfer_seconds"] = [
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * share / (megabits * 1e6)", "eight bits"),
    (_SECONDS + "math.prod(shape) * bits_stored * share / (megabits * 1e6)", "round up"),
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * 8 * share / (megabits * 2**20)", "powers of ten"),
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * 8 / (megabits * 1e6)", "leave the share out"),
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * 8 / share / (megabits * 1e6)", "multiply"),
    (_SECONDS + "math.prod(shape) * 16 * share / (megabits * 1e6)", "need only one"),
    (_SECONDS + "shape[1] * shape[2] * math.ceil(bits_stored / 8) * 8 * share / (megabits * 1e6)", "one image only"),
    (_SECONDS + "1.0", "you say"),
]
_KEY = "def cache_key(settings, version):\n    return "
_SHA = "hashlib.sha256(({}).encode()).hexdigest()"
MISTAKES["cache_key"] = [
    (_KEY + "json.dumps([settings, version], sort_keys=True)", "letters and digits"),
    (_KEY + "f'{hash(json.dumps([settings, version], sort_keys=True)) % 10**12}'", "each time Python starts"),
    (_KEY + _SHA.format("str(time.perf_counter())"), "leave out time"),
    (_KEY + _SHA.format("json.dumps([settings, version])"), "another order"),
    (_KEY + _SHA.format("str(sorted(settings.items())) + version"), "nested dictionary changes"),
    (_KEY + _SHA.format("json.dumps(settings, sort_keys=True)"), "version has to go in"),
    (_KEY + _SHA.format("str(sorted(settings)) + version"), "values have to go in"),
    (_KEY + _SHA.format("''.join(sorted(json.dumps([settings, version])))"), "do something else"),
    (
        "def cache_key(settings, version):\n"
        "    values = sorted(json.dumps(v, sort_keys=True) for v in settings.values())\n"
        "    return " + _SHA.format("version + ' '.join(values)"),
        "belong together",
    ),
]
_THREE = "def bottleneck(preloaded, loader, together):\n    "
MISTAKES["bottleneck"] = [
    (_THREE + "return 'data' if loader > preloaded else 'network'", 'is "overlap" and not "network"'),
    (_THREE + "return 'overlap' if together > 1.2 * preloaded else 'data' if loader > preloaded else 'network'",
     'is "data" and not "overlap"'),
    (_THREE + "return max(preloaded, loader, together)", 'return "data"'),
    (_THREE + "return 'data' if loader > preloaded else 'overlap' if together > preloaded else 'network'",
     'is "network" and not "overlap"'),
    (_THREE + "return 'data' if loader > preloaded else 'overlap' if together > 1.2 * preloaded else 'network'",
     "so nothing starves"),
]  # fmt: skip


# ------------------------------------------------------------ 2.4 What do the experts say?

KAPPA = (
    "def kappa_by_hand(first, second):\n    observed = (first == second).mean()\n"
    "    names = np.union1d(first, second)\n"
    "    a, b = (np.array([(r == n).mean() for n in names]) for r in (first, second))\n"
)
MISTAKES["kappa_by_hand"] = [
    (KAPPA + "    return observed", "observed agreement"),
    (KAPPA + "    return observed - (a * b).sum()", "left to gain"),
    (KAPPA + "    return (observed - 0.5) / 0.5", "one in the number"),
    (KAPPA + "    e = (((a + b) / 2)**2).sum()\n    return (observed - e) / (1 - e)", "Scott's pi"),
    (KAPPA + "    e = (a * b)[-1]\n    return (observed - e) / (1 - e)", "sum over the labels"),
    (KAPPA + "    e = (a * b).sum()\n    return (observed - e) / (1 - e) if e < 1 else 1", "np.nan"),
    (
        "def kappa_by_hand(first, second):\n    table = pd.crosstab(first, second).to_numpy() / len(first)\n"
        "    o, e = np.trace(table), (table.sum(0)[:len(table)] * table.sum(1)[:table.shape[1]]).sum()\n"
        "    return (o - e) / (1 - e)",
        "for 4 labels",
    ),
]
MISTAKES["dice_by_rule"] = [
    ("def dice_by_rule(a, b, both_empty):\n    return 2 * (a & b).sum() / (a.sum() + b.sum())", "0/0"),
    ("def dice_by_rule(a, b, both_empty):\n    return (a & b).sum() / (a | b).sum()", "intersection over union"),
    ("def dice_by_rule(a, b, both_empty):\n    return (a & b).sum() / (a.sum() + b.sum())", "forget the 2"),
    ("def dice_by_rule(a, b, both_empty):\n    return 2 * (a * b).sum() / (a + b).sum()", "means or"),
    ("def dice_by_rule(a, b, both_empty):\n    return (2 * (a & b).sum() + 1) / (a.sum() + b.sum() + 1)", "hidden one"),
    (
        "def dice_by_rule(a, b, both_empty):\n"
        "    return 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() and b.any() else both_empty",
        "against an empty one",
    ),
    (
        "def dice_by_rule(a, b, both_empty):\n    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)",
        "two empty masks should give",
    ),
]
MISTAKES["soft_consensus"] = [
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].mean(axis=0) >= 0.5", "that is a vote"),
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].sum(axis=0)", "you count the readers"),
    ("def soft_consensus(outlines, asked):\n    return outlines.mean(axis=0)", "was not asked"),
    (
        "def soft_consensus(outlines, asked):\n"
        "    return outlines[asked & outlines.any(axis=(1, 2))].mean(axis=0)",
        "drew nothing",
    ),
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].mean()", "one number a pixel"),
]

# ------------------------------------------------------------ 3.1 How does a network learn from pixels?


def _svm(gaps="scores - right + 1", after="gaps[rows, labels] = 0", out="np.maximum(gaps, 0).sum() / len(labels)"):
    return (
        "def svm_loss(scores, labels):\n    rows = np.arange(len(labels))\n"
        f"    right = scores[rows, labels][:, None]\n    gaps = {gaps}\n    {after}\n    return {out}"
    )


MISTAKES["svm_loss"] = [
    (_svm(after="pass"), "count the right class too"),
    (_svm("scores - right"), "ahead by 1"),
    (_svm(out="gaps.sum() / len(labels)"), "cut each gap off at 0"),
    (_svm(out="np.maximum(gaps, 0).sum()"), "add the films up"),
    (_svm(out="np.maximum(gaps, 0).mean()"), "divide by the number of classes"),
    (_svm(out="np.maximum(gaps, 0).sum() / len(labels) / (scores.shape[1] - 1)"), "average over the wrong classes"),
    (_svm(out="np.maximum(gaps, 0).max(axis=1).mean()"), "strongest rival"),
    (_svm("right - scores + 1"), "other way round"),
    (_svm(out="(np.maximum(gaps, 0) ** 2).sum() / len(labels)"), "square the gaps"),
    (_svm(out="np.maximum(gaps, 0).sum(axis=1)"), "return one number"),
    (_svm("np.subtract(scores, right - 1, out=scores)"), "make a new array"),
    (_svm(out="np.maximum(gaps, 0).sum() / len(labels) / 5"), "the loss should be"),
]


def _soft(shift="scores.max(axis=1, keepdims=True)", axis=1, minus="p[rows, labels] -= 1", out="p / len(labels)"):
    return (
        "def softmax_gradient(scores, labels):\n    rows = np.arange(len(labels))\n"
        f"    p = np.exp(scores - {shift})\n    p = p / p.sum(axis={axis}, keepdims=True)\n"
        f"    {minus}\n    return {out}"
    )


MISTAKES["softmax_gradient"] = [
    (_soft("0"), "too large"),
    (_soft("scores.max()"), "own largest score"),
    (_soft("0").replace("np.exp(scores - 0)", "np.exp(np.clip(scores, -500, 500))"), "do not cut them off"),
    (_soft(out="p"), "forgot the mean"),
    (_soft(out="-p / len(labels)"), "other way round"),
    (_soft(minus="pass"), "probabilities (over n)"),
    (_soft(minus="pass", out="p"), "then divide by n"),
    (_soft(axis=0), "you divide by a sum over the films"),
    (_soft("scores.max(axis=0)", axis=0), "your probabilities add to one over the films"),
    (_soft(out="p / p.size"), "mean is over films only"),
    (_soft(out="-np.log(p[rows, labels] + 1).mean()"), "same shape"),
    (_soft().replace("    p = np.exp", "    scores -= 1\n    p = np.exp"), "make a new array"),
    (_soft(out="p / len(labels) / 7"), "off by up to"),
]


def _backward(
    dW2="h.T @ dscores + decay * W2", db2="dscores.sum(axis=0)", dz="(dscores @ W2.T) * (z > 0)",
    dW1="x.T @ dz + decay * W1", db1="dz.sum(axis=0)", out="dW1, db1, dW2, db2",
):  # fmt: skip
    return (
        "def backward(x, W1, b1, W2, b2, dscores, decay):\n    z = x @ W1 + b1\n    h = np.maximum(z, 0)\n"
        f"    dW2, db2 = {dW2}, {db2}\n    dz = {dz}\n    dW1, db1 = {dW1}, {db1}\n    return {out}"
    )


MISTAKES["backward"] = [
    (_backward(dz="dscores @ W2.T"), "forgot the ReLU"),
    (_backward(dz="(dscores @ W2.T) * h"), "you multiply by h"),
    (_backward(dz="(dscores @ W2.T) * (z < 0)"), "wrong half"),
    (_backward(db2="dscores.sum(axis=0) + decay * b2"), "decay a bias:"),
    (_backward(db1="dz.sum(axis=0) + decay * b1"), "decay the bias b1"),
    (_backward(dW2="h.T @ dscores", dW1="x.T @ dz"), "forgot the weight decay"),
    (_backward(dW1="x.T @ dz"), "W1 does not"),
    (_backward(dW2="h.T @ dscores + 2 * decay * W2", dW1="x.T @ dz + 2 * decay * W1"), "not twice"),
    (_backward(dW2="dscores.T @ h"), "dW2 is transposed"),
    (_backward(dW1="(x.T @ dz).T"), "dW1 is transposed"),
    (_backward(dW2="z.T @ dscores + decay * W2"), "after the ReLU"),
    (_backward(dW2="h.T @ dscores / len(x) + decay * W2"), "once more"),
    (_backward(db2="dscores.mean(axis=0)"), "db is the sum"),
    (_backward(db1="dz.mean(axis=0)"), "db1 is the sum"),
    (_backward(db1="(dscores @ W2.T).sum(axis=0)"), "db1 is missing the ReLU"),
    (_backward(db2="dscores"), "a row for each film"),
    (_backward(db2="dscores.sum()"), "has shape ()"),
    (_backward(out="dW2, db2, dW1, db1"), "wrong order"),
    (_backward(out="dW1"), "return four arrays"),
    (_backward().replace("    h = np", "    x -= 1\n    h = np"), "you change an array"),
    (_backward(dW1="x.T @ dz + decay * W1 + 0.1"), "nudging W1["),
]  # fmt: skip

# ------------------------------------------------------------ 3.2 Which of your improvements were real?

MISTAKES["changed"] = [
    (
        "def changed(before, after):\n    return sorted(k for k in before if before[k] != after.get(k))",
        "only the second setting has is new",
    ),
    (
        "def changed(before, after):\n    return sorted(k for k in after if k not in before or before[k] != after[k])",
        "taken away",
    ),
    (
        "def changed(before, after):\n"
        "    return sorted(k for k in {*before, *after} if before.get(k) != after.get(k))",
        "even when its value is None",
    ),
    ("def changed(before, after):\n    return {k for k in before if before[k] != after[k]}", "a list of names"),
    (
        "def changed(before, after):\n    return sorted(set(before.items()) - set(after.items()), key=str)",
        "without their values",
    ),
    (
        "def changed(before, after):\n    a = object()\n"
        "    return sorted((k for k in {*before, *after} if before.get(k, a) != after.get(k, a)), reverse=True)",
        "sort the names",
    ),
    ("def changed(before, after):\n    before.clear()\n    return []", "only read them"),
]
_GAIN = (
    "def paired_gain(hits_before, hits_after, lesions, draws, seed):\n"
    "    rng, gain = np.random.default_rng(seed), hits_after.astype(float) - hits_before\n"
)
_WEIGHTS = (
    "    number = np.unique(lesions, return_inverse=True)[1]\n    n = number.max() + 1\n"
    "    w = rng.multinomial(n, np.full(n, 1 / n), size=draws)[:, number]\n"
)
_DRAWN = "    drawn = w @ gain / w.sum(1)\n"
_ENDS = "    return gain.mean(), *np.percentile(drawn, [2.5, 97.5])"
MISTAKES["paired_gain"] = [
    (_GAIN.replace("after.astype(float) - hits_before", "before.astype(float) - hits_after") + _WEIGHTS
     + _DRAWN + _ENDS, "wrong way round"),
    (_GAIN + "    drawn = gain[rng.integers(len(gain), size=(draws, len(gain)))].mean(1)\n" + _ENDS, "redrawn images"),
    (_GAIN + _WEIGHTS + "    v = rng.multinomial(n, np.full(n, 1 / n), size=draws)[:, number]\n"
     "    drawn = v @ hits_after / v.sum(1) - w @ hits_before / w.sum(1)\n" + _ENDS, "luck cancels"),
    (_GAIN + "    return gain.mean()", "three numbers"),
    (_GAIN + _WEIGHTS + _DRAWN + "    return gain.mean(), drawn.max(), drawn.min()", "comes before"),
    (_GAIN + _WEIGHTS + _DRAWN + "    return gain.mean(), drawn.min(), drawn.max() + 0.05", "2,000 draws"),
    ((_GAIN + _WEIGHTS).replace("default_rng(seed)", "default_rng()") + _DRAWN + _ENDS, "same seed"),
    (_GAIN + "    return hits_after.sum(), 0, 1", "difference of the two accuracies"),
]  # fmt: skip
_COST = "def cost(labels, answers):\n    wrong, sick = labels != answers, labels == 4\n    return "
MISTAKES["cost"] = [
    (_COST + "np.where(wrong & sick, 10, wrong).mean()", "the mean cost"),
    (_COST + "wrong.sum() + 9 * (wrong & (answers == 4)).sum()", "when a melanoma is missed"),
    (_COST + "wrong.sum() + 10 * (wrong & sick).sum()", "charge 11"),
    (_COST + "10 * (wrong & sick).sum()", "cost 1 each"),
    (_COST + "np.where(sick, 10, wrong).sum()", "costs nothing"),
    (_COST + "np.where(wrong & sick, 10, wrong)", "one number"),
    (_COST + "wrong.sum()", "other mistakes cost"),
]

# ------------------------------------------------------------ 3.7 How do you train on more than one machine?

_COMBINED = "def combined_gradient(gradients, sizes):\n    parts = [n * g for n, g in zip(sizes, gradients)]\n"
_COMBINED += "    return "
MISTAKES["combined_gradient"] = [
    (_COMBINED + "sum(parts)", "divide by the number of all images"),
    (_COMBINED + "sum(gradients)", "too long"),
    (_COMBINED + "np.mean(gradients, axis=0)", "counts alike"),
    (_COMBINED + "gradients[-1]", "last part"),
    (_COMBINED + "sum(parts) / len(sizes)", "number of parts"),
    (_COMBINED + "sum(parts).mean() / sum(sizes)", "not the entries"),
    (_COMBINED + "-sum(parts) / sum(sizes)", "should be"),
    (
        "def combined_gradient(gradients, sizes):\n    total = gradients[0]\n    total *= sizes[0]\n"
        "    for n, g in zip(sizes[1:], gradients[1:]):\n        total += n * g\n    return total / sum(sizes)",
        "make new arrays",
    ),
]
_ROWS = "def rank_rows(order, step, batch, rank, world):\n    share = batch // world\n    return "
MISTAKES["rank_rows"] = [
    (_ROWS + "np.arange(step * batch, (step + 1) * batch)[rank::world]", "positions"),
    (_ROWS + "order[step * batch : (step + 1) * batch]", "same rows"),
    (_ROWS + "order[:batch][rank::world]", "use step"),
    (_ROWS + "order[(step * world + rank) * batch :][:batch]", "all processes together"),
    (_ROWS + "order[step * batch + rank :][:share]", "overlap"),
    (_ROWS + "order[step * batch :][:batch][rank * share : (rank + 1) * share - (rank > 0)]", "equal shares"),
    (_ROWS + "order[step * batch : (step + 1) * batch - world][rank::world]", "together: it should be"),
    (_ROWS + "order[rank * len(order) // world :][step * share : (step + 1) * share]", "other images"),
]
_BYTES = "def training_bytes(parameters, optimiser):\n    state = {'sgd': 0, 'momentum': 1, 'adamw': 2}[optimiser]\n"
_BYTES += "    return "
MISTAKES["training_bytes"] = [
    (_BYTES + "(2 + state) * parameters", "count numbers"),
    (_BYTES + "2 * (2 + state) * parameters", "two bytes a number"),
    (_BYTES + "4 * (2 + state) * parameters / 1e6", "megabytes"),
    (_BYTES + "4 * (2 + state) * parameters / 1e9", "gigabytes"),
    (_BYTES + "4 * (1 + state) * parameters", "gradients both count"),
    (_BYTES + "4 * parameters", "weights alone"),
    (_BYTES + "16 * parameters", "every optimiser"),
    (_BYTES + "4 * (2 + min(state, 1)) * parameters", "two averages"),
    (_BYTES + "4 * (3 + state) * parameters", "need"),
]

# ------------------------------------------------------------ the harness


class Exercise:
    """One exercise of a notebook: its blank cell, its check, and the solution text that follows it."""

    def __init__(self, path, cell, solution):
        self.path, self.source, self.solution = path, cell["source"], solution
        last = ast.parse(self.source).body[-1]
        assert isinstance(last, ast.Expr) and ast.unparse(last.value.func).startswith("check."), self.source
        self.name = last.value.func.attr
        self.answers = [ast.unparse(argument) for argument in last.value.args]
        self.module = importlib.import_module(f"utils.exercises.{path.parent.name[:9]}")
        self.check = getattr(self.module, self.name)
        self.stored = cell["outputs"]

    def __repr__(self):
        return f"{self.path.stem}-{self.name}"

    def imports(self):
        """The names a solution may use: what the notebook imports."""
        namespace = {}
        for cell in notebooks.code_cells(notebooks.read(self.path)):
            if "colab" not in notebooks.tags(cell):
                for node in parse(cell["source"]):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        exec(ast.unparse(node), namespace)
        return namespace

    def verdict(self, code):
        namespace = self.imports()
        exec(code, namespace)
        return self.check(*[eval(answer, namespace) for answer in self.answers])


def _exercises():
    found = []
    for path in notebooks.all_notebooks():
        cells = notebooks.read(path)["cells"]
        for position, cell in enumerate(cells):
            if "exercise" in notebooks.tags(cell):
                after = [c["source"] for c in cells[position + 1 : position + 4] if c["cell_type"] == "markdown"]
                text = "\n".join(after)
                solution = re.search(r"<summary>\s*(?:<b>)?Solution.*?```python\n(.*?)```", text, flags=re.DOTALL)
                assert solution, f"{path.name}: no solution follows {cell['id']}"
                assert "Hint" in text, f"{path.name}: no hint follows {cell['id']}"
                found.append(Exercise(path, cell, solution.group(1)))
    return found


EXERCISES = _exercises()
every_exercise = pytest.mark.parametrize("each", EXERCISES, ids=repr)


@every_exercise
def test_blank_is_left_alone(each):
    verdict = each.verdict("\n".join(ast.unparse(node) for node in ast.parse(each.source).body[:-1]))
    assert verdict.state == "blank" and "not attempted yet" in repr(verdict)
    assert "not attempted yet" in str(each.stored), "the committed notebook shows the exercise untouched"


@every_exercise
def test_the_published_solution_passes(each):
    verdict = each.verdict(each.solution)
    assert verdict.state == "done", verdict


@every_exercise
def test_each_mistake_has_its_own_message(each):
    mistakes = MISTAKES[each.name]
    assert len(mistakes) >= 2
    seen = set()
    for code, words in mistakes:
        verdict = each.verdict(code)
        assert verdict.state == "wrong", (code, verdict)
        assert words in verdict.message, (code, verdict)
        seen.add(verdict.message)
    assert len(seen) == len(mistakes), "two mistakes share one message"


def test_the_protocol_never_raises():
    @exercise("Exercise 0", "you doubled it")
    def double(f):
        if f(2) != 4:
            raise Hint("f(2) should be 4")

    def explodes(x):
        raise KeyError("x")

    def empty(x):
        """Only a docstring."""

    assert double(...).state == double(None).state == double(empty).state == "blank"
    assert double(lambda x: 2 * x).state == "done"
    assert double(lambda x: x).message == "f(2) should be 4"
    assert "KeyError" in double(explodes).message
    assert isinstance(double(3), Verdict) and double(3).state == "wrong"
    assert not is_blank(0) and not is_blank([])
