"""A one-page report on a pile of labelled images, anybody's: what to know before the first network.

It counts and compares; it judges no model. Looking for copies in the test images is housekeeping, not peeking:
nothing is fitted and nothing is chosen.
"""
from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from utils.datasets import DataError

FAR = 3.5  # Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers: |modified z-score| worth a look
ALIKE = 0.97  # correlation of fine detail from which two images count as near copies
SIDE = 28  # near copies are compared at this many rows and columns at most
MANY = 20_000  # more images than this: near copies are not searched (the time grows with the square)
UNKNOWN = {"", "?", "-", "unknown", "unk", "na", "n/a", "nan", "none", "null", "missing", "not recorded"}
MISSING = "Missing values in the table"


@dataclass(frozen=True, eq=False)
class Report:
    """A data report. `print(report)` gives text; in a notebook it shows as tables.

    Attributes:
        title: what was described, and from where.
        findings: sentences about what deserves a look, most serious first.
        sections: {heading: table}.
        copies: one row a pair of images: `first`, `second` (row numbers of the images), `likeness` (1 for exact
            copies), `exact`, `across` (the two stand in different splits), `same_class`, `same_group`.
        outliers: one row an outlying value: `image` (row number), `measure`, `value`, `z` (modified z-score).
    """

    title: str
    findings: list[str]
    sections: dict[str, pd.DataFrame]
    copies: pd.DataFrame = field(repr=False)
    outliers: pd.DataFrame = field(repr=False)

    def __repr__(self) -> str:
        parts = [self.title, "=" * min(len(self.title), 100), "Worth a look"]
        parts += [f"  • {sentence}" for sentence in self.findings] or ["  • nothing stands out"]
        for heading, table in self.sections.items():
            parts += ["", heading, table.to_string()]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(s)}</li>" for s in self.findings) or "<li>nothing stands out</li>"
        tables = "".join(
            f"<h4>{html.escape(heading)}</h4>{table.to_html(border=0)}" for heading, table in self.sections.items()
        )
        return f"<h3>{html.escape(self.title)}</h3><h4>Worth a look</h4><ul>{items}</ul>{tables}"


def data_report(
    images: np.ndarray,
    labels: Sequence[Any],
    table: pd.DataFrame | None = None,
    classes: Sequence[str] | None = None,
    source: Any = None,
    *,
    group: str | None = None,
) -> Report:
    """Describe a pile of labelled images on one page.

    Args:
        images: (n, rows, columns) in grey, or (n, rows, columns, 1, 3 or 4) with the channels last; any numeric type.
        labels: n labels: whole numbers that index `classes`, or names.
        table: n rows, one an image. A column `split` is used to tell the splits apart; without it there is one.
        classes: names of the classes, in the order of the labels.
        source: anything whose text says where the data come from, such as a `datasets.Source`.
        group: the column of `table` that says which images belong together (a patient, a lesion).

    Returns:
        A `Report`: shapes, types and ranges; classes by split; brightness and colour; outliers by brightness,
        contrast and sharpness; exact and near copies within and across splits; missing values.

    Raises:
        DataError: images, labels and table do not fit together, or are not what is described above.
    """
    images, names, classes = _checked(images, labels, table, classes, group)
    n = len(images)
    split = table["split"].to_numpy(str) if table is not None and "split" in table else np.full(n, "all")
    splits = list(dict.fromkeys(split))
    groups = table[group].to_numpy(str) if group else None

    looks, thumbs = _measure(images)
    outliers = _outliers(looks[["brightness", "contrast", "sharpness"]])
    copies = _exact_copies(images)
    searched = n <= MANY
    if searched:
        copies = pd.concat([copies, _near_copies(thumbs, skip=copies["second"])], ignore_index=True)
    first, second = copies["first"].to_numpy(), copies["second"].to_numpy()
    copies["across"] = split[first] != split[second]
    copies["same_class"] = names[first] == names[second]
    copies["same_group"] = groups[first] == groups[second] if group else pd.NA

    counts = pd.crosstab(names, split).reindex(index=classes, columns=splits, fill_value=0)
    counts = counts.assign(total=counts.sum(axis=1)).rename_axis(index="class", columns=None)
    counts["share"] = (counts["total"] / n).map("{:.1%}".format)
    sections = {
        "The pile": _pile(images, looks, splits, groups, group),
        "Images by class and split": counts,
        "Brightness and colour (mean over images)": _looks_by(looks, names, split, classes, splits),
        f"Outliers (modified z-score beyond ±{FAR})": _outlier_counts(outliers, split),
        "Copies (pairs of images)": _copy_counts(copies, searched, group),
    }
    if table is not None:
        sections[MISSING] = _missing(table)
    findings = _findings(counts, looks, split, splits, copies, searched, sections.get(MISSING), group)
    title = "Data report" + (f": {source}" if source is not None else "")
    return Report(title, findings, sections, copies, outliers)


# ---------------------------------------------------------------------------- what came in


def _checked(
    images: Any, labels: Any, table: Any, classes: Any, group: Any
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images (n, rows, columns, channels), class names (n,), all classes in order; DataError if they do not fit."""
    try:
        images, labels = np.asarray(images), np.asarray(labels)
    except ValueError:
        sentence = "The images are not all of one size, or the labels not one an image: bring them to one size first."
        raise DataError(sentence) from None
    if images.dtype.kind not in "uifb":
        raise DataError("The images do not form one array of numbers: bring them to one size first.")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape or images.shape[-1] not in (1, 3, 4):
        raise DataError(f"Images of shape {images.shape} are neither (n, rows, columns) nor (n, rows, columns, 1, 3 or "
                        "4 channels): np.moveaxis(images, 1, -1) moves channels to the end.")  # fmt: skip
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(images),):
        raise DataError(f"Each image needs one label: {len(images)} images came with labels of shape {labels.shape}.")
    if table is not None and len(table) != len(images):
        raise DataError(f"The table needs one row an image: it has {len(table)} rows for {len(images)} images.")
    if group is not None and (table is None or group not in table):
        raise DataError(f"The table has no column {group!r}: name the column that says which images belong together.")
    if labels.dtype.kind not in "uib":
        names = labels.astype(str)
        classes = [str(c) for c in classes] if classes is not None else sorted(set(names))
        if not set(names) <= set(classes):
            raise DataError(f"The label {min(set(names) - set(classes))!r} is not among the classes: name them all.")
        return images, names, classes
    if classes is None:
        return images, labels.astype(str), [str(value) for value in np.unique(labels)]
    if labels.min() < 0 or labels.max() >= len(classes):
        raise DataError(f"Labels run from {labels.min()} to {labels.max()}, but there are {len(classes)} classes, "
                        "counted from 0: name them all.")  # fmt: skip
    return images, np.asarray([str(c) for c in classes])[labels], [str(c) for c in classes]


def _blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """The images as float32, a few at a time, so that a large pile fits in memory."""
    step = max(1, 20_000_000 // images[0].size)
    for start in range(0, len(images), step):
        yield images[start : start + step].astype(np.float32)


# ---------------------------------------------------------------------------- measurements


def _measure(images: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """How each image looks (one row an image), and small grey copies (n, ≤ 28, ≤ 28)."""
    from scipy.ndimage import laplace

    looks, thumbs = [], []
    for block in _blocks(images):
        finite = np.isfinite(block)
        block = np.where(finite, block, 0)
        grey = block[..., 0] if block.shape[-1] == 1 else block[..., :3] @ np.float32([0.299, 0.587, 0.114])  # BT.601
        edges = laplace(grey, axes=(1, 2))
        channels = block.mean(axis=(1, 2), dtype=np.float64)
        looks.append(pd.DataFrame({
            "brightness": grey.mean(axis=(1, 2), dtype=np.float64),
            "contrast": grey.std(axis=(1, 2), dtype=np.float64),
            "sharpness": edges.std(axis=(1, 2), dtype=np.float64),
            **{name: channels[:, i] for i, name in enumerate(("red", "green", "blue")) if channels.shape[1] > 1},
            "lowest": block.min(axis=(1, 2, 3)), "highest": block.max(axis=(1, 2, 3)),
            "not_finite": (~finite).sum(axis=(1, 2, 3)),
        }))  # fmt: skip
        thumbs.append(_shrink(grey))
    return pd.concat(looks, ignore_index=True), np.concatenate(thumbs)


def _shrink(grey: np.ndarray) -> np.ndarray:
    """Average (n, rows, columns) over cells, down to at most 28 × 28."""
    for axis in (1, 2):
        length = grey.shape[axis]
        edges = np.unique(np.linspace(0, length, min(SIDE, length) + 1).astype(int))
        widths = np.diff(edges).reshape([-1, 1] if axis == 1 else [-1])
        grey = np.add.reduceat(grey, edges[:-1], axis=axis) / widths.astype(np.float32)
    return grey


def modified_z(values: np.ndarray) -> np.ndarray:
    """How far each value lies from the median, in robust standard deviations, (n,).

    (x − median) / (1.4826 · MAD), MAD the median absolute deviation (Iglewicz and Hoaglin 1993). Outliers hardly
    move the median and the MAD, so they cannot hide themselves. All zero where more than half of the values agree.
    """
    off = values - np.median(values)
    mad = 1.4826 * np.median(np.abs(off))
    return off / mad if mad > 0 else np.zeros_like(off)


def _outliers(looks: pd.DataFrame) -> pd.DataFrame:
    """One row an outlying value. Contrast and sharpness are ratios by nature, so they are compared as logarithms."""
    rows = []
    usable = np.flatnonzero(looks["contrast"] > 0)
    for measure in looks if len(usable) else []:
        values = looks[measure].to_numpy()[usable]
        z = modified_z(values if measure == "brightness" else np.log(np.maximum(values, 1e-12)))
        far = np.flatnonzero(np.abs(z) > FAR)
        rows.append(pd.DataFrame({"image": usable[far], "measure": measure, "value": values[far], "z": z[far]}))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["image", "measure", "value", "z"])


def _exact_copies(images: np.ndarray) -> pd.DataFrame:
    """Each image that repeats an earlier one to the last byte, paired with the first of its kind."""
    seen: dict[bytes, int] = {}
    pairs = []
    for i, image in enumerate(images):
        first = seen.setdefault(hashlib.sha256(np.ascontiguousarray(image)).digest(), i)
        if first != i:
            pairs.append((first, i))
    pairs = np.array(pairs, dtype=int).reshape(-1, 2)
    return pd.DataFrame({"first": pairs[:, 0], "second": pairs[:, 1], "likeness": 1.0, "exact": True})


def _near_copies(thumbs: np.ndarray, skip: Sequence[int], alike: float = ALIKE) -> pd.DataFrame:
    """Pairs of images whose fine detail correlates by more than `alike`, without those in `skip`.

    Fine detail is the small grey picture minus a blurred copy of itself, so that a common vignette, a tint or
    another exposure do not make two images alike. Rotated and mirrored copies are not found.
    """
    from scipy.ndimage import gaussian_filter

    detail = (thumbs - gaussian_filter(thumbs, sigma=(0, 3, 3))).reshape(len(thumbs), -1)
    detail -= detail.mean(axis=1, keepdims=True)
    length = np.linalg.norm(detail, axis=1)
    usable = np.setdiff1d(np.flatnonzero(length > 1e-6 * max(length.max(), 1e-12)), np.asarray(skip, dtype=int))
    detail = detail[usable] / length[usable, None]
    pairs, likeness = [np.empty((0, 2), int)], [np.empty(0)]
    for start in range(0, len(usable), 1000):
        likenesses = detail[start : start + 1000] @ detail[start:].T
        rows, columns = np.nonzero(np.triu(likenesses > alike, k=1))
        pairs.append(np.column_stack([usable[start + rows], usable[start + columns]]))
        likeness.append(likenesses[rows, columns])
    pairs = np.concatenate(pairs)
    near = pd.DataFrame({"first": pairs[:, 0], "second": pairs[:, 1], "likeness": np.concatenate(likeness)})
    return near.assign(exact=False).sort_values("likeness", ascending=False)


# ---------------------------------------------------------------------------- the page


def _pile(
    images: np.ndarray, looks: pd.DataFrame, splits: list, groups: np.ndarray | None, group: str | None
) -> pd.DataFrame:
    n, rows, columns, channels = images.shape
    facts = {
        "images": f"{n:,}",
        "splits": ", ".join(splits),
        "size": f"{rows} rows × {columns} columns, {channels} channel{'s' * (channels > 1)}",
        "type": f"{images.dtype}, {images.nbytes / 2**20:.1f} MiB in memory",
        "range": f"{looks['lowest'].min():g} to {looks['highest'].max():g}",
        "values that are not finite": f"{looks['not_finite'].sum():,}",
        "images of one single value": f"{(looks['lowest'] == looks['highest']).sum():,}",
    }
    if groups is not None:
        sizes = np.unique(groups, return_counts=True)[1]
        facts[f"different {group}"] = f"{len(sizes):,}, with {sizes.min()} to {sizes.max()} images each"
    return pd.DataFrame({"": facts})


def _looks_by(looks: pd.DataFrame, names: np.ndarray, split: np.ndarray, classes: list, splits: list) -> pd.DataFrame:
    columns = [c for c in ("brightness", "contrast", "sharpness", "red", "green", "blue") if c in looks]
    by_split = looks[columns].groupby(split).mean().reindex(splits)
    by_class = looks[columns].groupby(names).mean().reindex(classes).dropna()
    return pd.concat({"split": by_split, "class": by_class}).astype(float).map("{:.4g}".format)


def _outlier_counts(outliers: pd.DataFrame, split: np.ndarray) -> pd.DataFrame:
    def row(found: pd.DataFrame) -> str:
        return f"{found['image'].iloc[0]} ({split[found['image'].iloc[0]]})" if len(found) else ""

    rows = {}
    for measure in ("brightness", "contrast", "sharpness"):
        found = outliers[outliers["measure"] == measure].sort_values("z")
        low, high = found[found["z"] < 0], found[found["z"] > 0][::-1]
        rows[measure] = {"low": len(low), "high": len(high),
                         "row of the lowest": row(low), "row of the highest": row(high)}  # fmt: skip
    return pd.DataFrame(rows).T


def _copy_counts(copies: pd.DataFrame, searched: bool, group: str | None) -> pd.DataFrame:
    rows = {}
    for kind, exact in (("exact", True), ("near", False)):
        pairs = copies[copies["exact"] == exact]
        row = {
            "within a split": (~pairs["across"]).sum(),
            "across splits": pairs["across"].sum(),
            "with different classes": (~pairs["same_class"]).sum(),
        }
        if group:
            row[f"with different {group}"] = (~pairs["same_group"]).sum()
        rows[kind] = row if exact or searched else dict.fromkeys(row, "not searched")
    return pd.DataFrame(rows).T


def _missing(table: pd.DataFrame) -> pd.DataFrame:
    words = table.astype("string").apply(lambda column: column.str.strip().str.lower().isin(UNKNOWN))
    empty = table.isna()
    return pd.DataFrame({
        "different values": table.nunique(),
        "empty": empty.sum(),
        "filled with “unknown” or the like": (words.fillna(False).astype(bool) & ~empty).sum(),
    })  # fmt: skip


def _findings(
    counts: pd.DataFrame, looks: pd.DataFrame, split: np.ndarray, splits: list, copies: pd.DataFrame,
    searched: bool, missing: pd.DataFrame | None, group: str | None,
) -> list[str]:  # fmt: skip
    """Sentences about what deserves a look, most serious first."""
    across, exact = copies["across"], copies["exact"]
    counted = {
        "Images with values that are not finite": looks["not_finite"].gt(0).sum(),
        "Images of one single value": (looks["lowest"] == looks["highest"]).sum(),
        "Exact copies that stand in another split than their twin": (across & exact).sum(),
        "Pairs of near copies that cross the splits": (across & ~exact).sum(),
        "Pairs of copies within a split": (~across).sum(),
        "Pairs of copies that carry two different labels": (~copies["same_class"]).sum(),
    }
    if group:
        counted[f"Pairs of copies that carry two different values of {group}"] = (~copies["same_group"]).sum()
    found = [f"{what}: {number:,}." for what, number in counted.items() if number]
    if not searched:
        found.append(f"Near copies were not searched: there are more than {MANY:,} images.")
    totals = counts["total"]
    if (totals == 0).any():
        found.append(f"No image shows {', '.join(totals.index[totals == 0])}.")
    present = totals[totals > 0]
    ratio = present.max() / present.min()
    if len(present) == 1:
        found.append("All images are of one class: there is nothing to tell apart.")
    elif ratio > 2:
        found.append(f"The largest class ({present.idxmax()}) has {ratio:.1f} times the images of the smallest "
                     f"({present.idxmin()}).")  # fmt: skip
    means, spread = looks["brightness"].groupby(split).mean(), looks["brightness"].std()
    if len(splits) > 1 and np.ptp(means) > spread / 2:
        found.append(f"{means.idxmin()} is darker than {means.idxmax()}, by {np.ptp(means) / spread:.1f} standard "
                     "deviations of brightness.")  # fmt: skip
    if missing is not None:
        for column, (_, empty, words) in missing.iterrows():
            if empty + words:
                hidden = f", {words:,} of them under a word such as “unknown”" if words else ""
                found.append(f"{column} is missing for {empty + words:,} images{hidden}.")
    return found
