"""DICOM files as they come from the field: each right, or refused in one true sentence. Grouped by kind of fault."""
from __future__ import annotations

import gzip
import importlib
import io
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from utils import dicom
from utils.dicom import DicomError

reading = importlib.import_module("utils.dicom.read")  # `dicom.read` is the function
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
RAMP = np.tile(np.arange(0, 1024, 16, dtype=np.uint16), (64, 1))  # 64 levels
FOREIGN = ("object", "None", "argument", "Traceback", "literal", "Dataset", "np.", "dtype", "iterable", "/")


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def image(path: Path, pixels=RAMP, syntax=ExplicitVRLittleEndian, edit=None, **tags) -> Path:
    """A CT slice on disk in any transfer syntax; a tag that is None goes."""
    data, order = Dataset(), ">" if syntax == ExplicitVRBigEndian else "<"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    data.Modality, data.PatientID, data.SamplesPerPixel = "CT", "P", 1
    data.PhotometricInterpretation, data.RescaleSlope, data.RescaleIntercept = "MONOCHROME2", 1, -1024
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    bits = 8 * pixels.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, min(bits, 12), min(bits, 12) - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.add_new("PixelData", "OW" if bits > 8 else "OB", pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())
    for keyword, value in tags.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    if edit:
        edit(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def compressed(path: Path, code: bytes, syntax=JPEGBaseline8Bit, **tags) -> Path:
    def edit(data):
        data.PixelData = encapsulate([code])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True

    return image(path, RAMP.astype(np.uint8), syntax, edit, **tags)


def jpeg(shape=(64, 64), kind="JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)).save(buffer, kind)
    return buffer.getvalue()


def refusal(call) -> str:
    """The sentence with which a call is refused: one, ours, and whole."""
    with pytest.raises(DicomError) as caught:
        call()
    said = str(caught.value)
    assert said.endswith(".") and "\n" not in said and not [word for word in FOREIGN if word in said], said
    return said


def item(**tags) -> Dataset:
    data = Dataset()
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    return data


# ---------------------------------------------------------------------------- K3, K11: range, sign and byte order


def words(entries, syntax) -> bytes:
    return np.asarray(entries).astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()


def palette(descriptor, tables, keyword="PaletteColorLookupTable", prefix=""):
    def edit(data):
        data.PhotometricInterpretation = "PALETTE COLOR"
        del data.RescaleSlope, data.RescaleIntercept
        for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
            name = f"{colour}{keyword}"
            data.add_new(f"{name}Descriptor", "SS" if descriptor[1] < 0 else "US", list(descriptor))
            data.add_new(f"{prefix}{name}Data", "OW", words(table, data.file_meta.TransferSyntaxUID))

    return edit


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_gives_the_same_colours_in_each_byte_order(tmp_path, syntax, bits):
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    entries = np.arange(256)
    tables = [entries, entries[::-1], entries // 2]
    stored = [t << 8 for t in tables] if bits == 16 else [t[::2] | t[1::2] << 8 for t in tables]  # two bytes a word
    path = image(tmp_path / "p.dcm", index, syntax, palette([256, 0, bits], stored))
    expected = np.stack([table.reshape(16, 16) for table in tables], -1) * (256 / 65535 if bits == 16 else 1 / 255)
    assert np.allclose(dicom.display(dicom.read(path)), expected)
    clean = dicom.deidentify(dicom.read(path), clean_regions=[])
    assert np.array_equal(dicom.display(clean), dicom.display(dicom.read(path)))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_segmented_palette_too(tmp_path, syntax):
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    segments = [0, 1, 0, 1, 255, 255 << 8]  # one entry of 0, then a line of 255 entries up to 65,280
    path = image(tmp_path / "p.dcm", index, syntax, palette([256, 0, 16], [segments] * 3, prefix="Segmented"))
    assert np.allclose(dicom.display(dicom.read(path))[..., 0].ravel(), np.arange(256) * 256 / 65535)


def test_a_palette_of_bytes_in_words_of_more_entries_than_a_byte_counts_and_of_signed_indices(tmp_path):
    index = np.array([[-100, -1], [0, 299]], np.int16)
    path = image(tmp_path / "p.dcm", index, edit=palette([400, -100, 8], [np.arange(400) % 256] * 3), BitsStored=16)
    assert (dicom.display(dicom.read(path), eight_bit=True)[..., 0] == [[0, 99], [100, 399 % 256]]).all()
    unsigned = image(tmp_path / "q.dcm", index, edit=palette([400, 65436, 16], [np.arange(400) * 100] * 3))
    assert np.allclose(dicom.display(dicom.read(unsigned))[..., 1] * 65535, [[0, 9900], [10000, 39900]])
    dark = image(tmp_path / "r.dcm", index, edit=palette([400, 65436, 16], [np.arange(400) // 2] * 3))
    assert dicom.display(dicom.read(dark), eight_bit=True).max() == 199, "bytes in a table of words: 255 is white"


def voi(first, bits, vr="SS", top=4095, table="US"):
    def edit(data):
        entries = np.linspace(0, top, 1024).astype(int)
        one, order = Dataset(), data.file_meta.TransferSyntaxUID
        one.add_new("LUTDescriptor", vr, [1024, first, bits])
        one.add_new("LUTData", table, entries.tolist() if table == "US" else words(entries, order))
        data.VOILUTSequence = [one]

    return edit


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("table", ["US", "OW"])
@pytest.mark.parametrize(("first", "vr"), [(-1024, "SS"), (64512, "US")])
def test_a_voi_table_begins_at_a_signed_value(tmp_path, syntax, table, first, vr):
    shown = dicom.display(dicom.read(image(tmp_path / "v.dcm", syntax=syntax, edit=voi(first, 12, vr, table=table))))
    assert np.allclose(shown, np.linspace(0, 4095, 1024).astype(int)[RAMP] / 4095)


def test_a_voi_table_of_values_that_cannot_be_negative_begins_at_an_unsigned_one(tmp_path):
    high, tags = (RAMP + 64000).astype(np.uint16), {"Modality": "MR", "RescaleIntercept": 0, "BitsStored": 16}
    path = image(tmp_path / "v.dcm", high, edit=voi(64000, 12, "US"), HighBit=15, **tags)
    assert np.allclose(dicom.display(dicom.read(path))[0, [0, -1]], [0, 4034 / 4095])


@pytest.mark.parametrize("bits", [0, 8, 12, 200])
def test_a_voi_table_whose_bits_are_wrong_stays_between_black_and_white(tmp_path, bits):
    data = dicom.read(image(tmp_path / "v.dcm", edit=voi(-1024, bits)))
    assert np.allclose(dicom.display(data), np.linspace(0, 4095, 1024).astype(int)[RAMP] / 4095)
    assert (np.diff(dicom.display(data, eight_bit=True)[0].astype(int)) >= 0).all(), "nothing wraps round"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_modality_table_keeps_order_sign_and_unit(tmp_path, syntax):
    def edit(data):
        del data.RescaleSlope, data.RescaleIntercept
        one = item(ModalityLUTType="OD")
        one.add_new("LUTDescriptor", "SS", [3, -1, 16])
        one.add_new("LUTData", "OW", words([5, 50, 50000], syntax))
        data.ModalityLUTSequence = [one]

    data = dicom.read(image(tmp_path / "m.dcm", np.array([[-9, -1], [0, 7]], np.int16), syntax, edit))
    assert dicom.physical_values(data).tolist() == [[5, 5], [50, 50000]] and dicom.unit(data) == "OD"


@pytest.mark.parametrize("change", ["short", "absent", "two numbers", "no descriptor"])
def test_a_table_that_is_not_whole_is_refused(tmp_path, change):
    def edit(data):
        one = item(LUTDescriptor=[1024, 0, 12])
        if change != "absent":
            one.add_new("LUTData", "US", [1] * (900 if change == "short" else 1024))
        if change == "two numbers":
            one.LUTDescriptor = [1024, 0]
        if change == "no descriptor":
            one = Dataset()
        data.VOILUTSequence = [one]

    said = refusal(lambda: dicom.display(dicom.read(image(tmp_path / "v.dcm", edit=edit))))
    assert {"short": "900", "absent": "no LUTData"}.get(change, "three numbers") in said


def test_bits_above_bits_stored_are_the_values_where_high_bit_says_so(tmp_path):
    path = image(tmp_path / "h.dcm", RAMP << 4, HighBit=15)
    assert np.array_equal(dicom.stored_values(dicom.read(path)), RAMP)
    signed = (RAMP.astype(np.int16) - 512) << 4
    assert np.array_equal(dicom.stored_values(dicom.read(image(tmp_path / "s.dcm", signed, HighBit=15))), signed >> 4)
    low = image(tmp_path / "l.dcm", RAMP, HighBit=15)  # HighBit alone is wrong: the values fit into 12 bits
    assert np.array_equal(dicom.stored_values(dicom.read(low)), RAMP)
    assert np.array_equal(dicom.stored_values(dicom.deidentify(dicom.read(path))), RAMP)


# ---------------------------------------------------------------------------- K3: units and meaning


@pytest.mark.parametrize("term", ["OD", "HU", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT", "normalized", "OD REL"])
def test_a_rescale_type_is_kept_whole(tmp_path, term):
    assert dicom.unit(dicom.read(image(tmp_path / "u.dcm", RescaleType=term))) == term


@pytest.mark.parametrize("term", ["CNTS", "PROPCPS", "BQML", "MGMINML", "UMOLMINML", "MLMING", "MLG", "1CM", "MLML",
                                  "CPS", "PROPCNTS", "MLMINML", "MLMIN100G", "GML", "STDDEV", "CM2ML",
                                  "NONE"])  # fmt: skip
def test_units_of_pet_are_kept_whole(tmp_path, term):
    assert dicom.unit(dicom.read(image(tmp_path / "u.dcm", Modality="PT", Units=term))) == term


def test_hounsfield_units_are_assumed_only_where_the_standard_does(tmp_path):
    def of(**tags):
        return dicom.unit(dicom.read(image(tmp_path / "u.dcm", **tags)))

    assert of() == "HU" and of(RescaleType="US") == "" and of(MultienergyCTAcquisition="YES") == ""
    assert of(RescaleSlope=None, RescaleIntercept=None) == "" and of(Modality="MR") == ""
    assert "HU and in Z_EFF" in refusal(lambda: of(RescaleType="HU", Units="Z_EFF"))


@pytest.mark.parametrize("slope", [0, "nan", "inf"])
def test_a_slope_that_says_nothing_is_refused(tmp_path, slope):
    for call in (dicom.physical_values, dicom.display):
        assert "lope" in refusal(lambda c=call: c(dicom.read(image(tmp_path / "s.dcm", RescaleSlope=slope))))


def test_a_slope_needs_its_intercept(tmp_path):
    for gone in ("RescaleSlope", "RescaleIntercept"):
        said = refusal(lambda g=gone: dicom.physical_values(dicom.read(image(tmp_path / "s.dcm", **{g: None}))))
        assert "without the other" in said


@pytest.mark.parametrize("width", [0, -1, "nan"])
def test_a_window_that_is_none_is_refused_whoever_gives_it(tmp_path, width):
    data = dicom.read(image(tmp_path / "w.dcm", WindowCenter=40, WindowWidth=width))
    assert "pass window=" in refusal(lambda: dicom.display(data))
    assert np.unique(dicom.display(data, window=(0, 400))).size > 10
    if width != "nan":
        assert "width above 0" in refusal(lambda: dicom.display(data, window=(40, width)))
    assert "WINDOW" in refusal(lambda: dicom.display(dicom.read(image(
        tmp_path / "f.dcm", WindowCenter=40, WindowWidth=400, VOILUTFunction="WINDOW"))))  # fmt: skip


def test_a_window_narrower_than_one_still_has_shades(tmp_path):
    suv = image(tmp_path / "w.dcm", RescaleSlope="0.001", RescaleIntercept=0, WindowCenter=0.5, WindowWidth=0.8)
    assert np.unique(dicom.display(dicom.read(suv))).size > 40


def test_values_without_a_number_are_black_and_do_not_stretch_the_window(tmp_path):
    def edit(data):
        del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
        del data.RescaleSlope, data.RescaleIntercept
        data.BitsAllocated = 32
        values = np.arange(64 * 64, dtype="<f4")
        values[:2] = np.nan, np.inf
        data.FloatPixelData = values.tobytes()

    shown = dicom.display(dicom.read(image(tmp_path / "n.dcm", edit=edit)))
    assert np.isfinite(shown).all() and shown[0, :3].tolist() == [0, 0, 0] and shown.max() == 1


# ---------------------------------------------------------------------------- K3: real world values, functional groups


def mapping(unit="mm2/s", **tags):
    values = {"RealWorldValueFirstValueMapped": 0, "RealWorldValueLastValueMapped": 4095, **tags}
    return item(**values, MeasurementUnitsCodeSequence=[item(CodeValue=unit, CodingSchemeDesignator="UCUM")])


def adc(path, items, pixels=RAMP, syntax=ExplicitVRLittleEndian, **tags):
    tags = {"Modality": "MR", "RescaleSlope": None, "RescaleIntercept": None, **tags}
    return dicom.read(image(path, pixels, syntax, lambda d: setattr(d, "RealWorldValueMappingSequence", items), **tags))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_real_world_mapping_gives_values_and_unit(tmp_path, syntax):
    data = adc(tmp_path / "a.dcm", [mapping(RealWorldValueSlope=1e-6, RealWorldValueIntercept=0.5)], syntax=syntax)
    assert np.allclose(dicom.physical_values(data), RAMP * 1e-6 + 0.5) and dicom.unit(data) == "mm2/s"
    assert dicom.display(data).max() == 1, "a window is meant for rescaled values"


def test_a_real_world_table_and_values_that_no_mapping_covers(tmp_path):
    first = mapping(RealWorldValueLastValueMapped=1, RealWorldValueLUTData=[0.25, 7.5])
    second = mapping(RealWorldValueFirstValueMapped=5, RealWorldValueSlope=2.0, RealWorldValueIntercept=0.0)
    other = mapping("1", RealWorldValueSlope=9.0, RealWorldValueIntercept=9.0)
    data = adc(tmp_path / "a.dcm", [first, second, other], np.array([[0, 1], [3, 6]], np.uint16))
    assert np.array_equal(dicom.physical_values(data), [[0.25, 7.5], [np.nan, 12]], equal_nan=True)
    flat = adc(tmp_path / "c.dcm", [mapping(RealWorldValueSlope=0.0, RealWorldValueIntercept=1.0)])
    assert "all pixels alike" in refusal(lambda: dicom.physical_values(flat))
    nothing = adc(tmp_path / "b.dcm", [mapping()])
    assert "neither slope nor table" in refusal(lambda: dicom.physical_values(nothing))


def test_a_real_world_mapping_of_negative_values_and_of_hounsfield_units(tmp_path):
    both = mapping("[hnsf'U]", RealWorldValueSlope=2.0, RealWorldValueIntercept=0.0)
    both.add_new("RealWorldValueFirstValueMapped", "US", 65436)  # -100, written without its sign
    data = adc(tmp_path / "a.dcm", [both], np.array([[-100, 0], [-101, 100]], np.int16), Modality="CT")
    assert np.array_equal(dicom.physical_values(data), [[-200, 0], [np.nan, 200]], equal_nan=True)
    assert dicom.unit(data) == "HU"
    kept = adc(tmp_path / "b.dcm", [mapping("g/ml", RealWorldValueSlope=9.0, RealWorldValueIntercept=0.0)],
               Modality="PT", Units="BQML", RescaleSlope=2, RescaleIntercept=0)  # fmt: skip
    assert dicom.unit(kept) == "BQML" and np.array_equal(dicom.physical_values(kept), 2.0 * RAMP)


def enhanced(path, frames=3, **shared):
    def edit(data):
        del data.RescaleSlope, data.RescaleIntercept
        data.SharedFunctionalGroupsSequence = [item(
            PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.7], SliceThickness=2)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])], **shared)]  # fmt: skip
        data.PerFrameFunctionalGroupsSequence = [item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, 2 * n])],
            PixelValueTransformationSequence=[item(RescaleSlope=n + 1, RescaleIntercept=-n, RescaleType="HU")],
        ) for n in range(frames)]  # fmt: skip

    return image(path, np.stack([RAMP] * 3), edit=edit)


def test_headers_and_values_read_functional_groups(tmp_path):
    row = dicom.headers(enhanced(tmp_path / "e.dcm")).iloc[0]
    assert row["spacing"] == (0.5, 0.7) and row["spacing_from"] == "PixelSpacing" and row["thickness"] == 2
    assert row["orientation"] == (1, 0, 0, 0, 1, 0) and row["reason"] == ""
    assert row["position"] == ((0, 0, 0), (0, 0, 2), (0, 0, 4)), "one a frame, where frames differ"
    assert row["slope"] == (1, 2, 3) and row["intercept"] == (0, -1, -2)
    data = dicom.read(tmp_path / "e.dcm")
    assert dicom.physical_values(data)[:, 0, 1].tolist() == [16, 31, 46] and dicom.unit(data) == "HU"
    seg = dicom.headers(get_testdata_file("liver_1frame.dcm")).iloc[0]
    assert seg["modality"] == "SEG" and seg["spacing"] == (0.810547, 0.810547) and len(seg["position"]) == 3


def test_frames_that_the_header_does_not_describe_are_refused(tmp_path):
    data = dicom.read(enhanced(tmp_path / "e.dcm", frames=2))
    for call in (dicom.physical_values, dicom.display):
        assert "more frames than the 2" in refusal(lambda c=call: c(data))


def test_frames_in_different_units_are_asked_for_one_by_one(tmp_path):
    def edit(data):
        del data.RescaleSlope, data.RescaleIntercept
        data.PerFrameFunctionalGroupsSequence = [item(PixelValueTransformationSequence=[
            item(RescaleSlope=1, RescaleIntercept=0, RescaleType=kind)]) for kind in ("HU", "Z_EFF")]  # fmt: skip

    data = dicom.read(image(tmp_path / "e.dcm", np.stack([RAMP] * 2), edit=edit))
    assert "HU and Z_EFF" in refusal(lambda: dicom.physical_values(data))
    assert dicom.physical_values(data, frame=1).shape == RAMP.shape and dicom.unit(data, 1) == "Z_EFF"


def test_a_spacing_says_where_it_comes_from(tmp_path):
    def of(name, **tags):
        path = image(tmp_path / f"{name}.dcm", **tags)
        row = dicom.headers(path, {"mm": "PixelSpacing"}).iloc[0]
        assert np.array_equal(row["mm"], dicom.pixel_spacing(dicom.read(path))[0], equal_nan=True)
        return row["mm"], row["mm_from"], row["reason"]

    assert of("a", PixelSpacing=[0.5, 0.7], ImagerPixelSpacing=[1, 1]) == ((0.5, 0.7), "PixelSpacing", "")
    assert of("b", ImagerPixelSpacing=[0.14, 0.15]) == ((0.14, 0.15), "ImagerPixelSpacing", "")
    assert of("c", NominalScannedPixelSpacing=[2, 2])[1] == "NominalScannedPixelSpacing"
    for name, wrong in (("d", "0.5"), ("e", [0, 0]), ("f", [-1, 1]), ("g", ["nan", "nan"]), ("h", [1, 1, 1])):
        assert "no two distances" in of(name, PixelSpacing=wrong)[2], wrong


def test_ultrasound_regions_give_millimetres(tmp_path):
    def region(x, y, unit=3):
        return item(PhysicalDeltaX=x, PhysicalDeltaY=y, PhysicalUnitsXDirection=unit, PhysicalUnitsYDirection=unit)

    def of(*regions):
        return dicom.pixel_spacing(dicom.read(image(tmp_path / "u.dcm", SequenceOfUltrasoundRegions=list(regions))))

    assert of(region(0.02, 0.03), region(5, 5, unit=4)) == ((0.3, 0.2), "SequenceOfUltrasoundRegions")
    assert of(region(0.02, 0.03), region(0.04, 0.04))[0] == ((0.3, 0.2), (0.4, 0.4)), "one a region where they differ"
    assert dicom.headers(tmp_path / "u.dcm")["reason"][0] == ""
    assert of(region(5, 5, unit=4)) == (None, "")
    of(region(0, 0.1))
    assert "SequenceOfUltrasoundRegions gives no two distances" in dicom.headers(tmp_path / "u.dcm")["reason"][0]
    table = dicom.headers([get_testdata_file("examples_palette.dcm")])
    assert table["spacing"][0] == pytest.approx((0.2622879, 0.2622879))


# ---------------------------------------------------------------------------- K2: nothing vanishes


def test_a_folder_that_is_a_link_is_searched_once(tmp_path):
    image(tmp_path / "elsewhere" / "a.dcm")
    top = tmp_path / "top"
    image(top / "p0" / "b.dcm")
    (top / "p1").symlink_to(tmp_path / "elsewhere")
    (top / "p0" / "again").symlink_to(top)
    assert list(dicom.headers(top)["name"]) == ["p0/b.dcm", "p1/a.dcm"]


def test_a_file_name_that_is_no_text_can_be_printed(tmp_path):
    os.rename(image(tmp_path / "a.dcm"), os.path.join(os.fsencode(tmp_path), b"K\xe4se.dcm"))
    table = dicom.headers(tmp_path)
    assert table["readable"][0] and "K" in table.to_csv().encode("utf-8").decode()


def slices(folder: Path, zs=(2, 4, 6, 8, 10), **tags) -> Path:
    common = {"SeriesInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.9", "StudyInstanceUID": "1.2.7",
              "PixelSpacing": [0.5, 0.5], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}  # fmt: skip
    for i, z in enumerate(zs):
        own = {keyword: value(i) if callable(value) else value for keyword, value in tags.items()}
        at = {"ImagePositionPatient": [0, 0, z], "InstanceNumber": i + 1}
        present = {keyword: value for keyword, value in {**common, **at, **own}.items() if value is not None}
        image(folder / f"{i:03}.dcm", np.full((8, 8), i, np.uint16), **present)
    return folder


@pytest.mark.parametrize("left", [0, 100, 131, 140, 300])
@pytest.mark.parametrize("which", ["000", "002", "004"])
def test_a_damaged_slice_is_refused_whatever_its_name(tmp_path, left, which):
    folder = slices(tmp_path / "s")
    for path in folder.iterdir():
        path.rename(path.with_suffix(""))
    (folder / which).write_bytes((folder / which).read_bytes()[:left])
    assert which in refusal(lambda: dicom.series_to_volume(folder))


def test_a_slice_without_its_pixels_is_refused(tmp_path):
    folder = slices(tmp_path / "s")
    (folder / "004.dcm").write_bytes((folder / "004.dcm").read_bytes()[:-40])
    assert "004.dcm" in refusal(lambda: dicom.series_to_volume(folder))


def test_what_is_left_aside_is_said(tmp_path):
    folder = slices(tmp_path / "s")
    for name in ("LICENSE", "notes.txt", "table.csv", ".DS_Store"):
        (folder / name).write_text("not an image")
    (folder / ".keep").touch()
    note = dicom.series_to_volume(folder).note
    assert note == "left aside: .DS_Store, .keep, LICENSE and 2 more"
    (folder / "more.gz").write_bytes(gzip.compress((folder / "000.dcm").read_bytes()))
    assert "unpack it first" in refusal(lambda: dicom.series_to_volume(folder))
    (folder / "more.gz").unlink()
    (folder / "report").write_bytes(Path(get_testdata_file("test-SR.dcm")).read_bytes())
    assert "report holds no picture" in refusal(lambda: dicom.series_to_volume(folder))


# ---------------------------------------------------------------------------- K5, K9: contradictions in one volume


@pytest.mark.parametrize(("keyword", "words"), [("PatientID", "patients"), ("FrameOfReferenceUID", "frames of ref"),
                                                ("StudyInstanceUID", "studies"), ("Modality", "modalities"),
                                                ("SeriesInstanceUID", "series"), ("RescaleType", "units"),
                                                ("PhotometricInterpretation", "photometric")])  # fmt: skip
@pytest.mark.parametrize("odd", ["all", "one", "missing"])
def test_slices_of_two_things_are_no_volume(tmp_path, keyword, words, odd):
    terms = {"PhotometricInterpretation": ["MONOCHROME1", "MONOCHROME2"], "Modality": ["CT", "PT"],
             "RescaleType": ["HU", "ED"]}.get(keyword, ["1.2.8", "1.2.88"])  # fmt: skip
    if odd == "missing" and keyword in ("PhotometricInterpretation", "RescaleType"):
        pytest.skip("an absent one has a meaning of its own")
    if odd == "missing":
        folder = slices(tmp_path / "s", **{"Modality": "CT", keyword: lambda i: terms[0]})
        data = dicom.read(folder / "004.dcm")
        delattr(data, keyword)
        data.save_as(folder / "004.dcm")
    else:
        folder = slices(tmp_path / "s", **{keyword: lambda i: terms[i % 2 if odd == "all" else i == 4]})
    assert words in refusal(lambda: dicom.series_to_volume(folder))


@pytest.mark.parametrize("wrong", ["0.5", "", None, [0, 0], [0.5, 0], [-0.5, 0.5], ["nan", "nan"], [1, 1, 1]])
@pytest.mark.parametrize("where", ["all", "one"])
def test_a_pixel_spacing_that_is_none_is_refused(tmp_path, wrong, where):
    folder = slices(tmp_path / "s", PixelSpacing=lambda i: [0.5, 0.5] if where == "one" and i != 3 else wrong)
    assert f"{'003' if where == 'one' else '000'}.dcm gives no two PixelSpacings" in refusal(
        lambda: dicom.series_to_volume(folder)
    )


def test_the_spacing_of_a_detector_is_not_that_of_the_patient(tmp_path):
    folder = slices(tmp_path / "s", PixelSpacing=None, ImagerPixelSpacing=[0.5, 0.5])
    assert "gives no two PixelSpacings" in refusal(lambda: dicom.series_to_volume(folder))


@pytest.mark.parametrize("axes", [["nan"] * 6, [0.9, 0, 0, 0, 0.9, 0], [1, 0, 0, 0.1, 1, 0], [0.99, 0, 0, 0, 1, 0],
                                  [0] * 6, [1, 0, 0, 0, 1], [1, 0, 0, 0.02, 0.9998, 0]])  # fmt: skip
def test_directions_that_are_none_are_refused(tmp_path, axes):
    folder = slices(tmp_path / "s", ImageOrientationPatient=axes)
    assert "ImageOrientationPatient" in refusal(lambda: dicom.series_to_volume(folder))
    assert "unknown" in refusal(lambda: dicom.sort_slices(dicom.read(p) for p in folder.iterdir()))


@pytest.mark.parametrize("position", [["nan", 0, 0], [0, 0], ""])
def test_a_position_that_is_none_is_refused(tmp_path, position):
    folder = slices(tmp_path / "s", ImagePositionPatient=lambda i: position if i == 2 else [0, 0, 2 * i])
    assert "no position" in refusal(lambda: dicom.series_to_volume(folder))


def test_directions_of_three_decimals_are_rounding(tmp_path):
    axes = np.round([0.8776, 0.4794, 0, -0.4794, 0.8776, 0], 3)
    assert dicom.series_to_volume(slices(tmp_path / "s", ImageOrientationPatient=axes.tolist())).tilt == 0


@pytest.mark.parametrize("degrees", [0, 1, 20])
def test_a_tilt_is_measured_and_said(tmp_path, degrees):
    cos, sin = (round(float(f(np.radians(degrees))), 9) for f in (np.cos, np.sin))
    volume = dicom.series_to_volume(slices(tmp_path / "s", (5, 10, 15), ImageOrientationPatient=[1, 0, 0, 0, cos, sin]))
    assert volume.tilt == pytest.approx(degrees, abs=1e-4) and ("aslant" in volume.note) == bool(degrees)
    assert volume.spacing[0] == pytest.approx(5 * cos) and np.allclose(volume.affine[:3, 0], [0, 0, 5])


@pytest.mark.parametrize(("keyword", "values"), [("AcquisitionNumber", (1, 2)), ("EchoTime", (10, 20)),
                                                 ("ConvolutionKernel", ("B30f", "B70f"))])  # fmt: skip
def test_two_acquisitions_that_interleave_are_said(tmp_path, keyword, values):
    folder = slices(tmp_path / "s", (2, 4, 6, 3, 5), **{keyword: lambda i: values[i > 2]})
    assert dicom.series_to_volume(folder).note == f"{keyword} differs (2 values)"
    assert dicom.series_to_volume(slices(tmp_path / "t", **{keyword: values[0]})).note == ""
    twice = slices(tmp_path / "u", (2, 4, 6, 2, 4, 6), **{keyword: lambda i: values[i > 2]})
    assert "same position" in refusal(lambda: dicom.series_to_volume(twice))


def test_slices_that_name_no_series_are_said_to(tmp_path):
    anonymous = dicom.series_to_volume(slices(tmp_path / "s", SeriesInstanceUID=None, FrameOfReferenceUID=None))
    assert anonymous.note == "without SeriesInstanceUID, nothing says that the slices belong together"


def test_spacing_between_slices_that_positions_contradict_is_said(tmp_path):
    volume = dicom.series_to_volume(slices(tmp_path / "s", SpacingBetweenSlices=1))
    assert volume.spacing[0] == 2 and "says 1 mm, positions say 2.000 mm" in volume.note


def test_values_without_meaning_in_a_volume_are_counted(tmp_path):
    def items(i):
        return [mapping(RealWorldValueFirstValueMapped=1, RealWorldValueSlope=1.0, RealWorldValueIntercept=0.0)]

    folder = slices(tmp_path / "s", Modality="MR", RescaleType="US", RealWorldValueMappingSequence=items)
    volume = dicom.series_to_volume(folder)
    assert volume.unit == "mm2/s" and volume.note == "64 voxels have no value (NaN)"


@pytest.mark.parametrize(("shape", "words"), [((32, 64), "32 × 64 × 1"), ((1, 1), "1 × 1 × 1"),
                                             ((128, 32), "128 × 32 × 1"), ((64, 64, 3), "64 × 64 × 3")])  # fmt: skip
@pytest.mark.parametrize(("kind", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", JPEG2000Lossless)])
def test_a_compressed_picture_of_another_size_is_refused(tmp_path, shape, words, kind, syntax):
    path = compressed(tmp_path / "j.dcm", jpeg(shape, kind), syntax)
    said = refusal(lambda: dicom.display(dicom.read(path)))
    assert words in said and "64 × 64 × 1" in said


def test_more_or_fewer_pixels_than_the_header_names_are_refused(tmp_path):
    twice = image(tmp_path / "t.dcm", np.stack([RAMP, RAMP]), NumberOfFrames=None)
    assert "16,384 bytes, its header asks for 8,192" in refusal(lambda: dicom.stored_values(dicom.read(twice)))
    less = image(tmp_path / "l.dcm", np.stack([RAMP, RAMP]), NumberOfFrames=3)
    assert "24,576" in refusal(lambda: dicom.stored_values(dicom.read(less)))

    def two(data):
        data.PixelData = encapsulate([jpeg(), jpeg()])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True

    both = image(tmp_path / "j.dcm", RAMP.astype(np.uint8), JPEGBaseline8Bit, two)
    assert "2 frames" in refusal(lambda: dicom.stored_values(dicom.read(both)))


# ---------------------------------------------------------------------------- K7, K8: one sentence, the true reason


@pytest.mark.parametrize("cut", [8, 50, 3000])
def test_a_compressed_file_that_was_cut_says_so(tmp_path, cut):
    for path in (compressed(tmp_path / "a.dcm", bytes(5000)), compressed(tmp_path / "b.dcm", jpeg() + bytes(4000))):
        path.write_bytes(path.read_bytes()[:-cut])
        assert "the file ends inside its pixels" in refusal(lambda p=path: dicom.read(p))
        assert dicom.headers(path)["reason"][0] == "the file ends inside its pixels"
    whole = compressed(tmp_path / "c.dcm", jpeg())
    assert dicom.headers(whole)["reason"][0] == "" and dicom.stored_values(dicom.read(whole)).shape == (64, 64)


def test_headers_say_that_there_are_no_pixels(tmp_path):
    path = image(tmp_path / "a.dcm", edit=lambda data: data.__delitem__("PixelData"))
    assert dicom.headers(path)["reason"][0] == "it has no pixel data"
    assert "holds none" in refusal(lambda: dicom.display(dicom.read(path)))
    whole = image(tmp_path / "b.dcm")
    assert "pixels=False" in refusal(lambda: dicom.display(dicom.read(whole, pixels=False)))
    assert "empty" in refusal(lambda: dicom.display(dicom.read(image(tmp_path / "c.dcm", PixelData=b""))))


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored",
                                     "PixelRepresentation", "PhotometricInterpretation"])  # fmt: skip
@pytest.mark.parametrize("value", [None, 0, 77])
def test_a_header_that_lacks_or_contradicts_what_pixels_need_is_named(tmp_path, keyword, value):
    if (keyword, value) in (("PixelRepresentation", 0), ("Rows", 77), ("Columns", 77)):
        pytest.skip("that can be")
    value = "RAINBOW" if value is not None and keyword == "PhotometricInterpretation" else value
    said = refusal(lambda: dicom.stored_values(dicom.read(image(tmp_path / "a.dcm", **{keyword: value}))))
    assert keyword in said


def test_a_sound_file_that_nothing_here_opens_is_not_called_damaged(tmp_path):
    def edit(data):
        data.PixelData = encapsulate([bytes(64) + bytes(512)])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.BitsAllocated = data.BitsStored = 1
        data.HighBit = 0

    said = refusal(lambda: dicom.stored_values(dicom.read(image(tmp_path / "a.dcm", syntax=RLELossless, edit=edit))))
    assert "one bit a pixel" in said and "damaged" not in said
    twelve = refusal(lambda: dicom.stored_values(dicom.read(get_testdata_file("JPEG-lossy.dcm"))))
    assert "need another program" in twelve


@pytest.mark.parametrize(("uid", "name"), [("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"), ("1.2.840.10008.1.2.4.112",
                         "JPEG XL"), ("1.2.840.10008.1.2.8.1", "Deflated Image Frame")])  # fmt: skip
def test_new_transfer_syntaxes_have_names(tmp_path, uid, name):
    known = "1.2.840.10008.1.2.4.100" if len(uid) == 23 else JPEGBaseline8Bit  # as long, padded
    path = compressed(tmp_path / "x.dcm", bytes(100), known)
    path.write_bytes(path.read_bytes().replace(known.encode(), uid.encode().ljust(len(known), b"\0"), 1))
    assert name in dicom.headers(path)["syntax"][0]
    assert name in refusal(lambda: dicom.stored_values(dicom.read(path)))


def test_packed_files_say_how_they_are_packed(tmp_path):
    whole = image(tmp_path / "a.dcm").read_bytes()
    for name, content in (("gzip", gzip.compress(whole)), ("zip", b"PK\x03\x04" + whole), ("bzip2", b"BZh9" + whole)):
        (tmp_path / "packed").write_bytes(content)
        assert f"packed with {name}: unpack it first" in refusal(lambda: dicom.read(tmp_path / "packed"))


@pytest.mark.parametrize("call", [
    lambda d: dicom.display("a.dcm"), lambda d: dicom.physical_values(np.zeros((2, 2))), lambda d: dicom.unit("a"),
    lambda d: dicom.display(d, window="lung"), lambda d: dicom.display(d, window=(40,)), lambda d: dicom.display(d, 40),
    lambda d: dicom.display(d, frame=1), lambda d: dicom.stored_values(d, frame=-1),
    lambda d: dicom.stored_values(d, frame="first"), lambda d: dicom.display(d, windw=(40, 400)),
    lambda d: dicom.display(d, window=(float("nan"), 1)), lambda d: dicom.read(Path("/")), lambda d: dicom.read(3),
    lambda d: dicom.read(None), lambda d: dicom.headers(None), lambda d: dicom.headers([d]), lambda d: dicom.unit(None),
    lambda d: dicom.series_to_volume([d, d]), lambda d: dicom.sort_slices(["a.dcm", "b.dcm"]),
])  # fmt: skip
def test_wrong_calls_are_one_sentence(tmp_path, call):
    said = refusal(lambda: call(dicom.read(image(tmp_path / "a.dcm"))))
    assert "damaged" not in said, "the file is sound"


@pytest.mark.parametrize(
    ("keyword", "text"), [("RescaleSlope", "abc"), ("WindowWidth", "wide"), ("RescaleIntercept", "1,5")]
)
def test_words_in_place_of_numbers_are_named(tmp_path, keyword, text):
    path = image(tmp_path / "a.dcm", **{"WindowCenter": 40, "WindowWidth": 400, keyword: 10000000})
    path.write_bytes(path.read_bytes().replace(b"10000000", text.encode().ljust(8)))
    said = refusal(lambda: dicom.display(dicom.read(path)))
    assert "indow" in said if keyword == "WindowWidth" else keyword in said


# ---------------------------------------------------------------------------- K10: no clock that counts the disk


def test_a_slow_disk_is_no_tangled_header(tmp_path, monkeypatch):
    monkeypatch.setattr(reading._Guard.__init__, "__defaults__", (0.2,))
    path = compressed(tmp_path / "a.dcm", bytes(1_000_000))

    class Slow(io.FileIO):
        def readinto(self, buffer):
            time.sleep(0.5)  # more than may be computed
            return super().readinto(buffer)

    monkeypatch.setattr(reading.io, "FileIO", Slow)
    assert dicom.read(path).Rows == 64


def test_a_file_of_many_pieces_is_stepped_through_at_once(tmp_path):
    def edit(data):
        data.PixelData = encapsulate([bytes(1_000)] * 20_000)
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True

    path = image(tmp_path / "a.dcm", RAMP.astype(np.uint8), JPEGBaseline8Bit, edit)
    start = time.process_time()
    assert dicom.headers(path)["reason"][0] == ""
    assert time.process_time() - start < 2, "20,000 pieces: a fraction of a second, not their square"
