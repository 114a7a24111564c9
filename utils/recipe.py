"""The course's fast recipe for small images, as lesson 3.2 arrives at it, and the network it leaves behind."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from utils import augment, models, training

EPOCHS, SPRINT = 60, 10  # passes through the images: the whole recipe, and its short form


@dataclass(frozen=True)
class Trained:
    """A network with what it needs to read images as they come.

    Attributes:
        model: the network, in evaluation mode.
        mean, std: of each channel over the training images, float (channels,).
        classes: the name of each class; "0", "1", … where nobody named them.
        turns: whether an image may be turned and mirrored.
        history: one row an epoch, see `training.Fit`.
        pixels: the type of the images that it learnt from, such as "uint8".
    """

    model: nn.Module
    mean: np.ndarray
    std: np.ndarray
    classes: tuple[str, ...]
    turns: bool
    history: pd.DataFrame
    pixels: str = "uint8"

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes), of images (n, rows, columns[, channels]) as it learnt from.

        Where images may be turned, the log-probabilities of their eight views are averaged.

        Raises:
            training.TrainingError: images of another kind or another number of channels.
        """
        if (found := str(np.asarray(images).dtype)) != self.pixels:
            raise training.TrainingError(f"This network learnt from images of {self.pixels}, and these are {found}: "
                                         "scale them alike, and convert them.")  # fmt: skip
        x, _ = training.tensors(images, mean=self.mean, std=self.std)
        if x.shape[1] != len(self.mean):
            raise training.TrainingError(f"This network learnt from images of {len(self.mean)} channel(s), and these "
                                         f"have {x.shape[1]}: convert them first.")  # fmt: skip
        return training.predict(self.model, x, views=augment.eight_views if self.turns else None)

    def save(self, file: str | Path) -> None:
        """Write the network to a file: numbers and names only, no code. Raises training.TrainingError."""
        content = {"course": "Trained", "settings": self.model.settings, "weights": self.model.state_dict(),
                   "mean": torch.as_tensor(self.mean), "std": torch.as_tensor(self.std),
                   "classes": list(self.classes), "turns": self.turns, "pixels": self.pixels,
                   "history": self.history.to_dict("list")}  # fmt: skip
        try:
            training.save_whole(Path(file), content)
        except OSError as error:
            why = error.strerror or error
            raise training.TrainingError(f"The network cannot be saved as {Path(file).name} ({why}).") from None

    @staticmethod
    def load(file: str | Path) -> Trained:
        """The network that `save` wrote, on the CPU or GPU at hand; nothing in the file is executed.

        Raises:
            training.TrainingError: there is no such file, or it is damaged or something else.
        """
        file = Path(file)
        if not file.is_file():
            raise training.TrainingError(f"There is no file {file.name}: train a network and save it there first.")
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
            model = models.ResidualNetwork(**content["settings"])
            model.load_state_dict(content["weights"])
            model = model.to(training.lesson.device(), memory_format=torch.channels_last).eval()
            mean, std = content["mean"].numpy(), content["std"].numpy()
            history = pd.DataFrame(content["history"])
            names, pixels = tuple(content["classes"]), str(content["pixels"])
            return Trained(model, mean, std, names, bool(content["turns"]), history, pixels)
        except Exception:  # of torch, pickle, zipfile: damaged bytes make them raise nearly anything
            raise training.TrainingError(f"{file.name} is no network that this course saved, or is damaged: "
                                         "train it again.") from None  # fmt: skip


def fast(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    classes: Sequence[str] | None = None,
    epochs: int = EPOCHS,
    turns: bool = True,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: str = "training",
) -> Trained:
    """Train the course's recipe from scratch.

    A residual network of 1.2 million parameters that halves the resolution at once; Muon with one cycle of learning
    rates; a random view of each batch; mixup; smoothed labels (Szegedy et al. 2016); a moving average of the weights.

    Args:
        images: uint8 (n, rows, columns[, channels]); made for 28 pixels, works for other sizes.
        labels: int (n,), classes 0 to k - 1, each with at least one image.
        classes: their names.
        epochs: passes through the images; `SPRINT` gives most of the result in a sixth of the time.
        turns: turn and mirror images at random. Right for skin and microscopy; wrong for chest films, whose left is
            not their right.
        seed: of the start, the order and the augmentation.
        checkpoint: a file to save to after each epoch, and to go on from if it is there.

    Raises:
        training.TrainingError: unusable images or labels, see `training.fit`.
    """
    images, labels = training.sound(images, labels, classes=classes, every_class=classes is not None)
    flat = images.reshape(-1, images.shape[3] if images.ndim == 4 else 1)
    mean, std = flat.mean(0), flat.std(0) + 1e-6  # a channel of one value has no spread to divide by
    x, y = training.tensors(images, labels, mean=mean, std=std)
    names = tuple(classes) if classes is not None else tuple(str(c) for c in range(int(y.max()) + 1))
    if len(names) < 2:
        raise training.TrainingError("There is one class only, so there is nothing to tell apart.")
    torch.manual_seed(seed)
    model = models.ResidualNetwork(len(names), x.shape[1], widths=(64, 128, 256), stem=2)
    view = augment.turned_and_shifted if turns else augment.shifted
    fitted = training.fit(
        model,
        (x, y),
        epochs=epochs,
        batch_size=128,
        optimiser=partial(training.muon, rate=4e-3, kernel_rate=0.02, decay=0.05),
        schedule=training.one_cycle,
        augment=augment.Mixup(len(names), alpha=0.3, before=view),
        loss=nn.CrossEntropyLoss(label_smoothing=0.1),
        average=True,
        seed=seed,
        checkpoint=checkpoint,
        tag=f"fast, turns={turns}",
        progress=progress,
    )
    return Trained(fitted.model, mean, std, names, turns, fitted.history, str(images.dtype))
