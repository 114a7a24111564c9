"""Identity out of DICOM data sets: pseudonyms, and a copy that holds only what may stay.

Only what `words.py` names stays: numbers (those that look like an id or a date are asked about), listed words unless
they occur in a name or an id of the same file, terms and codes of the standard, its UIDs; UIDs of the file become
pseudonyms, dates are moved. What nobody can know stays possible: a rare disease, a date known from elsewhere, a face.
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
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, ExplicitVRLittleEndian, UID_dictionary

from utils.dicom.read import (
    NUMERIC,
    PIXELS,
    DicomError,
    attempt,
    decode,
    little_endian,
    little_words,
    name_of,
    one_sentence,
    values_of,
)
from utils.dicom.words import DEFINED, KEEP, PATIENT, PRIVATE, SUPPORTED, TERMS, WORDS

EMPTY = ["StudyDate", "StudyTime", "AccessionNumber", "Manufacturer", "ReferringPhysicianName", "PatientBirthDate",
         "PatientSex", "StudyID", "SeriesNumber", "InstanceNumber"]  # type 2: must be there, may be empty
TYPE_2 = {  # kept empty where the original has them empty
    *EMPTY, "EchoTrainLength", "ScanOptions", "CollimatorType", "PatientOrientation", "Laterality", "KVP", "EchoTime",
    "RepetitionTime", "AcquisitionNumber", "PatientPosition", "SliceThickness", "ViewPosition", "InstanceNumber",
    "ManufacturerModelName", "DetectorType", "PositionerType",
}  # fmt: skip
EMPTIED = {"AcquisitionContextSequence", "PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence",
           "RadiopharmaceuticalInformationSequence", "DetectorType", "PositionerType", "ScanOptions",
           "Laterality", "PatientPosition", "PatientOrientation", "ViewPosition", "CollimatorType",
           "ManufacturerModelName"}  # of type 2 in some class: kept empty where their value goes
# Profile, pixels, descriptors, dates:
# https://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_7050.html
METHODS = ("113100", "113101", "113105", "113107")
RETAINED = {"patient characteristics": "113108", "safe private": "113111"}  # options that `retain` may name
NOBODY = re.compile(r"0*|(.)\1{2,}|[x?]+|(anon|unknown|test|pseudonym|deident|undefined)\w*|none|null|nil|no(name|id)|"
                    r"id|na|patient\d{0,2}|dummy|removed|deleted|default|unbekannt")  # what many people share as an id
CHARACTERISTIC = re.compile(r"\d{3}[DWMY]|[MFO]|YES|NO|UNKNOWN|(UN)?ALTERED")  # ages, sexes, statuses
NAMING = re.compile(r"ID$|IDs$|Name$|^AccessionNumber$|Physician|^Issuer")  # keywords of names and ids
HEADS = re.compile(r"head|brain|skull|face|cran|neck|neuro|orbit|jaw|sinus|mprage|whole ?body|kopf|sch.del|hirn",
                   re.IGNORECASE)  # where one of these stands in a description, the face may be in the picture
DESCRIBING = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName")
NAME = re.compile(r"\w\^|\w, *[^\W\d]|\b(dr|mr|mrs|ms|prof|frau|herr)\b", re.IGNORECASE)
TEXTS, LONGEST_NAME = {"LO", "SH", "ST", "LT", "UT", "UC", "UN", "OB"}, 324  # letters: PS3.5 6.2, five groups of 64
FILLERS = {"AND", "OF", "WITH", "WITHOUT", "WO", "PRE", "POST"}  # words that say nothing alone
LARGEST_NUMBER = 99_999  # a whole number above it is asked about, but for times in ms or µs, doses in Bq, windows
MEASURED = {"ActualFrameDuration", "ExposureInuAs", "FrameReferenceTime", "FrameTime", "TriggerTime", "WindowCenter",
            "WindowWidth", "RadionuclideTotalDose", "DoseCalibrationFactor", "RescaleIntercept"}  # fmt: skip
LOSSY = {f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 81, 91, 93, 203)}
ALWAYS_ASK = {"US", "IVUS", "ES", "OP", "SC", "XC", "OT"}  # they often hold text, whatever the header says
RECON = {"MPR", "MIP", "MINIP", "ADC", "AVERAGE", "REFORMATTED", "PROJECTION IMAGE", "MAX_IP", "MIN_IP"}
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
        site: who gave out the patient numbers, where a file does not name an issuer: number 123 of one hospital is
            not number 123 of another (PS3.3 C.7.1.1).

    Raises:
        DicomError: the secret is too short, or the root cannot be one.
    """

    def __init__(self, secret: str | bytes, uid_root: str = "2.25", site: str = ""):
        self._secret = secret.encode() if isinstance(secret, str) else bytes(secret)
        self.uid_root, self.site = uid_root, site
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
        """How far this patient's dates move: one to ten years back; times of day 10 to 180 minutes on."""
        digest = int.from_bytes(self._digest("offset", key)[:8], "big")
        days, seconds = 365 + digest % 3286, 600 + digest // 3286 % 10_200
        return datetime.timedelta(days=-days, seconds=seconds)


@one_sentence
def deidentify(
    data: Dataset,
    pseudonyms: Pseudonymiser | None = None,
    clean_regions: Sequence[tuple[int, int, int, int]] | None = None,
    *,
    person: str = "",
    retain: Iterable[str] = (),
    faces: str = "there",
    numbers: str = "ask",
) -> Dataset:
    """A copy without identity: the Basic Application Level Confidentiality Profile, with the options
    Clean Pixel Data, Clean Descriptors, and Retain Longitudinal Temporal Information with Modified Dates.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part15/chapter_E.html

    Of descriptors and dates a subset is kept, which DeidentificationMethod says. Clean Pixel Data is claimed, and
    BurnedInAnnotation set to NO, only where `clean_regions` says that somebody looked. Only `words.KEEP` survives,
    sequences included; texts keep the words in `words.WORDS` that occur in no name or id of the file; no private
    element (but see `retain`), overlay, thumbnail or unknown element stays. Dates move by whole days, times of day
    move round the clock. Pixels are decoded and written anew (explicit VR little endian), so comments inside a
    compressed stream, unused bits and trailing bytes go too. What is *not* done: faces in a head scan stay
    recognisable (option 113102 is not claimed), and file names are yours to change, or `deidentify_folder`'s.

    Args:
        data: an image, as read, of one of the classes in `words.SUPPORTED`.
        pseudonyms: pass the same one for all files of a project; without it each call invents its own
            secret, so two files of one patient no longer match.
        clean_regions: rectangles (top, left, bottom, right) in pixels, bottom and right excluded, blanked
            in every frame. `[]` says: I have looked, there is no text in the picture.
        person: a key of your own for this patient, where the PatientID is a placeholder that many share. Without a
            PatientID the study stands for the person, so two studies of one person no longer match.
        retain: "patient characteristics" (option 113108: sex, age, size, weight) and "safe private" (option 113111:
            the numbers in `words.PRIVATE`). Rare values may tell who it is.
        faces: "there" sets RecognizableVisualFeatures to YES for heads; "removed", where you have defaced them, to NO.
        numbers: what looks like an id or a date in the place of a number, such as a SeriesNumber of seven digits:
            "ask" refuses, "keep" says that you looked, "drop" leaves it out.

    Returns:
        A new data set with file meta information, ready for `save_as(path)`.

    Raises:
        DicomError: not an image, or of a class that is not supported; a placeholder for a PatientID; pixels cannot be
            decoded; a rectangle outside the image; a number that looks like an id; or the picture may hold burned-in
            text and `clean_regions` does not say what to do about it.

    Example:
        >>> import pydicom
        >>> from utils.dicom import audit_identity
        >>> ct = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
        >>> names = Pseudonymiser("a secret of your own")
        >>> clean = deidentify(ct, names)
        >>> str(ct.PatientName), str(clean.PatientName), clean.PatientIdentityRemoved
        ('CompressedSamples^CT1', 'P-EC059665700EC984', 'YES')
        >>> audit_identity(clean, ["CompressedSamples"], original=ct, pseudonyms=names).empty
        True
    """
    name = name_of(data)
    kind = UID(str(data.get("SOPClassUID") or attempt(lambda: data.file_meta.MediaStorageSOPClassUID) or ""))
    if "Image Storage" not in kind.name and kind.name not in ("Segmentation Storage", "RT Dose Storage"):
        kind = kind.name[:64] or "it has no SOP Class UID"
        raise DicomError(f"{name} is not an image of the standard ({kind}): only those can be de-identified here.")
    if kind not in SUPPORTED:
        raise DicomError(f"{name} is of the class {kind.name}, which is not among those that were tried here: use "
                         "another tool for it.")  # fmt: skip
    if clean_regions is None and (why := pixel_text(data)):
        raise DicomError(f"{name}: {why}; look at the picture, then pass clean_regions (or [] if there is no text).")
    retain = [retain] if isinstance(retain, str) else list(retain)
    if strange := set(retain) - RETAINED.keys():
        raise DicomError(f"retain knows {' and '.join(RETAINED)}, not {', '.join(map(str, strange))}.")
    if faces not in ("there", "removed") or numbers not in ("ask", "keep", "drop"):
        raise DicomError('faces is "there" or "removed", and numbers "ask", "keep" or "drop".')
    pseudonyms = pseudonyms or Pseudonymiser(secrets.token_bytes(32))
    new = header_of(data, pseudonyms, person, retain, numbers)
    new.SOPClassUID = kind
    _say_what_was_done(new, text_of(data, "BurnedInAnnotation"), clean_regions is not None, retain)
    if new.Modality in ("CT", "MR", "PT") and HEADS.search(" ".join(text_of(data, word) for word in DESCRIBING)):
        new.RecognizableVisualFeatures = "YES" if faces == "there" else "NO"
    if PIXELS & set(data.keys()):
        _write_pixels(new, data, clean_regions or ())
    return new


def header_of(data: Dataset, pseudonyms: Pseudonymiser, person: str = "", retain: Iterable[str] = (),
              numbers: str = "keep") -> Dataset:  # fmt: skip
    """What `deidentify` makes of everything but the pixels: cleaned, pseudonyms in place, complete."""
    key = _person(data, pseudonyms.site, person)
    rules = _Rules(pseudonyms, pseudonyms.offset(key), names_in(data), numbers, frozenset(retain), name_of(data))
    new = rules.cleaned(data)
    new.SpecificCharacterSet = "ISO_IR 192"
    new.PatientName = new.PatientID = pseudonyms.patient(key)
    _complete(new, data, pseudonyms)
    return new


def _person(data: Dataset, site: str, person: str) -> str:
    """What tells this patient from all others: issuer and number, else what you say, else the study."""
    number = attempt(lambda: str(data.get("PatientID") or "").strip()) or ""
    if person:
        return f"{site}|{person}" if site else person
    bare = re.sub(r"[\W_]+", "", number).lower()
    if number and (NOBODY.fullmatch(bare) or (len(bare) > 2 and "1234567890".startswith(bare))):
        raise DicomError(f"{name_of(data)} has the PatientID {number!r}, a placeholder that many people may share: "
                         "pass person=, a key of your own for this patient.")  # fmt: skip
    issuer = text_of(data, "IssuerOfPatientID") or site
    if number:
        return f"{issuer}|{number}" if issuer else number
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if text := attempt(lambda k=keyword: str(data.get(k) or "").strip()):
            return text
    return _mark(data)


def _mark(data: Dataset) -> str:
    """What stands for a file that has no UID: a hash of what it shows."""
    pixels = attempt(lambda: bytes(data.get("PixelData") or b""), b"")
    return hashlib.sha256(attempt(lambda: str(data), "").encode() + pixels).hexdigest()


def plain(text: str) -> str:
    """A word for comparing: no accents, no case."""
    letters = unicodedata.normalize("NFKD", str(text))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def names_in(data: Dataset, depth: int = 0) -> frozenset[str]:
    """The parts of every name and id in a data set, sequences and file meta included, and each name in one word."""
    found: set[str] = set()
    meta = getattr(data, "file_meta", None) if depth == 0 else None
    for owner in [data, *([meta] if meta else [])]:
        for tag in list(owner.keys()):
            element = attempt(lambda o=owner, t=tag: o[t])
            if element is None:
                continue
            if element.VR == "SQ" and depth < 64:
                for item in attempt(lambda e=element: list(e.value), []):
                    found |= names_in(item, depth + 1)
            elif element.VR in ("PN", "AE") or _written_like_a_name(element) or (
                    NAMING.search(element.keyword) and element.VR in ("LO", "SH", "IS")):  # fmt: skip
                if element.keyword == "ManufacturerModelName":
                    continue
                for value in attempt(lambda e=element: values_of(e), []):
                    value = value.decode("latin-1") if isinstance(value, bytes) else value
                    parts = [part for part in re.split(r"[\W_]+", plain(value)) if part]
                    found |= {*parts, "".join(parts)}
                    for some in re.split(r"[\^=\s,]+", plain(value)):  # O'Head is one name, and two words
                        found.add("".join(re.split(r"[\W_]+", some)))
    return frozenset(found - {""})


def _written_like_a_name(element: Any) -> bool:
    """Whether a short private text has the form of a name: Family^Given, or Family, Given, or Dr Family."""
    if not element.tag.is_private or element.VR not in TEXTS or element.is_empty:
        return False
    text = element.value.decode("latin-1") if isinstance(element.value, bytes) else str(element.value)
    return len(text) <= LONGEST_NAME and bool(NAME.search(text))


def _complete(new: Dataset, data: Dataset, pseudonyms: Pseudonymiser) -> None:
    """Add what the standard requires of an image, and the file meta information."""
    new.Modality = new.get("Modality") or "OT"
    new.ImageType = new.get("ImageType") or ["DERIVED", "SECONDARY"]
    own = text_of(data, "SOPInstanceUID") or _mark(data)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if keyword not in new:
            setattr(new, keyword, pseudonyms.uid(f"{keyword} of {own}"))
    for keyword in EMPTY:
        if keyword not in new:
            setattr(new, keyword, None if keyword in ("SeriesNumber", "InstanceNumber") else "")
    if "FrameOfReferenceUID" in new or "PositionReferenceIndicator" in data:
        new.PositionReferenceIndicator = ""  # type 2 beside it
    for item in new.get("SegmentSequence") or ():
        if item.get("SegmentAlgorithmType") in ("AUTOMATIC", "SEMIAUTOMATIC"):
            item.SegmentAlgorithmName = "UNNAMED"
    pointers = list(values_of(new["FrameIncrementPointer"])) if "FrameIncrementPointer" in new else []
    if pointers and not all(tag in new for tag in pointers):
        del new.FrameIncrementPointer  # it would point nowhere
    if text_of(data, "SOPClassUID") == "1.2.840.10008.5.1.4.1.1.66.4":
        stand_ins = {"ManufacturerModelName": "UNNAMED", "DeviceSerialNumber": "UNNAMED", "SoftwareVersions": "UNNAMED",
                     "ContentLabel": "SEGMENTATION", "ContentDescription": "", "ContentCreatorName": "",
                     "Manufacturer": "UNNAMED"}  # fmt: skip
        for keyword, value in stand_ins.items():
            if not new.get(keyword):
                setattr(new, keyword, value)
    meta = new.file_meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength, meta.FileMetaInformationVersion = 0, b"\0\1"  # the length is set on writing
    meta.MediaStorageSOPClassUID = UID(str(data.get("SOPClassUID") or ""))
    meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = ExplicitVRLittleEndian, PYDICOM_IMPLEMENTATION_UID
    new.preamble = bytes(128)


def _say_what_was_done(new: Dataset, burned: str, looked: bool, retain: Iterable[str]) -> None:
    new.PatientIdentityRemoved, new.LongitudinalTemporalInformationModified = "YES", "MODIFIED"
    if looked or burned.upper() == "NO":
        new.BurnedInAnnotation = "NO"
    new.DeidentificationMethod = ["PS3.15 Annex E Basic Profile; see code sequence",
                                  "Of descriptors and dates a subset is kept"]  # fmt: skip
    methods = [method for method in METHODS if looked or method != "113101"]
    methods += [RETAINED[option] for option in RETAINED if option in set(retain)]
    new.DeidentificationMethodCodeSequence = [_code(method) for method in methods]
    new.file_meta.MediaStorageSOPClassUID = new.SOPClassUID


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", known_codes()["DCM", value]
    return item


def _current(code: tuple[str, str]) -> tuple[str, str]:
    """A retired SNOMED code (scheme SRT) as the number that replaced it; any other code as it is."""
    from pydicom.sr._snomed_dict import mapping

    return ("SCT", mapping["SRT"][code[1]]) if code[0] == "SRT" and code[1] in mapping["SRT"] else code


@functools.cache
def known_codes() -> dict[tuple[str, str], str]:
    """(coding scheme, code): meaning, of the codes that the DICOM standard itself uses (PS3.16)."""
    from pydicom.sr._concepts_dict import concepts

    return {(scheme, code): meaning for scheme, by_name in concepts.items()
            for by_code in by_name.values() for code, (meaning, *_) in by_code.items()}  # fmt: skip


@dataclass(frozen=True)
class _Rules:
    """How one file is cleaned: its pseudonyms and offset, the names that occur in it, and what you allowed."""

    pseudonyms: Pseudonymiser
    offset: datetime.timedelta
    names: frozenset[str]
    numbers: str
    retain: frozenset[str]
    file: str

    def cleaned(self, data: Dataset) -> Dataset:
        """What may stay of a data set or of an item of a sequence."""
        new, code = Dataset(), (text_of(data, "CodingSchemeDesignator"), text_of(data, "CodeValue"))
        code = _current(code)
        if code in known_codes() and "SOPClassUID" not in data:  # a code: its words come from the standard
            new.CodeValue, new.CodingSchemeDesignator, new.CodeMeaning = code[1], code[0], known_codes()[code]
            return new
        allowed = KEEP | PATIENT if "patient characteristics" in self.retain else KEEP
        for tag in sorted(data.keys()):
            keyword = keyword_for_tag(tag)
            if keyword in allowed:
                try:
                    self._take(new, data, tag, keyword)
                except DicomError:
                    raise
                except Exception:  # a value that cannot even be decoded is not kept
                    continue
        if "safe private" in self.retain:
            self._take_private(new, data)
        return new

    def _take(self, new: Dataset, data: Dataset, tag: Any, keyword: str) -> None:
        vr, element = dictionary_VR(tag), data[tag]
        if vr != "SQ" and element.value in (None, "", []):
            if keyword in TYPE_2:
                new.add_new(tag, element.VR, None if vr in NUMERIC else "")
            return
        if vr == "SQ":
            items = [self.cleaned(item) for item in element.value]
            value: Any = [item for item in items if len(item)]
        elif keyword in PATIENT:
            value = element.value if vr in NUMERIC else str(element.value).strip()
            if not (harmless(element, vr, data) if vr in NUMERIC else CHARACTERISTIC.fullmatch(value)):
                value = None
        elif vr in ("DA", "TM", "DT"):
            value = shifted(data, keyword, vr, self.offset)
        elif vr == "UI":
            value = [u if u in UID_dictionary else self.pseudonyms.uid(u) for u in values_of(element) if u]
        elif keyword == "TrackingID":
            value = f"T-{self.pseudonyms.uid(str(element.value))[-12:]}"
        else:
            value = harmless(element, vr, data, self.names)
            if vr in NUMERIC and value is not None and self._looks_like_an_id(element, vr):
                value = None
        if value not in (None, [], "", b""):
            kinds = vr.split(" or ")
            new.add_new(tag, element.VR if element.VR in kinds else kinds[0], value)
        elif keyword in EMPTIED:
            new.add_new(tag, vr, [] if vr == "SQ" else "")

    def _looks_like_an_id(self, element: Any, vr: str) -> bool:
        """Whether a number is to be left out; asks (DicomError) where nobody has said what to do."""
        for value in map(float, values_of(element)):
            digits = str(int(abs(value)))
            if len(digits) < 5:
                continue
            if digits in self.names or digits.lstrip("0") in {name.lstrip("0") for name in self.names}:
                return True
            day = re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", digits)
            large = vr in ("IS", "DS") and abs(value) == int(digits) > LARGEST_NUMBER
            if not day and not (large and element.keyword not in MEASURED):
                continue
            if self.numbers == "drop":
                return True
            if self.numbers == "ask":
                like = "a date" if day else "an id"
                raise DicomError(f"{self.file}: its {element.keyword or element.tag} is {value:.15g}, which looks like "
                                 f"{like}: look, then pass numbers=\"drop\" or numbers=\"keep\".")  # fmt: skip
        return False

    def _take_private(self, new: Dataset, data: Dataset) -> None:
        for creator, elements in PRIVATE.items():
            for (group, element), vr in elements.items():
                block = attempt(lambda g=group, c=creator: data.private_block(g, c))
                found = attempt(lambda b=block, e=element: b[e]) if block else None
                if found is None:
                    continue
                values = [attempt(lambda v=v: float(v)) for v in values_of(found)]
                numeric = all(value is not None and math.isfinite(value) for value in values)
                if numeric and not self._looks_like_an_id(found, vr):
                    kept = [int(v) if vr == "IS" else v for v in values]
                    new.private_block(group, creator, create=True).add_new(element, vr, kept)


def text_of(data: Dataset, keyword: str) -> str:
    return str(attempt(lambda: data.get(keyword, "")) or "").strip()


def harmless(element: Any, vr: str, owner: Dataset, names: frozenset[str] = frozenset()) -> Any:
    """The part of a value that cannot name anybody: numbers, tables of numbers, terms of the standard, listed words
    that are no part of a name. Else None."""
    values, keyword = values_of(element), element.keyword
    if keyword in DEFINED:
        terms, otherwise = DEFINED[keyword]
        value = str(values[0]).strip().upper() if values else ""
        return [value] if value in terms else otherwise and [otherwise]
    if vr in NUMERIC and all(isinstance(v, numbers.Real) and math.isfinite(v) for v in values):
        return values
    if keyword == "LUTData":  # exactly as many entries as it says, so that no text hides behind them
        entries = int(owner.LUTDescriptor[0]) or 1 << 16
        raw = isinstance(element.value, bytes)
        if len(element.value) != entries * (2 if raw else 1):
            return None
        return little_words(element, little_endian(owner)) if raw else element.value
    if vr == "AT":
        return values if all(isinstance(v, numbers.Integral) for v in values) else None
    if vr == "CS":
        told = names if keyword in ("BodyPartExamined", "ImageType", "FrameType") else frozenset()
        known = [str(v) if TERMS.issuperset(str(v).split()) and not (str(v) in WORDS and plain(v) in told) else "OTHER"
                 for v in values]  # fmt: skip
        return known if "OTHER" not in known or known == values or keyword in ("ImageType", "FrameType") else None
    if vr in ("LO", "SH"):
        words = [re.findall(r"[A-Za-z0-9]+", str(v)) for v in values]
        kept = [[word for word in some if word.upper() in WORDS and plain(word) not in names] for some in words]
        kept = [" ".join(some) if {word.upper() for word in some} - FILLERS else "" for some in kept]
        return kept if any(kept) else ["UNNAMED"] if keyword == "SegmentLabel" else None  # type 1
    return None


def shifted(data: Dataset, keyword: str, vr: str, offset: datetime.timedelta) -> str | None:
    """A date moved by whole days, so that calendar intervals stay exact; a time of day moved round the clock.

    Two times of a day stay as far apart as they were, unless midnight comes between them.
    """
    whole = text_of(data, keyword).replace(":", "") if vr != "DA" else text_of(data, keyword).replace(".", "")
    date, hour = ("", whole) if vr == "TM" else (whole[:8], re.split("[+-]", whole[8:])[0])
    timed = re.fullmatch(r"(\d\d)(\d\d)?(\d\d)?(?:\.(\d{1,6}))?", hour)
    moved = ""
    if vr != "TM":
        if not re.fullmatch(r"\d{8}", date):
            return None
        day = datetime.datetime.strptime(date, "%Y%m%d") + datetime.timedelta(days=offset.days)
        moved = day.strftime("%Y%m%d")
    if vr == "DA" or not timed:
        return moved or None
    h, m, s, fraction = timed.groups(default="0")
    clock = datetime.datetime(2000, 1, 1, int(h), int(m), min(int(s), 59), int(fraction.ljust(6, "0")))
    return moved + (clock + datetime.timedelta(seconds=offset.seconds)).strftime("%H%M%S.%f")


def _write_pixels(new: Dataset, data: Dataset, regions: Iterable[tuple[int, int, int, int]]) -> None:
    array, meta = decode(data, None, rgb=True)  # ([frames,] rows, columns[, samples])
    shades = None
    if text_of(data, "PhotometricInterpretation") == "PALETTE COLOR" and array.dtype == np.uint16:
        indices, stored_as = decode(data, None, rgb=False)
        if indices.dtype.kind == "u":  # RGB of 16 bits is no form of the standard: the palette stays
            array, meta, shades = indices, stored_as, _palette_of(new, indices, array)
    array, kind = np.array(array, order="C"), str(meta["photometric_interpretation"])
    samples = int(meta["samples_per_pixel"])
    frames = array.reshape(-1, int(meta["rows"]), int(meta["columns"]), samples)
    for region in regions:
        top, left, bottom, right = (int(edge) for edge in region)
        if not (0 <= top < bottom <= frames.shape[1] and 0 <= left < right <= frames.shape[2]):
            raise DicomError(f"The rectangle {tuple(region)} does not lie in {name_of(data)}, whose picture has "
                             f"{frames.shape[1]} rows and {frames.shape[2]} columns.")  # fmt: skip
        black = array.max() if kind == "MONOCHROME1" else array.min() if shades is None else shades
        frames[:, top:bottom, left:right] = 0 if samples > 1 else black
    bits, stored = int(meta["bits_allocated"]), int(meta["bits_stored"])
    if samples > 1:
        kind, new.PlanarConfiguration = ("YBR_FULL" if kind == "YBR_FULL" else "RGB"), 0
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


def _palette_of(new: Dataset, indices: np.ndarray, colours: np.ndarray) -> int:
    """Write the palette of the indices in use, made anew from what they show; returns the index of the darkest."""
    used, first = np.unique(indices, return_index=True)
    shown = colours.reshape(-1, 3)[first]  # (used, 3)
    table = np.zeros((int(used[-1]) - int(used[0]) + 1, 3), "<u2")
    table[used.astype(int) - int(used[0])] = shown
    for plane, colour in enumerate(("Red", "Green", "Blue")):
        new.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [len(table) % (1 << 16), int(used[0]), 16])
        new.add_new(f"{colour}PaletteColorLookupTableData", "OW", np.ascontiguousarray(table[:, plane]).tobytes())
    return int(used[shown.astype(int).sum(1).argmin()])


def pixel_text(data: Dataset) -> str:
    """Why the picture may hold burned-in text; "" where nothing speaks for it."""
    burned, modality = text_of(data, "BurnedInAnnotation").upper(), text_of(data, "Modality")
    if not PIXELS & set(data.keys()):
        return ""
    if burned == "YES":
        return "its header says that text is burned into the picture"
    kinds = [str(v).upper() for v in attempt(lambda: values_of(data["ImageType"]), [])]
    derived = kinds[:1] == ["DERIVED"] and not RECON & set(kinds)
    worked = {"SCREEN SAVE", "SCREENSAVE", "REPORT", "DOSE"} & set(kinds) or (
        modality in ORIGINAL and ("SECONDARY" in kinds or derived))  # fmt: skip
    if burned == "NO" and modality not in ALWAYS_ASK and not worked:
        return ""
    if burned == "NO":
        what = modality or "such an image"
        return f"its header says that no text is burned in, and {what} often has some all the same"
    if modality in NO_PIXEL_TEXT and "Secondary Capture" not in UID(text_of(data, "SOPClassUID")).name and not worked:
        return ""
    what = f"a secondary image in {modality}" if worked else modality or "an unnamed modality"
    return f"its header does not say whether text is burned in, and {what} often has some"
