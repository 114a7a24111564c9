"""The clinic's readers: fixed people whose bias and skill are known.

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
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from utils.clinic.chest import projection
from utils.clinic.patient import Patient, draws

CASES = 1.75, .45, .3  # suspicion: median and log-standard deviation with an opacity, mean without
WATER_MM = 21.0  # of extra water in the beam make a suspicion of 1
TASTE = .6  # part of the variance of a reader's noise that comes back on another day
SHARED = .5  # part of the variance of an outline's wobble that all readers of a case have in common


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
        taste = draws(self.number, 0).standard_normal(len(suspicion))
        mood = draws(self.number, day, 1).standard_normal(len(suspicion))
        noise = TASTE**.5 * taste + (1 - TASTE) ** .5 * mood
        return self.skill * np.asarray(suspicion, float) + noise > self.threshold

    def outline(self, truth: np.ndarray, spacing: float, case: int = 0, day: int = 0) -> np.ndarray:
        """What this reader draws around a true mask, bool (rows, columns); `spacing` mm. Nothing around nothing."""
        if not truth.any():
            return np.zeros(truth.shape, bool)
        depth = ndimage.distance_transform_edt
        inside = depth(truth) - depth(~truth)  # of pixels' centres
        inside -= np.sign(inside) / 2  # pixels, from the border
        common = _smooth(truth.shape, 2.5 / spacing, draws(case, 2))
        own = _smooth(truth.shape, 2.5 / spacing, draws(case, 3, self.number, day))
        wobble = SHARED**.5 * common + (1 - SHARED)**.5 * own
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
    """More people, drawn from the population that the five fixed readers could come from.

    >>> [person.name for person in colleagues(2)]
    ['colleague 1', 'colleague 2']
    """
    rng, first = draws(seed, 4), 1000 * (seed + 1)
    threshold = rng.normal(1.4, .45, count)
    skill = 1.3 * np.exp(rng.normal(0, .2, count))
    margin, wobble = rng.normal(.1, .3, count), .7 * np.exp(rng.normal(0, .2, count))
    values = np.stack([threshold, skill, margin, wobble], 1).tolist()
    return [Reader(f"colleague {k + 1}", first + k, *habits) for k, habits in enumerate(values)]


def suspicion(patient: Patient) -> float:
    """What a film of the patient shows to everybody: the thickest opacity, or what resembles one.

    >>> from utils.clinic.patient import make_patient
    >>> suspicion(make_patient(2, "opacity")) > suspicion(make_patient(2))
    True
    """
    outlines = {k for lesion in patient.lesions for k in lesion}
    if not outlines:
        mean = CASES[2] * (2 if patient.finding == "other" else 1)
        return float(draws(int(patient.name[1:]), 5).exponential(mean))
    terms = [term for term in patient.terms if term.inside[0] in outlines]
    terms = [term._replace(amount=2 * term.amount) for term in terms]
    return float(projection(patient, 64, terms=terms).max() / WATER_MM)


def case_mix(count: int, prevalence: float = .3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cases without their films: whether there is an opacity, bool (n,), and suspicion, float (n,)."""
    rng, (median, spread, mean) = draws(seed, 6), CASES
    opacity = rng.random(count) < prevalence
    sick, well = median * np.exp(rng.normal(0, spread, count)), rng.exponential(mean, count)
    return opacity, np.where(opacity, sick, well)


def _smooth(shape: Sequence[int], sigma: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random field with standard deviation 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma)
    return field * (2 * sigma * np.pi**.5)
