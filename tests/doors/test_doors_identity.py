"""De-identification: whoever is in the file, by whatever name, is in no copy; what is copied is still an image."""
from __future__ import annotations

import io
import re
import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from utils import dicom
from utils.dicom import DicomError, Pseudonymiser
from utils.dicom.words import SUPPORTED

SECRET = "a secret of your own"
NAMES = Pseudonymiser(SECRET)
CT, US = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.6.1"


def image(sop=CT, pixels=None, **tags):
    """A small image with what most classes ask for."""
    data = Dataset()
    meta = data.file_meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, sop
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8) if pixels is None else pixels
    values = {
        "SOPClassUID": sop, "SOPInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(), "Modality": "CT", "PatientName": "Huber^Anna", "PatientID": "4711-8",
        "PatientBirthDate": "19560229", "PatientSex": "F", "PatientAge": "067Y", "StudyDate": "20240101",
        "StudyTime": "233000", "SeriesDate": "20240201", "AccessionNumber": "A77", "StudyID": "S9",
        "ReferringPhysicianName": "Meier^Karl", "SeriesNumber": 3, "InstanceNumber": 7, "Manufacturer": "SIEMENS",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "Laterality": "", "PatientPosition": "HFS",
        "Rows": 8, "Columns": 8, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8 * pixels.itemsize, "BitsStored": 8 * pixels.itemsize, "HighBit": 8 * pixels.itemsize - 1,
        "PixelRepresentation": 0,
    }  # fmt: skip
    for keyword, value in {**values, **tags}.items():
        setattr(data, keyword, value)
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.PixelData = pixels.tobytes()
    return data


def saved(data):
    stream = io.BytesIO()
    data.save_as(stream)
    return stream.getvalue()


# a name that is also a word, a unit, a term, a number


@pytest.mark.parametrize(
    ("person", "text", "kept"),
    [
        ("Hu^Ed", "Hu, Ed: chest post contrast", "chest post contrast"),
        ("Sharp^Hand", "Dr Sharp Hand wants knee", "knee"),
        ("Head^Bone", "Head chest Bone", "chest"),
        ("O'Head^Lung", "chest lung OHEAD", "chest"),
        ("Post-Standard^A", "standard thin post chest", "thin chest"),
        ("Thoräx^B", "Thorax chest", "chest"),
        ("Grün^Foot", "FOOT left", "left"),
        ("Huber^Anna", "Hu OD PCT", None),
        ("Series^Study", "study of series", None),
        ("WO^AX", "ax wo chest", "chest"),
    ],
)
def test_a_listed_word_that_is_part_of_a_name_goes(person, text, kept):
    clean = dicom.deidentify(image(PatientName=person, StudyDescription=text, SeriesDescription=text), NAMES)
    assert clean.get("StudyDescription") == clean.get("SeriesDescription") == kept


@pytest.mark.parametrize("where", ["ReferringPhysicianName", "OperatorsName", "OtherPatientIDs", "PatientBirthName",
                                   "InstitutionName", "StationName", "AccessionNumber", "nested", "meta"])  # fmt: skip
def test_a_name_or_id_anywhere_in_the_file_counts(where):
    data = image(StudyDescription="chest knee")
    if where == "nested":
        item = Dataset()
        item.ScheduledPerformingPhysicianName = "Knee^Carl"
        data.RequestAttributesSequence = [item]
    elif where == "meta":
        data.file_meta.SourceApplicationEntityTitle = "KNEE_1"
    else:
        setattr(data, where, "Knee")
    clean = dicom.deidentify(data, NAMES)
    assert clean.StudyDescription == "chest" and b"knee" not in saved(clean).lower()


def test_the_body_part_goes_where_it_is_a_name():
    assert "BodyPartExamined" not in dicom.deidentify(image(PatientName="Hand^X", BodyPartExamined="HAND"), NAMES)
    assert dicom.deidentify(image(BodyPartExamined="HAND"), NAMES).BodyPartExamined == "HAND"


LIKE_IDS = [("SeriesNumber", 4821377), ("AcquisitionNumber", 19560229), ("InstanceNumber", 20240105),
            ("ImagesInAcquisition", 123456)]  # fmt: skip


@pytest.mark.parametrize(("keyword", "value"), LIKE_IDS)
def test_a_number_that_looks_like_an_id_or_a_date_is_asked_about(keyword, value):
    with pytest.raises(DicomError, match=f"its {keyword} is {value}, which looks like"):
        dicom.deidentify(image(**{keyword: value}), NAMES)
    assert dicom.deidentify(image(**{keyword: value}), NAMES, numbers="keep")[keyword].value == value
    assert str(value).encode() not in saved(dicom.deidentify(image(**{keyword: value}), NAMES, numbers="drop"))


def test_the_patients_own_number_goes_without_a_question():
    data = image(PatientID="0048213", SeriesNumber=48213, SliceThickness="48213")
    clean = dicom.deidentify(data, NAMES)
    assert clean.SeriesNumber is None and "SliceThickness" not in clean and b"48213" not in saved(clean)


# the pseudonym's key


def test_one_number_of_two_hospitals_is_two_people():
    here, there = image(IssuerOfPatientID="A"), image(IssuerOfPatientID="B")
    ids = {dicom.deidentify(data, NAMES).PatientID for data in (here, there, image())}
    ids |= {dicom.deidentify(image(), Pseudonymiser(SECRET, site=site)).PatientID for site in ("A", "C")}
    assert len(ids) == 4, "site= says what the file does not: A is A"


SHARED = ["0", "000", "ANON", "Anonymous", "UNKNOWN", "none", "123456", "1111", "XXX", "test1", "No Name", "n/a", "?",
          "-", "Removed"]  # fmt: skip


@pytest.mark.parametrize("number", SHARED)
def test_a_placeholder_is_no_person(number):
    with pytest.raises(DicomError, match="a placeholder that many people may share: pass person="):
        dicom.deidentify(image(PatientID=number), NAMES)
    one, other = (dicom.deidentify(image(PatientID=number), NAMES, person=who).PatientID for who in "ab")
    assert one != other


def test_without_a_number_two_studies_are_never_one_person():
    one, other = image(PatientID="", StudyInstanceUID="1.2.3"), image(PatientID="", StudyInstanceUID="1.2.4")
    again = image(PatientID="", StudyInstanceUID="1.2.3")
    ids = [dicom.deidentify(data, NAMES).PatientID for data in (one, other, again)]
    assert ids[0] == ids[2] != ids[1]


# the audit believes no flag without saying so


def believed(data, **how):
    rows = dicom.audit_identity(data, **how)
    return set(rows.loc[rows["why"].str.contains("not checked"), "keyword"])


def test_flags_set_by_hand_are_named():
    data = image(PatientName="P-0123456789ABCDEF", PatientID="P-0123456789ABCDEF", PatientIdentityRemoved="YES",
                 LongitudinalTemporalInformationModified="MODIFIED", StudyInstanceUID="2.25.7",
                 BurnedInAnnotation="NO")  # fmt: skip
    flags = {"LongitudinalTemporalInformationModified", "PatientIdentityRemoved", "BurnedInAnnotation"}
    assert believed(data) == flags
    data.LongitudinalTemporalInformationModified = "REMOVED"
    rows = dicom.audit_identity(data).query("keyword == 'StudyDate'")
    assert rows["why"].tolist() == ["a date that the header says is removed"]


def test_with_the_original_every_date_and_uid_is_checked():
    data = image(StudyDescription="chest", PatientName="Huber^Anna")
    clean = dicom.deidentify(data, NAMES, [])
    assert believed(clean) and dicom.audit_identity(clean, original=data, pseudonyms=NAMES).empty
    for keyword, value in (("StudyDate", "20240101"), ("SOPInstanceUID", "2.25.99"), ("SeriesDate", "20230506")):
        wrong = dicom.deidentify(data, NAMES, [])
        setattr(wrong, keyword, value)
        assert keyword in set(dicom.audit_identity(wrong, original=data, pseudonyms=NAMES)["keyword"])
    wrong = dicom.deidentify(data, NAMES, [])
    wrong.StudyDescription = "chest hand"
    data.PatientName = "Hand^Anna"
    assert "part of a name" in dicom.audit_identity(wrong, original=data, pseudonyms=NAMES)["why"].str.cat()


# what the copy is


def test_calendar_intervals_stay_exact_across_midnight():
    clean = dicom.deidentify(image(), NAMES)
    days = [pydicom.valuerep.DA(clean[keyword].value) for keyword in ("StudyDate", "SeriesDate")]
    assert (days[1] - days[0]).days == 31 and clean.StudyTime != "233000"


@pytest.mark.parametrize("kind", ["Z_EFF", "HU", "HU_MOD", "OD REL", "EDW", "US", "normalized", "Huber"])
def test_a_unit_stays_whole_or_becomes_unspecified(kind):
    clean = dicom.deidentify(image(RescaleSlope="1", RescaleIntercept="-1024", RescaleType=kind), NAMES)
    assert clean.RescaleType == (kind if kind not in ("normalized", "Huber") else "US")


def test_patient_characteristics_and_safe_private_numbers_stay_if_asked_for():
    data = image(PatientWeight="70", PatientSize="1.8", PatientComments="Anna")
    block = data.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x0D, "LO", "Anna")
    data.private_block(0x0099, "ACME", create=True).add_new(1, "LO", "Anna")
    plain = dicom.deidentify(data, NAMES)
    assert not plain.PatientSex and "PatientWeight" not in plain and not any(e.tag.is_private for e in plain)
    kept = dicom.deidentify(data, NAMES, retain=["patient characteristics", "safe private"])
    assert (kept.PatientSex, kept.PatientAge, kept.PatientWeight) == ("F", "067Y", 70)
    assert kept.private_block(0x0019, "SIEMENS MR HEADER")[0x0C].value == 1000
    assert sum(e.tag.is_private for e in kept) == 2 and b"Anna" not in saved(kept), "its creator and the number"
    codes = {item.CodeValue for item in kept.DeidentificationMethodCodeSequence}
    assert {"113108", "113111"} <= codes and not {"113108", "113111"} & {
        item.CodeValue for item in plain.DeidentificationMethodCodeSequence}  # fmt: skip
    with pytest.raises(DicomError, match="retain knows"):
        dicom.deidentify(data, NAMES, retain=["everything"])


def test_a_head_says_that_its_face_is_there():
    head = image(BodyPartExamined="HEAD")
    assert dicom.deidentify(head, NAMES).RecognizableVisualFeatures == "YES"
    assert dicom.deidentify(head, NAMES, faces="removed").RecognizableVisualFeatures == "NO"
    assert "RecognizableVisualFeatures" not in dicom.deidentify(image(BodyPartExamined="KNEE"), NAMES)


ASKED = [(US, {"Modality": "US"}), ("1.2.840.10008.5.1.4.1.1.7", {"Modality": "OT"}),
         (CT, {"ImageType": ["DERIVED", "PRIMARY", "DOSE", "REPORT"]})]  # fmt: skip


@pytest.mark.parametrize(("sop", "tags"), ASKED)
def test_some_pictures_are_always_asked_about(sop, tags):
    with pytest.raises(DicomError, match="look at the picture"):
        dicom.deidentify(image(sop, BurnedInAnnotation="NO", **tags), NAMES)
    for kind in (["DERIVED", "PRIMARY", "MPR"], ["DERIVED", "PRIMARY", "ADC"]):
        dicom.deidentify(image(ImageType=kind), NAMES)


@pytest.mark.parametrize("sop", ["1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.481.1"])
def test_a_class_that_was_not_tried_is_refused_by_name(sop):
    with pytest.raises(DicomError, match=UID(sop).name):
        dicom.deidentify(image(sop), NAMES, [])


CODE = Dataset()
CODE.CodeValue, CODE.CodingSchemeDesignator, CODE.CodeMeaning = "39607008", "SCT", "Lung"
PLANE = {"PixelSpacing": [1, 1], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, 0],
         "SliceThickness": "2", "FrameOfReferenceUID": "1.2.3.4", "PositionReferenceIndicator": ""}  # fmt: skip
FILM = {"BodyPartExamined": "CHEST", "ViewPosition": "PA", "PresentationIntentType": "FOR PRESENTATION",
        "ImageLaterality": "U", "PatientOrientation": ["L", "F"], "PixelIntensityRelationship": "LIN",
        "PixelIntensityRelationshipSign": 1, "RescaleSlope": "1", "RescaleIntercept": "0", "RescaleType": "US",
        "PresentationLUTShape": "IDENTITY", "LossyImageCompression": "00", "BurnedInAnnotation": "NO",
        "ImagerPixelSpacing": [0.1, 0.1], "AnatomicRegionSequence": [CODE], "DetectorType": "DIRECT",
        "AcquisitionContextSequence": [], "PositionerType": "NONE", "OrganExposed": "BREAST"}  # fmt: skip
SAMPLES = {
    CT: {**PLANE, "RescaleSlope": "1", "RescaleIntercept": "-1024", "RescaleType": "HU", "KVP": "",
         "AcquisitionNumber": 1},
    "1.2.840.10008.5.1.4.1.1.4": {**PLANE, "Modality": "MR", "ScanningSequence": "GR", "SequenceVariant": "SP",
                                  "ScanOptions": "", "MRAcquisitionType": "2D", "RepetitionTime": "9", "EchoTime": "2",
                                  "EchoTrainLength": ""},
    "1.2.840.10008.5.1.4.1.1.128": {**PLANE, "Modality": "PT", "Units": "BQML", "CountsSource": "EMISSION",
                                    "SeriesType": ["STATIC", "IMAGE"], "NumberOfSlices": 9, "ImageIndex": 4,
                                    "CorrectedImage": ["DECY", "ATTN"], "DecayCorrection": "START",
                                    "CollimatorType": "NONE", "RescaleSlope": "2", "RescaleIntercept": "0",
                                    "FrameReferenceTime": "0", "ActualFrameDuration": 9, "DecayFactor": "1",
                                    "AcquisitionDate": "20240101", "AcquisitionTime": "101112",
                                    "PatientOrientationCodeSequence": [], "PatientGantryRelationshipCodeSequence": [],
                                    "RadiopharmaceuticalInformationSequence": []},
    "1.2.840.10008.5.1.4.1.1.1": {**FILM, "Modality": "CR"},
    "1.2.840.10008.5.1.4.1.1.1.1": {**FILM, "Modality": "DX"},
    "1.2.840.10008.5.1.4.1.1.1.1.1": {**FILM, "Modality": "DX", "PresentationIntentType": "FOR PROCESSING"},
    "1.2.840.10008.5.1.4.1.1.1.2": {**FILM, "Modality": "MG", "ImageLaterality": "L", "ViewCodeSequence": [CODE]},
    "1.2.840.10008.5.1.4.1.1.1.2.1": {**FILM, "Modality": "MG", "PresentationIntentType": "FOR PROCESSING"},
    US: {"Modality": "US"},
    "1.2.840.10008.5.1.4.1.1.3.1": {"Modality": "US", "FrameTime": "40", "FrameIncrementPointer": 0x00181063},
    "1.2.840.10008.5.1.4.1.1.7": {"Modality": "OT", "ConversionType": "WSD"},
    "1.2.840.10008.5.1.4.1.1.7.1": {"Modality": "OT", "ConversionType": "WSD", "FrameIncrementPointer": 0x00182002},
    "1.2.840.10008.5.1.4.1.1.7.2": {"Modality": "OT", "ConversionType": "WSD", "FrameIncrementPointer": 0x00181063,
                                    "FrameTime": "40"},
    "1.2.840.10008.5.1.4.1.1.7.3": {"Modality": "OT", "ConversionType": "WSD", "PresentationLUTShape": "IDENTITY",
                                    "RescaleSlope": "1", "RescaleIntercept": "0", "RescaleType": "US"},
    "1.2.840.10008.5.1.4.1.1.7.4": {"Modality": "OT", "ConversionType": "WSD"},
    "1.2.840.10008.5.1.4.1.1.20": {"Modality": "NM", "EnergyWindowVector": [1], "DetectorVector": [1],
                                   "NumberOfEnergyWindows": 1, "NumberOfDetectors": 1,
                                   "FrameIncrementPointer": [0x00540010, 0x00540020],
                                   "ImageType": ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]},
    "1.2.840.10008.5.1.4.1.1.481.2": {**PLANE, "Modality": "RTDOSE", "DoseUnits": "GY", "DoseType": "PHYSICAL",
                                      "DoseSummationType": "PLAN", "DoseGridScaling": "0.1",
                                      "FrameIncrementPointer": 0x3004000C, "GridFrameOffsetVector": [0]},
}  # fmt: skip


def test_each_supported_class_has_a_sample():
    assert SUPPORTED - set(SAMPLES) == {"1.2.840.10008.5.1.4.1.1.66.4"}, "segmentations come with pydicom"


def errors(file):
    ran = subprocess.run(["dciodvfy", file], capture_output=True, text=True, errors="replace")
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line.startswith("Error")]
    return {re.sub(r"(value|Value) *= *<[^>]*>", "", line) for line in lines}


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs dciodvfy (Debian: dicom3tools)")
@pytest.mark.parametrize("sop", [*SAMPLES, "segmentation"])
def test_a_validator_finds_no_error_that_the_original_had_not(tmp_path, sop):
    if sop == "segmentation":
        data = dicom.read(pydicom.data.get_testdata_file("liver_1frame.dcm"))
    else:
        small = np.arange(64, dtype=np.uint8).reshape(8, 8)
        eight = SAMPLES[sop].get("Modality") in ("US", "OT") and not sop.endswith("7.3")
        more = {"NumberOfFrames": 1} if sop.startswith("1.2.840.10008.5.1.4.1.1.7.") or "481" in sop else {}
        data = image(sop, small if eight else None, **SAMPLES[sop], **more)
    data.save_as(tmp_path / "before.dcm", enforce_file_format=True)
    clean = dicom.deidentify(dicom.read(tmp_path / "before.dcm"), NAMES, [])
    clean.save_as(tmp_path / "after.dcm")
    assert errors(tmp_path / "after.dcm") <= errors(tmp_path / "before.dcm")
    raw = (tmp_path / "after.dcm").read_bytes()
    assert raw[132:136] == b"\x02\0\0\0" and b"\x02\0\x01\0OB" in raw[:180], "group length and version, as PS3.10 asks"


# a folder goes in and out


def test_a_folder_goes_in_and_out(tmp_path):
    source, target = tmp_path / "Huber Anna", tmp_path / "clean"
    (source / "Dr Meier").mkdir(parents=True)
    for k in range(3):
        image(InstanceNumber=k, SeriesInstanceUID="1.2.3").save_as(source / "Dr Meier" / f"huber_{k}.dcm",
                                                                  enforce_file_format=True)  # fmt: skip
    image(US, Modality="US").save_as(source / "us", enforce_file_format=True)
    (source / "notes.txt").write_text("Anna")
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    table = dicom.deidentify_folder(source, target, NAMES)
    assert table["state"].value_counts().to_dict() == {"done": 3, "refused": 1, "no DICOM": 1}
    assert "look at the picture" in table.set_index("file")["why"]["us"]
    names = " ".join(path.as_posix() for path in target.rglob("*")).casefold()
    assert not any(word in names.replace(str(tmp_path).casefold(), "") for word in ("huber", "anna", "meier", "us"))
    for path in target.rglob("*.dcm"):
        assert not any(word in path.read_bytes() for word in (b"Huber", b"Anna", b"Meier", b"4711-8"))
    (first, *_) = sorted(target.rglob("*.dcm"))
    stamp = first.stat().st_mtime_ns
    next(path for path in sorted(target.rglob("*.dcm"))[1:]).unlink()
    again = dicom.deidentify_folder(source, target, NAMES, lambda data: [] if data.Modality == "US" else None)
    assert again["state"].value_counts().to_dict() == {"there": 2, "done": 2, "no DICOM": 1}
    assert first.stat().st_mtime_ns == stamp and not list(target.rglob("*.part"))
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("target", [".", "inside", ".."])
def test_a_target_inside_or_around_the_source_is_refused(tmp_path, target):
    (tmp_path / "source").mkdir()
    with pytest.raises(DicomError, match="neither inside the source nor around it"):
        dicom.deidentify_folder(tmp_path / "source", tmp_path / "source" / target, NAMES)
    with pytest.raises(DicomError, match="There is no folder"):
        dicom.deidentify_folder(tmp_path / "nowhere", tmp_path / "x", NAMES)


def test_real_world_values_and_palettes_survive():
    item, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm2/s", "UCUM", "mm2/s"
    item.RealWorldValueSlope, item.RealWorldValueIntercept = 1e-6, 0.0
    item.RealWorldValueFirstValueMapped, item.RealWorldValueLastValueMapped = 0, 4095
    item.MeasurementUnitsCodeSequence, item.LUTLabel = [unit], "Anna"
    clean = dicom.deidentify(image(Modality="MR", RealWorldValueMappingSequence=[item]), NAMES)
    assert clean.RealWorldValueMappingSequence[0].RealWorldValueSlope == 1e-6 and b"Anna" not in saved(clean)


# what an independent reading of the copies found


@pytest.mark.parametrize(("vr", "text"), [("LO", "Knee^Carl"), ("UN", b"Knee^Carl "), ("LO", "Patient: Knee, Carl"),
                                          ("ST", "Dr. Knee"), ("UT", "seen by Prof Knee")])  # fmt: skip
def test_a_private_text_written_like_a_name_is_one(vr, text):
    data = image(StudyDescription="chest knee")
    data.private_block(0x29, "ACME", create=True).add_new(1, vr, text)
    assert dicom.deidentify(data, NAMES).StudyDescription == "chest"


def test_what_is_retained_of_the_patient_names_nobody():
    tags = {"PatientSex": "F HUBER", "SmokingStatus": "ANNA", "PatientAge": "HUBER", "PatientWeight": "70.5"}
    clean = dicom.deidentify(image(**tags), NAMES, retain="patient characteristics")
    assert clean.PatientWeight == 70.5 and not clean.PatientSex
    assert not any(word in saved(clean).upper() for word in (b"HUBER", b"ANNA"))
    kept = dicom.deidentify(image(PatientSex="O", SmokingStatus="NO"), NAMES, retain="patient characteristics")
    assert (kept.PatientSex, kept.SmokingStatus, kept.PatientAge) == ("O", "NO", "067Y")


def test_an_image_type_that_is_a_name_goes():
    data = image(PatientName="Axial^Mpr", ImageType=["DERIVED", "PRIMARY", "MPR", "AXIAL"])
    assert dicom.deidentify(data, NAMES).ImageType == ["DERIVED", "PRIMARY", "OTHER", "OTHER"]


@pytest.mark.parametrize(("keyword", "value"), [
    ("SliceLocation", "4821377"), ("KVP", "4821377.0"), ("SliceThickness", "19560229.5"),
    ("ImagePositionPatient", ["1", "2", "4821377"]), ("SeriesNumber", -4821377),
    ("ActualFrameDuration", 19560229), ("DiffusionBValue", 19560229.0),
])  # fmt: skip
def test_ids_and_dates_hide_in_measured_numbers_too(keyword, value):
    with pytest.raises(DicomError, match=f"its {keyword} is .*, which looks like"):
        dicom.deidentify(image(**{keyword: value}), NAMES)


@pytest.mark.parametrize(("keyword", "value"), [("ActualFrameDuration", 1210434), ("RadionuclideTotalDose", 370000000),
                                                ("FrameReferenceTime", 5400000)])  # fmt: skip
def test_what_is_measured_in_small_units_may_be_large(keyword, value):
    assert dicom.deidentify(image(**{keyword: value}), NAMES)[keyword].value == value


@pytest.mark.parametrize("number", ["Anon-1", "anon 3", "unknown1", "UNKNOWN PATIENT", "0-0", "00 00", "ID", "NULL",
                                    "deidentified", "patient 1", "12345678", "undefined"])  # fmt: skip
def test_a_placeholder_in_another_dress_is_none_the_less_one(number):
    with pytest.raises(DicomError, match="a placeholder that many people may share"):
        dicom.deidentify(image(PatientID=number), NAMES)
    assert dicom.deidentify(image(PatientID="1234098"), NAMES).PatientID, "a number of its own"


@pytest.mark.parametrize("tags", [{"StudyDescription": "T1 brain"}, {"SeriesDescription": "cranial"},
                                  {"ProtocolName": "MPRAGE"}, {"BodyPartExamined": "WHOLEBODY"}])  # fmt: skip
def test_a_head_is_known_by_any_description(tags):
    assert dicom.deidentify(image(**tags), NAMES).RecognizableVisualFeatures == "YES"
    assert dicom.deidentify(image(**tags), NAMES, faces="removed").RecognizableVisualFeatures == "NO"


def test_two_files_of_one_uid_are_never_one_copy_in_silence(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for k in range(2):
        image(pixels=np.full((8, 8), k, np.uint16), SOPInstanceUID="1.2.3.4").save_as(
            source / f"{k}.dcm", enforce_file_format=True)  # fmt: skip
    for _ in range(2):  # also when the run goes on
        table = dicom.deidentify_folder(source, tmp_path / "out", NAMES)
        assert table["state"][1] == "refused" and table["why"][1].startswith("0.dcm has the same SOP")


def test_a_folder_fails_in_sentences(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    image().save_as(source / "a.dcm", enforce_file_format=True)
    table = dicom.deidentify_folder(source, tmp_path / "out", NAMES, lambda data: data.Nonsense)
    assert table["state"][0] == "refused" and "Your function clean_regions fails" in table["why"][0]
    (tmp_path / "file").touch()
    with pytest.raises(DicomError, match="is a file: name a folder"):
        dicom.deidentify_folder(source, tmp_path / "file", NAMES)
    with pytest.raises(DicomError, match="needs one Pseudonymiser"):
        dicom.deidentify_folder(source, tmp_path / "out", None)


def test_the_audit_is_told_the_key_that_the_copy_was_made_with():
    data = image(PatientID="ANON")
    clean = dicom.deidentify(data, NAMES, [], person="volunteer 3")
    assert dicom.audit_identity(clean, original=data, pseudonyms=NAMES, person="volunteer 3").empty
    other = dicom.audit_identity(clean, original=data, pseudonyms=NAMES, person="volunteer 4")
    assert "DA" in set(other["vr"])  # another person's dates are moved by another number of days
