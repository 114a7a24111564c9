"""Parts of heads with a truth to draw: one hippocampus a volume, and slices with a tumour.

Modelled: crops of T1-weighted MR round a hippocampus, labelled 1 (anterior) and 2 (posterior), without a unit or a
common scale; slices of three planes through three kinds of tumour after contrast agent, several a patient, numbered
one after the other. Not modelled: which two hippocampi are one person's, tumours that push tissue aside, oedema.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy import ndimage

from utils.clinic import mr
from utils.clinic.patient import draws

GREY, WHITE, FLUID = (mr.SIGNAL[mr.TISSUES.index(name)] for name in ("grey matter", "white matter", "fluid"))


def hippocampus(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """MR, float32 or uint8 (x, y, z), and labels uint8 of the same shape: 0, 1 the anterior part, 2 the posterior one.

    The axes run to the right, to the front and up, 1 mm apart.

    >>> image, labels = hippocampus(1)
    >>> image.shape == labels.shape, np.unique(labels).tolist()
    (True, [0, 1, 2])
    """
    rng = draws(seed, 22)
    shape = rng.integers((31, 40, 24), (44, 60, 48))
    x, y, z = np.ix_(*(np.arange(n, dtype=np.float32) for n in shape))
    middle = shape / 2 + rng.normal(0, 1.5, 3)
    length, side, rise = rng.normal(36, 2.5), rng.choice([-1, 1]), rng.normal(9, 2)
    t = np.clip((middle[1] + length / 2 - y) / length, -.2, 1.2)  # 0 at the front end, 1 at the tail
    across = x - (middle[0] + side * rng.normal(7, 1.5) * (.35 - t))
    up = z - (middle[2] + rise * (t - .5))
    wide = np.interp(t, [-.2, 0, .15, .4, 1, 1.2], [0, 3, 8, 6.5, 4, 0]) * rng.normal(1, .07)
    high = np.interp(t, [-.2, 0, .15, .4, 1, 1.2], [0, 2.5, 6, 4.5, 3.5, 0]) * rng.normal(1, .07)
    wave = 1 + .12 * np.sin(y * rng.uniform(.25, .5) + rng.uniform(0, 6))
    within = (across / np.maximum(wide * wave, .1)) ** 2 + (up / np.maximum(high * wave, .1)) ** 2
    labels = np.where(within < 1, np.where(t < rng.normal(.42, .02), 1, 2), 0).astype(np.uint8)
    signal = np.full(tuple(shape), WHITE) + 60 * ndimage.gaussian_filter(rng.normal(0, 8, shape), 3)
    signal[(across / (wide + 5)) ** 2 + ((up + high + 5) / 3.5) ** 2 < 1] = GREY  # the gyrus below
    signal[((across + side * (wide + 3)) / 2.5) ** 2 + ((up - 2) / 4) ** 2 < 1] = FLUID  # the ventricle beside
    front = (x - middle[0]) ** 2 / 90 + (y - middle[1] - length / 2 - 3) ** 2 / 50 + (z - middle[2]) ** 2 / 60
    signal[front < 1] = GREY  # the amygdala before it
    signal[labels > 0] = GREY + rng.normal(15, 12)
    signal = ndimage.gaussian_filter(signal, .7) * mr.bias(np.stack(np.broadcast_arrays(x, y, z), -1), seed)
    real, imaginary = rng.normal(0, 22, (2, *shape))
    image = np.hypot(signal + real, imaginary)
    if rng.random() < .2:
        return np.clip(image * (110 / image.mean()), 0, 255).astype(np.uint8), labels
    return (image * np.exp(rng.normal(.7, 1.2))).astype(np.float32), labels


KINDS = ("meningioma", "glioma", "pituitary")  # in the order of the published file numbers
PATIENTS, SLICES = (24, 36, 30), (6, 13)  # of each kind; at least, and fewer than so many, a patient
_SIDE, _PIXEL = 128, 1.75  # of a slice, pixels and mm


def tumour_slices(kind: str, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Neighbouring slices of one patient: image uint8 (128, 128) and mask bool (128, 128), each with tumour."""
    rng = draws(seed, 23, KINDS.index(kind))
    centre, axes = _place(kind, rng)
    plane = rng.integers(3)  # the axis across the slices: sagittal, coronal, axial
    right, down = [a for a in (0, 1, 2) if a != plane]
    reach = (np.arange(_SIDE) - (_SIDE - 1) / 2) * _PIXEL
    count, waves = rng.integers(*SLICES), rng.normal(0, .12, (4, 3))
    found = []
    for k, step in enumerate(np.linspace(-.75, .75, count)):
        points = np.zeros((_SIDE, _SIDE, 3), np.float32)
        points[..., plane] = centre[plane] + step * axes[plane]
        points[..., right] = reach
        points[..., down] = (reach if plane == 2 else -reach)[:, None]
        away = (points - centre) / axes
        ragged = sum(np.sin(points @ wave) for wave in waves) * (.09 if kind == "glioma" else .03)
        depth = np.sqrt((away**2).sum(-1)) + ragged
        mask = depth < 1
        signal = mr.SIGNAL[mr.tissue(points, seed)]
        bright = np.where(depth > .7, 900, 380) if kind == "glioma" else np.full(depth.shape, 880)
        signal = ndimage.gaussian_filter(np.where(mask, bright, signal).astype(np.float32), .6)
        noise = draws(seed, 24, k).normal(0, 26, (2, _SIDE, _SIDE))
        image = np.hypot(signal * mr.bias(points, seed) + noise[0], noise[1])
        top = np.quantile(image, .995)
        found.append((np.clip(255 * image / top, 0, 255).astype(np.uint8), mask))
    return found


def _place(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half-axes in mm (left, back, up) of a tumour where its kind grows."""
    if kind == "pituitary":
        return rng.normal((0, -12, -32), (1.5, 2, 2)), rng.uniform(6, 13, 3)
    direction = rng.normal(0, 1, 3) * [1, 1, .7] + [0, 0, .5]
    direction /= np.linalg.norm(direction)
    if kind == "meningioma":  # on the surface of the brain
        return direction * [55, 72, 68] + [0, -2, 10], rng.uniform(9, 20, 3)
    return direction * [30, 40, 36] + [0, -2, 12], rng.uniform(11, 26, 3)


def tumours(seed: int = 0, progress: Callable[[Iterable], Iterable] | None = None
            ) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """All slices in the order of their numbers, which begin at 1: (kind, image, mask)."""
    people = [(kind, seed * 1000 + k) for kind, count in zip(KINDS, PATIENTS, strict=True) for k in range(count)]
    return [(kind, *both) for kind, number in (progress or iter)(people) for both in tumour_slices(kind, number)]
