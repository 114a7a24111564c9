"""A finding as DICOM objects in the study of its image: a structured report (TID 1500) and a secondary capture.

Both carry the patient and study of the image that they belong to, by design: an archive files them by it. Their UIDs
follow from the image's UID and the reader's version, so that sending them again overwrites and never doubles.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import re
import uuid
from importlib import metadata

import pydicom
import torch
from highdicom import sc, sr
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from assistant import reader, report

MAKER, SCHEME = "BENDER course", "99BENDER"  # of codes that no public list has
BLANK = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
         "StudyTime", "ReferringPhysicianName")  # fmt: skip
KEPT = (*BLANK, "StudyInstanceUID", "StudyDescription", "PatientAge", "IssuerOfPatientID", "PatientIdentityRemoved",
        "DeidentificationMethod")  # fmt: skip
OF_THE_IMAGE = ("BodyPartExamined", "Laterality", "ImageLaterality", "BurnedInAnnotation", "PatientOrientation",
                "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")  # fmt: skip
UNPAIRED = {"ABDOMEN", "BACK", "BLADDER", "BRAIN", "CHEST", "COCCYX", "CSPINE", "FACE", "HEAD", "HEART", "JAW",
            "LIVER", "LSPINE", "MOUTH", "NECK", "NOSE", "PELVIS", "PROSTATE", "SKULL", "SPLEEN", "SSPINE", "STOMACH",
            "TONGUE", "TSPINE", "UTERUS", "WHOLEBODY"}  # fmt: skip
ANSWERING = ("assistant/report.py", "assistant/objects.py", "utils/evaluation/saliency.py", "utils/dicom/read.py",
             "utils/dicom/values.py", "utils/dicom/leftovers.py", "utils/dicom/identity.py")  # fmt: skip
LIBRARIES = ("torch", "numpy", "pillow", "pydicom", "highdicom")
TIMES = {"ContentDate": "%Y%m%d", "ContentTime": "%H%M%S", "InstanceCreationDate": "%Y%m%d",
         "InstanceCreationTime": "%H%M%S", "DateOfSecondaryCapture": "%Y%m%d", "TimeOfSecondaryCapture": "%H%M%S",
         "ContributionDateTime": "%Y%m%d%H%M%S"}  # fmt: skip
NUMBERS = {"report": 9001, "capture": 9002}  # of the series


def version_of(by: reader.Reader) -> str:
    """What an answer follows from, all of the reader and the code that reads and answers: 12 hexadecimal digits."""
    seen = hashlib.sha256(reader.code_hash(*ANSWERING).encode())
    seen.update(repr([(name, metadata.version(name)) for name in LIBRARIES]).encode())

    def see(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                see(key), see(inner)
        elif isinstance(value, torch.Tensor):
            see((value.dtype, value.shape))
            seen.update(value.cpu().contiguous().numpy().tobytes())
        else:
            seen.update(repr(value).encode())

    see(by.content())
    return seen.hexdigest()[:12]


def uid(*key: str) -> str:
    """A UID of at most 44 characters, always the same for the same key (2.25: PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '|'.join(key)).int}"


def _known(character_set: str) -> bool:
    """Whether pydicom decodes it; like pydicom, it forgives ISO IR 100 and ISO-IR 100, and no other spelling."""
    spelled = re.sub("^ISO.2022.IR", "ISO 2022 IR", re.sub("^ISO[^_]IR", "ISO_IR", character_set))
    return spelled in pydicom.charset.python_encoding


def header(raw: bytes) -> pydicom.Dataset:
    """The header of an image in a file's bytes, its texts decoded. Raises ValueError where a UID is missing, and what
    pydicom raises where patient and study could not be written into an answer."""
    found = pydicom.dcmread(io.BytesIO(raw), stop_before_pixels=True)
    sets = found.get("SpecificCharacterSet") or ""
    if not all(_known(name) for name in ([sets] if isinstance(sets, str) else sets)):
        raise ValueError("unknown character set")
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if not pydicom.uid.UID(str(found.get(keyword) or "")).is_valid:
            raise ValueError(f"no {keyword}")
    found.decode()
    if any("\ufffd" in str(found[keyword].value) for keyword in KEPT if keyword in found):  # decoding failed
        raise ValueError("damaged texts")
    trial = _filed(_stand_in(found), found, (*KEPT, *OF_THE_IMAGE))
    pydicom.dcmwrite(io.BytesIO(), trial, implicit_vr=False, little_endian=True, force_encoding=True)
    return found


def answer(
    image: pydicom.Dataset, finding: reader.Finding, version: str, when: datetime.datetime
) -> list[pydicom.Dataset]:
    """The report, and the capture where there is a map: for a declined image the report alone.

    `image` is what `header` gives, `version` what `version_of` gives. `when` the image came in is the answer's time, so
    that an answer that is sent again is the same.
    """
    made = [_report(image, finding, version)]
    made += [] if finding.declined else [_capture(image, finding, version)]
    for each in made:
        for element in each.iterall():
            if element.keyword in TIMES:
                element.value = when.strftime(TIMES[element.keyword])
    return made


def _identity(image: pydicom.Dataset, kind: str, version: str) -> dict[str, object]:
    """Where an object of this kind stands in the study, and who made it."""
    number = image.get("InstanceNumber")
    return {"series_instance_uid": uid(image.SeriesInstanceUID, version, kind), "series_number": NUMBERS[kind],
            "sop_instance_uid": uid(image.SOPInstanceUID, version, kind), "manufacturer": MAKER,
            "instance_number": int(number) if str(number).isdigit() and int(number) else 1,
            "series_description": f"{kind.title()}: {report.PRELIMINARY}", "manufacturer_model_name": "course reader",
            "software_versions": version, "device_serial_number": version,
            "transfer_syntax_uid": ExplicitVRLittleEndian}  # fmt: skip


def _stand_in(image: pydicom.Dataset) -> pydicom.Dataset:
    """The image without its patient, for makers of objects that are strict with names and dates of other people."""
    empty = pydicom.Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(empty, keyword, str(image[keyword].value))
    for keyword in BLANK:
        setattr(empty, keyword, None)
    empty.SpecificCharacterSet = "ISO_IR 192"
    return empty


def _filed(made: pydicom.Dataset, image: pydicom.Dataset, keywords: tuple[str, ...]) -> pydicom.Dataset:
    """The object with the image's own patient and study, as they are written there."""
    for keyword in keywords:
        if keyword in image and (image[keyword].value not in (None, "") or keyword in BLANK):
            made.add(image[keyword])
    return made


def _code(kind: str, meaning: str) -> sr.CodedConcept:
    """A code of the course's own; the same meaning has the same code, whoever the reader is."""
    digits = hashlib.sha256(meaning.encode()).hexdigest()[:8].upper()
    return sr.CodedConcept(f"{kind}-{digits}", SCHEME, meaning if len(meaning) <= 64 else f"{meaning[:63]}…")


def _report(image: pydicom.Dataset, finding: reader.Finding, version: str) -> pydicom.Dataset:
    stand_in = _stand_in(image)
    identity = _identity(image, "report", version)
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid("device", version), name="course reader", manufacturer_name=MAKER,
        model_name=finding.versions["reader"][:64], serial_number=version)  # fmt: skip
    context = sr.ObservationContext(sr.ObserverContext(codes.DCM.Device, device))
    outcome = "Declined: nobody has read this image" if finding.declined else "Read by the machine alone"
    said = [sr.QualitativeEvaluation(_code("OUT", "Outcome of reading"), _code("OUT", outcome))]
    said += [sr.QualitativeEvaluation(_code("SET", "In the 90 % set"), _code("CLS", name))
             for name in finding.plausible]  # fmt: skip
    values = [] if finding.declined else zip(finding.classes, finding.probabilities, strict=True)
    unit = sr.CodedConcept("1", "UCUM", "no units")
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid(image.SOPInstanceUID, version, "group"), "whole image"),
        algorithm_id=sr.AlgorithmIdentification("course reader", version, manufacturer=MAKER),
        source_images=[sr.SourceImageForMeasurementGroup(stand_in.SOPClassUID, stand_in.SOPInstanceUID)],
        measurements=[sr.Measurement(_code("PRB", f"Probability of {name}"), round(float(value), 4), unit)
                      for name, value in values] or None,
        qualitative_evaluations=said,
    )  # fmt: skip
    words = "\n".join(part for part in str(finding).splitlines() if not part.startswith("Identity: "))
    group[0].ContentSequence.append(sr.TextContentItem(codes.DCM.Comment, f"{words}\n{report.PRELIMINARY}.",
                                                       sr.RelationshipTypeValues.CONTAINS))  # fmt: skip
    content = sr.MeasurementReport(
        context, procedure_reported=sr.CodedConcept("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=[group], title=sr.CodedConcept("126000", "DCM", "Imaging Measurement Report"))  # fmt: skip
    made = sr.ComprehensiveSR([stand_in], content, is_complete=True, is_final=False, is_verified=False, **identity)
    return _filed(made, image, KEPT)


def _capture(image: pydicom.Dataset, finding: reader.Finding, version: str) -> pydicom.Dataset:
    made = sc.SCImage.from_ref_dataset(
        _stand_in(image), report.picture(finding), "RGB", 8, "PATIENT", patient_orientation=("L", "F"),
        **_identity(image, "capture", version))  # fmt: skip
    made.PatientOrientation = None  # unknown, if the image does not say it
    made.DerivationDescription = "The image with the map of a course reader over it"
    source = pydicom.Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = [
        sr.CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)]  # fmt: skip
    made.SourceImageSequence = [source]
    _filed(made, image, (*KEPT, *OF_THE_IMAGE))
    if str(made.get("BodyPartExamined")) in UNPAIRED:  # then it has no side (Laterality, PS3.3 C.7.3.1)
        made.pop("Laterality", None)
    elif "ImageLaterality" not in made:
        made.setdefault("Laterality", "")
    return made
