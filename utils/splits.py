"""Is the test set really unseen? `audit_split` answers for any table of images, splits and folds alike."""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

UNKNOWN = ("", "-", "?", "na", "n/a", "nan", "none", "null", "unknown")  # what tables write for "we do not know"


@dataclass(frozen=True)
class SplitReport:
    """What `audit_split` found; `print(report)` reads like a letter.

    Attributes:
        problems: why a result on these splits is not what it seems, one sentence each.
        notes: what the splits can and cannot show, one sentence each.
        counts: one row a split: images, groups, and the share of each class.
        shared: one row an image whose group is in another split as well: `row, split, group, also_in`.
        copies: one row a pair of images with the same pixels: `row, split, copy, copy_split`.
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
        lines = ["Split audit: " + (_plural(len(self.problems), "problem") if self.problems else "no problem found")]
        lines += [f"  ✗ {sentence}" for sentence in self.problems] + [f"  – {sentence}" for sentence in self.notes]
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
) -> SplitReport:
    """Look for what makes a test set less unseen, or less alike, than it claims to be.

    Every argument has one entry an image, all in the same order.

    Args:
        split: the split's name ("train", "test", …) or the number of the fold.
        groups: who or what must not be in two splits: patient, else lesion. Missing and "unknown" entries
            are nobody's: they are counted and reported, never matched with each other.
        labels: the class; balance is judged against the whole, and a class absent from a split is a problem.
        images: the pixels, (n, …) or a list of arrays; exact copies across splits are a problem. Pictures
            that are merely alike (resized, re-encoded, flipped) are not found.
        sources: hospital, scanner or data set.
        times: anything pandas can read as dates, or plain numbers; reported as a note.
        tolerance: a share that differs from the whole by more than this, and by more than three standard
            errors (binomial, with groups as the units where they are known), is named in the notes.

    Returns:
        A `SplitReport`. No problem found means no more than that: two names for one patient, a copy that was
        resized, or statistics computed on all images before splitting leave no trace in these columns.

    Raises:
        ValueError: an argument has another length than `split`, or there are fewer than two splits.
    """
    columns = {"groups": groups, "labels": labels, "sources": sources, "times": times, "images": images}
    given = {name: values for name, values in columns.items() if values is not None}
    table = pd.DataFrame({"split": np.asarray(split, dtype=object)})
    for name, values in given.items():
        if len(values) != len(table):
            raise ValueError(f"{name} has {len(values)} entries, split has {len(table)}: give one an image.")
        if name != "images":
            table[name] = pd.Series(list(values), dtype=object)
    if table["split"].isna().any() or table["split"].nunique() < 2:
        raise ValueError("An audit needs at least two splits and a split for every image.")
    names = sorted(dict.fromkeys(table["split"]), key=lambda name: name != "train")  # else in order of appearance

    problems: list[str] = []
    notes: list[str] = []
    counts = table.groupby("split").size().loc[names].to_frame("images").rename_axis(None)
    shared, copies = _no_rows("row", "split", "group", "also_in"), _no_rows("row", "split", "copy", "copy_split")
    if groups is not None:
        table["groups"] = table["groups"].mask(_unknown(table["groups"]))
        counts["groups"] = table.groupby("split", sort=False)["groups"].nunique()
        shared = _audit_groups(table, names, problems, notes)
    if images is not None:
        copies = _audit_copies(table, images, problems, notes)
    if labels is not None:
        shares = _balance(table, "labels", "class", tolerance, counts, notes)
        for name, row in shares.iterrows():
            absent = ", ".join(str(value) for value in shares.columns[row == 0])
            if absent:
                problems.append(f"{name} holds no image of class {absent}: no result on it speaks of that class.")
        counts = counts.join(shares.add_prefix("class "))
    if sources is not None:
        _audit_sources(table, names, tolerance, counts, notes)
    if times is not None:
        _audit_times(table, names, notes)
    return SplitReport(problems, notes, counts, shared, copies)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _no_rows(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({column: [] for column in columns})


def _unknown(values: pd.Series) -> pd.Series:
    return values.isna() | values.astype(str).str.strip().str.lower().isin(UNKNOWN)


def _audit_groups(table: pd.DataFrame, names: list, problems: list[str], notes: list[str]) -> pd.DataFrame:
    known = table.dropna(subset="groups")
    if len(known) < len(table):
        rest = table[table["groups"].isna()].groupby("split", sort=False).size()
        where = ", ".join(f"{count:,} in {name}" for name, count in rest.items())
        problems.append(f"{_plural(len(table) - len(known), 'image')} of no known group ({where}): maybe anybody's.")
    homes = known.groupby("groups")["split"].agg(lambda column: tuple(dict.fromkeys(column)))
    homes = known["groups"].map(homes)
    rows = known[homes.str.len() > 1]
    also = [tuple(name for name in homes[row] if name != table.at[row, "split"]) for row in rows.index]
    shared = pd.DataFrame({"row": rows.index, "split": rows["split"].to_numpy(),
                           "group": rows["groups"].to_numpy(), "also_in": also})  # fmt: skip
    if len(names) > 3 and len(shared):  # folds: a sentence for each pair would be a page
        problems.append(f"{len(shared):,} of {len(table):,} images share a group with an image in another split.")
    elif len(shared):
        for first, second in combinations(names, 2):
            leaked = sum(row.split == second and first in row.also_in for row in shared.itertuples())
            if leaked:
                size = (table["split"] == second).sum()
                problems.append(f"{leaked:,} of {size:,} {second} images share a group with {first}.")
    advice = {"labels": "of more than one class: does the identifier name what you think?",
              "sources": "from more than one source: holding out a source does not hold them out."}  # fmt: skip
    for column, sentence in advice.items():
        mixed = (known.groupby("groups")[column].nunique() > 1).sum() if column in known else 0
        if mixed:
            notes.append(f"{_plural(mixed, 'group')} with images {sentence}")
    return shared


def _audit_copies(table: pd.DataFrame, images: Sequence, problems: list[str], notes: list[str]) -> pd.DataFrame:
    arrays = (np.ascontiguousarray(image) for image in images)
    digest = [hashlib.sha256(f"{a.shape}{a.dtype}".encode() + a.tobytes()).digest() for a in arrays]
    pairs = [
        (first, second)
        for rows in pd.Series(range(len(table))).groupby(digest, sort=False).agg(list)
        for first, second in combinations(rows, 2)
    ]
    home = table["split"].to_numpy()
    copies = pd.DataFrame([(a, home[a], b, home[b]) for a, b in pairs], columns=["row", "split", "copy", "copy_split"])
    across = copies[copies["split"] != copies["copy_split"]]
    for (first, second), count in across.groupby(["split", "copy_split"], sort=False).size().items():
        problems.append(f"{_plural(count, 'pair')} of identical images, one in {first}, one in {second}.")
    if len(copies) > len(across):
        notes.append(f"{_plural(len(copies) - len(across), 'pair')} of identical images within one split.")
    if "labels" in table:
        labels = table["labels"].to_numpy()
        differ = sum(labels[a] != labels[b] for a, b in pairs)
        if differ:
            problems.append(f"{_plural(differ, 'pair')} of identical images with different classes.")
    return copies


def _balance(
    table: pd.DataFrame, column: str, what: str, tolerance: float, counts: pd.DataFrame, notes: list[str]
) -> pd.DataFrame:
    """The share of each value in each split (rows); values whose share strays from the whole go to the notes."""
    shares = pd.crosstab(table["split"], table[column], normalize="index").loc[counts.index]
    whole = table[column].value_counts(normalize=True).reindex(shares.columns)
    units = counts["groups"] if "groups" in counts else counts["images"]
    for name in shares.index:
        error = np.sqrt(whole * (1 - whole) / max(units[name], 1))
        off = (shares.loc[name] - whole).abs()
        for value in shares.columns[(off > tolerance) & (off > 3 * error)]:
            share, usual = shares.at[name, value], whole[value]
            notes.append(f"{what} {value} is {share:.0%} of {name} but {usual:.0%} of all images.")
    return shares


def _audit_sources(
    table: pd.DataFrame, names: list, tolerance: float, counts: pd.DataFrame, notes: list[str]
) -> None:
    homes = {name: set(table.loc[table["split"] == name, "sources"].dropna()) for name in names}
    if all(home == homes[names[0]] for home in homes.values()):
        if len(homes[names[0]]) > 1:
            notes.append("Every source is in every split: nothing here speaks of a new source.")
            _balance(table, "sources", "source", tolerance, counts, notes)
        return
    for name in names:
        alone = homes[name] - set().union(*(homes[other] for other in names if other != name))
        if alone:
            listed = ", ".join(sorted(map(str, alone)))
            notes.append(f"{name} alone holds source {listed}: what differs there may be the source or its patients.")


def _audit_times(table: pd.DataFrame, names: list, notes: list[str]) -> None:
    times = table["times"]
    numbers = pd.to_numeric(times, errors="coerce")
    when = numbers if numbers.notna().sum() == times.notna().sum() else pd.to_datetime(times, errors="coerce")
    if when.isna().any():
        notes.append(f"{_plural(when.isna().sum(), 'image')} without a readable time.")
    first, rest = names[0], names[1:]
    latest = when[table["split"] == first].max()
    for name in rest:
        here = when[table["split"] == name].dropna()
        early = (here <= latest).sum()
        if early:
            notes.append(f"{early:,} of {len(here):,} {name} images are no later than the last of {first}: "
                         "no test of the future.")  # fmt: skip
        elif len(here):
            notes.append(f"All of {name} is later than {first}: a test of the future.")
