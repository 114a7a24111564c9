"""Headers to a table: one row a file, whatever the file holds; and what decodes which transfer syntax."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID, UID_dictionary
from tqdm import tqdm

from utils.dicom.read import DicomError, attempt, decoder, find_files, header_form, native_bytes, read, syntax_name
from utils.dicom.values import header_value, is_spacing, pixel_spacing

DIRECTORY = "1.2.840.10008.1.3.10"
UNDEFINED = 0xFFFFFFFF  # the length of an element that ends with a delimiter: PS3.5 7.1
DEFAULT_TAGS = {  # column of the table: DICOM keyword
    "modality": "Modality", "rows": "Rows", "columns": "Columns", "frames": "NumberOfFrames",
    "bits": "BitsStored", "signed": "PixelRepresentation", "samples": "SamplesPerPixel",
    "photometric": "PhotometricInterpretation", "spacing": "PixelSpacing", "thickness": "SliceThickness",
    "position": "ImagePositionPatient", "orientation": "ImageOrientationPatient", "instance": "InstanceNumber",
    "slope": "RescaleSlope", "intercept": "RescaleIntercept", "window_centre": "WindowCenter",
    "window_width": "WindowWidth", "padding": "PixelPaddingValue", "burned_in": "BurnedInAnnotation",
    "manufacturer": "Manufacturer", "description": "SeriesDescription", "patient": "PatientID",
    "study_uid": "StudyInstanceUID", "series_uid": "SeriesInstanceUID", "instance_uid": "SOPInstanceUID",
}  # fmt: skip


def headers(
    folder_or_paths: str | os.PathLike | Iterable[str | os.PathLike],
    tags: Mapping[str, str] | Iterable[str] = DEFAULT_TAGS,
    progress: bool = False,
) -> pd.DataFrame:
    """One row a file, whatever the file holds; pixels are not read. Keywords:
    https://dicom.nema.org/medical/dicom/current/output/chtml/part06/chapter_6.html#table_6-1

    Args:
        folder_or_paths: a folder (searched to the bottom, each folder once, also through links), a file, or paths.
        tags: {column: DICOM keyword}, or keywords.
        progress: show a progress bar.

    Returns:
        DataFrame: `name` (relative), `readable`, `reason` (one sentence; for a readable file what is wrong
        with it, else ""), `syntax` and `decoder` (what decodes its pixels here), then one column a tag, in
        the standard's units (mm, ms, kV). Several values are a tuple; missing or undecodable ones are NA.
        In multi-frame files values come from functional groups: one a frame where frames differ. A column of
        PixelSpacing has its source beside it, in `<column>_from`: see `pixel_spacing`.

    Raises:
        DicomError: the folder does not exist or holds no file, or a keyword is not a DICOM keyword.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> files = [get_testdata_file(name) for name in ("CT_small.dcm", "rtplan.dcm")]
        >>> headers(files, {"kind": "Modality", "rows": "Rows"})[["name", "kind", "rows"]]
                   name    kind  rows
        0  CT_small.dcm      CT   128
        1    rtplan.dcm  RTPLAN  <NA>
    """
    tags = dict(tags) if isinstance(tags, Mapping) else {tag: tag for tag in tags}
    if unknown := [keyword for keyword in tags.values() if tag_for_keyword(keyword) is None]:
        raise DicomError(f"{unknown[0]} is not a DICOM keyword; PatientID and PixelSpacing are.")
    found = find_files(folder_or_paths).items()
    found = tqdm(found, "headers", file=sys.stdout, unit="file", disable=not progress)
    rows = [{"name": os.fsencode(name).decode(errors="replace"), **_row(path, tags)} for name, path in found]
    return pd.DataFrame(rows).convert_dtypes()


def _row(path: Path, tags: Mapping[str, str]) -> dict[str, Any]:
    try:
        data = read(path, pixels=False)
    except DicomError as error:
        return {"readable": False, "reason": str(error), "syntax": None, "decoder": None, **dict.fromkeys(tags)}
    trouble, values = [], {}
    for column, keyword in tags.items():
        values[column], source = None, None
        try:
            if keyword == "PixelSpacing":
                values[column], source = pixel_spacing(data)
            else:
                values[column] = header_value(data, keyword)
        except Exception:
            trouble.append(f"{keyword} cannot be decoded")
        if keyword == "PixelSpacing":
            values[f"{column}_from"] = source or None
            if source and not is_spacing(values[column]):
                trouble.append(f"{source} gives no two distances")
    syntax = attempt(lambda: UID(str(data.file_meta.TransferSyntaxUID)))
    native, expected = attempt(lambda: not syntax.is_encapsulated), attempt(lambda: native_bytes(header_form(data)), 0)
    if attempt(lambda: data.file_meta.MediaStorageSOPClassUID) == DIRECTORY:
        trouble.append("it is a DICOMDIR, an index of other files")
    elif native and 0 < data.bytes_left < expected:
        trouble.append(f"pixel data are cut off ({data.bytes_left:,} of {expected:,} bytes)")
    elif expected and data.bytes_left <= 0:
        trouble.append("it has no pixel data")
    elif data.broken_pixels:
        trouble.append(data.broken_pixels)
    raw = [element for element in data._dict.values() if element.is_raw and element.value]
    if any(len(element.value) < element.length < UNDEFINED for element in raw):
        trouble.append("the file ends inside an element")
    return {"readable": True, "reason": "; ".join(trouble), "syntax": syntax and syntax_name(syntax),
            "decoder": syntax and decoder(syntax), **values}  # fmt: skip


def decoders() -> pd.DataFrame:
    """Every transfer syntax of the standard: `syntax`, `uid`, `compressed`, `works` here, `decoder`.

    https://dicom.nema.org/medical/dicom/current/output/chtml/part06/chapter_A.html#table_A-1
    """
    rows = []
    for uid, (name, kind, *_) in UID_dictionary.items():
        if kind == "Transfer Syntax":
            by = decoder(uid)
            rows.append({"syntax": name, "uid": uid, "compressed": UID(uid).is_encapsulated,
                         "works": not by.startswith(("missing", "none")), "decoder": by})  # fmt: skip
    return pd.DataFrame(rows)
