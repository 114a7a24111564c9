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

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

SOFT, LUNG, BONE = 1.04, .24, .55  # relative to water; bone is what it adds to soft tissue
_TYPICAL = """part, centre x y z, half-axes x y z (mm), degrees about y
torso          0    0  -70   164  113  345    0
shoulders      0   14  142   226   66   74    0
neck           0   18  245    60   62  135    0
right lung   -72   -5    0    60   79  138   10
left lung     70   -5    0    56   77  136  -10
trachea       -2   12  108     8    9   70    0
stomach       72  -30 -150    12   24   14    0
right dome   -75    0 -178    90  104   95    0
left dome     76    0 -194    86  100   95    0
mediastinum    1    8   40    25   75  172    0
left heart    27  -25  -64    68   48   52   28
right heart  -12  -10  -45    44   42   55    0
aortic arch   23   22   66    19   30   19    0
"""


def rows(text: str, width: int) -> list[tuple[str, list[float]]]:
    """A table written as text: a heading, then lines with a name in the first `width` characters, and numbers.

    >>> rows("part  mm  what follows # is a remark\\nrib  7 2", 5)
    [('rib', [7.0, 2.0])]
    """
    lines = [line.split("#")[0] for line in text.rstrip().split("\n")[1:]]
    return [(line[:width].strip(), [float(n) for n in line[width:].split()]) for line in lines]


ANATOMY = dict(rows(_TYPICAL, 11))


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
    lesions: list[tuple] = field(default_factory=list)  # per cluster: outlines of its opacities

    def add(self, centre, axes, turn=None) -> range:
        """Add ellipsoids, arrays (k, 3) or (3,); returns their indices. `turn` (k, 3, 3) rotates the axes."""
        centre = np.atleast_2d(np.asarray(centre, float))
        axes = np.atleast_2d(np.asarray(axes, float))
        turn = np.eye(3) if turn is None else turn
        shape = turn * axes[:, None, :] ** 2 @ np.swapaxes(turn, -1, -2)
        first = len(self.centre)
        self.centre = np.concatenate([self.centre, centre])
        self.shape = np.concatenate([self.shape, np.broadcast_to(shape, (len(centre), 3, 3))])
        return range(first, len(self.centre))

    def fill(self, amount: float, parts: Iterable, within: tuple = (),
             outside: Iterable = ()) -> None:
        """Add `amount` inside each ellipsoid of `parts` where it lies in all of `within` and out of `outside`."""
        self.terms += [Term(amount, (k, *within), tuple(outside)) for k in parts]

    def holds(self, index: int, points: np.ndarray) -> np.ndarray:
        """Whether points (..., 3) mm lie inside an ellipsoid, bool (...)."""
        away = points - self.centre[index]
        return np.einsum("...i,ij,...j", away, np.linalg.inv(self.shape[index]), away) < 1

    def near(self, index: int) -> tuple:
        """The solids that can touch an ellipsoid: its centre lies in their sum with it, or in this bound of it."""
        solids = list(self.solids)
        a, b = self.shape[solids], self.shape[index]
        p = np.sqrt(np.trace(a, axis1=1, axis2=2) / np.trace(b))[:, None, None]
        away = self.centre[solids] - self.centre[index]
        bound = np.linalg.inv((1 + 1 / p) * a + (1 + p) * b)
        far = np.einsum("ki,kij,kj->k", away, bound, away) > 1
        return tuple(s for s, out in zip(solids, far, strict=True) if not out)

    def lesion_terms(self, lesions: list[tuple] | None = None) -> list[Term]:
        """The outlines of opacities (default all), inside a lung and outside what replaces it; amount 1."""
        outlines = [k for lesion in (self.lesions if lesions is None else lesions) for k in lesion]
        return [Term(1, (k, lung), self.near(k)) for k in outlines for lung in self.lungs]


def draws(*key: int) -> np.random.Generator:
    """Random numbers that are the same for the same key and independent for another one."""
    return np.random.Generator(np.random.PCG64(key))


def rotation(axis: int, degrees: float) -> np.ndarray:
    """Right-handed rotation about x, y or z (axis 0, 1, 2), as a 3×3 matrix.

    >>> rotation(2, 90).round().tolist()  # x goes to y
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn[i, [i, j]] = c, -s
    turn[j, [i, j]] = s, c
    return turn


def along(direction: np.ndarray) -> np.ndarray:
    """Rotations (k, 3, 3) that bring the first axis to the unit vectors `direction` (k, 3)."""
    away = np.where(abs(direction[:, :1]) < .9, [1., 0, 0], [0, 1., 0])
    second = _unit(np.cross(direction, away))
    return np.stack([direction, second, np.cross(direction, second)], -1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_patient(seed: int, finding: str = "normal", age: int | None = None, sex: str | None = None,
                 vessels: int = 60, severity: float = 1.0) -> Patient:
    """A patient, deterministic in the arguments; another finding is the same person in another state.

    `finding` is "normal", "other" or "opacity" (pneumonia); `vessels` a lung; `severity` scales the extent of
    pneumonia. Raises ValueError for an unknown finding.

    >>> well, sick = make_patient(2), make_patient(2, "opacity")
    >>> well.name, well.age == sick.age, len(well.lesions), len(sick.lesions) > 0
    ('P000002', True, 0, True)
    """
    if finding not in ("normal", "other", "opacity"):
        raise ValueError(f"A finding is 'normal', 'other' or 'opacity', not {finding!r}.")
    rng, disease = draws(seed), draws(seed, 1)
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
        p.fill(1.2, p.add(spots.reshape(4, 3), disease.uniform(2.5, 5, (4, 1)) * [1, 1, 1]))
    if finding == "opacity":
        _pneumonia(p, disease, severity)
    haze = sum(t.amount for t in p.terms[first:] if t.inside[0] == p.lungs[0])
    _saturate(p, first, SOFT - LUNG - haze, p.lesions)
    size = np.interp(age, [0, 2, 6, 12, 18], [.42, .55, .68, .84, 1])
    size = size * np.exp(rng.normal(0, .035)) * (.93 if sex == "F" else 1)
    p.centre, p.shape = p.centre * size, p.shape * size**2
    return p


def _typical(*names: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres (k, 3) and half-axes (k, 3), mm, and rotations (k, 3, 3) of typical parts of the body."""
    rows = np.array([ANATOMY[name] for name in names])
    return rows[:, :3], rows[:, 3:6], np.stack([rotation(1, degrees) for degrees in rows[:, 6]])


def _pair(x: float, y: float, z: float) -> list[tuple]:
    """The same place on the right and on the left."""
    return [(-x, y, z), (x, y, z)]


def _trunk(p: Patient, rng: np.random.Generator, disease: np.random.Generator,
           other: str | None) -> None:
    """Soft tissue, and the air in it: lungs, trachea and stomach."""
    fat, girth = np.exp(rng.normal(.02, .07)), rng.normal(0, .05, 3)
    _flesh(p, rng, fat)
    centre, axes, turn = _typical("right lung", "left lung")
    wide = [1, 1.03, 1.1] if other == "wide" else 1
    p.lungs = tuple(p.add(centre, axes * np.exp(girth * .5) * wide, turn))
    breath = rng.normal(0, 9) - (22 if other == "wide" else 0)  # mm that the diaphragm is higher
    p.solids = tuple(_solids(p, rng, breath, big=.25 if other == "heart" else 0))
    if other == "effusion":
        side, big = disease.choice([-1, 1]), disease.uniform(.8, 1.3)
        p.solids += tuple(p.add((side * 112, 25, -112), np.array([46, 75, 60]) * big))
    air = LUNG - SOFT + rng.normal(0, .025) - (.05 if other == "wide" else 0)
    p.fill(air, p.lungs, outside=p.solids)
    centre, axes, _ = _typical("trachea", "stomach")
    centre[1, 2] += breath
    axes[1, 0] = rng.uniform(12, 34)
    trachea, stomach = p.add(centre, axes)
    p.terms += [Term(-SOFT, (trachea,)), Term(-SOFT, (stomach,), p.lungs[1:])]


def _flesh(p: Patient, rng: np.random.Generator, fat: float) -> None:
    centre, axes, _ = _typical("torso", "shoulders", "neck")
    torso, shoulders, neck = p.add(centre, axes * [fat, fat, 1])
    p.terms += [Term(SOFT, (torso,)), Term(SOFT, (shoulders,), (torso,))]
    p.fill(SOFT, (neck,), outside=(torso, shoulders))
    if p.sex == "F" and p.age > 13:
        across, drop, big = rng.uniform(68, 82), rng.normal(-62, 12), rng.uniform(.7, 1.25)
        breasts = p.add(_pair(across, -88, drop), np.array([54, 25, 55]) * big, rotation(0, -30))
        p.fill(SOFT, breasts, outside=(torso, shoulders))


def _solids(p: Patient, rng: np.random.Generator, breath: float, big: float) -> range:
    """Add what replaces lung; `big` is the typical logarithm of the heart's size."""
    heart = np.exp(rng.normal(big, .06)) * (1 + .001 * (p.age - 45))
    centre, axes, turn = _typical("right dome", "left dome", "mediastinum",
                                  "left heart", "right heart", "aortic arch")
    centre[:2, 2] += breath
    centre[1, 2] += rng.normal(0, 4)
    centre[3, 0] += rng.normal(0, 4)
    axes[3:5] *= heart
    axes[5, 2] += .05 * p.age
    turn[3] = rotation(1, 28 + rng.normal(0, 5))
    return p.add(centre, axes, turn)


def _bones(p: Patient, rng: np.random.Generator) -> None:
    bone = BONE * (1 - .004 * max(p.age - 50, 0)) * np.exp(rng.normal(0, .08))
    z = 25. * np.arange(-8, 9)
    p.fill(bone * .75, p.add(_points(0, 72, z), [17, 15, 10.5]))  # vertebral bodies
    p.fill(bone * .75, p.add(_points(0, 96, z - 8), [4, 13, 8]))  # spinous processes
    slope = rng.normal(11, 3)
    turn = np.stack([rotation(1, slope), rotation(1, -slope)])
    p.fill(bone, p.add(_pair(74, -52, 132), [72, 7, 7], turn))  # clavicles
    turn = np.stack([rotation(2, 35) @ rotation(1, -14), rotation(2, -35) @ rotation(1, 14)])
    p.fill(bone * .6, p.add(_pair(122, 66, 72), [27, 5, 60], turn))  # shoulder blades
    p.fill(bone * .7, p.add(_pair(182, 12, 128), [23, 23, 25]))  # heads of the humeri
    _ribs(p, rng, bone * 1.5)


def _points(x, y, z) -> np.ndarray:
    """Coordinates, any of them a number for all points, as points (k, 3)."""
    return np.stack(np.broadcast_arrays(x, y, z), -1)


def _ribs(p: Patient, rng: np.random.Generator, bone: float) -> None:
    """A rib pair is the rim of a tilted flat ellipsoid: an outer less an inner one, without the front."""
    back = p.add((0, 100, -20), (260, 118, 500))[0]
    tilt, pace = rng.normal(32, 2), rng.normal(25.5, .7)
    height = 88 - pace * np.arange(9) + rng.normal(0, 3)
    bulge = np.sqrt(1 - np.minimum(abs(height + 25) / 160, .93) ** 2)
    left = p.lungs[1]
    half = (p.centre[left, 0] + np.sqrt(p.shape[left, 0, 0]) + 8) * bulge
    deep = 103 / np.cos(np.radians(tilt)) * bulge**.6
    centre, turn = _points(0, -2, height), rotation(0, tilt)
    outer = p.add(centre, _points(half, deep, 22), turn)
    inner = p.add(centre, _points(half - 6, deep - 6, 23.8), turn)
    p.terms += [Term(bone, (o, back), (i,)) for o, i in zip(outer, inner, strict=True)]


def _vessels(p: Patient, rng: np.random.Generator, count: int) -> None:
    """Spindles that point from the hilum outwards, thinner with distance, where both ends lie in aerated lung."""
    for lung, side in zip(p.lungs, (-1, 1), strict=True):
        hilum = np.array([side * 36, 8, 4 if side > 0 else -6])
        aim = _unit(p.centre[lung] + rng.normal(0, (30, 50, 75), (count, 3)) - hilum)
        start = rng.uniform(8, 75, (count, 1))
        length = rng.uniform(12, 30, (count, 1))
        thick = 5.0 * np.exp(-(start + length) / 55) * rng.uniform(.7, 1.3, (count, 1)) + .5
        middle = hilum + aim * (start + length)
        fits = np.ones(count, bool)
        for end in (middle + aim * length * 0, middle + aim * length * .9):
            fits &= p.holds(lung, end)
            for solid in p.solids:
                fits &= ~p.holds(solid, end)
        knots = hilum + [[0, 0, 10], [side * 4, 0, -12]] + rng.normal(0, 3, (2, 3))
        p.fill(.45, p.add(knots, [(8, 14, 13), (7, 13, 18)]), (lung,), p.solids)
        axes = np.hstack([length, thick, thick])
        p.fill(SOFT - LUNG - .1, p.add(middle[fits], axes[fits], along(aim[fits])))


def _pneumonia(p: Patient, rng: np.random.Generator, severity: float) -> None:
    """Haze over both lungs, and one to three clusters of opacities, each a soft rim around a denser core."""
    haze = rng.exponential(.005) * severity**4
    p.fill(min(haze, .2), p.lungs, outside=p.solids)
    for _ in range(rng.choice([1, 2, 3], p=[.45, .4, .15])):
        side = rng.integers(2)
        lung, count = p.lungs[side], rng.integers(5, 10)
        centre = _aerated(p, rng, lung)
        spread = rng.uniform(13, 33) * severity
        spots = centre + rng.normal(0, spread, (count, 3))
        size = spread * rng.uniform(.55, 1.15, (count, 3))
        density = rng.uniform(.38, .95)
        turn = along(_unit(rng.normal(size=(count, 3))))
        outline, core = p.add(spots, size * 1.15, turn), p.add(spots, size * .8, turn)
        for pair in zip(outline, core, strict=True):
            p.fill(.7 * density, pair, (lung,), p.near(pair[0]))
        p.lesions.append(tuple(outline))
        _saturate(p, len(p.terms) - 2 * count, density, p.lesions[-1:])


def _aerated(p: Patient, rng: np.random.Generator, lung: int) -> np.ndarray:
    """A place (3,) in aerated lung, more often low than high; after 200 tries, any place."""
    axes = np.sqrt(np.diagonal(p.shape[lung]))
    for _ in range(200):
        place = p.centre[lung] + axes * rng.uniform(-.8, .8, 3) * [1, 1, .9] - [0, 0, 18]
        if p.holds(lung, place) and not any(p.holds(s, place) for s in p.solids):
            break
    return place


def _saturate(p: Patient, first: int, limit: float, lesions: list[tuple]) -> None:
    """Let soft parts that overlap in the lung, of the terms from `first` on, add up to `limit` and no more.

    This is checked at the centre of each part and at six points inside each opacity, so a little more may remain.
    """
    def soft(term):
        return term.inside[0] not in p.lungs and term.amount < 1

    which = [n for n in range(first, len(p.terms)) if soft(p.terms[n])]
    parts = [p.terms[n].inside[0] for n in which]
    amount = np.array([p.terms[n].amount for n in which])
    opacities = [k for lesion in lesions for k in lesion]
    off = .55 * np.linalg.cholesky(p.shape[opacities]).swapaxes(1, 2)
    around = p.centre[opacities, None] + np.concatenate([off, -off], 1)
    points = np.concatenate([p.centre[parts], around.reshape(-1, 3)])
    away = points[:, None] - p.centre[parts]  # (points, parts, 3)
    inverse = np.linalg.inv(p.shape[parts])
    holds = np.einsum("nki,kij,nkj->nk", away, inverse, away, optimize=True) < 1
    crowded = np.minimum(1, limit / np.maximum(holds @ amount, 1e-6))
    factor = np.where(holds, crowded[:, None], 1).min(0)
    for n, part in zip(which, amount * factor, strict=True):
        p.terms[n] = p.terms[n]._replace(amount=part)
