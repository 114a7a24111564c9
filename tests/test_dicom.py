"""utils.dicom: damaged files, values against hand computation, series, and identity that must not survive."""
from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import os
import signal
import struct
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import DATA_ROOT
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_modality_lut, apply_windowing
from pydicom.uid import (
    MPEG2MPML,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

from utils import dicom
from utils.dicom import DicomError, Pseudonymiser

FILES = Path(DATA_ROOT) / "test_files"
BUNDLED = sorted(p for p in Path(DATA_ROOT).rglob("*") if p.suffix == ".dcm" and p.stat().st_size < 400_000)
reading = importlib.import_module("utils.dicom.read")  # `dicom.read` is the function
SECRET = "a secret of at least 16 characters"


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def make(stored=None, sop=MRImageStorage, **tags) -> Dataset:
    """A small image from scratch."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stored = np.arange(64, dtype=np.int16).reshape(8, 8) if stored is None else np.asarray(stored)
    colour = tags.get("SamplesPerPixel", 1) == 3
    data.Rows, data.Columns = stored.shape[-3:-1] if colour else stored.shape[-2:]
    if stored.ndim == 3 + colour:
        data.NumberOfFrames = len(stored)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = stored.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(stored.dtype.kind == "i")
    data.add_new("PixelData", "OW" if stored.itemsize > 1 else "OB", stored.tobytes())
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = sop
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = tags.pop("SOPInstanceUID", "1.2.3.4.5")
    data.StudyInstanceUID, data.SeriesInstanceUID, data.Modality = "1.2.3", "1.2.3.4", "MR"
    data.PatientID, data.PatientName = "4711", "Hansen^Grete"
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    return data


def save(data: Dataset, path: Path) -> Path:
    data.save_as(path, enforce_file_format=True)
    return path


def saved(data: Dataset) -> bytes:
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_modules_do_not_hide_the_functions_of_their_name():
    assert callable(dicom.read) and callable(dicom.headers)
    assert all(hasattr(dicom, name) for name in dicom.__all__)


@pytest.mark.parametrize("module", ["headers", "identity", "series", "values"])
def test_the_examples_in_the_docstrings_are_true(module):
    failed, tried = doctest.testmod(importlib.import_module(f"utils.dicom.{module}"))
    assert tried >= 3 and not failed


# ---------------------------------------------------------------------------- files and headers


def test_headers_of_every_bundled_file():
    table = dicom.headers(DATA_ROOT)
    assert len(table) == sum(p.is_file() for p in Path(DATA_ROOT).rglob("*"))
    dcm = table[table["name"].str.endswith(".dcm")].set_index("name")
    assert len(dcm) >= 80 and list(dcm.index[~dcm["readable"]]) == ["test_files/no_meta.dcm"]
    ct = dcm.loc["test_files/CT_small.dcm"]
    assert (ct["modality"], ct["rows"], ct["bits"], ct["signed"], ct["decoder"]) == ("CT", 128, 16, 1, "built in")
    assert ct["spacing"] == (0.661468, 0.661468) and ct["slope"] == 1 and ct["reason"] == ""
    assert "cut off" in dcm.loc["test_files/MR_truncated.dcm", "reason"]
    assert "NumberOfFrames" in dcm.loc["test_files/badVR.dcm", "reason"]
    assert dcm.loc["test_files/JPEG2000.dcm", "syntax"] == "JPEG 2000 Image Compression"
    assert "DICOMDIR" in dcm.loc["test_files/dicomdirtests/DICOMDIR-empty.dcm", "reason"]
    other = table[~table["readable"]]
    assert all(reason.endswith(".") and "\n" not in reason for reason in other["reason"])


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """One kind of damage, chosen at random."""
    data, at = bytearray(whole), int(rng.integers(128, len(whole)))
    early = int(rng.integers(132, max(min(len(whole), 2000), 133)))  # most headers stand here
    kind = rng.integers(8)
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for i in rng.integers(0, len(data), rng.integers(1, 50)):
            data[i] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        data[early : early + int(rng.integers(1, 400))] = bytes(int(rng.integers(1, 400)))
    elif kind == 3:
        data[early:early] = rng.bytes(int(rng.integers(1, 200)))
    elif kind == 4:  # a huge or undefined length
        data[early : early + 4] = struct.pack("<L", rng.choice([0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0xFFFF]))
    elif kind == 5:  # any value representation anywhere
        data[early : early + 2] = rng.choice([b"SQ", b"UN", b"DS", b"IS", b"OB", b"UI", b"PN", b"ZZ", b"UT"])
    elif kind == 6:  # numbers that are none, charsets that do not exist
        for old, new in ((b"DS", b"12,x4-"), (b"IS", b"0x1F.."), (b"CS", b"ISO 99"), (b"US", b"\xff\xff\xff\xff")):
            spot = data.find(old, early)
            if spot > 0:
                data[spot + 4 : spot + 4 + len(new)] = new
    else:  # elements nested in each other
        depth = int(rng.integers(2, 3000))
        data[early:early] = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    return bytes(data)


class Hanging(BaseException):
    """Not an Exception, so that no handler in the code under test can swallow it."""


@contextlib.contextmanager
def at_most(seconds: float, what: str):
    """Interrupts its block after so many seconds, where the system has alarms."""

    def alarm(*_):
        raise Hanging(what)

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_thousand_damaged_files_neither_raise_nor_hang(tmp_path):
    rng, names, copies, start = np.random.default_rng(20221018), Pseudonymiser(SECRET), 1_100, time.process_time()
    uses = (dicom.audit_identity, dicom.display, lambda data: dicom.deidentify(data, names, []))
    for copy in range(copies):
        source, path = BUNDLED[copy % len(BUNDLED)], tmp_path / f"{copy:04d}.dcm"
        path.write_bytes(damaged(source.read_bytes(), rng))
        with at_most(10, f"{source.name}, copy {copy}"):
            try:
                data = dicom.read(path)
            except DicomError as error:
                assert str(error).startswith(f"{path.name} cannot be read: ") and str(error).endswith(".")
                continue
            for use in uses:  # the audit decodes every value of every element
                try:
                    use(data)
                except DicomError as error:
                    assert str(error).isprintable() and str(error).endswith(".")
    with at_most(60, "all headers"):
        table = dicom.headers(tmp_path)
    assert len(table) == copies
    assert 0.3 * copies < table["readable"].sum() < copies, "the damage is neither harmless nor total"
    assert table.query("not readable")["reason"].str.contains("cannot be read: ").all()
    assert time.process_time() - start < 60


def nested(depth: int, defined: bool) -> bytes:
    inner = b"\x10\x00\x10\x00PN\x04\x00A^B "
    for _ in range(depth):
        length = len(inner) if defined else 0xFFFFFFFF
        item = b"\xfe\xff\x00\xe0" + struct.pack("<L", length) + inner
        inner = b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<L", len(item) if defined else 0xFFFFFFFF) + item
    return inner


def file_bytes(body: bytes, syntax: str = ExplicitVRLittleEndian) -> bytes:
    head = saved(make())
    at = head.index(b"\x02\x00\x10\x00UI")
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    return head[:at] + b"\x02\x00\x10\x00UI" + struct.pack("<H", len(uid)) + uid + body


@pytest.mark.parametrize("defined", [False, True])
def test_deep_nesting(tmp_path, defined):
    path = tmp_path / "deep.dcm"
    path.write_bytes(file_bytes(b"\x08\x00\x05\x00CS\x02\x00  " + nested(1500, defined)))
    row = dicom.headers(path).iloc[0]
    assert row["readable"] or "nested" in row["reason"]
    if row["readable"]:
        dicom.audit_identity(dicom.read(path))


def test_deflated_bomb_is_refused_quickly(tmp_path):
    squeeze = zlib.compressobj(9, wbits=-15)
    body = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(600)) + squeeze.flush()
    path = tmp_path / "bomb.dcm"
    path.write_bytes(file_bytes(body, reading.DEFLATED))
    with at_most(10, "the bomb"):
        assert "inflates to more than" in dicom.headers(path)["reason"][0]
    assert dicom.headers(FILES / "image_dfl.dcm")["readable"][0]
    assert dicom.stored_values(dicom.read(FILES / "image_dfl.dcm")).shape == (512, 512)


def test_reading_has_a_deadline():
    guard = reading._Guard(io.BytesIO(bytes(10)), 10, seconds=-1)
    with pytest.raises(DicomError, match="given up"):
        guard.read(4)
    assert len(reading._Guard(io.BytesIO(bytes(10)), 10).read(1 << 62)) == 10


def test_what_is_not_a_file_or_not_dicom(tmp_path):
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "text.dcm").write_text("not an image")
    (tmp_path / "folder.dcm").mkdir()
    (tmp_path / "nowhere.dcm").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.dcm").symlink_to(FILES / "CT_small.dcm")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.dcm")
    table = dicom.headers(tmp_path).set_index("name")
    assert table.loc["link.dcm", "readable"] and table["readable"].sum() == 1
    assert "empty" in table.loc["empty.dcm", "reason"] and "not a DICOM" in table.loc["text.dcm", "reason"]
    assert "no such file" in table.loc["nowhere.dcm", "reason"]
    if hasattr(os, "mkfifo"):
        assert "not a regular file" in table.loc["pipe.dcm", "reason"]
    listed = dicom.headers([tmp_path / "folder.dcm", tmp_path / "gone"])
    assert not listed["readable"].any()


def test_wrong_requests_are_one_sentence(tmp_path):
    for wrong, words in ((tmp_path / "typo", "check the path"), (tmp_path, "no file"), ([], "no file")):
        with pytest.raises(DicomError, match=words):
            dicom.headers(wrong)
    with pytest.raises(DicomError, match="PatientsName is not a DICOM keyword"):
        dicom.headers(FILES, tags=["PatientsName"])
    assert DicomError("x")._render_traceback_() == ["DicomError: x"]


def test_own_tags_and_progress(capsys):
    table = dicom.headers([FILES / "CT_small.dcm", FILES / "MR_small.dcm"], {"kV": "KVP"}, progress=True)
    assert table["kV"][0] == 120 and list(table["name"]) == ["CT_small.dcm", "MR_small.dcm"]
    assert "headers" in capsys.readouterr().out


def test_decoders():
    table = dicom.decoders().set_index("syntax")
    assert table.loc["Explicit VR Little Endian", "decoder"] == "built in"
    assert not table.loc["MPEG2 Main Profile / Main Level", "works"]
    assert table.loc["RLE Lossless", "compressed"] and table.loc["RLE Lossless", "works"]
    used = dicom.headers(FILES)["syntax"].dropna().unique()
    assert table.loc[used, "works"].all(), "the course can decode every syntax that pydicom ships"


# ---------------------------------------------------------------------------- values


def test_physical_values_by_hand():
    stored = np.array([[-2, 0], [1, 1000]], np.int16)
    ct = make(stored, sop=CTImageStorage, RescaleSlope="0.5", RescaleIntercept="-1024", Modality="CT")
    assert dicom.physical_values(ct).tolist() == [[-1025.0, -1024.0], [-1023.5, -524.0]]
    assert dicom.unit(ct) == "HU" and dicom.unit(make()) == ""
    assert np.array_equal(dicom.physical_values(ct), apply_modality_lut(stored, ct))
    assert dicom.physical_values(make(stored)).tolist() == stored.tolist()
    same_bits = make(stored.view(np.uint16))
    assert dicom.physical_values(same_bits)[0, 0] == 65534, "unsigned, the same two bytes mean another number"
    dose = dicom.read(FILES / "rtdose.dcm")
    dose.DoseUnits = "GY"
    assert dicom.unit(dose) == "Gy" and dicom.physical_values(dose).shape == (15, 10, 10)
    assert np.isclose(dicom.physical_values(dose).max(), 1254000 * float(dose.DoseGridScaling))


def test_modality_table_by_hand():
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [3, 10, 16], "OD", [5, 50, 500]
    film = make(np.array([[0, 10], [11, 60000]], np.uint16), ModalityLUTSequence=[item])
    assert dicom.physical_values(film).tolist() == [[5, 5], [50, 500]]
    item.add_new("LUTData", "OW", np.array([5, 50, 500], "<u2").tobytes())
    assert dicom.physical_values(film).tolist() == [[5, 5], [50, 500]]


def test_each_frame_has_its_own_rescale():
    frames = np.stack([np.full((2, 2), 10), np.full((2, 2), 10)]).astype(np.uint16)
    items = []
    for slope in (1, 3):
        scale, group = Dataset(), Dataset()
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = slope, 1, "HU"
        group.PixelValueTransformationSequence = [scale]
        items.append(group)
    data = make(frames, PerFrameFunctionalGroupsSequence=items)
    assert dicom.physical_values(data)[:, 0, 0].tolist() == [11, 31]
    assert dicom.physical_values(data, frame=1)[0, 0] == 31 and dicom.unit(data) == "HU"


def test_window_is_the_formula_of_the_standard():
    """The examples of PS3.3 C.11.2.1.2.1, output range 0…255."""
    assert np.allclose(dicom.window(np.array([0, 2047.5, 4095]), 2048, 4096), [0, 0.5, 1])
    assert dicom.window(np.array([2047, 2048]), 2048, 1).tolist() == [0, 1]
    assert np.allclose(dicom.window(np.array([-50, 0, 49]), 0, 100), [0, (0.5 / 99) + 0.5, 1])
    assert dicom.window(np.array([-1, 0]), 0, 1).tolist() == [0, 1]
    assert np.allclose(dicom.window(np.array([-50, 0, 50]), 0, 100, "LINEAR_EXACT"), [0, 0.5, 1])
    assert np.allclose(dicom.window(np.array([0.0]), 0, 100, "SIGMOID"), 0.5)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_window_agrees_with_pydicom(function):
    data = make(WindowCenter=30, WindowWidth=21, VOILUTFunction=function, RescaleSlope=2, RescaleIntercept=-9)
    theirs = apply_windowing(apply_modality_lut(dicom.stored_values(data), data), data)
    low, high = -(2**15) * 2 - 9, (2**15 - 1) * 2 - 9
    assert np.allclose(dicom.display(data), (theirs - low) / (high - low))


def test_voi_table_by_hand():
    """Twelve bits in, eight out: an index above 255 must not wrap round."""
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [4096, 0, 8], (np.arange(4096) // 16).tolist()
    data = make(np.array([[0, 255], [256, 4095]], np.uint16), VOILUTSequence=[item], BitsStored=12)
    assert np.allclose(dicom.display(data) * 255, [[0, 15], [16, 255]])


def test_monochrome1_padding_and_the_missing_window():
    stored = np.array([[-2000, 0], [50, 100]], np.int16)
    data = make(stored, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=-2000)
    assert dicom.is_padding(data, stored).tolist() == [[True, False], [False, False]]
    assert dicom.display(data).tolist() == [[0, 1], [0.5, 0]], "padding is black and does not stretch the window"
    assert dicom.display(data, eight_bit=True).tolist() == [[0, 255], [128, 0]]
    assert dicom.display(data, window=(50.5, 101)).tolist() == [[0, 1], [0.5, 0]]
    data.PhotometricInterpretation = "MONOCHROME2"
    assert dicom.display(data).tolist() == [[0, 0], [0.5, 1]]
    data.add_new("PixelPaddingValue", "US", 65536 - 2000)  # written unsigned by mistake
    assert dicom.is_padding(data, stored)[0, 0]
    data.add_new("PixelPaddingValue", "SS", -2000)
    data.add_new("PixelPaddingRangeLimit", "SS", 0)
    assert dicom.is_padding(data, stored).sum() == 2


def test_colours():
    ybr = np.array([[[76, 85, 255], [255, 128, 128]]], np.uint8)  # red and white, after PS3.3 C.7.6.3.1.2
    data = make(ybr, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=0)
    assert np.abs(dicom.display(data, eight_bit=True).astype(int) - [[[255, 0, 0], [255, 255, 255]]]).max() <= 2
    assert dicom.stored_values(data).tolist() == ybr.tolist()
    with pytest.raises(DicomError, match="colour"):
        dicom.physical_values(data)
    palette = dicom.display(dicom.read(FILES / "examples_palette.dcm"))
    assert palette.shape == (350, 800, 3) and 0 <= palette.min() < palette.max() <= 1


def test_frames_keep_their_order():
    film = dicom.read(FILES / "examples_ybr_color.dcm")
    clip = dicom.display(film)
    assert clip.shape == (30, 240, 320, 3) and np.array_equal(clip[7], dicom.display(film, frame=7))


def test_every_bundled_picture_displays_within_bounds():
    dark = set()
    for path in BUNDLED:
        if path.name != "no_meta.dcm" and "PixelData" in (data := dicom.read(path)):
            try:
                picture = dicom.display(data)
                assert picture.min() >= 0 and picture.max() <= 1, path.name
            except DicomError:
                dark.add(path.name)
    assert dark == {"JPEG-lossy.dcm", "JPEG2000-embedded-sequence-delimiter.dcm", "MR_truncated.dcm", "badVR.dcm",
                    "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm"}  # fmt: skip


def test_pixel_errors_name_file_and_decoder(monkeypatch):
    data = dicom.read(FILES / "JPEG2000.dcm")
    lacking = type("Decoder", (), {"is_available": False, "missing_dependencies": ["x - requires somepackage>=2"]})
    monkeypatch.setattr(reading, "get_decoder", lambda uid: lacking())
    with pytest.raises(DicomError, match="JPEG2000.dcm is stored as JPEG 2000.*missing: somepackage>=2"):
        dicom.stored_values(data)
    monkeypatch.undo()
    data.file_meta.TransferSyntaxUID = MPEG2MPML
    with pytest.raises(DicomError, match="MPEG2.*none in pydicom"):
        dicom.stored_values(data)
    with pytest.raises(DicomError, match="MR_truncated.dcm"):
        dicom.stored_values(dicom.read(FILES / "MR_truncated.dcm"))
    with pytest.raises(DicomError, match="holds none"):
        dicom.display(dicom.read(FILES / "rtplan.dcm"))


# ---------------------------------------------------------------------------- series

AXES = np.array([[0.98, 0.199, 0.0], [-0.19, 0.936, -0.297]])
AXES[0] /= np.linalg.norm(AXES[0])
AXES[1] -= AXES[0] * (AXES[0] @ AXES[1])
AXES[1] /= np.linalg.norm(AXES[1])
NORMAL = np.cross(*AXES)


def make_slice(depth: float, number: int, **tags) -> Dataset:
    position = np.array([-100.0, 20.0, 33.0]) + depth * NORMAL
    stored = np.full((4, 6), number, np.int16)
    return make(stored, **{"ImagePositionPatient": [round(float(v), 6) for v in position],
                           "ImageOrientationPatient": [round(float(v), 6) for v in AXES.ravel()],
                           "PixelSpacing": [0.5, 0.8], "SliceThickness": 5, "SOPInstanceUID": f"1.2.3.4.{number + 1}",
                           "InstanceNumber": 99 - number, **tags})  # fmt: skip


def write_series(folder: Path, slices: list[Dataset]) -> Path:
    for i, data in enumerate(slices):  # file names say nothing about the order
        save(data, folder / f"{(i * 7) % 10}{i}.dcm")
    return folder


def test_sort_slices_by_position():
    slices = [make_slice(depth, i) for i, depth in enumerate([6, 0, 3, 9, -3])]
    assert [int(data.InstanceNumber) for data in dicom.sort_slices(slices)] == [95, 98, 97, 99, 96]
    slices[2].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    with pytest.raises(DicomError, match="oriented otherwise"):
        dicom.sort_slices(slices)


def test_volume_from_a_shuffled_series(tmp_path):
    order = [3, 0, 4, 1, 2]
    write_series(tmp_path, [make_slice(2.5 * n, n, RescaleSlope=2, RescaleIntercept=1) for n in order])
    (tmp_path / "LICENSE.txt").write_text("not an image")
    volume = dicom.series_to_volume(tmp_path)
    assert volume.array.shape == (5, 4, 6) and volume.array[:, 0, 0].tolist() == [1, 3, 5, 7, 9]
    assert np.allclose(volume.spacing, (2.5, 0.5, 0.8), atol=1e-4), "2.5 mm by position; SliceThickness says 5"
    start = np.array([-100.0, 20.0, 33.0])
    for index in ((0, 0, 0), (3, 2, 5), (4, 3, 0)):  # PS3.3 equation C.7.6.2.1-1
        expected = start + 2.5 * index[0] * NORMAL + 0.5 * index[1] * AXES[1] + 0.8 * index[2] * AXES[0]
        assert np.allclose((volume.affine @ [*index, 1])[:3], expected, atol=1e-3)
    again = dicom.series_to_volume(sorted(tmp_path.glob("*.dcm"), reverse=True))
    assert np.array_equal(again.array, volume.array)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop(2), "a slice is missing"),
        (lambda s: s.append(make_slice(3, 7)), "same position"),
        (lambda s: s.append(make_slice(15, 7, SeriesInstanceUID="1.2.9")), "2 different series"),
        (lambda s: setattr(s[1], "ImageOrientationPatient", [1, 0, 0, 0, 1, 0]), "oriented otherwise"),
        (lambda s: delattr(s[1], "ImagePositionPatient"), "no position"),
        (lambda s: setattr(s[1], "PixelSpacing", [0.5, 0.9]), "pixel spacings"),
        (lambda s: s.append(make(np.zeros((5, 6), np.int16))), "image sizes"),
        (lambda s: s.append(make(np.zeros((2, 4, 6), np.int16), PixelSpacing=[0.5, 0.8])), "several frames"),
        (lambda s: setattr(s[2], "RescaleType", "HU"), "units"),
        (lambda s: s.__delitem__(slice(1, None)), "at least two slices"),
        (lambda s: setattr(s[2], "ImagePositionPatient", list(np.array(s[2].ImagePositionPatient) + 2 * AXES[0])),
         "straight line"),
    ],
)  # fmt: skip
def test_what_is_no_volume_is_refused_with_the_reason(tmp_path, change, words):
    slices = [make_slice(3.0 * n, n) for n in range(5)]
    change(slices)
    with pytest.raises(DicomError, match=words) as caught:
        dicom.series_to_volume(write_series(tmp_path, slices))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tolerance", "strict", "loose", "words", "change"),
    [
        ("orientation_tolerance", 1e-4, 1e-3, "oriented otherwise",
         lambda s: setattr(s, "ImageOrientationPatient", [AXES[0, 0] + 5e-4, *AXES.ravel()[1:]])),
        ("gap_tolerance", 0.005, 0.02, "a slice is missing",
         lambda s: setattr(s, "ImagePositionPatient", list(np.array(s.ImagePositionPatient) + 0.03 * NORMAL))),
        ("line_tolerance", 0.01, 0.05, "straight line",
         lambda s: setattr(s, "ImagePositionPatient", list(np.array(s.ImagePositionPatient) + 0.1 * AXES[0]))),
    ],
)  # fmt: skip
def test_each_tolerance_of_a_volume_is_a_parameter(tmp_path, tolerance, strict, loose, words, change):
    slices = [make_slice(3.0 * n, n) for n in range(5)]
    change(slices[2])
    folder = write_series(tmp_path, slices)
    by_default = dicom.series_to_volume(folder)
    assert np.array_equal(dicom.series_to_volume(folder, **{tolerance: loose}).affine, by_default.affine)
    with pytest.raises(DicomError, match=words):
        dicom.series_to_volume(folder, **{tolerance: strict})


# ---------------------------------------------------------------------------- identity

TEXT = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
BYTES = {"OB", "OW", "OF", "OD", "OL", "OV", "UN", "OB or OW", "US or OW", "US or SS or OW"}
DATES = {"DA": "19560229", "TM": "114233.987654", "DT": "19560229114233.987654", "AS": "077Y"}
NEEDED = {"SOPClassUID", "PhotometricInterpretation", "TransferSyntaxUID", "SpecificCharacterSet", "CodeValue",
          "CodingSchemeDesignator", "BurnedInAnnotation"}  # fmt: skip


def plant(data: Dataset, salt: str, deep: bool = True) -> list[bytes]:
    """Put a token of its own into every attribute of the dictionary that can hold text; returns the tokens."""
    tokens = []
    for tag, (vr, *_) in DicomDictionary.items():
        keyword = keyword_for_tag(tag)
        if tag >> 16 in (0, 2, 0x7FE0, 0xFFFE) or keyword in NEEDED or tag & 0xFFFF == 0 or tag in data:
            continue
        token = f"Z{salt}{tag:08x}".upper()
        if vr in TEXT:
            data.add_new(tag, vr, token)
        elif vr in BYTES:
            data.add_new(tag, vr.split(" or ")[-1], token.encode())
        elif vr in DATES:
            data.add_new(tag, vr, DATES[vr])
            token = DATES[vr]
        elif vr == "UI":
            token = f"1.2.826.0.1.9.{salt}.{tag}"
            data.add_new(tag, vr, token)
        elif vr == "SQ" and deep:
            item = Dataset()
            item.PatientComments, item.ImageType, item.OperatorsName = f"N{token}", [f"M{token}"], f"P{token}^X"
            block = item.private_block(0x11, "MAKER", create=True)
            block.add_new(1, "LO", f"Q{token}")
            data.add_new(tag, "SQ", [item])
            tokens += [f"{letter}{token}".encode() for letter in "NMPQ"]
            continue
        else:
            continue
        tokens.append(token.encode())
    block = data.private_block(0x0029, "ACME 1.1", create=True)
    for element, vr in enumerate(["LO", "UN", "OB", "UT", "PN", "ST"]):
        token = f"PRIV{salt}{vr}"
        block.add_new(element, vr, token.encode() if vr in ("UN", "OB") else token)
        tokens.append(token.encode())
    return tokens


def test_no_attribute_of_the_dictionary_lets_text_through():
    data = make(np.full((16, 16), 7, np.uint8), PixelPaddingValue=0)
    tokens = plant(data, "77")
    item = Dataset()  # sequences that are kept: what stands in them must go all the same
    tokens += plant(item, "88", deep=False)
    data.PerFrameFunctionalGroupsSequence.append(item)
    data.ReferencedImageSequence.append(item)
    for group in (0x6000, 0x5000):
        data.add_new((group, 0x3000), "OW", f"OVERLAY{group:x} ".encode())
        tokens.append(f"OVERLAY{group:x}".encode())
    data.file_meta.SourceApplicationEntityTitle = "METATITLE"
    data.file_meta.PrivateInformationCreatorUID, data.file_meta.PrivateInformation = "1.2.99", b"METAPRIVATE "
    data.preamble = b"PREAMBLE".ljust(128, b"\0")
    data.PixelData += b"BEHINDTHEPIXELS "
    tokens += [b"METATITLE", b"METAPRIVATE", b"PREAMBLE", b"BEHINDTHEPIXELS", b"Hansen", b"4711"]
    before = saved(data).upper()
    assert len(tokens) > 4_000
    assert [token for token in tokens if token.upper() not in before] == [], "all tokens are really there"
    clean = dicom.deidentify(data, Pseudonymiser(SECRET), [])
    after = saved(clean).upper()
    assert [token for token in tokens if token.upper() in after] == []
    found = dicom.audit_identity(clean, [token.decode() for token in tokens[:500]], original=data,
                                 pseudonyms=Pseudonymiser(SECRET))  # fmt: skip
    assert found.empty, "every date and UID is what the pseudonyms make of the original's"
    again = pydicom.dcmread(io.BytesIO(after and saved(clean)))
    assert np.array_equal(dicom.stored_values(again), np.full((16, 16), 7))


def test_text_in_the_place_of_a_number_or_a_term_goes():
    data = make(ImageType=["ORIGINAL", "HANSEN", "AXIAL"], ScanOptions="GRETE", StudyDate="Hansen", Modality="HANSEN",
                Manufacturer="Hansen & Co", SeriesDescription="Grete H. 4711")  # fmt: skip
    for keyword, vr in (("SliceThickness", "LO"), ("KVP", "PN"), ("EchoTime", "OB"), ("SeriesNumber", "LO")):
        data.add_new(pydicom.datadict.tag_for_keyword(keyword), vr, b"Hansen" if vr == "OB" else "Hansen")
    clean = dicom.deidentify(data, Pseudonymiser(SECRET), [])
    assert not any(word in saved(clean).upper() for word in (b"HANSEN", b"GRETE", b"4711"))
    assert clean.ImageType == ["ORIGINAL", "OTHER", "AXIAL"] and clean.Modality == "OT" and clean.StudyDate == ""
    assert "SliceThickness" not in clean and "SeriesDescription" not in clean


def test_audit_finds_what_is_planted():
    data = make()
    tokens = [token.decode() for token in plant(data, "55")]
    found = dicom.audit_identity(data)
    for keyword in ("PatientName", "StudyDate", "StudyInstanceUID", "InstitutionName", "ImageComments"):
        assert keyword in set(found["keyword"])
    assert (found["why"] == "private: only its maker knows what it says").sum() > 500
    some = np.random.default_rng(0).choice(tokens, 100, replace=False)
    text = " ".join(dicom.audit_identity(data, some)["why"]).upper()
    assert all(token.upper() in text for token in some)
    assert dicom.audit_identity(make(), ["hansen"])["why"].str.contains("holds 'hansen'").any()
    hidden = make(np.frombuffer(b"xxJANE DOExx".ljust(64, b"\0"), np.uint8).reshape(8, 8))
    assert "holds 'jane doe'" in set(dicom.audit_identity(hidden, ["Jane Doe"])["why"])


def test_audit_takes_uids_for_pseudonyms_only_where_identity_was_removed():
    def suspects(**tags):
        return set(dicom.audit_identity(make(StudyInstanceUID="2.25.17", **tags)).query("vr == 'UI'")["keyword"])

    assert "StudyInstanceUID" in suspects() and "StudyInstanceUID" not in suspects(PatientIdentityRemoved="YES")
    assert "SeriesInstanceUID" in suspects(PatientIdentityRemoved="YES")


def test_audit_says_when_the_picture_may_hold_text():
    def why(**tags):
        return " ".join(dicom.audit_identity(make(**tags))["why"])

    assert "burned into" in why(BurnedInAnnotation="YES", Modality="CT")
    assert "does not say" in why(Modality="US") and "does not say" in why(Modality="CT", ImageType=["SCREEN SAVE"])
    assert "secondary image in CT" in why(Modality="CT", ImageType=["DERIVED", "SECONDARY", "REFORMATTED"])
    assert "burned" not in why(Modality="MR") and "burned" not in why(Modality="US", BurnedInAnnotation="NO")


def series(pid="4711"):
    out = []
    for n in range(3):
        data = make_slice(n * 2.0, n, PatientID=pid, StudyDate="20200229", StudyTime="101500.5", SeriesDate="20200301",
                          SeriesTime="101530", AcquisitionDateTime="20200229101600.25+0100",
                          FrameOfReferenceUID="1.2.3.77", BodyPartExamined="CHEST",
                          SeriesDescription="T1 SAG Grete Hansen", Manufacturer="SIEMENS")  # fmt: skip
        ref = Dataset()
        ref.ReferencedSOPClassUID, ref.ReferencedSOPInstanceUID = MRImageStorage, f"1.2.3.4.{(n + 1) % 3 + 1}"
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "39607008", "SCT", "Lung of Grete"
        strange = Dataset()
        strange.CodeValue, strange.CodingSchemeDesignator, strange.CodeMeaning = "1", "99HOSP", "Ward of Dr Hansen"
        data.ReferencedImageSequence, data.AnatomicRegionSequence = [ref], [code, strange]
        out.append(data)
    return out


def test_pseudonyms_uids_and_dates_are_consistent_across_a_series():
    names = Pseudonymiser(SECRET)
    old, new = series(), [dicom.deidentify(data, names) for data in series()]
    uids = [data.SOPInstanceUID for data in new]
    assert len(set(uids)) == 3 and all(uid.startswith("2.25.") and len(uid) <= 64 and uid.is_valid for uid in uids)
    for n, data in enumerate(new):
        assert data.ReferencedImageSequence[0].ReferencedSOPInstanceUID == uids[(n + 1) % 3]
        assert data.ReferencedImageSequence[0].ReferencedSOPClassUID == MRImageStorage
        assert data.file_meta.MediaStorageSOPInstanceUID == uids[n]
        meanings = [item.CodeMeaning for item in data.AnatomicRegionSequence]
        assert len(meanings) == 1, "an unknown code goes"
        assert meanings[0].startswith("Lung") and "Grete" not in meanings[0], "a known one gets its standard meaning"
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
                    "StudyDate", "SeriesTime"):  # fmt: skip
        assert len({str(data[keyword].value) for data in new}) == 1
        assert str(new[0][keyword].value) != str(old[0][keyword].value)
    shift = names.offset("4711")
    form = "%Y%m%d%H%M%S.%f"
    parse = pydicom.valuerep.datetime.datetime.strptime
    study = parse(new[0].StudyDate + new[0].StudyTime, form)
    assert study - parse("20200229101500.5", form) == shift and shift.days < -300
    assert parse(new[0].SeriesDate + new[0].SeriesTime, form) - study == parse("20200301101530.0", form) - parse(
        "20200229101500.5", form)  # fmt: skip
    assert parse(str(new[0].AcquisitionDateTime), form) - parse("20200229101600.25", form) == shift
    assert new[0].SeriesDescription == "T1 SAG" and new[0].BodyPartExamined == "CHEST"
    other = dicom.deidentify(series("4712")[0], names)
    assert other.PatientID != new[0].PatientID
    stranger = dicom.deidentify(series()[0], Pseudonymiser(SECRET + "!"))
    assert stranger.PatientID != new[0].PatientID and stranger.SOPInstanceUID != uids[0]
    assert dicom.deidentify(series()[0]).PatientID != dicom.deidentify(series()[0]).PatientID


def test_series_is_still_a_volume_afterwards(tmp_path):
    names = Pseudonymiser(SECRET, uid_root="1.2.826.0.1.3680043.10.999")
    for data in series():
        save(dicom.deidentify(data, names), tmp_path / f"{data.InstanceNumber}.dcm")
    volume = dicom.series_to_volume(tmp_path)
    assert volume.array[:, 0, 0].tolist() == [0, 1, 2] and np.allclose(volume.spacing, (2, 0.5, 0.8), atol=1e-4)
    assert dicom.headers(tmp_path)["study_uid"].str.startswith("1.2.826.0.1.3680043.10.999.").all()


def test_the_result_says_what_was_done():
    clean = dicom.deidentify(make(FrameOfReferenceUID="1.2.3.9"), Pseudonymiser(SECRET), [])
    assert (clean.PatientIdentityRemoved, clean.LongitudinalTemporalInformationModified) == ("YES", "MODIFIED")
    assert clean.BurnedInAnnotation == "NO" and clean.DeidentificationMethod
    codes = [(item.CodeValue, item.CodingSchemeDesignator) for item in clean.DeidentificationMethodCodeSequence]
    assert codes == [(code, "DCM") for code in ("113100", "113101", "113105", "113107")]
    for keyword in ("StudyDate", "AccessionNumber", "PatientBirthDate", "PatientSex", "ReferringPhysicianName",
                    "StudyID", "SeriesNumber", "PositionReferenceIndicator"):  # type 2: present, empty
        assert keyword in clean and not clean[keyword].value
    assert clean.preamble == bytes(128) and "SourceApplicationEntityTitle" not in clean.file_meta


def test_clean_pixels_are_claimed_only_where_somebody_looked():
    def claims(regions=None, **tags):
        clean = dicom.deidentify(make(**tags), Pseudonymiser(SECRET), regions)
        codes = {item.CodeValue for item in clean.DeidentificationMethodCodeSequence}
        return clean.get("BurnedInAnnotation"), "113101" in codes

    assert claims() == (None, False) and claims(BurnedInAnnotation="NO") == ("NO", False)
    assert claims([]) == claims([(0, 0, 2, 2)], BurnedInAnnotation="YES") == ("NO", True)


def test_every_bundled_image_stays_the_same_picture():
    names, done = Pseudonymiser(SECRET), 0
    for path in BUNDLED:
        data = None
        try:
            data = dicom.read(path)
            clean = dicom.deidentify(data, names, [])
        except DicomError:
            continue
        again = pydicom.dcmread(io.BytesIO(saved(clean)))
        assert dicom.audit_identity(again, original=data, pseudonyms=names).empty, path.name
        if "PixelData" in data:
            assert np.array_equal(dicom.display(data), dicom.display(again)), path.name
        done += 1
    assert done >= 70


def test_burned_in_regions_are_blanked_also_in_compressed_and_moving_pictures():
    names = Pseudonymiser(SECRET)
    clip = dicom.read(FILES / "examples_ybr_color.dcm")
    with pytest.raises(DicomError, match="does not say whether text is burned in"):
        dicom.deidentify(clip, names)
    clean = pydicom.dcmread(io.BytesIO(saved(dicom.deidentify(clip, names, [(0, 0, 40, 320), (200, 10, 210, 20)]))))
    before, after = dicom.display(clip), dicom.display(clean)
    assert before[:, :40].max() > 0 and after[:, :40].max() == 0 and after[:, 200:210, 10:20].max() == 0
    assert np.array_equal(before[:, 40:200], after[:, 40:200])
    assert clean.PhotometricInterpretation == "RGB" and clean.LossyImageCompression == "01"
    film = make(np.arange(64, dtype=np.uint16).reshape(8, 8), PhotometricInterpretation="MONOCHROME1",
                BurnedInAnnotation="YES")  # fmt: skip
    with pytest.raises(DicomError, match="text is burned into the picture"):
        dicom.deidentify(film, names)
    shown = dicom.display(dicom.deidentify(film, names, [(0, 0, 2, 3)]))
    assert shown[:2, :3].max() == 0, "black, also where high values are dark"
    for wrong in ((0, 0, 9, 3), (2, 2, 2, 4), (-1, 0, 2, 2)):
        with pytest.raises(DicomError, match="does not lie in"):
            dicom.deidentify(film, names, [wrong])


def test_nothing_hides_in_the_stream_or_in_unused_bits():
    data = dicom.read(FILES / "SC_rgb_jpeg_dcmtk.dcm")
    frame = next(generate_frames(data.PixelData, number_of_frames=1))
    data.PixelData = encapsulate([frame[:2] + b"\xff\xfe\x00\x12JANE DOE 4711..." + frame[2:]])
    assert b"JANE DOE" in saved(data)
    assert "holds 'jane doe'" in set(dicom.audit_identity(data, ["jane doe"])["why"])
    assert b"JANE DOE" not in saved(dicom.deidentify(data, Pseudonymiser(SECRET), []))
    stored = np.arange(64, dtype=np.uint16).reshape(8, 8)
    overlaid = make(stored | 0x8000, BitsStored=12, HighBit=11)
    clean = dicom.deidentify(overlaid, Pseudonymiser(SECRET))
    assert np.array_equal(np.frombuffer(clean.PixelData, "<u2").reshape(8, 8), stored)


def test_refusals_of_deidentify():
    names = Pseudonymiser(SECRET)
    for sop in ("1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.113619.4.27", ""):  # a report, a private class, none
        with pytest.raises(DicomError, match="not an image of the standard"):
            dicom.deidentify(make(sop=sop), names)
    for sop, modality in ((UltrasoundImageStorage, "US"), (SecondaryCaptureImageStorage, "OT"), (CTImageStorage, "CR")):
        with pytest.raises(DicomError, match="look at the picture"):
            dicom.deidentify(make(sop=sop, Modality=modality), names)
    with pytest.raises(DicomError, match="16 characters"):
        Pseudonymiser("too short")
    with pytest.raises(DicomError, match="root"):
        Pseudonymiser(SECRET, uid_root="my hospital")
