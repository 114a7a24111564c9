"""The clinic's two CT scans: values that tissues have, and the two traps they are made for."""
from __future__ import annotations

import numpy as np
import pytest

from utils import dicom
from utils.clinic import ct


@pytest.fixture(scope="module")
def body():
    return ct.volume()


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return ct.write_slices(tmp_path_factory.mktemp("ct"), size=128)


def share(values, low, high):
    return ((values >= low) & (values <= high)).mean()


def test_the_volume_holds_air_lung_fat_muscle_bone_and_metal(body):
    values, affine = body
    assert values.dtype == np.int16 and np.allclose(abs(np.diag(affine)[:3]), 3)
    tissues = (-1040, -960, 0.2), (-900, -600, 0.03), (-140, -60, 0.03), (0, 80, 0.1), (200, 1500, 0.005)
    for low, high, least in tissues:
        assert share(values, low, high) > least, (low, high)
    assert 20 < (values == 3071).sum() < 2000, "a pacemaker, as bright as the scanner can store"


def test_the_fat_lies_outside(body):
    values = body[0]
    middle = values[:, values.shape[1] // 2, values.shape[2] // 2].astype(float)
    body_starts = np.argmax(middle > -500)
    assert abs(middle[body_starts + 1 : body_starts + 4].mean() + 100) < 60


def test_the_slices_are_hounsfield_units_with_a_filler_that_is_not_declared(slices):
    data = dicom.read(slices[0])
    values = dicom.physical_values(data)
    assert dicom.unit(data) == "HU" and "PixelPaddingValue" not in data
    assert values[0, 0] == ct.FILLER and abs(share(values, -2048, -2048) - (1 - np.pi / 4)) < 0.02
    assert share(values, -900, -600) > 0.05
    assert (values != dicom.physical_values(dicom.read(slices[1]))).any()


def test_the_slices_make_a_volume_and_are_never_overwritten(slices):
    volume = dicom.series_to_volume(slices)
    assert volume.spacing == pytest.approx((1, 3, 3))
    with pytest.raises(FileExistsError):
        ct.write_slices(slices[0].parent, size=128)


def test_scans_are_the_same_for_the_same_seed(body):
    again, _ = ct.volume()
    other, _ = ct.volume(seed=4)
    assert (again == body[0]).all() and (other != body[0]).any()
