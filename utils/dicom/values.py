"""From stored values to physical values to a picture: modality LUT, window, presentation, one function each."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from utils.dicom.read import DicomError, attempt, decode, little_endian, look_up, name_of, one_sentence, plain
from utils.dicom.read import values_of as listed

GROUPS = {  # attribute: the functional group that holds it in multi-frame images (PS3.3 C.7.6.16.2)
    "PixelSpacing": "PixelMeasuresSequence", "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence", "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence", "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence", "RescaleType": "PixelValueTransformationSequence",
    "WindowCenter": "FrameVOILUTSequence", "WindowWidth": "FrameVOILUTSequence",
}  # fmt: skip
UNSPECIFIED = ("", "US")  # a unit that the file leaves open: PS3.3 C.11.1.1.2
UCUM = {"[hnsf'U]": "HU"}  # unit of a Real World Value Mapping: its usual name
LONGEST_ENTRY = 16  # bits of an entry of a lookup table: PS3.3 C.11.2.1.1
CENTIMETRES = 3  # PS3.3 C.8.5.5.1.15: the unit of an ultrasound region that is a picture
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


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
    """Stored values through the modality LUT, or slope and intercept; RT dose through its scaling. Where these
    name no unit, through the Real World Value Mapping (of several, those in the first one's unit).
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.11.html#sect_C.11.1
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.16.2.11.html

    Returns:
        Floats, ([frames,] rows, columns), in `unit(data)`; NaN where a Real World Value Mapping says nothing of
        a value. In multi-frame files each frame has its own rescale.

    Raises:
        DicomError: as in `stored_values`; the image is in colour: colours measure nothing; a slope that is 0 or no
            number; frames in different units.

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
        if len(units := {unit(data, i) or "no unit" for i in range(len(stored))}) > 1:
            raise DicomError(f"The frames of {name_of(data)} are in {' and '.join(sorted(units))}: ask for one frame.")
        return np.stack([_to_physical(data, one, i) for i, one in enumerate(stored)])
    return _to_physical(data, stored, frame or 0)


def _to_physical(data: Dataset, stored: np.ndarray, frame: int) -> np.ndarray:
    items = [] if _named_unit(data, frame) else _items(data, "RealWorldValueMappingSequence", frame)
    if not items:
        return _rescaled(data, stored, frame)
    values = np.full(stored.shape, np.nan)
    for item in items:
        if _code(item) == _code(items[0]):
            low, high = (_end(item, end, stored.dtype) for end in ("First", "Last"))
            inside = (stored >= low) & (stored <= high)
            table = item.get("RealWorldValueLUTData")
            slope, intercept = (_number(item, f"RealWorldValue{k}", data) for k in ("Slope", "Intercept"))
            if table is None and None in (slope, intercept):
                raise DicomError(f"The Real World Value Mapping of {name_of(data)} has neither slope nor table.")
            values[inside] = stored[inside] * slope + intercept if table is None else np.atleast_1d(table)[
                (stored[inside] - low).astype(int)]  # fmt: skip
    return values


def _end(item: Dataset, end: str, dtype: np.dtype) -> float:
    """The first or last stored value that a mapping covers, with the sign that stored values have."""
    value = item.get(f"DoubleFloatRealWorldValue{end}ValueMapped")
    return float(np.array(item[f"RealWorldValue{end}ValueMapped"].value).astype(dtype)) if value is None else value


def _rescaled(data: Dataset, stored: np.ndarray, frame: int) -> np.ndarray:
    """Stored values through the modality LUT, or slope and intercept: what windows are meant for."""
    item = frame_item(data, "PixelValueTransformationSequence", frame)
    if item.get("ModalityLUTSequence"):
        return _look_up(stored, item.ModalityLUTSequence[0], data, stored.dtype.kind == "i")[0].astype(float)
    slope, intercept = (_number(item, name, data) for name in ("RescaleSlope", "RescaleIntercept"))
    if (slope is None) != (intercept is None):
        raise DicomError(f"{name_of(data)} gives one of RescaleSlope and RescaleIntercept without the other.")
    slope = _number(data, "DoseGridScaling", data) if slope is None else slope
    return stored * (1.0 if slope is None else slope) + (intercept or 0)


def _number(item: Dataset, keyword: str, data: Dataset) -> float | None:
    """A number from the header, None where it is not given; DicomError where it is none, or a slope of 0."""
    value = item.get(keyword)
    if value in (None, ""):
        return None
    number = attempt(lambda: float(value), math.nan)
    if not math.isfinite(number):
        raise DicomError(f"The {keyword} of {name_of(data)} is {value}, which is no number.")
    if number == 0 and "Intercept" not in keyword:
        raise DicomError(f"The {keyword} of {name_of(data)} is 0, which makes all pixels alike; see stored_values().")
    return number


@one_sentence
def unit(data: Dataset, frame: int = 0) -> str:
    """Unit of the physical values: RescaleType, ModalityLUTType, Units, as they stand; HU where a CT names none
    (PS3.3 C.8.2.1); DoseUnits; the code of a Real World Value Mapping. "" where the file gives none (most MR)."""
    if named := _named_unit(data, frame):
        return named
    items = _items(data, "RealWorldValueMappingSequence", frame)
    return UCUM.get(_code(items[0]), _code(items[0])) if items else ""


def _named_unit(data: Dataset, frame: int) -> str:
    item = frame_item(data, "PixelValueTransformationSequence", frame)
    table = (item.get("ModalityLUTSequence") or [Dataset()])[0]
    given = [item.get("RescaleType"), table.get("ModalityLUTType"), data.get("Units")]
    named = {str(term).strip() for term in given if term} - set(UNSPECIFIED)
    if len(named) > 1:
        raise DicomError(f"{name_of(data)} says that its values are in {' and in '.join(sorted(named))}.")
    if named or "US" in given:
        return "".join(named)
    if "DoseGridScaling" in data:
        return str(data.get("DoseUnits") or "").title()
    hounsfield = data.get("Modality") == "CT" and data.get("MultienergyCTAcquisition") != "YES"
    return "HU" if hounsfield and item.get("RescaleSlope") not in (None, "") else ""


def _code(item: Dataset) -> str:
    codes = item.get("MeasurementUnitsCodeSequence") or [Dataset()]
    return str(codes[0].get("CodeValue") or "")


def _items(data: Dataset, keyword: str, frame: int) -> Sequence[Dataset]:
    """The items of a sequence in the frame's functional group, else in the shared one, else at the top."""
    each, shared = (data.get(f"{kind}FunctionalGroupsSequence") or [] for kind in ("PerFrame", "Shared"))
    if each and frame >= len(each):
        raise DicomError(f"{name_of(data)} has more frames than the {len(each)} that its header describes.")
    for owner in (*each[frame : frame + 1], *shared[:1], data):
        if items := owner.get(keyword):
            return items
    return []


def frame_item(data: Dataset, keyword: str, frame: int = 0) -> Dataset:
    """Where a macro's attributes stand: in a functional group, or at the top level."""
    return (_items(data, keyword, frame) or [data])[0]


def header_value(data: Dataset, keyword: str) -> Any:
    """A header value as plain Python, from functional groups where it stands there: one value, or a tuple of one
    a frame where frames differ."""
    frames = range(len(data.get("PerFrameFunctionalGroupsSequence") or [0]) if keyword in GROUPS else 0)
    values = [plain(frame_item(data, GROUPS[keyword], frame), keyword) for frame in frames]
    if not any(value is not None for value in values):
        return plain(data, keyword)
    return values[0] if len(set(map(str, values))) == 1 else tuple(values)


@one_sentence
def pixel_spacing(data: Dataset) -> tuple[Any, str]:
    """Distance between rows and between columns in mm, and the attribute it comes from; (None, "") if none gives it.

    PixelSpacing, also in functional groups; else ImagerPixelSpacing (at the detector: the patient is smaller) or
    NominalScannedPixelSpacing; else the regions of an ultrasound image that are measured in cm (PS3.3 C.8.5.5).
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        if (value := header_value(data, keyword)) is not None:
            return value, keyword
    regions = [region for region in data.get("SequenceOfUltrasoundRegions") or []
               if {region.get(f"PhysicalUnits{axis}Direction") for axis in "XY"} == {CENTIMETRES}]  # fmt: skip
    pairs = {tuple(10 * abs(float(region[f"PhysicalDelta{axis}"].value)) for axis in "YX") for region in regions}
    found = tuple(sorted(pairs))
    return (found[0] if len(found) == 1 else found, "SequenceOfUltrasoundRegions") if found else (None, "")


def is_spacing(pair: Any) -> bool:
    """Whether these are two distances: finite and above zero; or several such pairs."""
    if isinstance(pair, tuple) and pair and isinstance(pair[0], tuple):
        return all(map(is_spacing, pair))
    return attempt(lambda: len(pair) == 2 and all(0 < float(value) < math.inf for value in pair), False)


def _look_up(values: np.ndarray, item: Dataset, data: Dataset, signed: bool) -> tuple[np.ndarray, int, int]:
    try:
        return look_up(values, item, "LUT", signed, little_endian(data))
    except DicomError as error:
        raise DicomError(f"The lookup table of {name_of(data)} cannot be used: {error}.") from None


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
        window: (centre, width) in rescaled units; else the file's own VOI LUT or first window, else the range
            of the values that are not padding. Narrower than 1, LINEAR is taken as LINEAR_EXACT.
        eight_bit: uint8 0…255 in place of floats 0…1.

    Returns:
        ([frames,] rows, columns) in grey, where padding is black, or ([frames,] rows, columns, 3) in colour.

    Raises:
        DicomError: as in `stored_values`, or a palette that cannot be used.
    """
    if window is not None and attempt(lambda: [math.isfinite(float(part)) for part in window]) != [True, True]:
        raise DicomError(f"A window is two numbers, (centre, width), not {window}.")
    kind = data.get("PhotometricInterpretation", "MONOCHROME2")
    if kind == "PALETTE COLOR" or data.get("SamplesPerPixel", 1) == 3:
        picture, meta = decode(data, frame, rgb=True)
        picture = np.clip(picture / (2.0 ** int(meta["bits_stored"]) - 1), 0, 1)
    else:
        stored = stored_values(data, frame)
        frames = list(stored) if stored.ndim == 3 else [stored]
        first = 0 if frame is None else frame
        shown = [_display_one(data, one, window, first + i) for i, one in enumerate(frames)]
        picture = np.stack(shown) if stored.ndim == 3 else shown[0]
    return np.rint(picture * 255).astype(np.uint8) if eight_bit else picture


def _display_one(data: Dataset, stored: np.ndarray, chosen: tuple | None, frame: int) -> np.ndarray:
    values = _rescaled(data, stored, frame)  # (rows, columns)
    padding = is_padding(data, stored) | ~np.isfinite(values)
    item = frame_item(data, "FrameVOILUTSequence", frame)
    own = [listed(item[k])[0] if item.get(k) not in (None, "") else None for k in ("WindowCenter", "WindowWidth")]
    function = "LINEAR" if chosen else str(item.get("VOILUTFunction") or "LINEAR")
    if chosen is None and item.get("VOILUTSequence"):
        ends = np.iinfo(stored.dtype)
        lowest = _rescaled(data, np.array([ends.min, ends.max], stored.dtype), frame).min()
        signed = data.get("Modality") == "CT" or lowest < 0
        grey, bits, top = _look_up(values, item.VOILUTSequence[0], data, signed)
        grey = grey / max(top, 2**bits - 1 if bits <= LONGEST_ENTRY else 1, 1)  # some say 0 or 8 bits and mean 12
    elif chosen or None not in own:
        centre, width = (attempt(lambda part=part: float(part), math.nan) for part in chosen or own)
        if not (math.isfinite(centre) and math.isfinite(width) and width > 0) or function not in FUNCTIONS:
            raise DicomError(f"The window of {name_of(data)} cannot be used (centre {centre:g}, width {width:g}, "
                             f"{function}): pass window=(centre, width), with a width above 0.")  # fmt: skip
        grey = window(values, centre, width, "LINEAR_EXACT" if width < 1 and function == "LINEAR" else function)
    else:
        seen = values[~padding] if (~padding).any() else np.zeros(1)
        low, high = float(seen.min()), float(seen.max())
        grey = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    grey = 1 - grey if data.get("PhotometricInterpretation") == "MONOCHROME1" else grey
    return np.where(padding, 0.0, grey)
