"""The clinic's readers: fixed people whose bias and skill are known; and a stand-in for LIDC-IDRI's outlines.

Modelled: signal detection (Green and Swets 1966). A case carries a suspicion, what it shows to everybody: for an
opacity how conspicuous it is, for any other film what could be mistaken for one. A reader sees skill × suspicion
plus standard normal noise of their own and says yes above their threshold; so errors agree where cases mislead.
Part of that noise (how this reader takes to this case) is there again when the case is read on another day.
An outline is the true border, moved by the reader's margin and by a smooth wobble, part of which (the border
itself is vague) all readers of a case share. A reader who says no draws nothing.
Not modelled: search, fatigue, learning, knowing the prevalence, reading together; where a reader sees an opacity
on a film that has none. Names are invented.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from utils.clinic.chest import attenuation, projection
from utils.clinic.patient import Patient, Term, make_patient

CASES = 1.75, .45, .3  # suspicion: median and log-standard deviation with an opacity, mean without
WATER_MM = 21.0  # of extra water in the beam make a suspicion of 1
TASTE = .6  # part of the variance of a reader's noise that comes back on another day
SHARED = .5  # part of the variance of an outline's wobble that all readers of a case have in common
PIXEL = .7  # of a stand-in crop, mm


@dataclass(frozen=True)
class Reader:
    """A person. `threshold` is their bias (high: reluctant to say yes) and `skill` their sensitivity to suspicion,
    both in standard deviations of their own noise; they draw `margin` mm outside the border (negative: inside),
    give or take `wobble` mm."""

    name: str
    number: int
    threshold: float
    skill: float
    margin: float = 0.0
    wobble: float = 0.7

    def chance(self, suspicion: np.ndarray) -> np.ndarray:
        """Probability of a yes for cases of this suspicion: Φ(skill · suspicion − threshold)."""
        return ndtr(self.skill * np.asarray(suspicion, float) - self.threshold)

    def says(self, suspicion: np.ndarray, day: int = 0) -> np.ndarray:
        """Yes or no, bool (n,), to n cases read in order; the same cases on another day need not get the same."""
        taste, mood = (np.random.Generator(np.random.PCG64(seed)).standard_normal(len(suspicion))
                       for seed in ([self.number, 0], [self.number, day, 1]))
        noise = TASTE**.5 * taste + (1 - TASTE) ** .5 * mood
        return self.skill * np.asarray(suspicion, float) + noise > self.threshold

    def outline(self, truth: np.ndarray, spacing: float, case: int = 0, day: int = 0) -> np.ndarray:
        """What this reader draws around a true mask, bool (rows, columns); `spacing` mm. Nothing around nothing."""
        if not truth.any():
            return np.zeros(truth.shape, bool)
        inside = ndimage.distance_transform_edt(truth) - ndimage.distance_transform_edt(~truth)  # of pixels' centres
        inside -= np.sign(inside) / 2  # pixels, from the border
        wobble = sum(weight * _smooth(truth.shape, 2.5 / spacing, seed) for weight, seed in
                     ((SHARED**.5, [case, 2]), ((1 - SHARED)**.5, [case, 3, self.number, day])))
        drawn = inside * spacing + self.margin + self.wobble * wobble > 0
        parts, count = ndimage.label(drawn)
        return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]) if count > 1 else drawn


READERS = (
    Reader("Abel", 1, threshold=1.4, skill=1.5, margin=.0, wobble=.6),  # thirty years of chest films
    Reader("Blom", 2, threshold=.8, skill=1.4, margin=.4),  # rather one call too many
    Reader("Cruz", 3, threshold=2.1, skill=1.4, margin=-.3),  # rather one too few
    Reader("Dahl", 4, threshold=1.3, skill=.9, margin=.1, wobble=.9),  # first year
    Reader("Egli", 5, threshold=1.5, skill=1.2, margin=.2),
)


def colleagues(count: int, seed: int = 0) -> list[Reader]:
    """More people, drawn from the population that the five fixed readers could come from."""
    rng = np.random.Generator(np.random.PCG64([seed, 4]))
    values = np.stack([rng.normal(1.4, .45, count), 1.3 * np.exp(rng.normal(0, .2, count)),
                       rng.normal(.1, .3, count), .7 * np.exp(rng.normal(0, .2, count))], 1)
    return [Reader(f"colleague {k + 1}", 1000 * (seed + 1) + k, *map(float, v)) for k, v in enumerate(values)]


def suspicion(patient: Patient) -> float:
    """What a film of the patient shows to everybody: the thickest opacity, or something that resembles one."""
    outlines = {k for lesion in patient.lesions for k in lesion}
    if not outlines:
        mean = CASES[2] * (2 if patient.finding == "other" else 1)
        return float(np.random.Generator(np.random.PCG64([int(patient.name[1:]), 5])).exponential(mean))
    terms = [term._replace(amount=2 * term.amount) for term in patient.terms if term.inside[0] in outlines]
    return float(projection(patient, 64, terms=terms).max() / WATER_MM)


def case_mix(count: int, prevalence: float = .3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cases without their films: whether there is an opacity, bool (n,), and the suspicion, float (n,)."""
    rng = np.random.Generator(np.random.PCG64([seed, 6]))
    opacity, (median, spread, mean) = rng.random(count) < prevalence, CASES
    return opacity, np.where(opacity, median * np.exp(rng.normal(0, spread, count)), rng.exponential(mean, count))


def _smooth(shape: Sequence[int], sigma: float, seed: list[int]) -> np.ndarray:
    """A smooth random field with standard deviation 1."""
    field = ndimage.gaussian_filter(np.random.Generator(np.random.PCG64(seed)).standard_normal(shape), sigma)
    return field * (2 * sigma * np.pi**.5)


# ---------------------------------------------------------------------------- a stand-in for LIDC-IDRI


def nodule(patient: Patient, seed: int, size: int = 128) -> tuple[np.ndarray, np.ndarray, float]:
    """A slice through a nodule in a patient's lung: attenuation relative to water (size, size), the nodule's true
    mask, and its suspicion. Rows run to the back, columns to the patient's left, `PIXEL` mm apart."""
    rng = np.random.Generator(np.random.PCG64([seed, 9]))
    lung = patient.lungs[rng.integers(2)]
    axes = np.sqrt(np.diagonal(patient.shape[lung]))
    while True:
        centre = patient.centre[lung] + axes * rng.uniform(-.85, .85, 3)
        if patient.holds(lung, centre) and not any(patient.holds(s, centre) for s in patient.solids):
            break
    radius, density = np.clip(2.0 * np.exp(rng.normal(0, .75)), 1.0, 16), rng.uniform(.25, .85)
    count = rng.integers(3, 7)
    patient, first = replace(patient), len(patient.centre)
    spots = centre + rng.normal(0, .45 * radius, (count, 3)) * [1, 1, .3]
    patient.add(spots, radius * rng.uniform(.45, .9, (count, 3)))
    x, y, z = ((np.arange(n) - (n - 1) / 2) * PIXEL + c for n, c in zip((size, size, 1), centre, strict=True))
    parts = attenuation(patient, (x, y, z), [Term(1, (k, lung), patient.near(k)) for k in range(first, first + count)])
    picture = attenuation(patient, (x, y, z)) + density * np.minimum(parts, 1)
    return picture[..., 0].T, parts[..., 0].T > 0, float(1.5 * density**.7 * (radius / 2.0) ** 1.2)


def lidc_npz(seed: int = 0, patients: int = 180) -> dict[str, np.ndarray]:
    """A stand-in for `lidc_nodules.npz`, with its flaws: crops scaled from their own minimum to their own maximum,
    and bit k of `reader_masks` is the k-th outline of a nodule, not a fixed reader (here the first four).

    Returns:
        `images` and `reader_masks` uint8 (n, 128, 128), `patient_id`, `nodule`, `slice` str (n,).
    """
    rng = np.random.Generator(np.random.PCG64([seed, 10]))
    rows = []
    for person in range(patients):
        base, shown = 1_000_000 + seed * 100_000 + person, 0
        patient = make_patient(base, age=int(rng.integers(40, 85)))
        for found in range(min(int(rng.geometric(.34)), 12)):
            case = base * 20 + found
            picture, truth, seen = nodule(patient, case)
            drawn = [reader.outline(truth, PIXEL, case) for reader in READERS[:4]
                     if rng.random() < reader.chance(seen)]
            drawn = [drawn[k] for k in rng.permutation(len(drawn)) if drawn[k].sum() > 5]
            if not drawn:
                continue
            picture = ndimage.gaussian_filter(picture, .5) + rng.normal(0, .02, picture.shape)
            picture = np.clip(picture, 0, 1.3)
            image = np.rint(255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)
            packed = sum(outline.astype(np.uint8) << k for k, outline in enumerate(drawn))
            rows.append((image, packed, f"CLINIC-{person + 1:04d}", f"nodule-{shown}", "slice-0.png"))
            shown += 1
    return dict(zip(("images", "reader_masks", "patient_id", "nodule", "slice"), map(np.stack, zip(*rows, strict=True)),
                    strict=True))
