"""The course's fast recipe for small images, as lesson 3.2 arrives at it, and what it leaves behind."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils import models, training

EPOCHS, SPRINT = 60, 10  # passes through the images: the whole recipe, and its short form


@dataclass(frozen=True)
class Trained:
    """A network with what it needs to read images as they come.

    Attributes:
        model: the network, in evaluation mode.
        mean, std: of each channel over the training images, float (channels,).
        turns: whether an image may be turned and mirrored.
        history: one row an epoch, see `training.Fit`.
    """

    model: nn.Module
    mean: np.ndarray
    std: np.ndarray
    turns: bool
    history: pd.DataFrame

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes), of uint8 images (n, rows, columns[, channels]).

        Where images may be turned, the log-probabilities of their eight views are averaged.
        """
        x, _ = training.tensors(images, mean=self.mean, std=self.std)
        return training.predict(self.model, x, views=training.eight_views if self.turns else None)


def shifted(images: Tensor, most: int = 2) -> Tensor:
    """The batch moved by up to `most` pixels along rows and columns; what comes into view is mirrored at the edge."""
    rows, columns = images.shape[2:]
    down, right = torch.randint(0, 2 * most + 1, (2,)).tolist()
    return F.pad(images, (most,) * 4, mode="reflect")[:, :, down : down + rows, right : right + columns]


def turned_and_shifted(images: Tensor) -> Tensor:
    """The batch in one of its eight views, drawn at random, and `shifted`. One draw a batch makes it cheap."""
    quarter, mirror = torch.randint(0, 4, ()).item(), torch.randint(0, 2, ()).item()
    return shifted(torch.rot90(images.flip(3) if mirror else images, quarter, (2, 3)))


class Mixup:
    """Blend images of a batch in pairs, and ask for both labels in the same shares (Zhang et al. 2018).

    Give `augment` and `loss` of one instance to `training.fit`. The share is drawn once a batch, from
    Beta(alpha, alpha); arXiv 1710.09412.
    """

    def __init__(self, alpha: float, before: Callable[[Tensor], Tensor], smoothing: float = 0.0):
        self.draw, self.before = torch.distributions.Beta(alpha, alpha), before
        self.entropy = nn.CrossEntropyLoss(label_smoothing=smoothing)

    def augment(self, images: Tensor) -> Tensor:
        images = self.before(images)
        self.share, self.partner = self.draw.sample().item(), torch.randperm(len(images), device=images.device)
        return self.share * images + (1 - self.share) * images[self.partner]

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        own, others = self.entropy(scores, labels), self.entropy(scores, labels[self.partner])
        return self.share * own + (1 - self.share) * others


def fast(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int = EPOCHS,
    turns: bool = True,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: str = "training",
) -> Trained:
    """Train the course's recipe from scratch.

    A residual network of 1.2 million parameters that halves the resolution at once; AdamW with one cycle of learning
    rates; a random view of each batch; mixup; smoothed labels (Szegedy et al. 2016); a moving average of the weights.

    Args:
        images: uint8 (n, rows, columns[, channels]); made for 28 pixels, works for other sizes.
        labels: int (n,), classes 0 to k - 1, each with at least one image.
        epochs: passes through the images; `SPRINT` gives most of the result in a sixth of the time.
        turns: turn and mirror images at random. Right for skin and microscopy; wrong for chest films, whose left is
            not their right.
        seed: of the start, the order and the augmentation.
        checkpoint: a file to save to after each epoch, and to go on from if it is there.

    Raises:
        training.TrainingError: unusable images or labels, see `training.fit`.
    """
    flat = images.reshape(-1, images.shape[3] if images.ndim == 4 else 1)
    mean, std = flat.mean(0), flat.std(0) + 1e-6
    x, y = training.tensors(images, labels, mean=mean, std=std)
    torch.manual_seed(seed)
    model = models.ResidualNetwork(int(y.max()) + 1, x.shape[1], widths=(64, 128, 256), stem=2)
    mixup = Mixup(0.3, turned_and_shifted if turns else shifted, smoothing=0.1)
    fitted = training.fit(
        model, (x, y), epochs=epochs, batch_size=128,
        optimiser=partial(training.adamw, rate=4e-3, decay=0.05), schedule=training.one_cycle,
        augment=mixup.augment, loss=mixup.loss, average=0.998,
        seed=seed, checkpoint=checkpoint, tag=f"fast, turns={turns}", progress=progress)  # fmt: skip
    return Trained(fitted.model, mean, std, turns, fitted.history)
