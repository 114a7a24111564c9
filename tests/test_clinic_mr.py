"""The clinic's DICOM: a head series with the usual traps, and films that name their patient."""

import numpy as np
import pydicom
import pytest

from utils import dicom
from utils.clinic import chest, dicomfile, mr
from utils.clinic.patient import make_patient


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return mr.write_mr_series(tmp_path_factory.mktemp("mr") / "new", slices=12)


def test_series_is_one_series_of_valid_mr_files(series):
    files = [pydicom.dcmread(path) for path in series]  # without force: preamble and meta header are there
    assert len({str(f.SeriesInstanceUID) for f in files}) == len({str(f.StudyInstanceUID) for f in files}) == 1
    assert len({str(f.SOPInstanceUID) for f in files}) == 12
    for f in files:
        assert f.SOPClassUID == pydicom.uid.MRImageStorage == f.file_meta.MediaStorageSOPClassUID
        assert f.file_meta.MediaStorageSOPInstanceUID == f.SOPInstanceUID
        assert f.BitsAllocated == 16 and f.pixel_array.dtype == np.uint16 and f.PatientName


def test_neither_names_nor_instance_numbers_are_in_slice_order(series):
    order = sorted(range(12), key=lambda k: series[k].name)
    numbers = [pydicom.dcmread(path).InstanceNumber for path in series]
    assert order != list(range(12)) and order[::-1] != list(range(12))
    assert sorted(numbers) == list(range(1, 13)) and numbers != sorted(numbers)


def test_positions_give_the_spacing_and_slice_thickness_does_not(series):
    volume = dicom.series_to_volume(series)
    assert np.allclose(volume.spacing, (4.0, 1.25, 1.3), atol=1e-6)
    thickness = float(pydicom.dcmread(series[0]).SliceThickness)
    assert thickness < 3.9
    orientation = np.array(pydicom.dcmread(series[0]).ImageOrientationPatient, float).reshape(2, 3)
    assert np.allclose(orientation @ orientation.T, np.eye(2), atol=1e-8)
    assert abs(orientation).max() < .999  # oblique


def test_the_volume_is_the_head_at_its_millimetres(series):
    volume = dicom.series_to_volume(series)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in volume.array.shape), indexing="ij"), -1)
    points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    ideal = mr.SIGNAL[mr.tissue(points)] * mr.bias(points)
    inside = ideal > 100
    assert np.corrcoef(volume.array[inside], ideal[inside])[0, 1] > .99
    assert abs(np.median(volume.array[inside] - ideal[inside])) < 5


def test_noise_is_rician():
    air = mr.scan(np.full((40_000, 3), 500.0), noise=20.0)
    assert air.mean() == pytest.approx(20 * np.sqrt(np.pi / 2), rel=.02)  # Rayleigh
    brain = np.tile([30.0, 10, 30], (40_000, 1))
    assert mr.scan(brain, noise=20.0).std() == pytest.approx(20, rel=.03)
    assert not np.array_equal(mr.scan(brain, draw=0), mr.scan(brain, draw=1))


def test_series_is_deterministic_and_never_overwrites(series, tmp_path):
    again = mr.write_mr_series(tmp_path, slices=12)
    assert [p.name for p in again] == [p.name for p in series]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(series, again, strict=True))
    with pytest.raises(FileExistsError):
        mr.write_mr_series(tmp_path, slices=12)
    other = mr.write_mr_series(tmp_path / "other", seed=1, slices=12)
    assert pydicom.dcmread(other[0]).SeriesInstanceUID != pydicom.dcmread(series[0]).SeriesInstanceUID


@pytest.mark.parametrize("inverted", [False, True])
def test_film_file_names_the_patient_in_the_stated_rectangle(tmp_path, inverted):
    patient = make_patient(4)
    film = chest.radiograph(patient, size=128)
    site = chest.Site(name="Mercy", tags={"Manufacturer": "ACME", "StationName": "R2"})
    x, y, width, height = chest.write_film_dicom(film, tmp_path / "a.dcm", site, patient, inverted=inverted)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    pixels = 4095 - ds.pixel_array if inverted else ds.pixel_array
    changed = pixels != film.image
    assert changed[y:y + height, x:x + width].any() and changed.sum() == changed[y:y + height, x:x + width].sum()
    assert ds.PatientSex == patient.sex and ds.ViewPosition == film.view and ds.StationName == "R2"
    assert ds.PhotometricInterpretation == ("MONOCHROME1" if inverted else "MONOCHROME2")
    assert float(ds.PixelSpacing[0]) == pytest.approx(film.spacing)


def test_film_file_without_the_name_holds_the_film(tmp_path):
    patient = make_patient(4)
    film = chest.radiograph(patient, size=128)
    assert chest.write_film_dicom(film, tmp_path / "a.dcm", chest.Site(), patient, burn=False) == (0, 0, 0, 0)
    assert np.array_equal(pydicom.dcmread(tmp_path / "a.dcm").pixel_array, film.image)


def test_dataset_refuses_pixels_it_cannot_store():
    with pytest.raises(ValueError, match="float"):
        dicomfile.dataset(np.zeros((4, 4)), dicomfile.CR, 1, 1, 1, {})
