"""Identity in DICOM data sets: taking it out, and looking for what is left. Part of `utils.dicom`.

PS3.15 Annex E of the standard lists what must go. Here it is the other way round: only what is named below stays, in
values that cannot name anybody (numbers, listed words, known codes, known UIDs), so nothing unknown survives.
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
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, ExplicitVRLittleEndian, UID_dictionary

from utils.dicom.files import NUMERIC, PIXELS, DicomError, attempt, decode, name_of, one_sentence, short, values_of

KEEP = set("""
Rows Columns NumberOfFrames SamplesPerPixel PlanarConfiguration PixelAspectRatio PixelSpacing ImagerPixelSpacing
NominalScannedPixelSpacing EstimatedRadiographicMagnificationFactor SliceThickness SpacingBetweenSlices
SliceLocation ImagePositionPatient ImageOrientationPatient SeriesNumber InstanceNumber AcquisitionNumber
TemporalPositionIdentifier TemporalPositionIndex NumberOfTemporalPositions TemporalResolution ImagesInAcquisition
RescaleSlope RescaleIntercept WindowCenter WindowWidth PixelPaddingValue PixelPaddingRangeLimit
SmallestImagePixelValue LargestImagePixelValue PixelIntensityRelationshipSign LossyImageCompressionRatio
LUTDescriptor LUTData KVP ExposureTime XRayTubeCurrent Exposure ExposureInuAs FocalSpots
ExposureIndex TargetExposureIndex DeviationIndex Sensitivity RelativeXRayExposure BodyPartThickness
CompressionForce DistanceSourceToDetector DistanceSourceToPatient PositionerPrimaryAngle PositionerSecondaryAngle
GantryDetectorTilt TableHeight ReconstructionDiameter DataCollectionDiameter SpiralPitchFactor
SingleCollimationWidth TotalCollimationWidth CTDIvol RepetitionTime EchoTime EffectiveEchoTime InversionTime
FlipAngle MagneticFieldStrength EchoNumbers EchoTrainLength NumberOfAverages ImagingFrequency PixelBandwidth
PercentSampling PercentPhaseFieldOfView AcquisitionMatrix NumberOfPhaseEncodingSteps TriggerTime DiffusionBValue
DiffusionGradientOrientation FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate DecayFactor
FrameReferenceTime RadionuclideHalfLife RadionuclideTotalDose RadionuclidePositronFraction DoseCalibrationFactor
ActualFrameDuration SliceSensitivityFactor ScatterFractionFactor DoseGridScaling GridFrameOffsetVector
SegmentNumber ReferencedSegmentNumber ReferencedFrameNumber MaximumFractionalValue DimensionIndexValues
InStackPositionNumber FrameAcquisitionNumber FrameIncrementPointer DimensionIndexPointer FunctionalGroupPointer
RegionSpatialFormat RegionDataType RegionFlags RegionLocationMinX0 RegionLocationMinY0 RegionLocationMaxX1
RegionLocationMaxY1 PhysicalUnitsXDirection PhysicalUnitsYDirection PhysicalDeltaX PhysicalDeltaY
Modality ImageType FrameType PatientPosition PatientOrientation Laterality ImageLaterality FrameLaterality
ViewPosition BodyPartExamined ScanningSequence SequenceVariant ScanOptions MRAcquisitionType
InPlanePhaseEncodingDirection LossyImageCompression LossyImageCompressionMethod PresentationLUTShape
PixelIntensityRelationship VOILUTFunction RescaleType ModalityLUTType ConversionType Units SeriesType
CountsSource DecayCorrection CorrectedImage DoseUnits DoseType DoseSummationType SegmentationType
SegmentationFractionalType SegmentAlgorithmType PixelPresentation VolumetricProperties
VolumeBasedCalculationTechnique ComplexImageComponent AcquisitionContrast DiffusionDirectionality FilterType
Manufacturer StudyDescription SeriesDescription ProtocolName ConvolutionKernel SegmentLabel
StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate StudyTime SeriesTime AcquisitionTime
ContentTime InstanceCreationTime AcquisitionDateTime FrameAcquisitionDateTime FrameReferenceDateTime
RadiopharmaceuticalStartTime RadiopharmaceuticalStartDateTime
SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID ReferencedSOPClassUID
ReferencedSOPInstanceUID ReferencedFrameOfReferenceUID SynchronizationFrameOfReferenceUID ConcatenationUID
DimensionOrganizationUID IrradiationEventUID TrackingUID CodingSchemeUID
SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PixelMeasuresSequence PlanePositionSequence
PlaneOrientationSequence PixelValueTransformationSequence FrameVOILUTSequence FrameContentSequence
FrameAnatomySequence MRImageFrameTypeSequence CTImageFrameTypeSequence MREchoSequence MRDiffusionSequence
MRTimingAndRelatedParametersSequence DiffusionGradientDirectionSequence DerivationImageSequence
ReferencedImageSequence SourceImageSequence ReferencedSeriesSequence
ReferencedInstanceSequence ReferencedSOPSequence ModalityLUTSequence
VOILUTSequence DimensionOrganizationSequence DimensionIndexSequence SegmentSequence
SegmentIdentificationSequence SequenceOfUltrasoundRegions RadiopharmaceuticalInformationSequence
AnatomicRegionSequence ViewCodeSequence SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence
RadionuclideCodeSequence PurposeOfReferenceCodeSequence DerivationCodeSequence
""".split())  # noqa: SIM905
# Words that may stay in descriptions, and terms that may stay where the standard lists terms (CS).
WORDS = set("""
CT MR PET US XRAY RAY RADIOGRAPH FILM ULTRASOUND HEAD BRAIN SKULL NECK CHEST THORAX LUNG LUNGS HEART BREAST ABDOMEN
LIVER KIDNEY PELVIS HIP KNEE ANKLE FOOT HAND WRIST ELBOW SHOULDER SPINE CSPINE TSPINE LSPINE ARM LEG EXTREMITY SKIN
WHOLEBODY BODY WHOLE BONE SOFT TISSUE STANDARD SHARP SMOOTH DETAIL LEFT RIGHT UPPER LOWER FRONTAL LATERAL OBLIQUE
PORTABLE SUPINE PRONE ERECT AP PA AX AXIAL SAG SAGITTAL COR CORONAL TRA TRANSVERSE LOCALIZER T1 T2 T1W T2W PD FLAIR
STIR DWI ADC SWI MPRAGE TOF DIXON FATSAT FS FSE TSE SE GRE EPI TRUEFISP SPGR 2D 3D PRE POST CONTRAST WITH WITHOUT WO
AND OF PHASE ARTERIAL VENOUS DELAYED DYNAMIC PERFUSION DIFFUSION ANAT HELICAL SPIRAL SCAN SERIES STUDY EXAM SCREENING
ROUTINE THIN THICK SLICE RECON MPR MIP SCOUT SURVEY IMAGE SIEMENS PHILIPS GE HEALTHCARE MEDICAL SYSTEMS TOSHIBA CANON
HITACHI HOLOGIC AGFA FUJIFILM FUJI KODAK CARESTREAM SHIMADZU SAMSUNG UNITED IMAGING ESAOTE MINDRAY KONICA MINOLTA HU
OD MGML PCT HZ ED EDW
""".split())  # noqa: SIM905
TERMS = WORDS | set("""
CR DX DR MG PT NM XA RF SC OT SEG SM GM XC ES OP OPT IO PX IVUS BMD TG RTDOSE RTIMAGE MODE ORIGINAL DERIVED PRIMARY
SECONDARY OTHER MIXED NONE M P R I A L H F LL RL LLD RLD LLO RLO CC MLO ML LM LAT AL AR PL PR HL HR FL FR AH AF PH PF
LA RA LP RP LH RH LF B U UNPAIRED HFS HFP HFDR HFDL FFS FFP FFDR FFDL GR EP IR RM SS SK MP OSP SP ROW COL COLUMN X Z
BQML CNTS GML GY RELATIVE PHYSICAL EFFECTIVE ERROR PLAN BEAM MULTI_PLAN FRACTION BINARY FRACTIONAL PROBABILITY
OCCUPANCY AUTOMATIC SEMIAUTOMATIC MANUAL STATIC GATED REPROJECTION EMISSION TRANSMISSION START ADMIN DECY ATTN SCAT
DTIM MOTN PMOT CLN RAN RADL DCAL NORM 00 01 ISO_10918_1 ISO_14495_1 ISO_15444_1 ISO_15444_2 ISO_13818_2 ISO_14496_10
IDENTITY INVERSE LIN LOG DISP LINEAR LINEAR_EXACT SIGMOID DV DI DF WSD SD SI DRW SYN YES NO COLOR MONOCHROME
TRUE_COLOR VOLUME SAMPLED DISTORTED MAX_IP MIN_IP MAGNITUDE REAL IMAGINARY T1_STAR T2_STAR DIRECTIONAL BMATRIX
ISOTROPIC UNKNOWN FLAT WEDGE BUTTERFLY STRIP
""".split())  # noqa: SIM905
EMPTY = ["StudyDate", "StudyTime", "AccessionNumber", "Manufacturer", "ReferringPhysicianName", "PatientBirthDate",
         "PatientSex", "StudyID", "SeriesNumber", "InstanceNumber"]  # type 2: must be there, may be empty
METHODS = ("113100", "113101", "113105", "113107")  # profile, pixels, descriptors, dates: PS3.16 context group 7050
OURS = {  # set anew, never copied
    "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence", "SpecificCharacterSet",
    "LongitudinalTemporalInformationModified", "BurnedInAnnotation", "PhotometricInterpretation", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation",
}  # fmt: skip
PSEUDONYM = re.compile(r"P-[0-9A-F]{16}")
LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
ORIGINAL = {"CT", "MR", "PT", "NM"}  # made without letters, unless somebody worked on the image: dose report, 3-D view
NO_PIXEL_TEXT = ORIGINAL | {"SEG", "RTDOSE"}


class Pseudonymiser:
    """The same person, UID or date always becomes the same pseudonym, and only the secret leads there.

    HMAC-SHA256 of secret and original: two archives with one secret can be joined, with two they cannot. Keep the
    secret out of the data and out of the repository; whoever has it can test a guess.

    Args:
        secret: at least 16 characters; `secrets.token_hex()` makes one.
        uid_root: under which new UIDs stand; 2.25 needs no registration (PS3.5 B.2).
    """

    def __init__(self, secret: str | bytes, uid_root: str = "2.25"):
        self._secret = secret.encode() if isinstance(secret, str) else bytes(secret)
        self.uid_root = uid_root
        if not re.fullmatch(r"[0-2](\.(0|[1-9]\d*))+", uid_root) or len(uid_root) > 40:
            raise DicomError(f"{uid_root} cannot be the root of UIDs: digits and dots, at most 40 characters.")
        if len(self._secret) < 16:
            raise DicomError("A secret of fewer than 16 characters can be guessed: make one with secrets.token_hex().")

    def _digest(self, kind: str, original: Any) -> bytes:
        return hmac.new(self._secret, f"{kind}|{str(original).strip()}".encode(), hashlib.sha256).digest()

    def uid(self, original: Any) -> UID:
        """A new UID of at most 64 characters."""
        number = uuid.UUID(bytes=self._digest("uid", original)[:16], version=4).int
        return UID(f"{self.uid_root}.{number}"[:64])  # 2.25 and a UUID as one number: PS3.5 B.2

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
    """A copy without identity: PS3.15 Annex E, Basic Application Level Confidentiality Profile, with the options
    Clean Pixel Data, Clean Descriptors, and Retain Longitudinal Temporal Information with Modified Dates.
    Clean Pixel Data is claimed, and BurnedInAnnotation set to NO, only where `clean_regions` says that somebody looked.

    Only `KEEP` survives, sequences included; texts keep the words in `WORDS`; no private element, overlay, thumbnail
    or unknown element stays. Pixels are decoded and written anew (explicit VR little endian), so comments inside
    a compressed stream, unused bits and trailing bytes go too. What is *not* done: faces in a head scan stay
    recognisable (option 113102 is not claimed), and file names are yours to change.

    Args:
        data: an image, as read.
        pseudonyms: pass the same one for all files of a project; without it each call invents its own secret, so
            two files of one patient no longer match.
        clean_regions: rectangles (top, left, bottom, right) in pixels, bottom and right excluded, blanked in every
            frame. `[]` says: I have looked, there is no text in the picture.

    Returns:
        A new data set with file meta information, ready for `save_as(path)`.

    Raises:
        DicomError: not an image; pixels cannot be decoded; a rectangle outside the image; or the picture may hold
            burned-in text and `clean_regions` does not say what to do about it.
    """
    name = name_of(data)
    kind = UID(str(data.get("SOPClassUID") or attempt(lambda: data.file_meta.MediaStorageSOPClassUID) or ""))
    if "Image Storage" not in kind.name and kind.name not in ("Segmentation Storage", "RT Dose Storage"):
        kind = kind.name[:64] or "it has no SOP Class UID"
        raise DicomError(f"{name} is not an image of the standard ({kind}): only those can be de-identified here.")
    if clean_regions is None and (why := _pixel_text(data)):
        raise DicomError(f"{name}: {why}; look at the picture, then pass clean_regions (or [] if there is no text).")
    pseudonyms = pseudonyms or Pseudonymiser(secrets.token_bytes(32))
    person = next((text for k in ("PatientID", "PatientName", "StudyInstanceUID", "SOPInstanceUID")
                   if (text := attempt(lambda k=k: str(data.get(k, "")).strip()))), "nobody")  # fmt: skip
    new = _cleaned(data, pseudonyms, pseudonyms.offset(person))
    new.SOPClassUID, new.SpecificCharacterSet = kind, "ISO_IR 192"
    new.Modality = new.get("Modality") or "OT"
    new.ImageType = new.get("ImageType") or ["DERIVED", "SECONDARY"]
    new.PatientName = new.PatientID = pseudonyms.patient(person)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if keyword not in new:
            setattr(new, keyword, pseudonyms.uid(secrets.token_hex()))
    for keyword in EMPTY:
        if keyword not in new:
            setattr(new, keyword, None if keyword.endswith("Number") and keyword != "AccessionNumber" else "")
    if "FrameOfReferenceUID" in new:
        new.PositionReferenceIndicator = ""  # type 2 beside it
    new.PatientIdentityRemoved, new.LongitudinalTemporalInformationModified = "YES", "MODIFIED"
    looked = clean_regions is not None
    if looked or _text(data, "BurnedInAnnotation").upper() == "NO":
        new.BurnedInAnnotation = "NO"
    new.DeidentificationMethod = "PS3.15 Annex E Basic Profile; see code sequence"
    new.DeidentificationMethodCodeSequence = [_code(method) for method in METHODS if looked or method != "113101"]
    meta = new.file_meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, new.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = ExplicitVRLittleEndian, PYDICOM_IMPLEMENTATION_UID
    new.preamble = bytes(128)
    if PIXELS & set(data.keys()):
        _write_pixels(new, data, clean_regions or ())
    return new


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", _known_codes()["DCM", value]
    return item


@functools.cache
def _known_codes() -> dict[tuple[str, str], str]:
    """(coding scheme, code): meaning, of the codes that the DICOM standard itself uses (PS3.16)."""
    from pydicom.sr._concepts_dict import concepts

    return {(scheme, code): meaning for scheme, by_name in concepts.items()
            for by_code in by_name.values() for code, (meaning, *_) in by_code.items()}  # fmt: skip


def _cleaned(data: Dataset, pseudonyms: Pseudonymiser, offset: datetime.timedelta) -> Dataset:
    """What may stay of a data set or of an item of a sequence, cleaned."""
    new, code = Dataset(), (_text(data, "CodingSchemeDesignator"), _text(data, "CodeValue"))
    if code in _known_codes() and "SOPClassUID" not in data:  # a code: its words come from the standard
        new.CodeValue, new.CodingSchemeDesignator, new.CodeMeaning = code[1], code[0], _known_codes()[code]
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
                value = _harmless(element, vr, data)
            if value not in (None, [], "", b""):
                new.add_new(tag, element.VR if element.VR in vr.split(" or ") else vr.split(" or ")[0], value)
        except Exception:  # a value that cannot even be decoded is not kept
            continue
    return new


def _text(data: Dataset, keyword: str) -> str:
    return str(attempt(lambda: data.get(keyword, "")) or "").strip()


def _harmless(element: Any, vr: str, owner: Dataset) -> Any:
    """The part of a value that cannot name anybody: numbers, tables of numbers, listed words. Else None."""
    values = values_of(element)
    if vr in NUMERIC and all(isinstance(v, numbers.Real) and math.isfinite(v) for v in values):
        return values
    if element.keyword == "LUTData":  # exactly as many entries as it says, so that no text hides behind them
        entries = int(owner.LUTDescriptor[0]) or 1 << 16
        length = len(element.value)
        return element.value if length in ((2 * entries,) if isinstance(element.value, bytes) else (entries,)) else None
    if vr == "AT":
        return values if all(isinstance(v, numbers.Integral) for v in values) else None
    if vr == "CS":
        known = [str(v) if TERMS.issuperset(str(v).split()) else "OTHER" for v in values]
        return known if "OTHER" not in known or element.keyword in ("ImageType", "FrameType") else None
    if vr in ("LO", "SH"):
        words = [" ".join(w for w in re.findall(r"[A-Za-z0-9]+", str(v)) if w.upper() in WORDS) for v in values]
        return words if any(words) else ["UNNAMED"] if element.keyword == "SegmentLabel" else None  # type 1
    return None


def _shifted(data: Dataset, keyword: str, vr: str, offset: datetime.timedelta) -> str | None:
    """A date or time moved by the patient's offset, together with its partner, so that intervals stay exact."""
    day, clock = keyword.replace("Time", "Date"), keyword.replace("Date", "Time")
    if vr == "DT":
        date, hour = _text(data, keyword)[:8], re.split("[+-]", _text(data, keyword))[0][8:]
    else:
        date, hour = _text(data, day), _text(data, clock).replace(":", "")
    timed = re.fullmatch(r"(\d\d)(\d\d)?(\d\d)?(?:\.(\d{1,6}))?", hour)
    if not re.fullmatch(r"\d{8}", date.replace(".", "")):
        date = "20000101" if vr == "TM" else ""
    if not date or (vr == "TM" and not timed):
        return None
    h, m, s, f = (timed.groups() if timed else (None,) * 4)
    moment = datetime.datetime.strptime(date.replace(".", ""), "%Y%m%d") + datetime.timedelta(
        hours=int(h or 0), minutes=int(m or 0), seconds=int(s or 0), microseconds=int((f or "").ljust(6, "0")))
    moment += offset if timed else datetime.timedelta(days=offset.days)
    pattern = {"DA": "%Y%m%d", "TM": "%H%M%S.%f", "DT": "%Y%m%d%H%M%S.%f" if timed else "%Y%m%d"}[vr]
    return moment.strftime(pattern)


def _write_pixels(new: Dataset, data: Dataset, regions: Iterable[tuple[int, int, int, int]]) -> None:
    array, meta = decode(data, None, rgb=True)
    array, kind = np.array(array, order="C"), str(meta["photometric_interpretation"])
    samples = int(meta["samples_per_pixel"])
    frames = array.reshape(-1, int(meta["rows"]), int(meta["columns"]), samples)
    for region in regions:
        top, left, bottom, right = (int(edge) for edge in region)
        if not (0 <= top < bottom <= frames.shape[1] and 0 <= left < right <= frames.shape[2]):
            raise DicomError(f"The rectangle {tuple(region)} does not lie in {name_of(data)}, whose picture has "
                             f"{frames.shape[1]} rows and {frames.shape[2]} columns.")  # fmt: skip
        frames[:, top:bottom, left:right] = 0 if samples > 1 else array.max() if kind == "MONOCHROME1" else array.min()
    if samples > 1:
        kind, new.PlanarConfiguration = ("YBR_FULL" if kind == "YBR_FULL" else "RGB"), 0
    bits, stored = int(meta["bits_allocated"]), int(meta["bits_stored"])
    new.SamplesPerPixel, new.PhotometricInterpretation, new.BitsAllocated = samples, kind, bits
    keyword = next(k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in data)
    if keyword == "PixelData":
        new.BitsStored, new.HighBit, new.PixelRepresentation = stored, stored - 1, int(array.dtype.kind == "i")
        array = array if bits == 1 else array << (bits - stored) >> (bits - stored)  # overlays hide in unused bits
    raw = pack_bits(array) if bits == 1 else array.astype(array.dtype.newbyteorder("<")).tobytes()
    new.add_new(keyword, {"PixelData": "OB" if bits <= 8 else "OW", "FloatPixelData": "OF"}.get(keyword, "OD"),
                raw + bytes(len(raw) % 2))  # fmt: skip
    if attempt(lambda: data.file_meta.TransferSyntaxUID) in LOSSY and "LossyImageCompression" not in new:
        new.LossyImageCompression = "01"


def _pixel_text(data: Dataset) -> str:
    """Why the picture may hold burned-in text; "" where nothing speaks for it."""
    burned, modality = _text(data, "BurnedInAnnotation").upper(), _text(data, "Modality")
    if not PIXELS & set(data.keys()) or burned == "NO":
        return ""
    if burned == "YES":
        return "its header says that text is burned into the picture"
    kinds = [str(v) for v in attempt(lambda: values_of(data["ImageType"]), [])]
    worked = {"SCREEN SAVE", "SCREENSAVE"} & set(kinds) or ("SECONDARY" in kinds and modality in ORIGINAL)
    if modality in NO_PIXEL_TEXT and "Secondary Capture" not in UID(_text(data, "SOPClassUID")).name and not worked:
        return ""
    what = f"a secondary image in {modality}" if worked else modality or "an unnamed modality"
    return f"its header does not say whether text is burned in, and {what} often has some"


@one_sentence
def audit_identity(data: Dataset, tokens: Iterable[str] = (), uid_root: str = "2.25") -> pd.DataFrame:
    """What in a data set could still say who it is; empty where nothing was found.

    Args:
        tokens: words that must not occur (a name, a number); looked for in every text and in the raw bytes of
            everything that is not text, pixels included. Text that is drawn in the picture cannot be found so.
        uid_root: UIDs that start so count as pseudonyms in a file that says its identity was removed.

    Returns:
        DataFrame: `tag`, `keyword`, `vr`, `where` (path through the sequences), `value` (excerpt), `why`.
    """
    tokens = [token.casefold() for token in tokens if token]
    rows: list[dict[str, str]] = []

    def report(tag: Any, keyword: str, vr: str, where: str, value: Any, why: str) -> None:
        rows.append({"tag": str(tag), "keyword": keyword, "vr": vr, "where": where,
                     "value": str(value)[:40], "why": why})  # fmt: skip

    meta = getattr(data, "file_meta", None) or Dataset()
    if any(getattr(data, "preamble", None) or b""):
        report("", "preamble", "", "preamble", data.preamble, "bytes that anybody may have written")
    dated = _text(data, "LongitudinalTemporalInformationModified") in ("MODIFIED", "REMOVED")
    root = f"{uid_root}." if _text(data, "PatientIdentityRemoved") == "YES" else "none"
    for place, part in (("file meta", meta), ("", data)):
        for where, owner, tag in _walk(part, place):
            try:
                element = owner[tag]
                if why := _suspicion(element, owner, tokens, root, dated):
                    value = f"{len(element.value)} item(s)" if element.VR == "SQ" else element.value
                    report(tag, element.keyword, element.VR, where, value, why)
            except Exception as error:
                report(tag, keyword_for_tag(tag), "?", where, short(error), "cannot be decoded, so not be judged")
    if why := _pixel_text(data):
        report("(7FE0,0010)", "PixelData", "", "pixels", "", why)
    return pd.DataFrame(rows, columns=["tag", "keyword", "vr", "where", "value", "why"])


def _walk(data: Dataset, where: str, depth: int = 0) -> Iterator[tuple[str, Dataset, Any]]:
    """(path, data set, tag) of every element, a sequence before its items; 64 levels are enough for anything real."""
    for tag in sorted(data.keys()):
        yield where, data, tag
        items = attempt(lambda tag=tag: data[tag].value if data[tag].VR == "SQ" else ())
        for i, item in enumerate(items or () if depth < 64 else ()):
            yield from _walk(item, f"{where}{' › ' if where else ''}{keyword_for_tag(tag) or tag}[{i}]", depth + 1)


KINDS = {"PN": "the name of a person", "DA": "a date", "DT": "a date", "TM": "a time", "AS": "an age",
         "UI": "a UID", "AE": "the name of a machine in a network", "UN": "bytes of unknown meaning",
         "OB": "bytes of unknown meaning"}  # fmt: skip


def _suspicion(element: Any, owner: Dataset, tokens: list[str], root: str, dated: bool) -> str:
    value, vr, keyword = element.value, element.VR, element.keyword
    if value is None or value == "" or value == b"":
        return ""
    raw = b"".join(v for v in values_of(element) if isinstance(v, bytes))
    text = "" if vr == "SQ" else raw.decode("latin-1") if raw else str(value)
    folded = [text.casefold()] + ([raw.decode("utf-8", "ignore").casefold(), raw.replace(b"\0", b"").decode(
        "latin-1").casefold()] if raw else [])  # fmt: skip
    if found := [token for token in tokens if any(token in version for version in folded)]:
        return f"holds {found[0]!r}"
    if element.tag.is_private:
        return "private: only its maker knows what it says"
    if keyword in ("PatientName", "PatientID") and PSEUDONYM.fullmatch(str(value)):
        return ""
    if element.tag.group == 2 and keyword in ("FileMetaInformationGroupLength", "FileMetaInformationVersion",
                                              "ImplementationVersionName", "ImplementationClassUID"):  # fmt: skip
        return ""
    if vr == "UI" and (keyword in KEEP or element.tag.group == 2):
        known = all(uid in UID_dictionary or uid.startswith(root) for uid in values_of(element))
        return "" if known else "a UID that its maker can look up"
    if keyword.startswith("Code") or keyword == "CodingSchemeDesignator":
        code = (_text(owner, "CodingSchemeDesignator"), _text(owner, "CodeValue"))
        return "" if _known_codes().get(code) == _text(owner, "CodeMeaning") else "a code that is not the standard's"
    if keyword in OURS or element.tag in PIXELS or (vr == "SQ" and keyword in KEEP):
        return ""
    if keyword in KEEP:
        if vr in ("DA", "TM", "DT"):
            return "" if dated else f"{KINDS[vr]} that nobody has moved"
        unchanged = _harmless(element, dictionary_VR(element.tag), owner) == values_of(element)
        return "" if raw or unchanged else "words outside the list"
    return KINDS.get(vr, "not on the list of technical attributes")
