"""A folder of DICOM files without identity: every file copied clean, refused with the reason, or named as left out."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydicom.dataset import Dataset

from utils.dicom.identity import Pseudonymiser, deidentify
from utils.dicom.read import DicomError, NotDicomError, find_files, read, short

Regions = Sequence[tuple[int, int, int, int]]
COLUMNS = ["file", "state", "target", "why"]


def deidentify_folder(
    source: str | Path,
    target: str | Path,
    pseudonyms: Pseudonymiser,
    clean_regions: Regions | Callable[[Dataset], Regions | None] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """De-identify every image below a folder into another folder, whose names name nobody.

    A copy lies in target/<pseudonym of the patient>/<new series UID>/<new SOP Instance UID>.dcm. The originals are
    only read. Nothing is overwritten: what is there already was done before and is left as it is, so a run that was
    stopped goes on where it stopped, with the same secret. A file is written whole or not at all.

    Args:
        source: a folder; links to folders are followed, each folder once.
        target: another folder, neither inside the source nor around it; made if it is not there.
        pseudonyms: one for the whole project.
        clean_regions: as for `deidentify`, for all files; or a function that gets each data set and returns its
            rectangles, [] for "I looked, there is no text", or None for "ask".
        options: as for `deidentify`.

    Returns:
        DataFrame, one row a file: `file` (below the source), `state` ("done", "there", "refused", "no DICOM"),
        `target` (below the target, "" if none), `why`. It leads from old names to new ones, so keep it where the
        secret is, never beside the copies.

    Raises:
        DicomError: no such folder, a target inside the source or around it, or one that cannot be written.
    """
    here, there = Path(source), Path(target)
    if not here.is_dir():
        raise DicomError(f"There is no folder {here.name}: check the path.")
    inner, outer = there.resolve(), here.resolve()
    if inner == outer or inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise DicomError("The target must lie neither inside the source nor around it: name another folder.")
    if there.exists() and not there.is_dir():
        raise DicomError(f"{there.name} is a file: name a folder as the target.")
    if pseudonyms is None:
        raise DicomError("A folder needs one Pseudonymiser: without it the files of one patient would not match.")
    rows, written = [], {}
    for name, path in find_files(here).items():
        try:
            data = read(path)
            if data.get("DirectoryRecordSequence") is not None:
                raise DicomError("a DICOMDIR: it names patients and files, and the copies need none")
            regions = _regions(clean_regions, data)
            clean = deidentify(data, pseudonyms, regions, **options)
        except NotDicomError as error:
            rows.append((name, "no DICOM", "", str(error)))
            continue
        except DicomError as error:
            rows.append((name, "refused", "", str(error)))
            continue
        file = Path(clean.PatientID, clean.SeriesInstanceUID, f"{clean.SOPInstanceUID}.dcm")
        if (first := written.setdefault(clean.SOPInstanceUID, name)) != name:  # what differs must not get lost unseen
            rows.append((name, "refused", "", f"{first} has the same SOP Instance UID: keep one of the two."))
            continue
        state = "there" if (there / file).exists() else "done"
        if state == "done":
            _write(clean, there / file)
        rows.append((name, state, file.as_posix(), ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def _regions(clean_regions: Any, data: Dataset) -> Regions | None:
    try:
        return clean_regions(data) if callable(clean_regions) else clean_regions
    except Exception as error:
        raise DicomError(f"Your function clean_regions fails on this file ({short(error)}).") from None


def _write(clean: Dataset, file: Path) -> None:
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        clean.save_as(part, enforce_file_format=True)
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DicomError(f"The target cannot be written ({error.strerror}): make room, then run it again; it goes on "
                         "where it stopped.") from None  # fmt: skip
