"""The reader: what it says of good files, what it refuses and in which order, what it survives, what it keeps."""
from __future__ import annotations

import io
import itertools
import os
import re
import tempfile
import time
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import psutil
import pydicom
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import FileMetaDataset

from assistant import defaults, files, gate, reader
from utils import datasets, training
from utils.clinic import chest, dicomfile
from utils.clinic.patient import make_patient
from utils.datasets import places

SIDE = 32
SENTENCE = re.compile(r"[^\n]+[.]")


def film(k, size=SIDE, site=chest.Site()):  # noqa: B008 (a frozen record)
    patient = make_patient(k, ["normal", "opacity"][k % 2], vessels=4, severity=3.0)
    return (chest.picture(patient, site, size, k)[0] / 16.06).astype(np.uint8)


@pytest.fixture(scope="session")
def films():
    """(120, 32, 32) and labels."""
    return np.stack([film(k) for k in range(120)]), np.arange(120) % 2


@pytest.fixture(scope="session")
def small(films):
    """A reader of 32 pixels from sixty films, in two seconds: no good, but whole."""
    images, labels = films
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    trained = defaults.network(images[:60], labels[:60], ("well", "ill"), turns=False, epochs=3, widths=(4, 8, 16))
    made = reader.build(trained, images[60:], labels[60:], None, gate_images=images[:60], title="test films",
                        source="the clinic", accepts=files.ACCEPTS["chest"], count=60, epochs=2)  # fmt: skip
    torch.set_num_threads(before)
    return made


@pytest.fixture(scope="session")
def open_door(small):
    """The same with a gate that lets everything in."""
    return replace(small, gate=gate.Gate(small.gate.model, small.gate.known, np.array([np.inf])))


def dicom_of(pixels, form=dicomfile.CR, **tags):
    """Bytes of a DICOM file."""
    data = dicomfile.dataset(pixels, form, "study", 1, 1, {"Modality": "CR", "ViewPosition": "PA"} | tags)
    data.file_meta = data.file_meta or FileMetaDataset()
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def png_of(image, kind="PNG", **how):
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **how)
    return out.getvalue()


PICTURE = film(500, 64)


# ---------------------------------------------------------------------------- what it says


def test_a_film_in_and_a_finding_out(open_door, tmp_path):
    patient, site = make_patient(7, "opacity"), chest.Site()
    taken = chest.radiograph(patient, site, 128, 7)
    chest.write_film_dicom(taken, tmp_path / "film.dcm", site, patient)
    found = open_door.read(tmp_path / "film.dcm")
    assert found.declined == "" and found.classes == ("well", "ill")
    assert found.probabilities.shape == (2,) and found.probabilities.sum() == pytest.approx(1)
    assert found.image.dtype == np.uint8 and found.image.shape == found.overlay.shape == (128, 128)
    assert found.overlay.min() >= 0 and found.overlay.max() <= 1
    assert set(found.plausible) <= set(found.classes)
    facts = found.facts
    assert (facts["kind"], facts["modality"], facts["view"]) == ("DICOM", "CR", taken.view)
    assert facts["spacing"] == pytest.approx((3.0, 3.0)) and facts["photometric"] == "MONOCHROME2"
    assert "PatientName" in facts["identity"]
    for words in ("well", "90 % set", "calibration: ", "not why", "test films", "PatientName", "not a medical device"):
        assert words in str(found)
    assert not re.search(r"Danuser|SG-", str(found) + str(facts)), "names of elements, never their values"
    assert {"course", "torch", "code", "reader", "trained on"} == set(found.versions)


def test_bytes_and_a_path_give_the_same_and_grey_in_three_channels_too(open_door, tmp_path):
    (tmp_path / "a.png").write_bytes(png_of(PICTURE))
    once = open_door.read(tmp_path / "a.png").probabilities
    assert np.array_equal(once, open_door.read(png_of(PICTURE), "a.png").probabilities)
    assert np.array_equal(once, open_door.read(png_of(np.stack([PICTURE] * 3, -1))).probabilities)


def test_monochrome1_is_corrected_not_declined(open_door):
    usual = open_door.read(dicom_of(PICTURE))
    turned = open_door.read(dicom_of(255 - PICTURE, PhotometricInterpretation="MONOCHROME1"))
    assert not turned.declined and "MONOCHROME1" in " ".join(turned.notes)
    assert np.allclose(usual.probabilities, turned.probabilities, atol=1e-6)
    assert np.array_equal(usual.image, turned.image)


def test_answers_are_float32_softmax_of_logits_by_temperature(small, films):
    images = films[0][:8, ..., None]
    x, _ = training.tensors(images, mean=small.trained.mean, std=small.trained.std)
    with torch.inference_mode():
        logits = small.trained.model(x.contiguous(memory_format=torch.channels_last)).double()
    assert np.allclose(small.probabilities(images), (logits / small.temperature).softmax(1).numpy(), atol=1e-5)


def test_a_file_is_read_as_a_folder_is_read(small, tmp_path):
    for k, name in itertools.product(range(2), ("well", "ill")):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray(film(k + 40, 100)).save(tmp_path / name / f"{k}.png")
    folder = datasets.folder(tmp_path, size=SIDE)
    for image, name in zip(folder.images, folder.table["file"], strict=True):
        shown = files.open_file(tmp_path / name).image
        assert np.array_equal(reader.sized(shown, SIDE, 1)[..., 0], image)


def test_a_reader_of_middle_squares_crops_and_draws_its_map_there(open_door):
    wide = np.pad(PICTURE, ((0, 0), (32, 32)))
    crops = replace(open_door, cropped=True)
    assert np.allclose(crops.read(png_of(wide)).probabilities, open_door.read(png_of(PICTURE)).probabilities, atol=1e-3)
    overlay = crops.read(png_of(wide)).overlay
    assert overlay.shape == wide.shape and overlay.max() > 0 and not overlay[:, :32].any() and not overlay[:, 96:].any()


def test_what_stands_beside_the_pixels_is_named(open_door):
    about = PngInfo()
    about.add_text("Patient", "Danuser")
    found = open_door.read(png_of(PICTURE, pnginfo=about))
    assert found.facts["identity"].startswith("Patient beside the pixels") and "Danuser" not in str(found)
    assert open_door.read(png_of(PICTURE)).facts["identity"].startswith("nothing beside")


def test_sets_without_a_class_and_with_all_say_what_that_means(open_door):
    for threshold, words in ((1.1, "not answered"), (0.0, "cannot say")):
        some = replace(open_door, thresholds=np.full(2, threshold))
        assert words in str(some.read(png_of(PICTURE)))


def test_what_is_declined_looks_unlike_a_finding(small):
    shut = replace(small, gate=gate.Gate(small.gate.model, small.gate.known, np.array([-np.inf])))
    found = shut.read(png_of(PICTURE))
    assert "gate" in found.declined and found.probabilities is None and found.overlay is None and not found.plausible
    assert str(found).startswith("DECLINED.") and "nobody has read" in str(found) and "%" not in str(found)
    assert found.image is not None and found.facts["kind"] == "PNG"


# ---------------------------------------------------------------------------- what it refuses, and in which order

ORDER = {  # a file that is wrong in several ways: what is said is the first in the order of refusals
    "unreadable before too large": (dicom_of(PICTURE, Rows=60000, Columns=60000)[:300], "cannot be read"),
    "too large before another modality": (dicom_of(PICTURE, Modality="CT", Rows=60000, Columns=60000), "too large"),
    "another modality before the gate": (dicom_of(PICTURE, Modality="CT"), "its modality is CT"),
    "MR": (dicom_of(PICTURE, Modality="MR"), "its modality is MR"),
    "lateral by its view": (dicom_of(PICTURE, ViewPosition="LL"), "its view is LL"),
    "lateral by the direction of its rows": (
        dicom_of(PICTURE, ViewPosition="", PatientOrientation=["P", "F"]), "its view is LATERAL"),
    "a hand": (dicom_of(PICTURE, BodyPartExamined="HAND"), "the part of the body is HAND"),
    "another modality before its pixels": (dicom_of(PICTURE, Modality="CT")[:-500], "its modality is CT"),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDER)
def test_the_order_of_refusals(small, case):
    raw, words = ORDER[case]
    found = small.read(raw, "film.dcm")
    assert words in found.declined and SENTENCE.fullmatch(found.declined)


def test_a_header_that_says_nothing_is_not_refused(open_door):
    assert not open_door.read(dicom_of(PICTURE, Modality="", ViewPosition="")).declined


GOOD = {  # odd, and answered, with a sentence that says what was done
    "16 bits": (png_of(Image.fromarray(PICTURE.astype(np.uint16) * 16)), "16-bit"),
    "palette": (png_of(Image.fromarray(PICTURE).convert("P")), "(P)"),
    "alpha": (png_of(Image.fromarray(PICTURE).convert("RGBA")), "transparent"),
    "grey with alpha": (png_of(Image.fromarray(PICTURE).convert("LA")), "transparent"),
    "CMYK": (png_of(Image.fromarray(PICTURE).convert("RGB").convert("CMYK"), "JPEG"), "(CMYK)"),
    "in colour": (png_of(np.stack([PICTURE, PICTURE // 2, PICTURE // 3], -1)), "turned into grey"),
}
BAD = {
    "1 × 1": (png_of(np.zeros((1, 1), np.uint8)), "1 × 1 pixels"),
    "one value": (png_of(np.full((64, 64), 9, np.uint8)), "one value"),
    "one value, DICOM": (dicom_of(np.full((64, 64), 9, np.uint8)), "one value"),
    "animated": (png_of(Image.fromarray(PICTURE), save_all=True, append_images=[Image.fromarray(255 - PICTURE)]),
                 "2 pictures"),
    "frames": (dicom_of(np.vstack([PICTURE, PICTURE]), Rows=64, NumberOfFrames=2), "2 pictures"),
    "empty": (b"", "empty"), "text": (b"hello", "not a DICOM file"), "PDF": (b"%PDF-1.7", "a PDF"),
    "HTML": (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "web page"), "a GIF": (png_of(PICTURE, "GIF"), "GIF"),
    "NIfTI, packed": (zlib.compress(b"n", wbits=31), "gzip"), "a TIFF": (png_of(PICTURE, "TIFF"), "TIFF"),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_odd_pictures_are_read_and_the_finding_says_how(open_door, case):
    raw, words = GOOD[case]
    found = open_door.read(raw)
    assert not found.declined and words in " ".join(found.notes) and words in str(found)


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_one_sentence(small, case):
    raw, words = BAD[case]
    found = small.read(raw, "some.dcm")
    assert words in found.declined and SENTENCE.fullmatch(found.declined)


def test_no_such_file_a_folder_and_a_closed_file(small, tmp_path):
    assert "no such file" in small.read(tmp_path / "x.png").declined
    assert "folder" in small.read(tmp_path).declined
    os.mkfifo(tmp_path / "pipe")
    assert "no such file" in small.read(tmp_path / "pipe").declined


def test_grey_for_a_reader_that_knows_colours_is_declined(open_door):
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
    trained = defaults.network(images, np.arange(40) % 2, ("a", "b"), turns=True, epochs=1, widths=(4, 4, 4))
    made = reader.build(trained, images, np.arange(40) % 2, None, gate_images=images, title="x", source="y", count=140,
                        epochs=1)  # fmt: skip
    assert made.coloured is True and len(made.gate.bars) == 2 and made.gate.known.shape == (140, 128)
    assert "no colours" in made.read(png_of(PICTURE)).declined
    assert "no colours" in made.read(png_of(np.stack([PICTURE] * 3, -1))).declined
    assert "no colours" not in made.read(png_of(images[0])).declined


# ---------------------------------------------------------------------------- what it survives


def damaged(count, seed=0):
    """Files of pydicom's corpus with flipped bits, or cut, or both."""
    rng, corpus = np.random.default_rng(seed), [path.read_bytes() for path in datasets.pydicom_files()]
    corpus = [raw for raw in corpus if len(raw) < 300_000]
    for k in range(count):
        raw = bytearray(corpus[k % len(corpus)])
        for _ in range(rng.integers(1, 40) if k % 3 else 0):
            raw[rng.integers(min(len(raw), [2000, len(raw)][k % 2]))] ^= 1 << int(rng.integers(8))
        yield bytes(raw[: rng.integers(1, len(raw))] if k % 3 != 1 else raw)


def test_a_thousand_damaged_dicoms_are_a_sentence_each(open_door, capfd):
    answers, all_accepted = 0, replace(open_door, accepts={})
    for raw in damaged(1000):
        found = all_accepted.read(raw, "film.dcm")
        assert found.declined == "" or SENTENCE.fullmatch(found.declined), found.declined
        answers += not found.declined
    assert 0 < answers < 500 and capfd.readouterr().err == ""


def huge_png(side, fill=b""):
    """A PNG whose header says side × side pixels of one bit."""
    def chunk(kind, content):
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    size = side.to_bytes(4, "big") * 2
    packed = fill or zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + b"\1\0\0\0\0") + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def zip_bomb():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("film.dcm", bytes(20_000_000))
    return out.getvalue()


def deflated_bomb():
    """A deflated DICOM file whose content grows without end."""
    whole = dicom_of(PICTURE)
    start = whole.find(b"1.2.840.10008.1.2.1\0")
    pack = zlib.compressobj(wbits=-15)
    body = pack.compress(bytes(300_000_000)) + pack.flush()
    data = pydicom.dcmread(io.BytesIO(whole))
    meta = data.file_meta
    meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    out = io.BytesIO()
    pydicom.filewriter.write_file_meta_info(out, meta)
    assert start > 0
    return bytes(128) + b"DICM" + out.getvalue() + body


def four_gigabytes():
    """A film whose pixel data claim 4 GB."""
    raw = bytearray(dicom_of(PICTURE))
    place = raw.rfind(b"\xe0\x7f\x10\0OB") + 8
    raw[place : place + 4] = (0xFFFFFFFE).to_bytes(4, "little")
    return bytes(raw)


def hostile():
    """Two hundred files by name; some of them are read."""
    jpeg, png = png_of(PICTURE, "JPEG"), png_of(PICTURE)
    wide = jpeg.replace(b"\xff\xc0\x00\x0b\x08\x00\x40\x00\x40", b"\xff\xc0\x00\x0b\x08\xea\x60\xea\x60")
    assert wide != jpeg
    once = {
        "4 GB.dcm": four_gigabytes(), "60,000 rows.dcm": dicom_of(PICTURE, Rows=60000, Columns=60000),
        "60,000.png": huge_png(60_000), "60,000.jpg": wide, "9,000.png": huge_png(9_000), "6,000.png": huge_png(6_000),
        "a zip.dcm": zip_bomb(), "frames.dcm": dicom_of(PICTURE, NumberOfFrames=2_000_000_000),
        "page.dcm": b"<html><body>Sign in</body></html>", "a png.dcm": png, "a jpg.png": jpeg, "zeros.dcm": bytes(5000),
        "no name": png_of(PICTURE), "nan.dcm": dicom_of(PICTURE, WindowWidth="nan", WindowCenter="inf"),
        "slope 0.dcm": dicom_of(PICTURE, RescaleSlope="0", RescaleIntercept="0"),
        **{f"{kind}.png": raw for kind, (raw, _) in (GOOD | BAD).items()},
    }  # fmt: skip
    kinds = {"jpg": jpeg, "png": png}
    cut = {f"cut {k}.{kind}": raw[: len(raw) * k // 60] for k in range(1, 60) for kind, raw in kinds.items()}
    noise = np.random.default_rng(0)
    flipped = {}
    for k in range(200 - len(once) - len(cut)):
        raw = bytearray([png, jpeg][k % 2])
        for place in noise.integers(8, len(raw), 5):
            raw[place] ^= 1 << int(noise.integers(8))
        flipped[f"flipped {k}"] = bytes(raw)
    return once | cut | flipped


def test_two_hundred_hostile_files_are_a_sentence_each_without_growth_or_litter(small, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    kept = places.DATA.exists() and sorted(places.DATA.rglob("*"))
    every = hostile()
    assert len(every) == 200
    small.read(deflated_bomb(), "bomb.dcm"), small.read(png_of(PICTURE))
    before = psutil.Process().memory_info().rss
    for name, raw in every.items():
        found = small.read(raw, name)
        assert found.declined == "" or SENTENCE.fullmatch(found.declined), (name, found.declined)
        huge = any(word in name for word in ("60,000", "9,000", "frames.dcm"))
        assert ("too large" in found.declined) == huge, (name, found.declined)
    assert psutil.Process().memory_info().rss - before < 50 << 20
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]
    assert kept == (places.DATA.exists() and sorted(places.DATA.rglob("*")))


def progressive_bomb(passes, side=512):
    """A small JPEG that is gone through again and again: coefficients of nothing but end-of-block runs."""

    def segment(marker, content):
        return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content

    blocks, runs = (side // 8) ** 2, -(-((side // 8) ** 2) // 32767)
    bits = ("0" + "1" * 14) * runs
    bits += "1" * (-len(bits) % 8)
    coded = bytes(int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    once = segment(0xDA, b"\1\1\0\1\x3f\0") + coded
    head = segment(0xDB, b"\0" + bytes([16] * 64)) + segment(0xC2, b"\x08" + side.to_bytes(2) * 2 + b"\1\1\x11\0")
    tables = segment(0xC4, b"\0\1" + bytes(16)) + segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    return b"\xff\xd8" + head + tables + first + once * passes + b"\xff\xd9"


def test_a_picture_of_many_passes_is_not_decoded(open_door):
    few, many = progressive_bomb(20), progressive_bomb(2000)
    assert "one value" in open_door.read(few, "few.jpg").declined, "twenty are gone through"
    assert "too many to decode" in open_door.read(many, "many.jpg").declined
    data = dicomfile.dataset(np.zeros((512, 512), np.uint8), dicomfile.CR, "study", 1, 1, {"Modality": "CR"}, jpeg=True)
    data.PixelData = pydicom.encaps.encapsulate([many])
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    assert "too many to decode" in open_door.read(out.getvalue(), "many.dcm").declined
    usual = io.BytesIO()
    Image.fromarray(PICTURE).save(usual, "JPEG", progressive=True)
    moving = os.urandom(1 << 24)  # what telephones append: a film, of whose bytes some look like scans
    assert not open_door.read(usual.getvalue() + moving, "usual.jpg").declined


def test_no_probability_is_0_or_100():
    assert {reader.percent(share) for share in (0.0, 1e-9, 0.0099)} == {"less than 1%"}
    assert [reader.percent(share) for share in (0.01, 0.5, 0.99)] == ["1%", "50%", "99%"]
    assert {reader.percent(share) for share in (0.994, 1 - 1e-9, 1.0)} == {"more than 99%"}


def test_a_deflated_bomb_is_not_inflated(small):
    assert "inflates to more" in small.read(deflated_bomb(), "bomb.dcm").declined


# ---------------------------------------------------------------------------- what it keeps


def test_a_reader_that_was_kept_says_the_same(open_door, tmp_path):
    open_door.save(tmp_path / "deep" / "reader.pt")
    again = reader.Reader.load(tmp_path / "deep" / "reader.pt")
    first, second = (made.read(dicom_of(PICTURE)) for made in (open_door, again))
    assert np.array_equal(first.probabilities, second.probabilities) and str(first) == str(second)
    assert again.read(dicom_of(PICTURE, Modality="CT")).declined


def changed(file, **content):
    kept = torch.load(file, weights_only=True)
    kept["plain"] |= {"code": content.pop("code", kept["plain"]["code"])}
    torch.save({key: value for key, value in (kept | content).items() if value is not None}, file)


def test_a_file_that_does_not_fit_or_would_run_code_is_refused(small, tmp_path):
    file = tmp_path / "reader.pt"
    with pytest.raises(reader.ReaderError, match="no file reader.pt"):
        reader.Reader.load(file)
    wrong = [{"network": {"settings": small.gate.model.settings, "weights": small.trained.model.state_dict()}},
             {"arrays": None}, {"arrays": {}}, {"gate": {}}, {"accepts": 3}]  # fmt: skip
    for content in wrong:
        small.save(file)
        changed(file, **content)
        with pytest.raises(reader.ReaderError, match="is no reader of this course, or is damaged"):
            reader.Reader.load(file)
    for content in (b"", b"PK\3\4 no zip", os.urandom(2000)):
        file.write_bytes(content)
        with pytest.raises(reader.ReaderError, match="damaged"):
            reader.Reader.load(file)
    torch.save({"course": "Reader", "classes": print}, file)
    with pytest.raises(reader.ReaderError):
        reader.Reader.load(file)


BROKEN = {
    "a name too few": {"classes": ["well"]}, "a name too many": {"classes": ["a", "b", "c"]},
    "names that are none": {"classes": [1, 2]}, "side 0": {"plain": {"side": 0}},
    "a huge side": {"plain": {"side": 10**6}}, "a side of words": {"plain": {"side": "64"}},
    "temperature 0": {"plain": {"temperature": 0.0}}, "no temperature": {"plain": {"temperature": None}},
    "no title": {"plain": {"title": None}}, "three means": {"arrays": {"mean": torch.zeros(3)}},
    "no spread": {"arrays": {"std": torch.zeros(1)}},
    "thresholds that are none": {"arrays": {"thresholds": torch.full((2,), torch.nan)}},
    "one prior": {"arrays": {"prior": torch.ones(1)}}, "no bar": {"arrays": {"bars": torch.empty(0)}},
    "a bar that is none": {"arrays": {"bars": torch.full((1,), torch.nan)}},
    "another gate": {"arrays": {"known": torch.zeros(4, 3)}},
}  # fmt: skip


@pytest.mark.parametrize("why", BROKEN)
def test_numbers_and_names_that_do_not_belong_together_are_refused(small, tmp_path, why):
    file = tmp_path / "reader.pt"
    small.save(file)
    kept = torch.load(file, weights_only=True)
    for key, value in BROKEN[why].items():
        kept[key] = kept[key] | value if isinstance(value, dict) else value
    torch.save(kept, file)
    with pytest.raises(reader.ReaderError, match="is no reader of this course, or is damaged"):
        reader.Reader.load(file)


def test_weights_that_are_no_numbers_are_refused(small, tmp_path):
    file = tmp_path / "reader.pt"
    small.save(file)
    kept = torch.load(file, weights_only=True)
    for part in ("network", "gate"):
        weights = next(iter(kept[part]["weights"].values()))
        before = weights.clone()
        weights.fill_(torch.nan)
        torch.save(kept, file)
        with pytest.raises(reader.ReaderError, match="damaged"):
            reader.Reader.load(file)
        weights.copy_(before)


def test_a_default_is_trained_kept_and_trained_again_where_it_does_not_fit(small, tmp_path, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(defaults, "KEPT", tmp_path)
    monkeypatch.setattr(defaults, "train", lambda name, pile, seed=0: trained.append(name) or small)
    monkeypatch.setitem(defaults.DEFAULTS, "chest", defaults.DEFAULTS["chest"]._replace(pile=lambda: None))

    def asked():
        before = len(trained)
        found = reader.default("chest")
        assert isinstance(found, reader.Reader)
        return len(trained) - before, capsys.readouterr().out

    assert asked()[0] == 1
    assert asked() == (0, "")
    (file,) = tmp_path.iterdir()
    changed(file, code="another")
    assert asked()[0] == 1 and asked()[0] == 0
    changed(file, code="another")
    assert "by other code" in asked()[1]
    file.write_bytes(b"damaged")
    assert "is damaged" in asked()[1]
    assert asked()[0] == 0
    with pytest.raises(reader.ReaderError, match="chest or skin"):
        reader.default("chesst")


def test_without_the_folder_medmnist_at_64_pixels_is_taken_and_never_its_test(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(places, "DATA", tmp_path / "data")
    made = {f"{part}_images": np.full((9, 64, 64), k, np.uint8) for k, part in enumerate(("train", "val", "test"))}
    made |= {key.replace("images", "labels"): np.arange(9) % 2 for key in made}
    np.savez(tmp_path / "pneumoniamnist_64.npz", **made)
    pile = defaults.chest()
    assert pile.images.shape == (18, 64, 64) and set(pile.images.ravel().tolist()) == {0, 1} and pile.source.is_real
    assert pile.cropped and pile.classes == ("normal", "pneumonia") and len(set(pile.groups.tolist())) == 18


def test_a_child_is_a_kind_and_a_number(tmp_path):
    names = ["NORMAL/IM-0115-0001", "NORMAL/IM-0115-0002", "NORMAL/NORMAL2-IM-0115-0001", "PNEUMONIA/person1_virus_6",
             "PNEUMONIA/person1_bacteria_7", "PNEUMONIA/person1_bacteria_8", "PNEUMONIA/scan"]  # fmt: skip
    for name in names:
        (tmp_path / "chest_xray" / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PICTURE).save(tmp_path / "chest_xray" / "train" / f"{name}.png")
    place = places.Place(defaults.CARDS["chest_xray"], tmp_path, "", [tmp_path / "chest_xray"], "a test")
    groups = defaults.children(place, "train").groups
    assert sorted(np.unique(groups, return_counts=True)[1].tolist()) == [1, 1, 1, 2, 2] and len(groups) == 7


# ---------------------------------------------------------------------------- how it is built


def test_a_class_without_held_out_images_is_always_plausible(small, films):
    images, labels = films
    made = reader.build(small.trained, images[60:][labels[60:] == 0], labels[60:][labels[60:] == 0], None, epochs=1,
                        gate_images=images[:60], title="x", source="y", count=20)  # fmt: skip
    assert made.thresholds[1] == 0 and made.temperature == 1.0 and made.prior.tolist() == [1, 0]


def test_one_image_a_group_and_class_counts_for_the_sets(small, films):
    images, labels = films
    made = reader.build(small.trained, images[60:], labels[60:], np.arange(60) // 8, gate_images=images[:60], title="x",
                        source="y", count=20, epochs=1)  # fmt: skip
    assert made.thresholds.tolist() == [0, 0], "eight groups a class promise nothing at 90 %"
    assert (small.thresholds > 0).all()


@pytest.mark.parametrize(("change", "words"), [
    ({"images": np.zeros((4, 32, 32, 3), np.uint8)}, "1 channel"),
    ({"images": np.zeros((4, 32, 20), np.uint8)}, "square"),
    ({"images": np.zeros((4, 32, 32), np.float32)}, "uint8"),
    ({"labels": [0, 1, 2, 0]}, "2"), ({"labels": [0, 1]}, "4"), ({"groups": ["a", "b", None, "c"]}, "none missing"),
    ({"groups": ["a"]}, "4 groups"), ({"gate_images": np.zeros((4, 32, 32), np.uint8)}, "gate"),
])  # fmt: skip
def test_what_does_not_fit_is_one_sentence(small, films, change, words):
    given = {"images": films[0][:4], "labels": [0, 1, 0, 1], "groups": None, "gate_images": films[0][:4]} | change
    with pytest.raises(reader.ReaderError, match=words):
        reader.build(small.trained, given["images"], given["labels"], given["groups"], count=4, epochs=1,
                     gate_images=given["gate_images"], title="x", source="y")  # fmt: skip


def test_what_is_spoiled_is_never_a_turned_image_where_these_are_right():
    image, rng = np.random.default_rng(0).integers(0, 255, (16, 16, 1)).astype(np.uint8), np.random.default_rng(1)
    turned = [np.rot90(one, k) for one in (image, image[::-1]) for k in range(4)]
    spoiled = [gate.spoil(image, rng, True) for _ in range(300)]
    assert not any(np.array_equal(one, view) for one in spoiled for view in turned)
    assert any(np.array_equal(gate.spoil(image, rng, False), view) for _ in range(100) for view in turned)


def test_no_code_of_the_assistant_reads_what_is_kept_aside():
    # the app shows such images as examples, and decides nothing by them
    makers = ("defaults", "files", "gate", "reader")
    folder = places.DATA.parent / "assistant"
    text = "".join((folder / f"{name}.py").read_text(encoding="utf-8") for name in makers)
    assert not re.search(r"mr_series|ct_volume|ct_slices|brain_tumours|skimage|sample_images|utils.clinic", text)


def test_the_chest_default_from_nothing(tmp_path, monkeypatch, capsys, films):
    """On the children's films where they are, else on generated ones; the times are printed (pytest -s)."""
    monkeypatch.setattr(defaults, "KEPT", tmp_path)
    started = time.perf_counter()
    made = reader.default("chest")
    cold = time.perf_counter() - started
    assert ("generated" in made.title) == ("synthetic" in made.source) and "about a minute" in capsys.readouterr().out
    raw = dicom_of(film(3, 512))
    made.read(raw)
    started = time.perf_counter()
    made.read(raw)
    warm = time.perf_counter() - started
    with capsys.disabled():
        print(f"\nchest default from nothing: {cold:.0f} s; a 512 × 512 film, warm: {warm:.2f} s")
    assert warm < 10
    rest = defaults.chest().dealt(0)["rest"]
    assert (made.probabilities(rest.images[..., None]).argmax(1) == rest.labels).mean() > 0.85
    assert made.gate.declines(rest.images[..., None]).mean() < 0.15
    assert made.gate.declines(255 - rest.images[:100, ..., None]).mean() > 0.9
