"""The doorkeeper: a small network that tells right images, in any appearance, from spoiled ones. Lesson 4.3 builds it.

It learns from nothing but right images: `shift.appear` shows each as another hospital might, and `spoil` makes wrong
images of them. Images in colour are also measured: how far they lie from varied right ones, stage by stage.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from utils import models, training
from utils.evaluation import shift

COUNT, EPOCHS = 1800, 6  # right images shown, and as many spoiled; passes through them
BELOW = {1: 0.97, 3: 0.985}  # share of held-out right images below a bar: one bar for grey, each of two for colour


@dataclass(frozen=True, eq=False)
class Gate:
    """`model` scores (n, 2): right, spoiled. `known` (images, features) of varied right images, without rows where
    distance is not asked. `bars` (1 or 2,): of the score, and of the distance."""

    model: models.ResidualNetwork
    known: np.ndarray
    bars: np.ndarray

    def strangeness(self, images: np.ndarray) -> np.ndarray:
        """Float (n, 1 or 2) of uint8 images (n, side, side, 1 or 3): how spoiled they look, how far away they are
        (Mahalanobis distance, squared). ValueError for an image of one single value."""
        x = _tensor(images)
        right, spoiled = training.scores(self.model, x, precision=torch.float32).numpy().T
        if not len(self.known):
            return (spoiled - right)[:, None]
        far = shift.mahalanobis(self.known, np.zeros(len(self.known)), _features(self.model, x))
        return np.stack([spoiled - right, far], 1)

    def declines(self, images: np.ndarray) -> np.ndarray:
        """Bool (n,): which lie above a bar."""
        return (self.strangeness(images) > self.bars).any(1)


def fit(
    right: np.ndarray, plain: np.ndarray, *, turns: bool, seed: int = 0, count: int = COUNT, epochs: int = EPOCHS
) -> Gate:
    """A gate from right images to learn from and plain held-out ones, on which the bars are set.

    Args:
        right, plain: uint8 (n, side, side, 1 or 3), the side a multiple of 4 and at least 12.
        turns: an image that is turned or mirrored is right, too.
    """
    rng = np.random.default_rng(seed)
    right, plain = (images[np.ptp(images, (1, 2, 3)) > 0] for images in (right, plain))
    if not len(right) or not len(plain):
        raise ValueError("all of them have one single value each.")
    chosen = right[rng.permutation(len(right))]
    shown = np.stack([_changed(chosen[k % len(chosen)], shift.appear, rng) for k in range(2 * count)])
    spoiled = np.stack([spoil(image, rng, turns) for image in shown[count:]])
    torch.manual_seed(seed)
    model = models.ResidualNetwork(2, right.shape[3], widths=(16, 32, 64), stem=2)
    data = _tensor(np.concatenate([shown[:count], spoiled])), torch.repeat_interleave(torch.arange(2), count)
    training.fit(model, data, epochs=epochs, batch_size=64, schedule=training.one_cycle, seed=seed, progress="")
    colour = right.shape[3] == 3
    known = _features(model, _tensor(shown[:count])) if colour else np.empty((0, 0))
    gate = Gate(model, known, np.full(1 + colour, np.inf))
    return Gate(model, known, np.quantile(gate.strangeness(plain), BELOW[right.shape[3]], axis=0))


def spoil(image: np.ndarray, rng: np.random.Generator, turns: bool) -> np.ndarray:
    """A wrong image of a right one: what `shift.spoil` makes of it, or blobs; in colour often in other colours, or in
    nothing but these. Never one that only is turned, if turned ones are right."""
    colour = image.shape[2] == 3
    if colour and rng.integers(4) == 0:
        return _recoloured(image, rng)
    change = _blobs if rng.integers(7) == 0 else shift.spoil
    spoiled = _changed(image, change, rng)
    alike = [np.rot90(image, k) for k in range(4)] + [image[::-1]]
    while turns and any(np.array_equal(spoiled, view) for view in alike):
        spoiled = _changed(image, shift.spoil, rng)
    return _recoloured(spoiled, rng) if colour and rng.integers(2) else spoiled


def _recoloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each channel another mixture of the three; one time in three the same mixture, which is grey."""
    shares = rng.dirichlet([0.5] * 3, 3)  # (channels that come out, channels that go in)
    shares = shares[[0, 0, 0]] if rng.integers(3) == 0 else shares
    return np.rint(image @ shares.T).astype(np.uint8)


def _changed(image: np.ndarray, change: Any, rng: np.random.Generator) -> np.ndarray:
    """Every channel changed by the same draw; drawn anew where one grey value is left."""
    for _ in range(100):
        seed = rng.integers(1 << 62)
        planes = [change(plane, np.random.default_rng(seed)) for plane in np.moveaxis(image, 2, 0)]
        if np.ptp(changed := np.stack(planes, 2)):
            return changed
    raise ValueError("An image stays one grey value in a hundred appearances: it holds too little to learn from.")


def _blobs(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Up to five ellipses on a plain ground, as large as the film."""
    side = len(film)
    y, x = np.mgrid[:side, :side] / side
    found = np.full((side, side), rng.uniform(0, 255))
    for _ in range(rng.integers(1, 6)):
        (row, column), (high, wide) = rng.uniform(0.15, 0.85, 2), rng.uniform(0.06, 0.5, 2)
        found[((y - row) / high) ** 2 + ((x - column) / wide) ** 2 < 1] = rng.uniform(0, 255)
    found = ndimage.gaussian_filter(found + rng.normal(0, 6, found.shape), rng.uniform(0, 0.025) * side)
    return np.clip(found, 0, 255).astype(np.uint8)


def _tensor(images: np.ndarray) -> torch.Tensor:
    """Each image less its own mean, divided by its own spread (plus 4), as in lesson 4.3."""
    x = np.asarray(images, dtype=np.float32)
    if not np.ptp(x, (1, 2, 3)).all():
        raise ValueError("An image has one single value: decline it.")
    x = (x - x.mean((1, 2, 3), keepdims=True)) / (x.std((1, 2, 3), keepdims=True) + 4)
    return training.tensors(x, mean=0, std=1)[0]


def _features(model: models.ResidualNetwork, x: torch.Tensor) -> np.ndarray:
    """(n, 128): what leaves the stem and each block, averaged over place."""
    stages = [model.features[:3], *model.features[3:]]
    return np.concatenate(shift.features(stages, x), axis=1)
