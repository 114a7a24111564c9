"""Odd NIfTI files and what is not NIfTI though its name says so, by kind."""
from __future__ import annotations

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
import torch

from utils import datasets
from utils.datasets import DataError

VALUES = np.random.default_rng(0).integers(-1000, 1000, (8, 9, 10)).astype(np.int16)
AFFINE = np.diag([2.0, 2, 3, 1])


def raw_of(array=VALUES, affine=AFFINE, kind=nib.Nifti1Image, header=None, **fields):
    image = kind(array, affine, header)
    for name, value in fields.items():
        image.header[name] = value
    return image.to_bytes()


def refused(file, words):
    with pytest.raises(DataError, match=words) as caught:
        datasets.nifti(file)
    text = str(caught.value)
    assert file.name in text and str(file.parent) not in text and "\n" not in text


# K8: one sentence, the true reason


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "c.nii (1).gz", "no_ending", "x.NII"])
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_whole_file_is_read_whatever_its_name_ends_in(tmp_path, name, pack, kind):
    (tmp_path / name).write_bytes(pack(raw_of(kind=kind)))
    scan = datasets.nifti(tmp_path / name)
    assert (scan.array == VALUES).all() and scan.spacing == (2, 2, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"ObjectType = Image\nNDims = 3\n", "MetaImage"),
        (b"NRRD0004\n", "NRRD"),
        (b"PK\x03\x04" + b"0" * 400, "zip archive"),
        (b"\0" * 128 + b"DICM" + b"0" * 300, "DICOM"),
        (b"<!DOCTYPE html><html>log in</html>", "web page"),
        (b"\n  <html>", "web page"),
        (gzip.compress(b"\x00\x00\x00\x01" + b"0" * 400, mtime=0), "MGH"),
        (b"\x89PNG\r\n" + b"0" * 400, "picture"),
        (gzip.compress(raw_of())[:-200], "cut off"),
        (raw_of()[:-50], "ends before its last voxel"),
        (b"hello" * 200, "not a whole NIfTI file"),
        (struct.pack("<i", 348) + b"\0" * 400, "Analyze"),
        (raw_of(scl_slope=1, scl_inter=np.nan), "a slope and no intercept"),
    ],
)
def test_what_is_no_nifti_file_is_called_what_it_is(tmp_path, content, words):
    (tmp_path / "x.nii.gz").write_bytes(content)
    refused(tmp_path / "x.nii.gz", words)


def test_half_a_pair_and_a_surface_are_named(tmp_path):
    nib.save(nib.Nifti1Pair(VALUES, AFFINE), tmp_path / "p.hdr")
    assert (datasets.nifti(tmp_path / "p.hdr").array == VALUES).all()
    (tmp_path / "p.img").unlink()
    refused(tmp_path / "p.hdr", "half of a pair")
    (tmp_path / "s.dscalar.nii").write_bytes(raw_of(kind=nib.Nifti2Image, intent_code=3006))
    refused(tmp_path / "s.dscalar.nii", "CIFTI")


# K11: byte order and exotic types


@pytest.mark.parametrize("kind", ["i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "u1", "i1"])
@pytest.mark.parametrize("order", "<>")
def test_values_come_in_this_machines_order(tmp_path, order, kind):
    values = np.abs(VALUES) % 100 if kind[0] == "u" or kind == "i1" else VALUES
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(np.dtype(order + kind))
    (tmp_path / "x.nii").write_bytes(nib.Nifti1Image(values.astype(order + kind), AFFINE, header).to_bytes())
    array = datasets.nifti(tmp_path / "x.nii").array
    assert array.dtype.isnative and (array == values).all()
    torch.from_numpy(array.astype(np.int32) if kind == "u4" else array)


RGB = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize(("array", "words"), [(RGB, "colours"), (np.ones((4, 4, 4), np.complex64), "complex")])
def test_colours_and_complex_numbers_are_no_volume(tmp_path, array, words):
    (tmp_path / "x.nii.gz").write_bytes(gzip.compress(raw_of(array)))
    refused(tmp_path / "x.nii.gz", words)


@pytest.mark.parametrize("offset", [0.0, 348.0, 16.0])
def test_a_header_is_never_read_as_voxels(tmp_path, offset):
    raw = raw_of()
    (tmp_path / "x.nii").write_bytes(raw[:108] + struct.pack("<f", offset) + raw[112:])
    scan = datasets.nifti(tmp_path / "x.nii")
    assert (scan.array == VALUES).all() and "byte 352" in scan.source.note


# K3: values lose range or unit; K9: two places in a file disagree


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_number_are_counted(tmp_path, odd):
    values = VALUES.astype(np.float32)
    values[0, :7, 0] = odd
    (tmp_path / "x.nii").write_bytes(raw_of(values))
    assert datasets.nifti(tmp_path / "x.nii").source.note == "7 of 720 voxels are NaN or infinite."


def test_a_slope_is_applied(tmp_path):
    (tmp_path / "x.nii").write_bytes(raw_of(scl_slope=0.5, scl_inter=-3))
    assert np.allclose(datasets.nifti(tmp_path / "x.nii").array, VALUES * 0.5 - 3)


def test_a_spacing_is_not_made_up(tmp_path, caplog):
    image = nib.Nifti1Image(VALUES, None)
    image.set_qform(AFFINE, code=1)
    raw = image.to_bytes()
    (tmp_path / "x.nii").write_bytes(raw[:80] + struct.pack("<3f", 0, 0, 0) + raw[92:])
    refused(tmp_path / "x.nii", "cannot be inverted")
    assert not caplog.records, "nibabel says nothing on its own"


@pytest.mark.parametrize(("shift", "said"), [(0.0, False), (1e-3, False), (5.0, True)])
def test_two_affines_that_disagree_are_said_in_millimetres(tmp_path, shift, said):
    image = nib.Nifti1Image(VALUES, AFFINE)
    image.set_sform(AFFINE, code=1)
    other = AFFINE.copy()
    other[0, 3] += shift
    image.set_qform(other, code=1)
    nib.save(image, tmp_path / "x.nii")
    note = datasets.nifti(tmp_path / "x.nii").source.note
    assert ("differ by up to 5.0 mm" in note) == said and (said or not note)
