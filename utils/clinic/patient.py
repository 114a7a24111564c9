"""Synthetic chest patients: ellipsoids in millimetres, in the manner of Shepp and Logan.

A patient is a list of ellipsoids and a list of terms. A term adds an attenuation wherever a point lies inside
all of some ellipsoids and outside all of some others, so that heart, mediastinum and diaphragm replace lung, and
the same description gives films and CT that agree. Attenuation is relative to water: 0 air, 1 water,
HU = 1000 (value − 1). Axes are LPS: x to the patient's left, y to the back, z to the head.

Modelled: torso, shoulders, neck, breasts, lungs with vessels, heart, aorta, mediastinum, trachea, diaphragm,
stomach bubble, spine, ribs, clavicles, shoulder blades; age, sex and habitus; pneumonia as clusters of soft
opacities; large hearts, effusions, calcified nodules and wide lungs as other findings. Not modelled: arms,
lobes, bronchi, rib cartilage, the pleura (a rib may cut into the lung), breathing, growth (a child is a small
adult), and how any disease develops.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

SOFT, LUNG, BONE = 1.04, .24, .55  # relative to water; bone is what it adds to the soft tissue it sits in


class Term(NamedTuple):
    """`amount` is added inside all ellipsoids of `inside` and outside all of `outside` (indices)."""

    amount: float
    inside: tuple
    outside: tuple = ()


@dataclass
class Patient:
    """Who, and the shapes: `centre` (k, 3) mm, `shape` (k, 3, 3) mm², R·diag(half-axes²)·Rᵀ."""

    name: str
    age: int
    sex: str
    finding: str = "normal"  # "normal", "other" or "opacity"
    centre: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    shape: np.ndarray = field(default_factory=lambda: np.empty((0, 3, 3)))
    terms: list[Term] = field(default_factory=list)
    lungs: tuple = ()  # indices of the right and the left lung
    solids: tuple = ()  # indices of what replaces lung
    lesions: list[tuple] = field(default_factory=list)  # per cluster: indices of its opacities' outlines

    def add(self, centre, axes, turn=None) -> range:
        """Add ellipsoids, arrays (k, 3) or (3,); returns their indices. `turn` (k, 3, 3) rotates the axes."""
        centre, axes = np.atleast_2d(np.asarray(centre, float)), np.atleast_2d(np.asarray(axes, float))
        turn = np.eye(3) if turn is None else turn
        shape = np.broadcast_to(turn * axes[:, None, :] ** 2 @ np.swapaxes(turn, -1, -2), (len(centre), 3, 3))
        first = len(self.centre)
        self.centre, self.shape = np.concatenate([self.centre, centre]), np.concatenate([self.shape, shape])
        return range(first, len(self.centre))

    def holds(self, index: int, points: np.ndarray) -> np.ndarray:
        """Whether points (..., 3) mm lie inside an ellipsoid."""
        away = points - self.centre[index]
        return np.einsum("...i,ij,...j", away, np.linalg.inv(self.shape[index]), away) < 1

    def near(self, index: int) -> tuple:
        """The solids that can touch an ellipsoid: its centre lies in their sum with it, or in this bound of it."""
        a, b = self.shape[list(self.solids)], self.shape[index]
        p = np.sqrt(np.trace(a, axis1=1, axis2=2) / np.trace(b))[:, None, None]
        away = self.centre[list(self.solids)] - self.centre[index]
        far = np.einsum("ki,kij,kj->k", away, np.linalg.inv((1 + 1 / p) * a + (1 + p) * b), away) > 1
        return tuple(s for s, out in zip(self.solids, far, strict=True) if not out)

    def lesion_terms(self, lesions: list[tuple] | None = None) -> list[Term]:
        """The outlines of opacities (default all), inside a lung and outside what replaces it; amount 1."""
        lesions = self.lesions if lesions is None else lesions
        return [Term(1, (k, lung), self.near(k)) for lesion in lesions for k in lesion for lung in self.lungs]


def rotation(axis: int, degrees: float) -> np.ndarray:
    """Right-handed rotation about x, y or z (axis 0, 1, 2), as a 3×3 matrix."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    turn[i, i], turn[j, j], turn[i, j], turn[j, i] = c, c, -s, s
    return turn


def along(direction: np.ndarray) -> np.ndarray:
    """Rotations (k, 3, 3) that bring the first axis to the unit vectors `direction` (k, 3)."""
    second = np.cross(direction, np.where(abs(direction[:, :1]) < .9, [1., 0, 0], [0, 1., 0]))
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([direction, second, np.cross(direction, second)], -1)


def make_patient(seed: int, finding: str = "normal", age: int | None = None, sex: str | None = None,
                 vessels: int = 60, severity: float = 1.0) -> Patient:
    """A patient, deterministic in the arguments; another finding is the same person in another state.

    `finding` is "normal", "other" or "opacity" (pneumonia); `vessels` a lung; `severity` scales the extent of
    pneumonia. Raises ValueError for an unknown finding.
    """
    if finding not in ("normal", "other", "opacity"):
        raise ValueError(f"A finding is 'normal', 'other' or 'opacity', not {finding!r}.")
    rng, disease = (np.random.Generator(np.random.PCG64(s)) for s in (seed, [seed, 1]))
    age = int(np.clip(rng.normal(48, 17), 3, 92)) if age is None else age
    sex = sex or ("F" if rng.random() < .45 else "M")
    p = Patient(f"P{seed:06d}", age, sex, finding)
    other = disease.choice(["heart", "effusion", "nodules", "wide"]) if finding == "other" else None
    _trunk(p, rng, disease, other)
    _bones(p, rng)
    first = len(p.terms)
    _vessels(p, rng, vessels)
    if other == "nodules":
        spots = p.centre[list(p.lungs)] + disease.normal(0, (18, 25, 40), (2, 2, 3))
        p.terms += [Term(1.2, (k,)) for k in p.add(spots.reshape(4, 3), disease.uniform(2.5, 5, (4, 1)) * [1, 1, 1])]
    if finding == "opacity":
        _pneumonia(p, disease, severity)
    haze = sum(t.amount for t in p.terms[first:] if t.inside[0] == p.lungs[0])
    _saturate(p, first, SOFT - LUNG - haze, p.lesions)
    size = np.interp(age, [0, 2, 6, 12, 18], [.42, .55, .68, .84, 1]) * np.exp(rng.normal(0, .035))
    size *= .93 if sex == "F" else 1
    p.centre, p.shape = p.centre * size, p.shape * size**2
    return p


def _trunk(p: Patient, rng: np.random.Generator, disease: np.random.Generator, other: str | None) -> None:
    fat, girth = np.exp(rng.normal(.02, .07)), rng.normal(0, .05, 3)
    torso, shoulders, neck = p.add([(0, 0, -70), (0, 14, 142), (0, 18, 245)],
                                   np.array([(164, 113, 345), (226, 66, 74), (60, 62, 135)]) * [fat, fat, 1])
    p.terms += [Term(SOFT, (torso,)), Term(SOFT, (shoulders,), (torso,)), Term(SOFT, (neck,), (torso, shoulders))]
    if p.sex == "F" and p.age > 13:
        across, drop, big = rng.uniform(68, 82), rng.normal(-62, 12), rng.uniform(.7, 1.25)
        breasts = p.add([(-across, -88, drop), (across, -88, drop)], np.array([54, 25, 55]) * big, rotation(0, -30))
        p.terms += [Term(SOFT, (k,), (torso, shoulders)) for k in breasts]
    wide = [1, 1.03, 1.1] if other == "wide" else 1
    lungs = p.add([(-72, -5, 0), (70, -5, 0)],
                  np.array([(60, 79, 138), (56, 77, 136)]) * np.exp(girth * .5) * wide,
                  np.stack([rotation(1, 10), rotation(1, -10)]))
    breath = rng.normal(0, 9) - (22 if other == "wide" else 0)
    heart = np.exp(rng.normal(.25 if other == "heart" else 0, .06)) * (1 + .001 * (p.age - 45))
    solids = list(p.add([(-75, 0, -178 + breath), (76, 0, -194 + breath + rng.normal(0, 4)), (1, 8, 40),
                         (27 + rng.normal(0, 4), -25, -64), (-12, -10, -45), (23, 22, 66)],
                        np.array([(90, 104, 95), (86, 100, 95), (25, 75, 172), (68, 48, 52), (44, 42, 55),
                                  (19, 30, 19 + .05 * p.age)]) * np.array([1, 1, 1, heart, heart, 1])[:, None],
                        np.stack([np.eye(3)] * 3 + [rotation(1, 28 + rng.normal(0, 5)), np.eye(3), np.eye(3)])))
    if other == "effusion":
        side, big = disease.choice([-1, 1]), disease.uniform(.8, 1.3)
        solids += p.add((side * 112, 25, -112), np.array([46, 75, 60]) * big)
    p.lungs, p.solids = tuple(lungs), tuple(solids)
    air = LUNG - SOFT + rng.normal(0, .025) - (.05 if other == "wide" else 0)
    p.terms += [Term(air, (lung,), p.solids) for lung in lungs]
    trachea, stomach = p.add([(-2, 12, 108), (72, -30, -150 + breath)], [(8, 9, 70), (rng.uniform(12, 34), 24, 14)])
    p.terms += [Term(-SOFT, (trachea,)), Term(-SOFT, (stomach,), (lungs[1],))]


def _bones(p: Patient, rng: np.random.Generator) -> None:
    bone = BONE * (1 - .004 * max(p.age - 50, 0)) * np.exp(rng.normal(0, .08))
    z = 25. * np.arange(-8, 9)
    for part in (p.add(np.stack([0 * z, 0 * z + 72, z], -1), [17, 15, 10.5]),
                 p.add(np.stack([0 * z, 0 * z + 96, z - 8], -1), [4, 13, 8])):
        p.terms += [Term(bone * .75, (k,)) for k in part]
    slope = rng.normal(11, 3)
    p.terms += [Term(bone, (k,)) for k in p.add(
        [(-74, -52, 132), (74, -52, 132)], [72, 7, 7], np.stack([rotation(1, slope), rotation(1, -slope)]))]
    p.terms += [Term(bone * .6, (k,)) for k in p.add(
        [(-122, 66, 72), (122, 66, 72)], [27, 5, 60],
        np.stack([rotation(2, 35) @ rotation(1, -14), rotation(2, -35) @ rotation(1, 14)]))]
    p.terms += [Term(bone * .7, (k,)) for k in p.add([(-182, 12, 128), (182, 12, 128)], [23, 23, 25])]
    # a rib pair is the rim of a tilted flat ellipsoid: an outer less an inner one, without the front
    back = p.add((0, 100, -20), (260, 118, 500))[0]
    tilt, pace = rng.normal(32, 2), rng.normal(25.5, .7)
    height = 88 - pace * np.arange(9) + rng.normal(0, 3)
    bulge = np.sqrt(1 - np.minimum(abs(height + 25) / 160, .93) ** 2)
    half = (p.centre[p.lungs[1], 0] + np.sqrt(p.shape[p.lungs[1], 0, 0]) + 8) * bulge
    deep = 103 / np.cos(np.radians(tilt)) * bulge**.6
    centre = np.stack([0 * half, 0 * half - 2, height], -1)
    turn = rotation(0, tilt)
    outer = p.add(centre, np.stack([half, deep, 0 * half + 22], -1), turn)
    inner = p.add(centre, np.stack([half - 6, deep - 6, 0 * half + 23.8], -1), turn)
    p.terms += [Term(bone * 1.5, (o, back), (i,)) for o, i in zip(outer, inner, strict=True)]


def _vessels(p: Patient, rng: np.random.Generator, count: int) -> None:
    for lung, side in zip(p.lungs, (-1, 1), strict=True):
        hilum = np.array([side * 36, 8, 4 if side > 0 else -6])
        aim = p.centre[lung] + rng.normal(0, (30, 50, 75), (count, 3)) - hilum
        aim /= np.linalg.norm(aim, axis=1, keepdims=True)
        start = rng.uniform(8, 75, (count, 1))
        length = rng.uniform(12, 30, (count, 1))
        thick = 5.0 * np.exp(-(start + length) / 55) * rng.uniform(.7, 1.3, (count, 1)) + .5
        middle = hilum + aim * (start + length)
        ends = middle + aim * length * np.array([-.9, 0, .9])[:, None, None]
        fits = p.holds(lung, ends[2]) & p.holds(lung, ends[1])
        for solid in p.solids:
            fits &= ~p.holds(solid, ends[1]) & ~p.holds(solid, ends[2])
        knot = p.add(hilum + [[0, 0, 10], [side * 4, 0, -12]] + rng.normal(0, 3, (2, 3)), [(8, 14, 13), (7, 13, 18)])
        p.terms += [Term(.45, (k, lung), p.solids) for k in knot]
        which = p.add(middle[fits], np.hstack([length, thick, thick])[fits], along(aim[fits]))
        p.terms += [Term(SOFT - LUNG - .1, (k,)) for k in which]


def _pneumonia(p: Patient, rng: np.random.Generator, severity: float) -> None:
    haze = rng.exponential(.005) * severity**4
    p.terms += [Term(min(haze, .2), (lung,), p.solids) for lung in p.lungs]
    for _ in range(rng.choice([1, 2, 3], p=[.45, .4, .15])):
        side = rng.integers(2)
        lung, count = p.lungs[side], rng.integers(5, 10)
        axes = np.sqrt(np.diagonal(p.shape[lung]))
        for _ in range(200):  # a centre inside aerated lung, more often low than high
            centre = p.centre[lung] + axes * rng.uniform(-.8, .8, 3) * [1, 1, .9] - [0, 0, 18]
            if p.holds(lung, centre) and not any(p.holds(s, centre) for s in p.solids):
                break
        spread = rng.uniform(13, 33) * severity
        spots = centre + rng.normal(0, spread, (count, 3))
        size = spread * rng.uniform(.55, 1.15, (count, 3))
        density = rng.uniform(.38, .95)
        aim = rng.normal(size=(count, 3))
        turn = along(aim / np.linalg.norm(aim, axis=1, keepdims=True))
        outline, core = p.add(spots, size * 1.15, turn), p.add(spots, size * .8, turn)
        p.terms += [Term(.7 * density, (k, lung), p.near(o))
                    for o, c in zip(outline, core, strict=True) for k in (o, c)]
        p.lesions.append(tuple(outline))
        _saturate(p, len(p.terms) - 2 * count, density, p.lesions[-1:])


def _saturate(p: Patient, first: int, limit: float, lesions: list[tuple]) -> None:
    """Let soft parts that overlap in the lung, of the terms from `first` on, add up to `limit` and no more.

    This is checked at the centre of each part and at six points inside each opacity, so a little more may remain.
    """
    which = [n for n, t in enumerate(p.terms) if n >= first and t.inside[0] not in p.lungs and t.amount < 1]
    parts, amount = [p.terms[n].inside[0] for n in which], np.array([p.terms[n].amount for n in which])
    opacities = [k for lesion in lesions for k in lesion]
    off = .55 * np.linalg.cholesky(p.shape[opacities]).swapaxes(1, 2)
    around = (p.centre[opacities, None] + np.concatenate([off, -off], 1)).reshape(-1, 3)
    away = np.concatenate([p.centre[parts], around])[:, None] - p.centre[parts]
    holds = np.einsum("nki,kij,nkj->nk", away, np.linalg.inv(p.shape[parts]), away, optimize=True) < 1
    crowded = np.minimum(1, limit / np.maximum(holds @ amount, 1e-6))
    for n, part, factor in zip(which, amount, np.where(holds, crowded[:, None], 1).min(0), strict=True):
        p.terms[n] = p.terms[n]._replace(amount=part * factor)
