"""Each exercise is tried three ways: blank, with each typical mistake, and with the very solution a learner reads."""
from __future__ import annotations

import ast
import importlib
import re

import pytest

from utils import notebooks
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
                for node in notebooks.fingerprint.parse_cell(cell["source"]).body:
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
