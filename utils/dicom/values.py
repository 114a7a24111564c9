"""From stored values to physical values to a picture: modality LUT, window, presentation, one function each."""
from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from utils.dicom.read import DicomError, attempt, decode, name_of, one_sentence


@one_sentence
def stored_values(data: Dataset, frame: int | None = None) -> np.ndarray:
    """The numbers in the file, decompressed, with the right sign; nothing rescaled, no colour converted.

    Returns:
        ([frames,] rows, columns[, samples]); one frame, counted from 0, if `frame` is given.

    Raises:
        DicomError: no pixels, damaged pixels, or no decoder for the transfer syntax (named).
    """
    return decode(data, frame, rgb=False)[0]


@one_sentence
def physical_values(data: Dataset, frame: int | None = None) -> np.ndarray:
    """Stored values through the modality LUT, or slope and intercept; RT dose through its scaling.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.11.html#sect_C.11.1

    Returns:
        Floats, ([frames,] rows, columns), in `unit(data)`. In multi-frame files each frame has its own
        rescale.

    Raises:
        DicomError: as in `stored_values`, or the image is in colour: colours measure nothing.

    Example:
        >>> from utils import dicom
        >>> from pydicom.data import get_testdata_file
        >>> ct = dicom.read(get_testdata_file("CT_small.dcm"))
        >>> stored_values(ct)[0, :3].tolist(), int(ct.RescaleSlope), int(ct.RescaleIntercept)
        ([175, 180, 166], 1, -1024)
        >>> physical_values(ct)[0, :3].tolist(), unit(ct)
        ([-849.0, -844.0, -858.0], 'HU')
    """
    if data.get("SamplesPerPixel", 1) != 1 or data.get("PhotometricInterpretation") == "PALETTE COLOR":
        raise DicomError(f"{name_of(data)} is a colour image and holds no physical values; use display().")
    stored = stored_values(data, frame)
    if stored.ndim == 3:
        return np.stack([_to_physical(data, one, i) for i, one in enumerate(stored)])
    return _to_physical(data, stored, frame or 0)


def _to_physical(data: Dataset, stored: np.ndarray, frame: int) -> np.ndarray:
    item = _frame_item(data, "PixelValueTransformationSequence", frame)
    if item.get("ModalityLUTSequence"):
        return _look_up(stored, item.ModalityLUTSequence[0], data)[0].astype(float)
    slope, intercept = (item.get(name) for name in ("RescaleSlope", "RescaleIntercept"))
    slope = data.get("DoseGridScaling") if slope in (None, "") else slope
    return stored * (1.0 if slope in (None, "") else float(slope)) + float(intercept or 0)


@one_sentence
def unit(data: Dataset) -> str:
    """Unit of the physical values (Rescale Type, PS3.3 C.11.1.1.2), "" where the file gives none (most MR)."""
    item = _frame_item(data, "PixelValueTransformationSequence", 0)
    named = item.get("RescaleType") or data.get("Units") or ""
    if named in ("", "US", "NONE"):  # US stands for "unspecified"
        dose = str(data.get("DoseUnits", "")).title() if "DoseGridScaling" in data else ""
        return "HU" if data.get("Modality") == "CT" and "RescaleSlope" in item else dose
    return str(named)


def _frame_item(data: Dataset, keyword: str, frame: int) -> Dataset:
    """Where a macro's attributes stand: the frame's functional group, the shared one, or the top level."""
    for groups, index in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        sequence = data.get(groups)
        if sequence and index < len(sequence) and sequence[index].get(keyword):
            return sequence[index][keyword].value[0]
    return data


def _look_up(values: np.ndarray, item: Dataset, data: Dataset) -> tuple[np.ndarray, int]:
    """Values through a lookup table item (PS3.3 C.11.1.1), and its bits; beyond its ends the end entries hold."""
    entries, first, bits = (int(v) for v in item.LUTDescriptor)
    entries, table = entries or 1 << 16, item.LUTData
    if isinstance(table, bytes):
        order = "<" if attempt(lambda: data.file_meta.TransferSyntaxUID.is_little_endian, True) else ">"
        table = np.frombuffer(table, np.uint8 if len(table) < 2 * entries else f"{order}u2")
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, min(entries, len(table)) - 1)
    return np.asarray(table)[index], bits


def is_padding(data: Dataset, stored: np.ndarray) -> np.ndarray:
    """Which stored values are padding, not measured: a boolean array of the same shape.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.5.html#sect_C.7.5.1.1.2
    """
    value = data.get("PixelPaddingValue")
    if value is None or stored.dtype.kind not in "iu":
        return np.zeros(stored.shape, bool)
    ends = [int(value), int(data.get("PixelPaddingRangeLimit", value))]  # by some with the wrong sign
    low, high = sorted(int(np.array(end).astype(stored.dtype)) for end in ends)
    return (stored >= low) & (stored <= high)


def window(values: np.ndarray, centre: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Physical values to 0…1, any shape: below the window 0, above it 1; `centre`, `width` in their unit.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.11.2.html#sect_C.11.2.1.2
    """
    if function == "SIGMOID":  # clipped, so that exp() cannot overflow
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -60, 60)))
    if function == "LINEAR":  # the standard's default: a window of width w has w - 1 steps
        centre, width = centre - 0.5, width - 1
    if width <= 0:
        return (values > centre).astype(float)
    return np.clip((values - centre) / width + 0.5, 0, 1)


@one_sentence
def display(
    data: Dataset, window: tuple[float, float] | None = None, frame: int | None = None, eight_bit: bool = False
) -> np.ndarray:
    """The picture as it is meant to be seen: rescaled, windowed, MONOCHROME1 turned round, colours as RGB.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.3.html#sect_C.7.6.3.1.2

    Args:
        window: (centre, width) in physical units; else the file's own VOI LUT or first window, else the range
            of the values that are not padding.
        eight_bit: uint8 0…255 in place of floats 0…1.

    Returns:
        ([frames,] rows, columns) in grey, where padding is black, or ([frames,] rows, columns, 3) in colour.

    Raises:
        DicomError: as in `stored_values`, or a palette that cannot be used.
    """
    kind = data.get("PhotometricInterpretation", "MONOCHROME2")
    if kind == "PALETTE COLOR" or data.get("SamplesPerPixel", 1) == 3:
        picture, meta = decode(data, frame, rgb=True)
        picture = picture / (2.0 ** int(meta["bits_stored"]) - 1)
    else:
        stored = stored_values(data, frame)
        frames = list(stored) if stored.ndim == 3 else [stored]
        first = 0 if frame is None else frame
        shown = [_display_one(data, one, window, first + i) for i, one in enumerate(frames)]
        picture = np.stack(shown) if stored.ndim == 3 else shown[0]
    return np.rint(picture * 255).astype(np.uint8) if eight_bit else picture


def _display_one(data: Dataset, stored: np.ndarray, chosen: tuple | None, frame: int) -> np.ndarray:
    values = _to_physical(data, stored, frame)  # (rows, columns)
    padding = is_padding(data, stored)
    item = _frame_item(data, "FrameVOILUTSequence", frame)
    centre, width = (np.atleast_1d(item.get(k) or [])[:1] for k in ("WindowCenter", "WindowWidth"))
    if chosen:
        grey = window(values, *chosen)
    elif item.get("VOILUTSequence"):
        grey, bits = _look_up(values, item.VOILUTSequence[0], data)
        grey = grey / (2.0**bits - 1)
    elif centre.size and width.size:
        grey = window(values, float(centre[0]), float(width[0]), item.get("VOILUTFunction", "LINEAR"))
    else:
        seen = values[~padding] if (~padding).any() else values
        low, high = float(seen.min()), float(seen.max())
        grey = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    grey = 1 - grey if data.get("PhotometricInterpretation") == "MONOCHROME1" else grey
    return np.where(padding, 0.0, grey)
