"""An image in, a finding out: what the file is, declined with the reason or probabilities, a set of classes, a map.

`read` asks, in this order: can the file be read; is it too large; does its header say that it is something else; is it
such an image as the network knows (the gate). What is stored the wrong way round (MONOCHROME1) is turned round first.
Everything is computed in float32. This is teaching material and no medical device.
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
from PIL import Image

import utils
from assistant import files
from assistant import gate as doors
from utils import audit, augment, lesson, models, recipe, training
from utils.evaluation import calibration, saliency

ALPHA = 0.1  # a 90 % set leaves the truth out in one case of ten
TINIEST = 0.25  # of the network's side: an image with fewer rows or columns is not enlarged
LONGEST = 1024  # pixels of the longer side of a picture that is shown
MAKERS = ("augment.py", "models.py", "recipe.py", "training.py", "evaluation/calibration.py", "evaluation/shift.py")
COLOURED = 12  # difference of the channels above which a pixel has a colour, of 255


class ReaderError(Exception):
    """A reader cannot be built, kept or loaded; one sentence that says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"ReaderError: {self}"]


@dataclass(frozen=True, eq=False)
class Finding:
    """What a reader says of one file; `str()` says it in words.

    Attributes:
        declined: why nothing is said, one sentence; "" where something is.
        facts: what the file is: `kind` (DICOM, PNG, JPEG), `rows`, `columns`, `photometric`, `identity`; of DICOM also
            `modality`, `view`, `part`, `spacing` (mm between rows, between columns; where from), `syntax`.
        notes: what was done to the picture, a sentence each.
        probabilities: float64 (classes,), temperature-scaled; None where declined.
        plausible: the classes of the 90 % set.
        prior: (classes,), how frequent each class was where the reader was calibrated.
        image: uint8 (rows, columns[, 3]) as shown, at most 1,024 pixels long; None where the file cannot be read.
        overlay: float (rows, columns) from 0 to 1, of the likeliest class: where, not why. None where declined.
        versions: of the course and of torch; which code made the reader; what it is and what it learnt from.
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
        about = f"The reader: {self.versions['reader']}, trained on {self.versions['trained on']}"
        if self.declined:
            return "\n".join([f"DECLINED. {self.declined}", *self.notes,
                              "Declined is not “nothing found”: nobody has read this image.", about])  # fmt: skip
        order = np.argsort(-self.probabilities, kind="stable")
        said = ", ".join(f"{self.classes[k]} {self.probabilities[k]:.0%}" for k in order)
        prior = ", ".join(f"{self.classes[k]} {self.prior[k]:.0%}" for k in order)
        return "\n".join([f"{said}.", f"The 90 % set: {self._set()}", *self.notes,
                          f"Probabilities hold where classes are as frequent as in calibration: {prior}.",
                          "The map shows where the likeliest class is seen, not why.",
                          f"Identity: {self.facts.get('identity', 'unknown')}.", about,
                          "Teaching material, not a medical device."])  # fmt: skip

    def _set(self) -> str:
        if not self.plausible:
            return "empty. No class is plausible: the image is unlike those of every class, so take it as not read."
        if len(self.plausible) == len(self.classes):
            return f"all of {', '.join(self.plausible)}. Nothing is ruled out, so this says nothing."
        return (f"{', '.join(self.plausible)}. Of the images of each class, nine in ten sets hold their class, where "
                "images come as in calibration.")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Reader:
    """A network with all it needs to answer about a file; made by `build`, `default` or `Reader.load`.

    Attributes:
        trained: the network, its scaling and classes.
        gate: the doorkeeper.
        temperature: logits are divided by it.
        thresholds: (classes,), from which probability a class is in the 90 % set; 0 is always.
        prior: (classes,), the frequency of each class in the held-out images.
        title, source: what it reads, and what it learnt from.
        accepts: what a DICOM header may say, see `files.open_file`.
        coloured: whether all, "some" or none of its images had colours (True, None, False).
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
    accepts: dict[str, tuple[str, ...]]
    coloured: bool | None
    code: str

    @property
    def classes(self) -> tuple[str, ...]:
        return self.trained.classes

    @property
    def versions(self) -> dict[str, str]:
        return {"course": utils.__version__, "torch": torch.__version__, "code": self.code, "reader": self.title,
                "trained on": self.source}  # fmt: skip

    def read(self, file: str | os.PathLike | bytes, name: str = "") -> Finding:
        """The finding of a DICOM, PNG or JPEG file, given by its path or as bytes with a name. Never raises for a file."""
        said = {"classes": self.classes, "versions": self.versions, "prior": self.prior}
        try:
            picture = files.open_file(file, name, self.accepts)
        except files.Refused as refused:
            return Finding(str(refused), refused.facts, **said)
        said |= {"facts": picture.facts, "image": _shown(picture.image)}
        small, notes, declined = self._small(picture.image)
        said["notes"] = picture.notes + notes
        if declined or self.gate.declines(small[None])[0]:
            reason = f"This does not look like the images that the reader knows ({self.title}): the gate declines it."
            return Finding(declined or reason, **said)
        probabilities = self.probabilities(small[None])[0]
        plausible = calibration.conformal_sets(probabilities[None], self.thresholds)[0]
        names = tuple(name for name, there in zip(self.classes, plausible, strict=True) if there)
        overlay = self._overlay(small, int(probabilities.argmax()), said["image"].shape[:2])
        return Finding("", probabilities=probabilities, plausible=names, overlay=overlay, **said)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Temperature-scaled, float64 (n, classes), of uint8 images (n, side, side, channels). No gate is asked."""
        return calibration.tempered(_logits(self.trained, images), self.temperature)

    def _small(self, image: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], str]:
        """uint8 (side, side, channels) as the network wants it, what was done to it, and why it is declined."""
        rows, columns = image.shape[:2]
        colour, channels = has_colour(image[None])[0], len(self.trained.mean)
        notes, declined = [], ""
        if min(rows, columns) < TINIEST * self.side:
            declined = f"It is {rows} × {columns} pixels, and this reader needs {self.side * TINIEST:.0f} at least."
        if colour and self.coloured is False:
            notes.append("It is in colour, and the reader knows grey images only: it was turned into grey.")
        elif not colour and self.coloured and not declined:
            declined = "It has no colours, and all images that this reader knows do: give it the one in colour."
        if image.ndim == 3 and (channels == 1 or self.coloured is False):
            image = np.asarray(Image.fromarray(image).convert("L"))
        small = sized(image, self.side, channels)
        if not np.ptp(small):
            declined = declined or "All of its pixels have one value: there is nothing to read."
        return small, tuple(notes), declined

    def _overlay(self, small: np.ndarray, top: int, shape: tuple[int, int]) -> np.ndarray:
        x, _ = training.tensors(small[None], mean=self.trained.mean, std=self.trained.std)
        found = saliency.grad_cam(self.trained.model, x, top)[0]
        found = Image.fromarray((found / (found.max() or 1)).astype(np.float32))
        return np.clip(np.asarray(found.resize(shape[::-1], Image.Resampling.BILINEAR)), 0, 1)

    def save(self, file: str | Path) -> None:
        """Write the reader to a file: tensors, numbers and names, no code. Raises ReaderError."""
        content = {
            "course": "Reader", "classes": list(self.classes), "turns": self.trained.turns, "side": self.side,
            "network": _packed(self.trained.model), "mean": torch.as_tensor(self.trained.mean),
            "std": torch.as_tensor(self.trained.std), "gate": _packed(self.gate.model),
            "known": torch.as_tensor(self.gate.known), "bars": torch.as_tensor(self.gate.bars),
            "temperature": self.temperature, "thresholds": torch.as_tensor(self.thresholds),
            "prior": torch.as_tensor(self.prior), "title": self.title, "source": self.source, "code": self.code,
            "accepts": {key: list(words) for key, words in self.accepts.items()}, "coloured": self.coloured,
        }  # fmt: skip
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            training.save_whole(Path(file), content)
        except OSError as error:
            raise ReaderError(f"The reader cannot be saved as {Path(file).name} ({error.strerror or error}).") from None

    @staticmethod
    def load(file: str | Path) -> Reader:
        """The reader that `save` wrote; nothing in the file is executed. Raises ReaderError."""
        file = Path(file)
        if not file.is_file():
            raise ReaderError(f"There is no file {file.name}: build a reader and save it there first.")
        try:
            kept = torch.load(file, map_location="cpu", weights_only=True)
            arrays = {key: kept[key].numpy() for key in ("mean", "std", "known", "bars", "thresholds", "prior")}
            network, gate = _unpacked(kept["network"]), _unpacked(kept["gate"])
            trained = recipe.Trained(network, arrays["mean"], arrays["std"], tuple(kept["classes"]),
                                     bool(kept["turns"]), pd.DataFrame())  # fmt: skip
            accepts = {key: tuple(words) for key, words in kept["accepts"].items()}
            plain = {key: kept[key] for key in ("side", "temperature", "title", "source", "coloured", "code")}
            return Reader(trained, doors.Gate(gate, arrays["known"], arrays["bars"]), accepts=accepts,
                          thresholds=arrays["thresholds"], prior=arrays["prior"], **plain)  # fmt: skip
        except Exception:  # of torch, pickle, zipfile: damaged bytes make them raise nearly anything
            raise ReaderError(f"{file.name} is no reader that this course saved, or is damaged: build it again.") from None


def build(
    trained: recipe.Trained,
    images: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[Any] | None,
    *,
    gate_images: np.ndarray,
    title: str,
    source: str,
    seed: int = 0,
    accepts: dict[str, tuple[str, ...]] | None = None,
    **gate: int,
) -> Reader:
    """A reader round a trained network.

    Args:
        trained: the network; all of its numbers are asked for in float32.
        images, labels: uint8 (n, side, side[, 3]) and int (n,), held out from training: for the temperature (Guo et
            al. 2017), the class-conditional 90 % sets (Sadinle et al. 2019), the prior and the gate's bars.
        groups: (n,) whose image each is; one image a group and class, drawn at random, counts for the sets, so that
            their promise is about new patients. None: each image is its own.
        gate_images: uint8 (m, side, side[, 3]), the gate learns from them; those of training.
        title, source: what it reads, and what it learnt from, for people.
        accepts: what a DICOM header may say, see `files.open_file`; anything, if left out.
        gate: `count` and `epochs` of `gate.fit`.

    Raises:
        ReaderError: images, labels, groups and network do not fit together.
    """
    try:
        images, labels = audit.check_data(images, labels, classes=trained.classes)
        gate_images, _ = audit.check_data(gate_images, what="images for the gate")
    except audit.DataProblem as problem:
        raise ReaderError(str(problem)) from None
    images, gate_images = (_with_channels(some, trained) for some in (images, gate_images))
    groups = pd.factorize(pd.Series(range(len(images)) if groups is None else list(groups)))[0]
    if len(groups) != len(images) or groups.min() < 0:
        raise ReaderError(f"Give {len(images)} groups, one an image and none missing, or None.")
    logits, number = _logits(trained, images), len(trained.classes)
    try:
        temperature = calibration.temperature(logits, labels)
    except ValueError:  # of one class, all right, all luck: no temperature is best
        temperature = 1.0
    probabilities = calibration.tempered(logits, temperature)
    order = np.random.default_rng(seed).permutation(len(images))
    _, first = np.unique(np.stack([groups, labels])[:, order], axis=1, return_index=True)
    one = order[first]  # an image of each group and class
    absent = np.setdiff1d(np.arange(number), labels[one])  # such a class is in every set
    asked = np.concatenate([probabilities[one], np.full((len(absent), number), 1 / number)])
    thresholds = calibration.conformal_thresholds(asked, np.concatenate([labels[one], absent]), ALPHA, by_class=True)
    colours = has_colour(images)
    try:
        door = doors.fit(gate_images, images, turns=trained.turns, seed=seed, **gate)
    except (ValueError, training.TrainingError) as error:
        raise ReaderError(f"The gate cannot learn from these images: {error}") from None
    return Reader(trained, door, images.shape[1], temperature, thresholds, np.bincount(labels, minlength=number) / len(labels),
                  title, source, accepts or {}, bool(colours[0]) if colours.all() or not colours.any() else None, code_hash())


def default(name: str) -> Reader:
    """The course's own reader for "chest" or "skin": loaded from data/, trained there when it does not fit."""
    from assistant import defaults

    return defaults.load(name)


def sized(image: np.ndarray, side: int, channels: int) -> np.ndarray:
    """uint8 (rows, columns[, 3]) as (side, side, channels), the aspect ratio not kept."""
    picture = Image.fromarray(image).convert("L" if channels == 1 else "RGB")
    small = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
    return small.reshape(side, side, channels)


def has_colour(images: np.ndarray) -> np.ndarray:
    """Bool (n,): in which images (n, rows, columns[, channels]) one pixel in fifty or more has a colour."""
    if images.ndim == 3 or images.shape[3] == 1:
        return np.zeros(len(images), bool)
    return np.array([(np.ptp(image, 2) > COLOURED).mean() > 0.02 for image in images])


@functools.cache
def code_hash() -> str:
    """A hash of the code that makes readers, 12 hexadecimal digits; layout and comments do not count."""
    root = Path(__file__).resolve().parents[1]
    made = [*sorted((root / "assistant").glob("*.py")), *(root / "utils" / name for name in MAKERS)]
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
    said = training.predict(trained.model, x, views=views, precision=torch.float32)
    return np.log(np.clip(said, 1e-30, 1))


def _shown(image: np.ndarray) -> np.ndarray:
    """The picture, smaller where its longer side has more than `LONGEST` pixels."""
    shrink = LONGEST / max(image.shape[:2])
    if shrink >= 1:
        return image
    shape = [max(1, round(side * shrink)) for side in image.shape[1::-1]]
    return np.asarray(Image.fromarray(image).resize(shape, Image.Resampling.BILINEAR))


def _packed(model: models.ResidualNetwork) -> dict[str, Any]:
    return {"settings": model.settings, "weights": model.state_dict()}


def _unpacked(kept: dict[str, Any]) -> models.ResidualNetwork:
    model = models.ResidualNetwork(**kept["settings"])
    model.load_state_dict(kept["weights"])
    return model.to(lesson.device(), memory_format=torch.channels_last).eval()
