"""An image in, a finding out: what the file is, declined with the reason or probabilities, a set of classes, a map.

`read` asks in this order: can the file be read; is it too large; does its header say that it is something else; is it
an image of the kind that the network knows (the gate). What is stored the wrong way round (MONOCHROME1) is turned
first. All answers are computed in float32. This is teaching material and no medical device.
"""
from __future__ import annotations

import ast
import functools
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps

import utils
from assistant import files
from assistant import gate as doors
from utils import audit, augment, lesson, models, recipe, training
from utils.evaluation import calibration, saliency

ALPHA = 0.1  # a 90 % set leaves the truth out in one case of ten
TINIEST = 0.25  # of the network's side: an image with fewer rows or columns is not enlarged
LONGEST = 1024  # pixels of the longer side of a picture that is shown
COLOURED = 12, 0.02  # a pixel has a colour if its channels differ by more (of 255); an image, if such a share has
MAKERS = ("augment.py", "models.py", "recipe.py", "training.py", "evaluation/calibration.py", "evaluation/shift.py")


class ReaderError(Exception):
    """A reader cannot be built, kept or loaded; one sentence that says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"ReaderError: {self}"]


def percent(probability: float) -> str:
    """A probability as text; never 0% or 100%, of which no network is sure."""
    return "less than 1%" if probability < 0.01 else "more than 99%" if probability > 0.99 else f"{probability:.0%}"


@dataclass(frozen=True, eq=False)
class Finding:
    """What a reader says of one file; `str()` says it in words.

    Attributes:
        declined: why nothing is said, one sentence; "" where something is.
        facts: `kind` (DICOM, PNG, JPEG), `rows`, `columns`, `photometric`, `identity`; of DICOM also `modality`,
            `view`, `part`, `spacing` (mm between rows, between columns), `spacing from` and `syntax`.
        prior: (classes,), how frequent each class was where the reader was calibrated.
        notes: what was done to the picture, a sentence each.
        probabilities: float64 (classes,), temperature-scaled; None where declined, as `overlay`.
        plausible: the classes of the 90 % set.
        image: uint8 (rows, columns[, 3]) as shown, at most 1,024 pixels long; None where the file cannot be read.
        overlay: float32 (rows, columns) from 0 to 1: where the likeliest class is seen, not why (Grad-CAM).
    """

    declined: str
    facts: dict[str, Any]
    classes: tuple[str, ...]
    versions: dict[str, str]
    prior: np.ndarray
    notes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    plausible: tuple[str, ...] = ()
    image: np.ndarray | None = field(default=None, repr=False)
    overlay: np.ndarray | None = field(default=None, repr=False)

    def __str__(self) -> str:
        about = f"The reader: {self.versions['reader']}. It learnt from: {self.versions['trained on']}"
        if self.declined:
            last = "Declined is not “nothing found”: nobody has read this image."
            return "\n".join([f"DECLINED. {self.declined}", *self.notes, last, about])
        order = np.argsort(-self.probabilities)
        said = ", ".join(f"{self.classes[k]} {percent(self.probabilities[k])}" for k in order)
        prior = ", ".join(f"{self.classes[k]} {self.prior[k]:.0%}" for k in order)
        return "\n".join([f"{said}.", f"The 90 % set: {self._set()}", *self.notes,
                          f"Probabilities hold where classes are as frequent as in calibration: {prior}.",
                          "The map shows where the likeliest class is seen, not why.",
                          f"Identity: {self.facts['identity']}.", about,
                          "Teaching material, not a medical device."])  # fmt: skip

    def _set(self) -> str:
        names = ", ".join(self.plausible)
        if not names:
            return ("no class. Nine in ten images of each class get a higher probability for it than this one does: it "
                    "is an unusual image of whatever it shows, so take it as not answered.")  # fmt: skip
        if len(self.plausible) == len(self.classes):
            return f"all classes, {names}. Nothing is ruled out: the reader cannot say."
        return (f"{names}. Such sets hold the true class for nine in ten images of each class, as long as images come "
                "from where those of calibration came from.")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Reader:
    """A network with all it needs to answer about a file; made by `build`, `default` or `Reader.load`.

    Attributes:
        side: of the images that the network takes, in pixels.
        temperature: logits are divided by it (Guo et al., ICML 2017).
        thresholds: (classes,), from which probability a class is in the 90 % set; 0 is always.
        prior: (classes,), the share of each class in the held-out images.
        title, source: what it reads, and what it learnt from.
        accepts: what a DICOM header may say, see `files.open_file`.
        coloured: whether all (True), some (None) or none (False) of the held-out images had colours.
        cropped: whether they were the middle square of what was taken; else sides were squeezed to be equal.
        code: the hash of the code that made it.
    """

    trained: recipe.Trained
    gate: doors.Gate
    side: int
    temperature: float
    thresholds: np.ndarray
    prior: np.ndarray
    title: str
    source: str
    accepts: files.Accepts
    coloured: bool | None
    cropped: bool
    code: str

    @property
    def classes(self) -> tuple[str, ...]:
        return self.trained.classes

    @property
    def versions(self) -> dict[str, str]:
        return {"course": utils.__version__, "torch": torch.__version__, "code": self.code, "reader": self.title,
                "trained on": self.source}  # fmt: skip

    def read(self, file: str | os.PathLike | bytes, name: str = "") -> Finding:
        """The finding of a DICOM, PNG or JPEG file, by its path, or as bytes with a name. No file makes it raise."""
        said = {"classes": self.classes, "versions": self.versions, "prior": self.prior}
        try:
            picture = files.open_file(file, name, self.accepts)
        except files.Refused as refused:
            return Finding(str(refused), refused.facts, **said)
        small, notes, declined = self._small(picture.image)
        said |= {"facts": picture.facts, "image": _shown(picture.image), "notes": picture.notes + notes}
        if declined or self.gate.declines(small)[0]:
            reason = f"The gate declines it: it does not look like what this reader knows ({self.title})."
            return Finding(declined or reason, **said)
        probabilities = self.probabilities(small)
        plausible = calibration.conformal_sets(probabilities, self.thresholds)[0]
        overlay = self._overlay(small, int(probabilities.argmax()), said["image"].shape[:2])
        return Finding("", probabilities=probabilities[0], overlay=overlay,
                       plausible=tuple(np.array(self.classes)[plausible].tolist()), **said)  # fmt: skip

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Temperature-scaled, float64 (n, classes), of uint8 images (n, side, side, channels). No gate is asked."""
        return calibration.tempered(_logits(self.trained, images), self.temperature)

    def _small(self, image: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], str]:
        """uint8 (1, side, side, channels) for the network, what was done to the image, and why it is declined."""
        colour, channels, declined = has_colour(image[None])[0], len(self.trained.mean), ""
        note = "It is in colour, and the reader knows grey images only: it was turned into grey."
        if colour and self.coloured is False:
            image = np.asarray(Image.fromarray(image).convert("L"))
        small = sized(image, self.side, channels, self.cropped)[None]
        if min(image.shape[:2]) < TINIEST * self.side:
            declined = (f"It is {image.shape[0]} × {image.shape[1]} pixels, and this reader needs "
                        f"{self.side * TINIEST:.0f} at least.")  # fmt: skip
        elif not np.ptp(small):
            declined = "All of its pixels have one value: there is nothing to read."
        elif self.coloured and not colour:
            declined = "It has no colours, and all images that this reader knows do: give it the one in colour."
        return small, (note,) * bool(colour and self.coloured is False), declined

    def _overlay(self, small: np.ndarray, top: int, shape: tuple[int, int]) -> np.ndarray:
        x, _ = training.tensors(small, mean=self.trained.mean, std=self.trained.std)
        found = saliency.grad_cam(self.trained.model, x, top)[0]
        found = Image.fromarray((found / (found.max() or 1)).astype(np.float32))
        rows, columns = (min(shape),) * 2 if self.cropped else shape
        top, left = (shape[0] - rows) // 2, (shape[1] - columns) // 2
        overlay = np.zeros(shape, np.float32)
        overlay[top : top + rows, left : left + columns] = found.resize((columns, rows), Image.Resampling.BILINEAR)
        return np.clip(overlay, 0, 1)

    def _checked(self) -> None:
        """Raises nearly anything where numbers, names and networks do not belong together."""
        number, channels = len(self.classes), len(self.trained.mean)
        names, numbers = (self.title, self.source, self.code, *self.classes), (self.temperature, self.side)
        arrays = self.trained.mean, self.trained.std, self.thresholds, self.prior, self.gate.bars
        sizes = [(channels,), (channels,), (number,), (number,), (1 + bool(len(self.gate.known)),)]
        if not all(isinstance(name, str) for name in names) or [np.shape(array) for array in arrays] != sizes:
            raise ValueError
        if not all(np.isfinite(array).all() for array in (*arrays[:-1], self.gate.known, numbers)):
            raise ValueError
        if np.isnan(self.gate.bars).any() or self.temperature <= 0 or (self.trained.std <= 0).any():
            raise ValueError
        if type(self.side) is not int or not 12 <= self.side <= LONGEST:
            raise ValueError
        blank = np.arange(self.side**2 * channels).reshape(1, self.side, self.side, channels).astype(np.uint8)
        if self.probabilities(blank).shape != (1, number) or not np.isfinite(self.probabilities(blank)).all():
            raise ValueError
        if not np.isfinite(self.gate.strangeness(blank)).all():
            raise ValueError

    def content(self) -> dict[str, Any]:
        """All that the reader is: tensors, numbers and names."""
        trained, gate = self.trained, self.gate
        arrays = {"mean": trained.mean, "std": trained.std, "known": gate.known, "bars": gate.bars,
                  "thresholds": self.thresholds, "prior": self.prior}  # fmt: skip
        return {"network": _packed(trained.model), "gate": _packed(gate.model), "classes": list(self.classes),
                "turns": trained.turns, "accepts": {key: list(words) for key, words in self.accepts.items()},
                "arrays": {key: torch.as_tensor(values) for key, values in arrays.items()},
                "plain": {key: getattr(self, key) for key in PLAIN}}  # fmt: skip

    def save(self, file: str | Path) -> None:
        """Write the reader to a file: tensors, numbers and names, no code. Raises ReaderError."""
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            training.save_whole(Path(file), self.content())
        except OSError as error:
            raise ReaderError(f"The reader cannot be saved as {Path(file).name} ({error.strerror or error}).") from None

    @staticmethod
    def load(file: str | Path) -> Reader:
        """The reader that `save` wrote; nothing in the file is executed. Raises ReaderError."""
        name = Path(file).name
        if not Path(file).is_file():
            raise ReaderError(f"There is no file {name}: build a reader and save it there first.")
        try:
            kept = torch.load(file, map_location="cpu", weights_only=True)
            arrays = {key: values.numpy() for key, values in kept["arrays"].items()}
            network, gate = _unpacked(kept["network"]), _unpacked(kept["gate"])
            trained = recipe.Trained(network, arrays["mean"], arrays["std"], tuple(kept["classes"]),
                                     bool(kept["turns"]), pd.DataFrame())  # fmt: skip
            made = Reader(trained, doors.Gate(gate, arrays["known"], arrays["bars"]), thresholds=arrays["thresholds"],
                          prior=arrays["prior"], **{key: kept["plain"][key] for key in PLAIN},
                          accepts={key: tuple(words) for key, words in kept["accepts"].items()})  # fmt: skip
            made._checked()
            return made
        except Exception:  # of torch, pickle, zipfile: damaged bytes make them raise nearly anything
            raise ReaderError(f"{name} is no reader of this course, or is damaged: build it again.") from None


PLAIN = ("side", "temperature", "title", "source", "coloured", "cropped", "code")  # of a reader, saved as they are


def build(
    trained: recipe.Trained, images: np.ndarray, labels: np.ndarray, groups: Sequence[Any] | None, *,
    gate_images: np.ndarray, title: str, source: str, seed: int = 0, accepts: files.Accepts | None = None,
    cropped: bool = False, **gate: int,
) -> Reader:  # fmt: skip
    """A reader round a trained network.

    Args:
        images, labels: uint8 (n, side, side[, 3]) and int (n,), held out from training, for temperature, 90 % sets (by
            class: Sadinle et al., JASA 2019), prior and the gate's bars.
        groups: (n,) whose image each is; one image a group and class, drawn at random, counts for the sets, so that
            their promise is about new patients. None: each image is its own.
        gate_images: uint8 (m, side, side[, 3]) that the gate learns from: those of training.
        title, source, accepts, cropped: see `Reader`.
        gate: `count` and `epochs` of `gate.fit`.

    Raises:
        ReaderError: images, labels, groups and network do not fit together, or the gate cannot learn from them.
    """
    try:
        images, labels = audit.check_data(images, labels, classes=trained.classes)
        gate_images, _ = audit.check_data(gate_images, what="images for the gate")
    except audit.DataProblem as problem:
        raise ReaderError(str(problem)) from None
    images, gate_images = (_with_channels(some, trained) for some in (images, gate_images))
    whose = pd.factorize(pd.Series(range(len(images)) if groups is None else list(groups)))[0]
    if len(whose) != len(images) or whose.min() < 0:
        raise ReaderError(f"Give {len(images)} groups, one an image and none missing, or None.")
    logits, number = _logits(trained, images), len(trained.classes)
    try:
        temperature = calibration.temperature(logits, labels)
    except ValueError:  # one class, all right, all luck: no temperature is best
        temperature = 1.0
    probabilities = calibration.tempered(logits, temperature)
    order = np.random.default_rng(seed).permutation(len(images))
    one = order[np.unique(np.stack([whose, labels])[:, order], axis=1, return_index=True)[1]]  # a group and class
    absent = np.setdiff1d(np.arange(number), labels)  # in every set
    asked = np.concatenate([probabilities[one], np.full((len(absent), number), 1 / number)])
    thresholds = calibration.conformal_thresholds(asked, np.concatenate([labels[one], absent]), ALPHA, by_class=True)
    prior, colours = np.bincount(labels, minlength=number) / len(labels), has_colour(images)
    coloured = bool(colours[0]) if colours.all() or not colours.any() else None
    try:
        door = doors.fit(gate_images, images, turns=trained.turns, seed=seed, **gate)
    except (ValueError, training.TrainingError) as error:
        raise ReaderError(f"The gate cannot learn from these images: {error}") from None
    return Reader(trained, door, images.shape[1], temperature, thresholds, prior, title, source, accepts or {},
                  coloured, cropped, code_hash())  # fmt: skip


def default(name: str) -> Reader:
    """The course's own reader for "chest" or "skin": loaded from data/, trained where there is none that fits."""
    from assistant import defaults

    return defaults.load(name)


def sized(image: np.ndarray, side: int, channels: int, cropped: bool = False) -> np.ndarray:
    """uint8 (rows, columns[, 3]) as (side, side, channels): squeezed, as `datasets.folder` does it, or cropped."""
    picture = Image.fromarray(image).convert("L" if channels == 1 else "RGB")
    fit = ImageOps.fit if cropped else Image.Image.resize
    return np.asarray(fit(picture, (side, side), Image.Resampling.BILINEAR)).reshape(side, side, channels)


def has_colour(images: np.ndarray) -> np.ndarray:
    """Bool (n,): which of the images (n, rows, columns[, channels]) are in colour, see `COLOURED`."""
    if images.ndim == 3 or images.shape[3] == 1:
        return np.zeros(len(images), bool)
    return np.array([(np.ptp(image, 2) > COLOURED[0]).mean() > COLOURED[1] for image in images])


@functools.cache
def code_hash(*more: str) -> str:
    """A hash of the code that makes readers, and of more files of the course, 12 hexadecimal digits; layout and
    comments do not count."""
    root = Path(__file__).resolve().parents[1]
    made = [*(root / "assistant" / f"{name}.py" for name in ("defaults", "files", "gate", "reader")),
            *(root / "utils" / name for name in MAKERS), *(root / name for name in more)]  # fmt: skip
    trees = "".join(ast.dump(ast.parse(file.read_text(encoding="utf-8"))) for file in made)
    return hashlib.sha256(trees.encode()).hexdigest()[:12]


def _with_channels(images: np.ndarray, trained: recipe.Trained) -> np.ndarray:
    images = images[..., None] if images.ndim == 3 else images
    if images.dtype != np.uint8 or images.shape[1] != images.shape[2] or images.shape[3] != len(trained.mean):
        raise ReaderError(f"This network reads square images of uint8 with {len(trained.mean)} channel(s), not "
                          f"{images.dtype} {images.shape[1:]}.")  # fmt: skip
    return images


def _logits(trained: recipe.Trained, images: np.ndarray) -> np.ndarray:
    """Log-probabilities (n, classes) in float32; the mean of eight views where images may be turned."""
    x, _ = training.tensors(images, mean=trained.mean, std=trained.std)
    views = augment.eight_views if trained.turns else None
    return np.log(np.maximum(training.predict(trained.model, x, views=views, precision=torch.float32), 1e-30))


def _shown(image: np.ndarray) -> np.ndarray:
    shown = Image.fromarray(image)
    shown.thumbnail((LONGEST, LONGEST), Image.Resampling.BILINEAR)  # never enlarges
    return np.array(shown)


def _packed(model: models.ResidualNetwork) -> dict[str, Any]:
    return {"settings": model.settings, "weights": model.state_dict()}


def _unpacked(kept: dict[str, Any]) -> models.ResidualNetwork:
    model = models.ResidualNetwork(**kept["settings"])
    model.load_state_dict(kept["weights"])
    return model.to(lesson.device(), memory_format=torch.channels_last).eval()
