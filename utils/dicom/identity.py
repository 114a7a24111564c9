"""Identity out of DICOM data sets: pseudonyms, and a copy that holds only what may stay.

Only what `words.py` names stays, in values that cannot name anybody (numbers, listed words, known
codes, known UIDs), so nothing unknown survives.
"""
from __future__ import annotations

import datetime
import functools
import hashlib
import hmac
import math
import numbers
import re
import secrets
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, ExplicitVRLittleEndian, UID_dictionary

from utils.dicom.read import NUMERIC, PIXELS, DicomError, attempt, decode, name_of, one_sentence, values_of
from utils.dicom.words import KEEP, TERMS, WORDS

EMPTY = ["StudyDate", "StudyTime", "AccessionNumber", "Manufacturer", "ReferringPhysicianName", "PatientBirthDate",
         "PatientSex", "StudyID", "SeriesNumber", "InstanceNumber"]  # type 2: must be there, may be empty
# Profile, pixels, descriptors, dates:
# https://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_7050.html
METHODS = ("113100", "113101", "113105", "113107")
LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
ORIGINAL = {"CT", "MR", "PT", "NM"}  # made without letters, unless somebody worked on the image: dose report, 3-D view
NO_PIXEL_TEXT = ORIGINAL | {"SEG", "RTDOSE"}
SECRET_LENGTH = 16  # characters: 64 bits, if they are random hexadecimal digits
UID_LENGTH, ROOT_LENGTH = 64, 40  # characters; PS3.5 9.1 allows 64, so that 23 digits are left for the number


class Pseudonymiser:
    """The same person, UID or date always becomes the same pseudonym, and only the secret leads there.

    HMAC-SHA256 (https://www.rfc-editor.org/rfc/rfc2104) of secret and original: two archives with one
    secret can be joined, with two they cannot. Keep the secret out of the data and out of the
    repository; whoever has it can test a guess.

    Args:
        secret: at least 16 characters; `secrets.token_hex()` makes one.
        uid_root: under which new UIDs stand; 2.25 needs no registration:
            https://dicom.nema.org/medical/dicom/current/output/chtml/part05/sect_B.2.html

    Raises:
        DicomError: the secret is too short, or the root cannot be one.
    """

    def __init__(self, secret: str | bytes, uid_root: str = "2.25"):
        self._secret = secret.encode() if isinstance(secret, str) else bytes(secret)
        self.uid_root = uid_root
        if not re.fullmatch(r"[0-2](\.(0|[1-9]\d*))+", uid_root) or len(uid_root) > ROOT_LENGTH:
            raise DicomError(f"{uid_root} cannot be the root of UIDs: digits and dots, at most 40 characters.")
        if len(self._secret) < SECRET_LENGTH:
            raise DicomError("A secret of fewer than 16 characters can be guessed: make one with secrets.token_hex().")

    def _digest(self, kind: str, original: Any) -> bytes:
        text = f"{kind}|{str(original).strip()}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).digest()

    def uid(self, original: Any) -> UID:
        """A new UID of at most 64 characters."""
        number = uuid.UUID(bytes=self._digest("uid", original)[:16], version=4).int
        return UID(f"{self.uid_root}.{number}"[:UID_LENGTH])  # 2.25 and a UUID as one number: PS3.5 B.2

    def patient(self, key: str) -> str:
        """A pseudonym such as P-0F3A51C29B7E6D02."""
        return f"P-{self._digest('patient', key).hex()[:16].upper()}"

    def offset(self, key: str) -> datetime.timedelta:
        """How far this patient's dates move: one to ten years back; times 10 to 180 minutes on."""
        digest = int.from_bytes(self._digest("offset", key)[:8], "big")
        days, seconds = 365 + digest % 3286, 600 + digest // 3286 % 10_200
        return datetime.timedelta(days=-days, seconds=seconds)


@one_sentence
def deidentify(
    data: Dataset,
    pseudonyms: Pseudonymiser | None = None,
    clean_regions: Sequence[tuple[int, int, int, int]] | None = None,
) -> Dataset:
    """A copy without identity: the Basic Application Level Confidentiality Profile, with the options
    Clean Pixel Data, Clean Descriptors, and Retain Longitudinal Temporal Information with Modified Dates.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part15/chapter_E.html

    Clean Pixel Data is claimed, and BurnedInAnnotation set to NO, only where `clean_regions` says that
    somebody looked. Only `words.KEEP` survives, sequences included; texts keep the words in
    `words.WORDS`; no private element, overlay, thumbnail or unknown element stays. Pixels are decoded
    and written anew (explicit VR little endian), so comments inside a compressed stream, unused bits and
    trailing bytes go too. What is *not* done: faces in a head scan stay recognisable (option 113102 is
    not claimed), and file names are yours to change.

    Args:
        data: an image, as read.
        pseudonyms: pass the same one for all files of a project; without it each call invents its own
            secret, so two files of one patient no longer match.
        clean_regions: rectangles (top, left, bottom, right) in pixels, bottom and right excluded, blanked
            in every frame. `[]` says: I have looked, there is no text in the picture.

    Returns:
        A new data set with file meta information, ready for `save_as(path)`.

    Raises:
        DicomError: not an image; pixels cannot be decoded; a rectangle outside the image; or the picture
            may hold burned-in text and `clean_regions` does not say what to do about it.

    Example:
        >>> import pydicom
        >>> from utils.dicom import audit_identity
        >>> ct = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
        >>> clean = deidentify(ct, Pseudonymiser("a secret of your own"))
        >>> str(ct.PatientName), str(clean.PatientName), clean.PatientIdentityRemoved
        ('CompressedSamples^CT1', 'P-EC059665700EC984', 'YES')
        >>> audit_identity(clean, ["CompressedSamples"]).empty
        True
    """
    name = name_of(data)
    kind = UID(str(data.get("SOPClassUID") or attempt(lambda: data.file_meta.MediaStorageSOPClassUID) or ""))
    if "Image Storage" not in kind.name and kind.name not in ("Segmentation Storage", "RT Dose Storage"):
        kind = kind.name[:64] or "it has no SOP Class UID"
        raise DicomError(f"{name} is not an image of the standard ({kind}): only those can be de-identified here.")
    if clean_regions is None and (why := pixel_text(data)):
        raise DicomError(f"{name}: {why}; look at the picture, then pass clean_regions (or [] if there is no text).")
    pseudonyms = pseudonyms or Pseudonymiser(secrets.token_bytes(32))
    person = _person(data)
    new = _cleaned(data, pseudonyms, pseudonyms.offset(person))
    new.SOPClassUID, new.SpecificCharacterSet = kind, "ISO_IR 192"
    new.PatientName = new.PatientID = pseudonyms.patient(person)
    _complete(new, pseudonyms)
    _say_what_was_done(new, text_of(data, "BurnedInAnnotation"), looked=clean_regions is not None)
    if PIXELS & set(data.keys()):
        _write_pixels(new, data, clean_regions or ())
    return new


def _person(data: Dataset) -> str:
    """What tells this patient from others: the first of four attributes that is filled."""
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "SOPInstanceUID"):
        if text := attempt(lambda k=keyword: str(data.get(k, "")).strip()):
            return text
    return "nobody"


def _complete(new: Dataset, pseudonyms: Pseudonymiser) -> None:
    """Add what the standard requires of an image, and the file meta information."""
    new.Modality = new.get("Modality") or "OT"
    new.ImageType = new.get("ImageType") or ["DERIVED", "SECONDARY"]
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if keyword not in new:
            setattr(new, keyword, pseudonyms.uid(secrets.token_hex()))
    for keyword in EMPTY:
        if keyword not in new:
            setattr(new, keyword, None if keyword in ("SeriesNumber", "InstanceNumber") else "")
    if "FrameOfReferenceUID" in new:
        new.PositionReferenceIndicator = ""  # type 2 beside it
    meta = new.file_meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = new.SOPClassUID, new.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = ExplicitVRLittleEndian, PYDICOM_IMPLEMENTATION_UID
    new.preamble = bytes(128)


def _say_what_was_done(new: Dataset, burned: str, looked: bool) -> None:
    new.PatientIdentityRemoved, new.LongitudinalTemporalInformationModified = "YES", "MODIFIED"
    if looked or burned.upper() == "NO":
        new.BurnedInAnnotation = "NO"
    new.DeidentificationMethod = "PS3.15 Annex E Basic Profile; see code sequence"
    methods = [method for method in METHODS if looked or method != "113101"]
    new.DeidentificationMethodCodeSequence = [_code(method) for method in methods]


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", known_codes()["DCM", value]
    return item


@functools.cache
def known_codes() -> dict[tuple[str, str], str]:
    """(coding scheme, code): meaning, of the codes that the DICOM standard itself uses (PS3.16)."""
    from pydicom.sr._concepts_dict import concepts

    return {(scheme, code): meaning for scheme, by_name in concepts.items()
            for by_code in by_name.values() for code, (meaning, *_) in by_code.items()}  # fmt: skip


def _cleaned(data: Dataset, pseudonyms: Pseudonymiser, offset: datetime.timedelta) -> Dataset:
    """What may stay of a data set or of an item of a sequence, cleaned."""
    new, code = Dataset(), (text_of(data, "CodingSchemeDesignator"), text_of(data, "CodeValue"))
    if code in known_codes() and "SOPClassUID" not in data:  # a code: its words come from the standard
        new.CodeValue, new.CodingSchemeDesignator, new.CodeMeaning = code[1], code[0], known_codes()[code]
        return new
    for tag in sorted(data.keys()):
        keyword = keyword_for_tag(tag)
        if keyword not in KEEP:
            continue
        vr = dictionary_VR(tag)
        try:
            element = data[tag]
            if vr == "SQ":
                items = [_cleaned(item, pseudonyms, offset) for item in element.value]
                value = [item for item in items if len(item)]
            elif vr in ("DA", "TM", "DT"):
                value = _shifted(data, keyword, vr, offset)
            elif vr == "UI":
                value = [uid if uid in UID_dictionary else pseudonyms.uid(uid) for uid in values_of(element) if uid]
            else:
                value = harmless(element, vr, data)
            if value not in (None, [], "", b""):
                new.add_new(tag, element.VR if element.VR in vr.split(" or ") else vr.split(" or ")[0], value)
        except Exception:  # a value that cannot even be decoded is not kept
            continue
    return new


def text_of(data: Dataset, keyword: str) -> str:
    return str(attempt(lambda: data.get(keyword, "")) or "").strip()


def harmless(element: Any, vr: str, owner: Dataset) -> Any:
    """The part of a value that cannot name anybody: numbers, tables of numbers, listed words. Else None."""
    values = values_of(element)
    if vr in NUMERIC and all(isinstance(v, numbers.Real) and math.isfinite(v) for v in values):
        return values
    if element.keyword == "LUTData":  # exactly as many entries as it says, so that no text hides behind them
        entries = int(owner.LUTDescriptor[0]) or 1 << 16
        length = entries * (2 if isinstance(element.value, bytes) else 1)
        return element.value if len(element.value) == length else None
    if vr == "AT":
        return values if all(isinstance(v, numbers.Integral) for v in values) else None
    if vr == "CS":
        known = [str(v) if TERMS.issuperset(str(v).split()) else "OTHER" for v in values]
        return known if "OTHER" not in known or element.keyword in ("ImageType", "FrameType") else None
    if vr in ("LO", "SH"):
        words = [re.findall(r"[A-Za-z0-9]+", str(v)) for v in values]
        kept = [" ".join(word for word in some if word.upper() in WORDS) for some in words]
        return kept if any(kept) else ["UNNAMED"] if element.keyword == "SegmentLabel" else None  # type 1
    return None


def _shifted(data: Dataset, keyword: str, vr: str, offset: datetime.timedelta) -> str | None:
    """A date or time moved by the patient's offset, together with its partner, so that intervals stay exact."""
    day, clock = keyword.replace("Time", "Date"), keyword.replace("Date", "Time")
    if vr == "DT":
        date, hour = text_of(data, keyword)[:8], re.split("[+-]", text_of(data, keyword))[0][8:]
    else:
        date, hour = text_of(data, day), text_of(data, clock).replace(":", "")
    timed = re.fullmatch(r"(\d\d)(\d\d)?(\d\d)?(?:\.(\d{1,6}))?", hour)
    if not re.fullmatch(r"\d{8}", date.replace(".", "")):
        date = "20000101" if vr == "TM" else ""
    if not date or (vr == "TM" and not timed):
        return None
    moment = datetime.datetime.strptime(date.replace(".", ""), "%Y%m%d")
    if timed:
        h, m, s, fraction = timed.groups(default="0")
        micro = int(fraction.ljust(6, "0"))
        moment += datetime.timedelta(hours=int(h), minutes=int(m), seconds=int(s), microseconds=micro)
    moment += offset if timed else datetime.timedelta(days=offset.days)
    pattern = {"DA": "%Y%m%d", "TM": "%H%M%S.%f", "DT": "%Y%m%d%H%M%S.%f" if timed else "%Y%m%d"}[vr]
    return moment.strftime(pattern)


def _write_pixels(new: Dataset, data: Dataset, regions: Iterable[tuple[int, int, int, int]]) -> None:
    array, meta = decode(data, None, rgb=True)  # ([frames,] rows, columns[, samples])
    array, kind = np.array(array, order="C"), str(meta["photometric_interpretation"])
    samples = int(meta["samples_per_pixel"])
    frames = array.reshape(-1, int(meta["rows"]), int(meta["columns"]), samples)
    for region in regions:
        top, left, bottom, right = (int(edge) for edge in region)
        if not (0 <= top < bottom <= frames.shape[1] and 0 <= left < right <= frames.shape[2]):
            raise DicomError(f"The rectangle {tuple(region)} does not lie in {name_of(data)}, whose picture has "
                             f"{frames.shape[1]} rows and {frames.shape[2]} columns.")  # fmt: skip
        black = array.max() if kind == "MONOCHROME1" else array.min()
        frames[:, top:bottom, left:right] = 0 if samples > 1 else black
    if samples > 1:
        kind, new.PlanarConfiguration = ("YBR_FULL" if kind == "YBR_FULL" else "RGB"), 0
    bits, stored = int(meta["bits_allocated"]), int(meta["bits_stored"])
    new.SamplesPerPixel, new.PhotometricInterpretation, new.BitsAllocated = samples, kind, bits
    keyword = next(k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in data)
    if keyword == "PixelData":
        new.BitsStored, new.HighBit, new.PixelRepresentation = stored, stored - 1, int(array.dtype.kind == "i")
        array = array if bits == 1 else array << (bits - stored) >> (bits - stored)  # overlays hide in unused bits
    raw = pack_bits(array) if bits == 1 else array.astype(array.dtype.newbyteorder("<")).tobytes()
    vr = {"PixelData": "OB" if bits <= 8 else "OW", "FloatPixelData": "OF"}.get(keyword, "OD")
    new.add_new(keyword, vr, raw + bytes(len(raw) % 2))
    if attempt(lambda: data.file_meta.TransferSyntaxUID) in LOSSY and "LossyImageCompression" not in new:
        new.LossyImageCompression = "01"


def pixel_text(data: Dataset) -> str:
    """Why the picture may hold burned-in text; "" where nothing speaks for it."""
    burned, modality = text_of(data, "BurnedInAnnotation").upper(), text_of(data, "Modality")
    if not PIXELS & set(data.keys()) or burned == "NO":
        return ""
    if burned == "YES":
        return "its header says that text is burned into the picture"
    kinds = [str(v) for v in attempt(lambda: values_of(data["ImageType"]), [])]
    worked = {"SCREEN SAVE", "SCREENSAVE"} & set(kinds) or ("SECONDARY" in kinds and modality in ORIGINAL)
    if modality in NO_PIXEL_TEXT and "Secondary Capture" not in UID(text_of(data, "SOPClassUID")).name and not worked:
        return ""
    what = f"a secondary image in {modality}" if worked else modality or "an unnamed modality"
    return f"its header does not say whether text is burned in, and {what} often has some"
