"""What the clinic makes stays what it was: films, CT, MR and nodules of a few seeds, coarsely.

Each digest is of block means in steps far coarser than the last bits in which processors and versions
of NumPy differ, and far finer than anything a changed anatomy or a changed order of draws would do.
"""
from __future__ import annotations

import hashlib

import numpy as np
import pytest

from utils.clinic import chest, ct, mr, standins
from utils.clinic.patient import make_patient

SEEDS = (1, 2, 5)
FINDINGS = "normal", "other", "opacity"


def digest(values, step: float) -> str:
    return hashlib.sha256(np.rint(np.asarray(values) / step).astype(np.int32).tobytes()).hexdigest()[:12]


def blocks(image: np.ndarray, side: int = 8) -> np.ndarray:
    """Means of side × side pixels (the first two axes)."""
    rows, columns = (n // side * side for n in image.shape[:2])
    image = image[:rows, :columns].astype(float)
    return image.reshape(rows // side, side, columns // side, side, -1).mean((1, 3))


def people() -> list:
    return [make_patient(seed, finding) for seed in SEEDS for finding in FINDINGS]


def patients():
    values = [np.concatenate([p.centre.ravel(), p.shape.ravel()]) for p in people()]
    return digest(np.concatenate(values), 1e-2)  # mm and mm²


def terms():
    return digest([v for p in people() for t in p.terms for v in (100 * t.amount, *t.inside, *t.outside)], 0.1)


def films():
    made = [chest.radiograph(p, size=128, seed=3) for p in people()]
    return digest([blocks(film.image) for film in made], 32) + digest([blocks(film.mask) for film in made], 0.1)


def scans():
    made = [ct.ct(p, (6, 6, 8), (56, 48, 24), seed=3) for p in people()]
    values = digest([blocks(hu) for hu, _, _ in made], 8)
    return values + digest([blocks(mask) for _, _, mask in made], 0.1)


def hospital_scans():
    return digest(blocks(ct.volume(spacing=6.0, shape=(64, 48, 40))[0]), 8)


def heads():
    y, x = np.mgrid[-100:100:5, -100:100:5]
    places = np.stack([x, y, 0 * x + 10], -1)
    return digest([blocks(mr.scan(places, seed)) for seed in SEEDS], 8)


def nodules():
    made = standins.lidc_npz(seed=1, patients=4)
    crops = [blocks(image) for image in made["images"]]
    return digest(crops, 4) + digest([blocks(mask) for mask in made["reader_masks"]], 0.1)


FROZEN = {
    "patients": "6e4ad2089c70",
    "terms": "3528f151b68a",
    "films": "a9f67646c01f5afa55784953",
    "scans": "4e2b7c53bb225bb671f9c2a3",
    "hospital_scans": "3a34dd207592",
    "heads": "9df83abc536c",
    "nodules": "491b2ae1d0a97e3014301596",
}


@pytest.mark.parametrize("what", [patients, terms, films, scans, hospital_scans, heads, nodules])
def test_what_the_clinic_makes_is_frozen(what):
    assert what() == FROZEN[what.__name__]
