"""What to know about a pile of images before the first network, and whether a test set is unseen.

`check_data` refuses what does not fit, `data_report` describes a pile, `audit_split` its splits.
They count and compare, and fit and choose nothing, so they may see the test images.
"""
from __future__ import annotations

import hashlib
import html
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

UNKNOWN = {  # what tables write for "we do not know", in any case, blanks around it or not
    "", "-", "--", "?", ".", "na", "n/a", "#n/a", "nan", "nat", "<na>", "none", "null", "unk",
    "unknown", "missing", "tbd", "undefined", "unspecified", "no id", "not recorded", "not known",
    "not available", "not provided", "not reported", "anon", "anonymous", "anonymised", "anonymized",
}  # fmt: skip
FLAT = 1e-5  # of an image's largest value: less fine detail than that is rounding
ERRORS = 3.0  # a share is odd beyond so many standard errors: chance goes there once in 370 times
FAR = 3.5  # Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers: |modified z-score|
ALIKE = 0.97  # correlation of fine detail from which two images count as near copies
SIDE = 28  # near copies are compared at this many rows and columns at most
MANY = 20_000  # more images than this: near copies are not searched (time grows with the square)
PAIRS = 1_000_000  # more near copies than this: the pile is all alike, a list of them is no help
ROUNDING = 1e-9  # of shares that sum to 1
LISTED = 10  # a copy is listed with so many earlier ones at most; all pairs are counted
LARGER = 2.0  # a class with more than so many times the images of another is named
DARKER = 0.5  # splits whose mean brightness differs by more standard deviations are named
MISSING, COPIES = "Missing values in the table", "Copies (pairs of images)"
MEASURES = ["brightness", "contrast", "sharpness"]


class DataProblem(ValueError):
    """Images, labels or a table that do not fit together; one sentence says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]



def check_data(
    images: Any,
    labels: Any = None,
    *,
    classes: int | Sequence[str] | Mapping | None = None,
    what: str = "images",
    channels: str = "last",
    every_class: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels as arrays that fit together; else one sentence that says what to mend.

    Args:
        images: numbers, all finite: (n, rows, columns) in grey, or (n, rows, columns, 1, 3 or 4).
            An array, a list of arrays of one size, or a tensor.
        labels: n whole numbers from 0, as (n,) or (n, 1); booleans count as 0 and 1.
        classes: how many there are, or their names; no label may lie beyond.
        what: how the sentence calls the images, say "validation images".
        channels: "last" as above; "first" for (n, channels, rows, columns), as networks want them.
        every_class: each of `classes` must have an image.

    Returns:
        The images in this machine's byte order, and the labels as int64 (n,), or None. Go on with
        these. Raises DataProblem, a sentence for the learner.

    >>> check_data(np.zeros((2, 28, 28)), [[0], [1]], classes=["normal", "pneumonia"])[1]
    array([0, 1])
    >>> check_data(np.zeros((2, 28, 28)), [0.0, np.nan])
    Traceback (most recent call last):
    utils.audit.DataProblem: 1 of 2 labels of the images missing: leave such images out.
    """
    images = _pixels(images, what, channels)
    if images.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            total = images.sum(dtype=np.float64)  # one number to look at, no second pile in memory
        if not np.isfinite(total) and not np.isfinite(images).all():
            raise DataProblem(f"Some pixels of the {what} are NaN or infinite: replace them, "
                              "or leave those images out.")  # fmt: skip
    if labels is None:
        return images, None
    labels = _one_each(labels, len(images), what)
    if classes is None:
        return images, _whole_numbers(labels, f"labels of the {what}")
    names = _names(classes)
    labels = _whole_numbers(labels, f"labels of the {what}", len(names))
    counts = np.bincount(labels, minlength=len(names))
    if every_class and not counts.all():
        absent = ", ".join(names[i] for i in np.flatnonzero(counts == 0))
        raise DataProblem(f"None of the {what} shows {absent}: add some, or name fewer classes.")
    return images, labels


def _pixels(images: Any, what: str, channels: str = "last") -> np.ndarray:
    """The images as one array of numbers with rows and columns."""
    try:
        images = _array(images)
    except (ValueError, TypeError):
        images = np.array(None)  # of several sizes
    shape = images.shape
    if images.dtype.kind not in "uifb":
        raise DataProblem(f"The {what} do not form one array of numbers: read the files, "
                          "and bring them to one size first.")  # fmt: skip
    if shape[:1] == (0,):
        raise DataProblem(f"There are no {what}: their array has the shape {shape}.")
    if not images.dtype.isnative:
        images = images.astype(images.dtype.newbyteorder("="))
    wanted = "(n, rows, columns) or (n, rows, columns, 1, 3 or 4 channels)"
    fits = len(shape) == 3 or len(shape) == 4 and shape[3] in (1, 3, 4)
    if channels == "first":
        wanted, fits = "(n, channels, rows, columns)", len(shape) == 4
    if not fits or 0 in shape:
        moved = channels == "last" and len(shape) == 4 and shape[1] in (1, 3, 4)
        advice = ": np.moveaxis(images, 1, -1) moves channels to the end" * moved
        raise DataProblem(f"The {what} have the shape {shape}, which is not {wanted}{advice}.")
    return images


def _array(values: Any) -> np.ndarray:
    """An array of anything, tensors on any device included."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _one_each(labels: Any, n: int, what: str) -> np.ndarray:
    """The labels as (n,), from (n,) or (n, 1)."""
    try:
        plain = not hasattr(labels, "dtype")  # numpy makes the text "nan" of NaN in a list of words
        labels = np.array(labels, dtype=object) if plain else _array(labels)
        if labels.dtype.kind == "O" and not pd.isna(labels).any():
            labels = np.array(labels.tolist())
    except ValueError:
        raise DataProblem(f"The labels of the {what} are lists of several lengths: "
                          "give one label an image.") from None  # fmt: skip
    if labels.shape == (n, 1):
        labels = labels[:, 0]
    if labels.shape != (n,):
        one_hot = ": labels.argmax(axis=1) makes one of a one-hot row"
        advice = one_hot if labels.ndim == 2 and len(labels) == n else ""
        raise DataProblem(f"Each image needs one label: {n} {what} came with labels "
                          f"of the shape {labels.shape}{advice}.")  # fmt: skip
    return labels


def _whole_numbers(labels: np.ndarray, what: str, classes: int | None = None) -> np.ndarray:
    """Labels (n,) as int64 from 0 and below `classes`."""
    missing = int(pd.isna(labels).sum())
    if missing:
        raise DataProblem(f"{missing:,} of {len(labels):,} {what} missing: leave such images out.")
    if labels.dtype.kind == "f":
        odd = labels[labels != np.floor(labels)]
        advice = f"{odd[0]:g} is no class" if len(odd) else "labels.astype(int) makes them so"
        raise DataProblem(f"The {what} are {labels.dtype}, not whole numbers: {advice}.")
    if labels.dtype.kind not in "uib":
        raise DataProblem(f"The {what} are no whole numbers: "
                          "np.unique(labels, return_inverse=True)[1] numbers names.")  # fmt: skip
    labels = labels.astype(np.int64)
    if labels.min() < 0:
        raise DataProblem(f"Some {what} are negative: number the classes 0, 1, 2, … "
                          "and leave unlabelled images out.")  # fmt: skip
    if classes is not None and labels.max() >= classes:
        raise DataProblem(f"The {what} run from {labels.min()} to {labels.max()}, but the classes "
                          f"from 0 to {classes - 1}: name them all.")  # fmt: skip
    return labels


def _names(classes: Any) -> list[str]:
    """Class names from a number, a list or a dictionary such as MedMNIST's {"0": "normal", …}."""
    if isinstance(classes, int | np.integer):
        return [str(number) for number in range(classes)]
    names = [*map(str, classes.values() if isinstance(classes, Mapping) else classes)]
    if len(set(names)) < len(names):
        raise DataProblem("Two classes have the same name: call them differently.")
    return names


def _column(values: Any, name: str, n: int | None = None) -> pd.Series:
    """A column of plain values, one an image, from a list, an array (n,) or (n, 1), a column."""
    try:
        if isinstance(values, str | bytes | Mapping | set | frozenset):
            raise TypeError  # these have no order, or are one word
        if isinstance(values, np.ma.MaskedArray):
            values = values.astype(object).filled(None)
        values = _array(values) if hasattr(values, "shape") else values
        if getattr(values, "ndim", 1) == 2 and values.shape[1] == 1:
            values = values[:, 0]
        column = pd.Series([_plain(value) for value in values], dtype=object)
        column.map(hash)
    except TypeError:
        raise DataProblem(f"{name} must be a list of names or numbers, one an image.") from None
    if n is not None and len(column) != n:
        raise DataProblem(f"{name} has {len(column)} entries, split has {n}: give one an image.")
    return column


def _plain(value: Any) -> Any:
    """What a tensor or an array of one holds; a tuple, say (site, patient), as text."""
    value = _array(value) if hasattr(value, "detach") else value
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return str(value) if isinstance(value, tuple) else value


def _unknown(values: pd.Series) -> pd.Series:
    """Where a column holds nothing, or a word for nothing."""
    return values.isna() | values.astype(str).str.strip().str.lower().isin(UNKNOWN)


def _is_train(name: Any) -> bool:
    return str(name).strip().casefold() in ("train", "training")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _tell(sentences: list, number: int, noun: str, rest: str) -> None:
    if number:
        sentences.append(f"{_count(number, noun)} {rest}")



def _twins(images: Sequence, n: int) -> np.ndarray:
    """For each image the first one that has the same pixels, whatever their type, (n,)."""
    images = list(images) if np.iterable(images) else []
    if len(images) != n:
        raise DataProblem(f"images has {len(images)} entries, split has {n}: give one an image.")
    seen: dict[bytes, int] = {}
    twins = []
    for row, image in enumerate(images):
        try:
            image = _array(image)
        except (TypeError, ValueError):
            image = np.array(None)  # ragged, or of a type that numpy lacks
        if image.dtype.kind not in "uifb" or image.ndim < 2:
            raise DataProblem("images must be arrays of numbers, not names: read the files first.")
        image = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
        whole = str(image.shape).encode() + image.astype(np.float64).tobytes()
        twins.append(seen.setdefault(hashlib.sha256(whole).digest(), row))
    return np.array(twins, dtype=int)


def _pairs(twins: np.ndarray) -> np.ndarray:
    """Pairs of equal images (p, 2), the earlier first; at most `LISTED` for each later one."""
    pairs: list[tuple[int, int]] = []
    earlier: dict[int, list[int]] = {}
    for row in np.flatnonzero(twins != np.arange(len(twins))).tolist():
        same = earlier.setdefault(twins[row], [int(twins[row])])
        pairs += [(one, row) for one in same[:LISTED]]
        same.append(row)
    return np.array(pairs, dtype=int).reshape(-1, 2)


def _compare(sets: np.ndarray, values: Any) -> tuple[int, int]:
    """Pairs within a set of one value, and of two; linear. Missing is neither same nor other."""
    table = pd.DataFrame({"set": sets, "value": np.asarray(values, dtype=object)}).dropna()
    every, same = (table.groupby(keys).size() for keys in (["set"], ["set", "value"]))
    alike = int((same * (same - 1) // 2).sum())
    return alike, int((every * (every - 1) // 2).sum()) - alike


def split_by(
    groups: Sequence[Any], shares: dict[str, float] | None = None, *, labels: Sequence[Any] | None = None, seed: int = 0
) -> np.ndarray:
    """Deal whole groups (patients) at random to the parts of a split.

    Args:
        groups: (n,) who or what must not be in two parts, one entry an image.
        shares: {part: share of the groups}; .7 train, .1 val and .2 test if left out.
        labels: (n,) classes, each of which every part must hold.
        seed: of the deal. The groups are sorted first, so the order of the images does not matter.

    Returns:
        str (n,), the part of each image. The shares are those of groups; images follow them only about.

    Raises:
        DataProblem: a group or label is missing, shares do not sum to 1, or a part lacks groups or a class.

    >>> split_by(["Ada", "Bob", "Ada", "Cleo"], {"train": 0.6, "test": 0.4}, seed=1).tolist()
    ['train', 'train', 'train', 'test']
    """
    shares = {"train": 0.7, "val": 0.1, "test": 0.2} if shares is None else shares
    column = _column(groups, "groups")
    if nobody := int(_unknown(column).sum()):
        raise DataProblem(f"Of {_count(nobody, 'image')} nobody knows whose: leave them out, or ask whose they are.")
    try:
        sound = abs(sum(shares.values()) - 1) <= ROUNDING and min(shares.values()) > 0
    except (AttributeError, TypeError, ValueError):  # no dictionary, or not of numbers
        sound = False
    if not sound:
        raise DataProblem(f'Shares are a dictionary like {{"train": 0.8, "test": 0.2}}, above 0, sum 1; not {shares}.')
    people, number = np.unique(column.astype(str).to_numpy(str), return_inverse=True)
    ends = np.rint(np.cumsum(list(shares.values())) * len(people)).astype(int)
    counts = np.diff(ends, prepend=0)
    if counts.min() == 0:
        raise DataProblem(f"{_count(len(people), 'group')} cannot fill {len(shares)} parts: every part needs one.")
    dealt = np.repeat(np.array(list(shares)), counts)  # (groups,)
    parts = dealt[np.random.default_rng(seed).permutation(len(people))][number]
    if labels is not None:
        kinds = _column(labels, "labels", len(parts))
        if unnamed := int(_unknown(kinds).sum()):
            raise DataProblem(f"{_count(unnamed, 'image')} came without a label: leave them out, or have them read.")
        counts = pd.crosstab(parts, kinds.to_numpy()).stack()
        for part, label in counts.index[counts == 0]:
            raise DataProblem(f"No image of class {label} came to {part}: too few groups have it. Leave the class "
                              "out, take larger shares, or get more of it.")  # fmt: skip
    return parts


@dataclass(frozen=True)
class SplitReport:
    """What `audit_split` found; `print(report)` reads like a letter.

    Attributes:
        problems: why a result on these splits is not what it seems, one sentence each.
        notes: what the splits can and cannot show, one sentence each.
        counts: one row a split: images, groups, and the share of each class.
        shared: one row an image whose group is elsewhere as well: `row, split, group, also_in`.
        copies: one row a pair of equal images: `row, split, copy, copy_split`. Of more than eleven
            not every pair is listed; the sentences count all.
    """

    problems: list[str]
    notes: list[str]
    counts: pd.DataFrame = field(repr=False)
    shared: pd.DataFrame = field(repr=False)
    copies: pd.DataFrame = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether no problem was found. It cannot mean that there is none: see `audit_split`."""
        return not self.problems

    def __repr__(self) -> str:
        found = _count(len(self.problems), "problem") if not self.ok else "no problem found"
        lines = [f"Split audit: {found}", *(f"  ✗ {sentence}" for sentence in self.problems)]
        lines += [f"  – {sentence}" for sentence in self.notes]
        return "\n".join([*lines, self.counts.round(3).to_string()])


def audit_split(
    split: Sequence[Any],
    *,
    groups: Sequence[Any] | None = None,
    labels: Sequence[Any] | None = None,
    images: Sequence[np.ndarray] | None = None,
    sources: Sequence[Any] | None = None,
    times: Sequence[Any] | None = None,
    tolerance: float = 0.05,
    ratio: float = 1.5,
    few: int = 20,
) -> SplitReport:
    """Look for what makes a test set less unseen, or less alike, than it claims to be.

    Every argument has one entry an image, all in the same order.

    Args:
        split: the split's name ("train", "test", …) or the number of the fold.
        groups: who or what must not be in two splits: patient, else lesion. Missing and "unknown"
            entries are nobody's: they are counted and reported, never matched with each other.
        labels: the class; balance is judged against the whole; absent from a split: a problem.
        images: (n, …) or a list of arrays; exact copies across splits are a problem. Pictures that
            are merely alike (resized, re-encoded, flipped) are not found.
        sources: hospital, scanner or data set.
        times: numbers, or dates as ISO 8601, DICOM and EXIF write them; reported as notes.
        tolerance, ratio: a share is named in the notes if it differs from the whole by more than
            three standard errors (binomial, of groups where they are known) and either by more than
            `tolerance` or by this ratio, since a rare class can never move by .05.
        few: a class of fewer groups outside train is named: of 20, a recall is ± .2 (Wilson, .5).

    Returns:
        A `SplitReport`. No problem found means no more than that: two names for one patient, a copy
        that was resized, or statistics of all images before splitting leave no trace here. Raises
        DataProblem: another length than `split`, no plain list, fewer than two splits.

    >>> audit_split(["train", "train", "test"], groups=["Ada", "unk", "Ada"]).problems[1]
    '1 of 1 test images share a group with train.'
    """
    table = pd.DataFrame({"split": _column(split, "split")})
    nowhere = _unknown(table["split"]).any()
    names = [] if nowhere else sorted(table["split"].unique(), key=lambda name: not _is_train(name))
    if len(names) < 2:  # others stand as they appear
        raise DataProblem("An audit needs at least two splits and a split for every image.")
    columns = {"groups": groups, "labels": labels, "sources": sources, "times": times}
    for name, values in columns.items():
        if values is not None:
            table[name] = _column(values, name, len(table))
    problems, notes = [], []
    for name in [name for name in ("groups", "labels", "sources") if name in table]:
        gone = _unknown(table[name])
        words = sorted({str(word) for word in table[name][gone].dropna() if str(word).strip()})
        if name == "labels" and words:
            notes.append(f"Labels that say {', '.join(words)} count as missing: "
                         "call them otherwise if that is a class.")  # fmt: skip
        table[name] = table[name].mask(gone)
    table["unit"] = table.index  # of whom nothing is known, each counts as one
    if groups is not None:
        table["unit"] = table["groups"].where(table["groups"].notna(), [("?", row) for row in table.index])
    counts = table["split"].value_counts().loc[names].to_frame("images").rename_axis(None)
    shared, copies = (pd.DataFrame(columns=["row", "split", *more])
                      for more in (["group", "also_in"], ["copy", "copy_split"]))  # fmt: skip
    if groups is not None:
        counts["groups"] = table.groupby("split", sort=False)["groups"].nunique()
        shared = _audit_groups(table, names, problems, notes)
    if images is not None:
        copies = _audit_copies(table, images, names, problems, notes)
    if labels is not None:
        shares = _balance(table, "labels", "class", counts, (tolerance, ratio), notes)
        _audit_classes(table, shares, few, problems, notes)
        counts = counts.join(shares.add_prefix("class "))
    if sources is not None and _audit_sources(table, names, notes):
        _balance(table, "sources", "source", counts, (tolerance, ratio), notes)
    if times is not None:
        _audit_times(table, names, notes)
    return SplitReport(problems, notes, counts, shared, copies)


def _audit_groups(table: pd.DataFrame, names: list, problems: list, notes: list) -> pd.DataFrame:
    known = table.dropna(subset="groups")
    gone = table.loc[table["groups"].isna(), "split"].value_counts().reindex(names).dropna()
    where = ", ".join(f"{count:,.0f} in {name}" for name, count in gone.items())
    _tell(problems, int(gone.sum()), "image", f"of no known group ({where}): maybe anybody's.")
    homes: dict[Any, list] = {}
    for group, name in known[["groups", "split"]].drop_duplicates().to_numpy():
        homes.setdefault(group, []).append(name)
    rows = known[np.array([len(homes[group]) > 1 for group in known["groups"]], dtype=bool)]
    pairs = zip(rows["split"], rows["groups"], strict=True)
    also = [tuple(name for name in homes[group] if name != here) for here, group in pairs]
    shared = rows[["split", "groups"]].reset_index(names="row").assign(also_in=also)
    shared = shared.rename(columns={"groups": "group"})
    if len(names) > 3 and len(shared):  # folds: a sentence for each pair would be a page
        where = f"{len(shared):,} of {len(table):,} images"
        problems.append(f"{where} share a group with an image in another split.")
        names = []
    leaks = shared.explode("also_in").groupby(["also_in", "split"]).size().to_dict()
    for first, second in combinations(names, 2):
        if (first, second) in leaks:
            size = (table["split"] == second).sum()
            problems.append(f"{leaks[first, second]:,} of {size:,} {second} images "
                            f"share a group with {first}.")  # fmt: skip
    advice = {
        "labels": "of more than one class: does the identifier name what you think?",
        "sources": "from more than one source: holding out a source does not hold them out.",
    }
    for column in [column for column in advice if column in known]:
        mixed = (known.groupby("groups")[column].nunique() > 1).sum()
        _tell(notes, mixed, "group", f"with images {advice[column]}")
    return shared


def _audit_copies(
    table: pd.DataFrame, images: Any, names: list, problems: list, notes: list
) -> pd.DataFrame:
    twins, home = _twins(images, len(table)), table["split"].to_numpy()
    within, across = _compare(twins, home)
    if len(names) > 3:
        _tell(problems, across, "pair", "of identical images in two different splits.")
        names = []
    for one, other in combinations(names, 2):
        rows = (home == one) | (home == other)
        pairs = _compare(twins[rows], home[rows])[1]
        _tell(problems, pairs, "pair", f"of identical images, one in {one}, one in {other}.")
    _tell(notes, within, "pair", "of identical images within one split.")
    if "labels" in table:
        differ = _compare(twins, table["labels"])[1]
        _tell(problems, differ, "pair", "of identical images with different classes.")
    row, copy = _pairs(twins).T
    return pd.DataFrame({"row": row, "split": home[row], "copy": copy, "copy_split": home[copy]})


def _balance(
    table: pd.DataFrame, column: str, what: str, counts: pd.DataFrame, limits: tuple, notes: list
) -> pd.DataFrame:
    """The share of each value in each split (rows); values that stray go to the notes."""
    shares = pd.crosstab(table["split"], table[column], normalize="index").reindex(counts.index)
    whole = table[column].value_counts(normalize=True).reindex(shares.columns)
    units = table.groupby("split")["unit"].nunique()
    for name, row in shares.iterrows():
        off = (row - whole).abs()
        much = (off > limits[0]) | (np.maximum(row / whole, whole / row) > limits[1])
        error = np.sqrt(whole * (1 - whole) / max(units[name], 1))
        for value in row.index[much & (off > ERRORS * error) & (row > 0)]:
            notes.append(f"{what} {value} is {100 * row[value]:.3g}% of {name} "
                         f"but {100 * whole[value]:.3g}% of all images.")  # fmt: skip
    return shares


def _audit_classes(
    table: pd.DataFrame, shares: pd.DataFrame, few: int, problems: list, notes: list
) -> None:
    """Name the classes that a split lacks, and those of which it holds too few to measure them."""
    unit = "groups" if "groups" in table else "images"
    units = table.drop_duplicates(["split", "labels", "unit"])
    held = pd.crosstab(units["split"], units["labels"]).reindex_like(shares).fillna(0)
    for name, row in shares.iterrows():
        absent = ", ".join(str(value) for value in row.index[~(row > 0)])
        if absent:
            problems.append(f"{name} holds no image of class {absent}: no result on it speaks "
                            "of that class.")  # fmt: skip
        small = held.loc[name][(held.loc[name] < few) & (row > 0)]
        if len(small) and not _is_train(name):
            listed = ", ".join(f"{value} ({count:.0f})" for value, count in small.items())
            notes.append(f"{name} holds fewer than {few} {unit} of class {listed}: "
                         "too few to measure much.")  # fmt: skip
    _tell(notes, table["labels"].isna().sum(), "image", "without a class.")


def _audit_sources(table: pd.DataFrame, names: list, notes: list) -> bool:
    """Notes on the sources; whether there are several and each is in every split."""
    _tell(notes, table["sources"].isna().sum(), "image", "of no known source.")
    homes = table.groupby("sources")["split"].agg(["nunique", "first"])
    if len(homes) > 1 and (homes["nunique"] == len(names)).all():
        notes.append("Every source is in every split: nothing here speaks of a new source.")
        return True
    alone = homes[homes["nunique"] == 1]
    for name in names if len(alone) else []:
        listed = ", ".join(sorted(map(str, alone.index[alone["first"] == name])))
        if listed:
            notes.append(f"{name} alone holds source {listed}: what differs there may be "
                         "the source or its patients.")  # fmt: skip
    return False


def _audit_times(table: pd.DataFrame, names: list, notes: list) -> None:
    first, *rest = names
    when = _when(table["times"])
    _tell(notes, when.isna().sum(), "image", "without a readable time.")
    if not _is_train(first):
        return  # nobody says which comes first
    latest = when[table["split"] == first].max()
    for name in rest if pd.notna(latest) else []:
        here = when[table["split"] == name].dropna()
        early = (here <= latest).sum()
        if early:
            notes.append(f"{early:,} of {len(here):,} {name} images are no later than the last of "
                         f"{first}: no test of the future.")  # fmt: skip
        elif len(here):
            notes.append(f"All of {name} is later than {first}: a test of the future.")


def _when(times: pd.Series) -> pd.Series:
    """Numbers as they are; dates in ISO 8601, DICOM's or EXIF's form; all else is unreadable.

    Not read: two readings (01.06.2020, two-digit years), a time of day alone, 1900-01-01 (tables'
    "we do not know"), no zone among times with one. The coarsest precision is compared.
    """
    odd = times.map(lambda value: isinstance(value, str | bytes | bool | np.bool_ | complex))
    numbers = pd.to_numeric(times.mask(odd.astype(bool)), errors="coerce")
    text = times.map(lambda one: one.decode("latin1") if isinstance(one, bytes) else str(one))
    text = text.str.strip().str.replace(r"^(\d{8})\.0$", r"\1", regex=True)  # 20200101.0
    stamps = text.str.match(r"(19|20)\d\d(0[1-9]|1[0-2])[0-3]\d($|\d\d)") & (text.str.len() != 10)
    if (numbers.notna() == (times.notna() & ~_unknown(times))).all() and not stamps.any():
        return numbers.astype(float).replace([np.inf, -np.inf], np.nan)
    text = text.str.replace(r"^(\d{4})[:/.](\d\d)[:/.](\d\d)", r"\1-\2-\3", regex=True)  # EXIF
    text = text.str.replace(r"^(\d{4})(\d\d)(\d\d)", r"\1-\2-\3", regex=True)  # DICOM
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d)(\d\d)", r"\1T\2", regex=True)
    dated = text.str.fullmatch(r"(18|19|20|21)\d\d(-\d\d(-\d\d([T ]\d.*)?)?)?")
    text = text.where(dated & ~text.str.startswith("1900-01-01"))
    when = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    zoned = text.str.contains(r"[T ].*(?:Z|[+-]\d\d:?\d*)$", regex=True, na=False)
    when = when.mask(~zoned) if zoned.any() else when
    shortest = text[when.notna()].str.len().min()
    unit = {4: "Y", 7: "M", 10: "D"}.get(shortest)
    return when.dt.tz_localize(None).dt.to_period(unit).dt.start_time if unit else when



@dataclass(frozen=True, eq=False)
class Report:
    """A data report. `print(report)` gives text; in a notebook it shows as tables.

    Attributes:
        title, findings, sections: text; sentences, most serious first; {heading: table}.
        copies: one row a pair: `first`, `second` (row numbers), `likeness` (1 if exact), `exact`,
            `across` (two splits), `same_class`, `same_group` (missing where one is unknown). Of
            more than eleven equal images not every pair is listed; all are counted.
        outliers: one row a value: `image` (row number), `measure`, `value`, `z` (modified z-score).
    """

    title: str
    findings: list[str]
    sections: dict[str, pd.DataFrame]
    copies: pd.DataFrame = field(repr=False)
    outliers: pd.DataFrame = field(repr=False)

    def __repr__(self) -> str:
        parts = [self.title, "=" * min(len(self.title), 100), "Worth a look"]
        parts += [f"  • {sentence}" for sentence in self.findings or ["nothing stands out"]]
        for heading, table in self.sections.items():
            parts += ["", heading, table.to_string()]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<h3>{html.escape(self.title)}</h3><h4>Worth a look</h4><ul>"]
        found = self.findings or ["nothing stands out"]
        parts += [f"<li>{html.escape(sentence)}</li>" for sentence in found] + ["</ul>"]
        for heading, table in self.sections.items():
            parts.append(f"<h4>{html.escape(heading)}</h4>{table.to_html(border=0)}")
        return "".join(parts)


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
        images: (n, rows, columns) in grey, or (n, rows, columns, 1, 3 or 4); any numeric type.
        labels: n labels: whole numbers that index `classes`, or names.
        table: n rows, one an image. A column `split` tells the splits apart.
        classes: names of the classes, in the order of the labels.
        source: anything whose text says where the data come from, such as a `datasets.Source`.
        group: the column of `table` that says which images belong together (a patient, a lesion).

    Returns:
        A `Report`: shapes, types and ranges; classes by split; brightness and colour; outliers;
        exact and near copies; missing values. Raises DataProblem: they do not fit together.

    >>> data_report(np.zeros((3, 8, 8)), ["sick", "well", "well"]).findings[1:3]
    ['Pairs of copies within a split: 3.', 'Pairs of copies that carry two different labels: 2.']
    """
    images = _pixels(images, "images")
    images = images.reshape(*images.shape[:3], -1)
    n = len(images)
    names, classes = _named(_one_each(labels, n, "images"), classes)
    if table is not None and not isinstance(table, pd.DataFrame):
        raise DataProblem("The table must be a pandas DataFrame: pd.DataFrame(table) makes one.")
    if table is not None and len(table) != n:
        raise DataProblem(f"The table needs one row an image: it has {_count(len(table), 'row')} "
                          f"for {_count(n, 'image')}.")  # fmt: skip
    if group is not None and (table is None or group not in table):
        raise DataProblem(f"The table has no column {group!r}: name the column that says "
                          "which images belong together.")  # fmt: skip
    split = np.full(n, "all")
    if table is not None and "split" in table:
        column = _column(table["split"], "split")
        if gone := int(_unknown(column).sum()):
            raise DataProblem(f"The column split says nothing for {_count(gone, 'image')}: "
                              "fill it, or leave those out.")  # fmt: skip
        split = column.to_numpy(str)
    splits = list(dict.fromkeys(split))
    facts = {"split": split, "class": names}
    if group is not None:
        column = _column(table[group], group)
        facts["group"] = column.mask(_unknown(column)).to_numpy()

    looks, thumbs = _measure(images)
    outliers = _outliers(looks[MEASURES])
    twins = _twins(images, n)
    near = _near_copies(thumbs, twins)
    copies = _copies(twins, near, facts)
    counts = pd.crosstab(names, split).reindex(index=classes, columns=splits, fill_value=0)
    counts = counts.rename_axis(index="class", columns=None).assign(total=counts.sum(axis=1))
    counts["share"] = (counts["total"] / n).map("{:.1%}".format)
    sections = {
        "The pile": _pile(images, looks, splits, facts, group),
        "Images by class and split": counts,
        "Brightness and colour (mean over images)": _looks_by(looks, facts, splits, classes),
        f"Outliers (modified z-score beyond ±{FAR})": _outlier_counts(outliers, split),
        COPIES: _copy_counts(twins, near, facts, group),
    }
    if table is not None:
        sections[MISSING] = _missing(table)
    title = "Data report" + (f": {source}" if source is not None else "")
    return Report(title, _findings(sections, looks, split), sections, copies, outliers)


def _named(labels: np.ndarray, classes: Any) -> tuple[np.ndarray, list[str]]:
    """The class of each image as a name, (n,), and all classes in order."""
    if labels.dtype.kind in "US":
        names = labels.astype(str)
        gone = _unknown(pd.Series(names)) & ~np.isin(names, _names(classes or []))
        if gone.any():
            raise DataProblem(f"{gone.sum():,} of {len(names):,} labels say {names[gone][0]!s:.20}, "
                              "as if missing: leave those out, or name it in classes.")  # fmt: skip
        every = _names(classes) if classes is not None else sorted(set(names))
        strange = sorted(set(names) - set(every))
        if strange:
            raise DataProblem(f"The label {str(strange[0])!r} is not among the classes: "
                              "name them all.")  # fmt: skip
        return names, every
    if classes is None:
        numbers = _whole_numbers(labels, "labels")
        return numbers.astype(str), [str(number) for number in np.unique(numbers)]
    every = _names(classes)
    return np.array(every)[_whole_numbers(labels, "labels", len(every))], every


def _measure(images: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """How each image looks (one row an image), and small grey copies (n, ≤ 28, ≤ 28)."""
    from scipy.ndimage import laplace

    looks, thumbs = [], []
    for block in _blocks(images):
        finite = np.isfinite(block)
        block = np.where(finite, block, 0)
        grey = block[..., 0]
        if block.shape[-1] > 1:
            grey = block[..., :3] @ np.float32([0.299, 0.587, 0.114])  # luma of ITU-R BT.601
        look = {
            "brightness": grey.mean(axis=(1, 2), dtype=np.float64),
            "contrast": grey.std(axis=(1, 2), dtype=np.float64),
            "sharpness": laplace(grey, axes=(1, 2)).std(axis=(1, 2), dtype=np.float64),
        }
        if block.shape[-1] > 1:
            colours = block.mean(axis=(1, 2), dtype=np.float64).T
            look |= dict(zip(("red", "green", "blue"), colours, strict=False))
        look["lowest"], look["highest"] = block.min(axis=(1, 2, 3)), block.max(axis=(1, 2, 3))
        look["not_finite"] = (~finite).sum(axis=(1, 2, 3))
        looks.append(pd.DataFrame(look))
        thumbs.append(_shrink(grey))
    return pd.concat(looks, ignore_index=True), np.concatenate(thumbs)


def _blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """The images as float32, a few at a time, so that a large pile fits in memory."""
    step = max(1, 20_000_000 // images[0].size)
    for start in range(0, len(images), step):
        yield images[start : start + step].astype(np.float32)


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

    (x − median) / (1.4826 · MAD), MAD the median absolute deviation (Iglewicz and Hoaglin 1993),
    which outliers hardly move. All zero where more than half of the values agree.

    >>> modified_z(np.array([1.0, 2.0, 3.0, 4.0, 100.0])).round(1).tolist()
    [-1.3, -0.7, 0.0, 0.7, 65.4]
    """
    off = values - np.median(values)
    mad = 1.4826 * np.median(np.abs(off))
    return off / mad if mad > 0 else np.zeros_like(off)


def _outliers(looks: pd.DataFrame) -> pd.DataFrame:
    """One row an outlying value. Contrast and sharpness, ratios by nature, are compared as logs."""
    rows = []
    usable = np.flatnonzero(looks["contrast"] > 0)
    for measure in looks if len(usable) else []:
        values = looks[measure].to_numpy()[usable]
        z = modified_z(values if measure == "brightness" else np.log(np.maximum(values, 1e-12)))
        far = np.flatnonzero(np.abs(z) > FAR)
        rows += [(usable[i], measure, values[i], z[i]) for i in far]
    return pd.DataFrame(rows, columns=["image", "measure", "value", "z"])


def _near_copies(thumbs: np.ndarray, twins: np.ndarray) -> pd.DataFrame | None:
    """Pairs of unequal images whose fine detail correlates by more than `ALIKE`; None if too many.

    Fine detail is the small grey picture minus its blurred copy: a vignette, tint or exposure make
    no two alike. Rotated and mirrored copies are not found. Of equal images the first is compared.
    """
    from scipy.ndimage import gaussian_filter

    if len(thumbs) > MANY:
        return None
    detail = (thumbs - gaussian_filter(thumbs, sigma=(0, 3, 3))).reshape(len(thumbs), -1)
    detail -= detail.mean(axis=1, keepdims=True)
    length = np.linalg.norm(detail, axis=1)
    first = twins == np.arange(len(twins))
    usable = np.flatnonzero(first & (length > FLAT * np.abs(thumbs).max((1, 2))))
    detail = detail[usable] / length[usable, None]
    found = [np.empty((3, 0))]
    for start in range(0, len(usable), 1000):
        alike = np.triu(detail[start : start + 1000] @ detail[start:].T, k=1)
        rows, columns = np.nonzero(alike > ALIKE)
        found.append([usable[start + rows], usable[start + columns], alike[rows, columns]])
        if sum(len(block[0]) for block in found) > PAIRS:
            return None
    near = pd.DataFrame(np.concatenate(found, axis=1).T, columns=["first", "second", "likeness"])
    near = near.astype({"first": int, "second": int})
    return near.sort_values("likeness", ascending=False, ignore_index=True)


def _copies(twins: np.ndarray, near: pd.DataFrame | None, facts: dict) -> pd.DataFrame:
    """The table of pairs: exact copies, then near ones, the most alike first."""
    exact = pd.DataFrame(_pairs(twins), columns=["first", "second"]).assign(likeness=1.0)
    copies = pd.concat([exact, near], ignore_index=True)
    first, second = copies["first"], copies["second"]
    copies["exact"] = copies.index < len(exact)
    copies["across"] = facts["split"][first] != facts["split"][second]
    copies["same_class"] = facts["class"][first] == facts["class"][second]
    copies["same_group"] = pd.NA
    if "group" in facts:
        one, other = facts["group"][first], facts["group"][second]
        same = pd.Series(one == other, dtype="boolean")
        copies["same_group"] = same.mask(pd.isna(one) | pd.isna(other))
    return copies


def _copy_counts(
    twins: np.ndarray, near: pd.DataFrame | None, facts: dict, group: str | None
) -> pd.DataFrame:
    columns = ["within a split", "across splits", "with different classes"]
    columns += [f"with different {group}"] * ("group" in facts)

    def row(sets: np.ndarray, rows: np.ndarray) -> list[int]:
        compared = [_compare(sets, values[rows]) for values in facts.values()]
        return [compared[0][0], *(differ for _, differ in compared)]

    counts = pd.DataFrame([row(twins, np.arange(len(twins)))], ["exact"], columns, dtype=object)
    counts.loc["near"] = "not searched"
    if near is not None:
        pairs = near[["first", "second"]].to_numpy()
        counts.loc["near"] = row(np.repeat(np.arange(len(pairs)), 2), pairs.ravel())
    return counts


def _pile(
    images: np.ndarray, looks: pd.DataFrame, splits: list, facts: dict, group: str | None
) -> pd.DataFrame:
    n, rows, columns, channels = images.shape
    about = {
        "images": f"{n:,}",
        "splits": ", ".join(splits),
        "size": f"{rows} rows × {columns} columns, {_count(channels, 'channel')}",
        "type": f"{images.dtype}, {images.nbytes / 2**20:.1f} MiB in memory",
        "range": f"{looks['lowest'].min():g} to {looks['highest'].max():g}",
        "values that are not finite": f"{looks['not_finite'].sum():,}",
        "images of one single value": f"{(looks['lowest'] == looks['highest']).sum():,}",
    }
    if "group" in facts:
        sizes = pd.Series(facts["group"]).value_counts()
        about[f"different {group}"] = f"{len(sizes):,}"
        if len(sizes):
            about[f"different {group}"] += f", with {sizes.min()} to {sizes.max()} images each"
    return pd.DataFrame({"": about})


def _looks_by(looks: pd.DataFrame, facts: dict, splits: list, classes: list) -> pd.DataFrame:
    seen = looks.drop(columns=["lowest", "highest", "not_finite"])
    both = {name: seen.groupby(facts[name]).mean().reindex(order).dropna()
            for name, order in {"split": splits, "class": classes}.items()}  # fmt: skip
    return pd.concat(both).astype(float).map("{:.4g}".format)


def _outlier_counts(outliers: pd.DataFrame, split: np.ndarray) -> pd.DataFrame:
    rows = {}
    for measure in MEASURES:
        found = outliers[outliers["measure"] == measure].sort_values("z")
        low, high = found[found["z"] < 0], found[found["z"] > 0][::-1]
        where = ["".join(f"{i} ({split[i]})" for i in far["image"][:1]) for far in (low, high)]
        rows[measure] = [len(low), len(high), *where]
    columns = ["low", "high", "row of the lowest", "row of the highest"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object)


def _different(column: pd.Series) -> int:
    plain = column.map(lambda value: isinstance(value, Hashable)).astype(bool)  # a list is not
    return column.where(plain, column.astype(str)).nunique()


def _missing(table: pd.DataFrame) -> pd.DataFrame:
    empty, gone = table.isna(), table.apply(_unknown)
    words = {"filled with “unknown” or the like": (gone & ~empty).sum()}
    return pd.DataFrame({"different values": table.apply(_different), "empty": empty.sum(), **words})


def _findings(sections: dict, looks: pd.DataFrame, split: np.ndarray) -> list[str]:
    """Sentences about what deserves a look, most serious first."""
    copies, totals = sections[COPIES], sections["Images by class and split"]["total"]
    across = "across splits"
    searched = copies.loc["near", across] != "not searched"
    sums = (copies if searched else copies.loc[["exact"]]).sum()
    counted = {
        "Images with values that are not finite": (looks["not_finite"] > 0).sum(),
        "Images of one single value": (looks["lowest"] == looks["highest"]).sum(),
        "Pairs of exact copies that cross the splits": copies.loc["exact", across],
        "Pairs of near copies that cross the splits": searched and copies.loc["near", across],
        "Pairs of copies within a split": sums["within a split"],
        "Pairs of copies that carry two different labels": sums["with different classes"],
    }
    for column in copies.columns[3:]:
        what = column.removeprefix("with different ")
        counted[f"Pairs of copies that carry two different values of {what}"] = sums[column]
    found = [f"{what}: {number:,}." for what, number in counted.items() if number]
    if not searched:
        found.append(f"Near copies were not searched: more than {MANY:,} images, or more than "
                     f"{PAIRS:,} pairs.")  # fmt: skip
    if (totals == 0).any():
        found.append(f"No image shows {', '.join(totals.index[totals == 0])}.")
    present = totals[totals > 0]
    times = present.max() / present.min()
    if len(present) == 1:
        found.append("All images are of one class: there is nothing to tell apart.")
    elif times > LARGER:
        found.append(f"The largest class ({present.idxmax()}) has {times:.1f} times the images "
                     f"of the smallest ({present.idxmin()}).")  # fmt: skip
    by_split = looks["brightness"].groupby(split)
    means, sizes, spread = by_split.mean(), by_split.size(), looks["brightness"].std()
    error = spread * (1 / sizes[means.idxmin()] + 1 / sizes[means.idxmax()]) ** 0.5
    if np.ptp(means) > max(DARKER * spread, ERRORS * error):
        by = f"{np.ptp(means) / spread:.1f} standard deviations of brightness"
        found.append(f"{means.idxmin()} is darker than {means.idxmax()}, by {by}.")
    missing = sections.get(MISSING, pd.DataFrame())
    for column, (_, empty, words) in missing.iterrows():
        if empty + words:
            hidden = f", {words:,} of them under a word such as “unknown”" if words else ""
            found.append(f"{column} is missing for {_count(empty + words, 'image')}{hidden}.")
    return found
