"""The course's two readers: where their images come from, how they are dealt and learnt from, where they are kept."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from assistant import files, reader
from utils import audit, augment, datasets, models, recipe, training
from utils.datasets import places
from utils.datasets.cards import CARDS

SIDE = 64  # pixels of a film
KEPT = places.DATA / "assistant"
GROUP = r"((?:NORMAL2-)?IM-\d+|person\d+_[a-z]+)"  # in the names of children's films, see `children`
SHARES = {"learn": 0.5, "calibrate": 0.3, "rest": 0.2}  # of the groups; nothing is done with `rest` here
MEDMNIST64 = replace(
    CARDS["pneumoniamnist"], name="pneumoniamnist_64", title="PneumoniaMNIST at 64 pixels", shape=(SIDE, SIDE),
    files=("pneumoniamnist_64.npz",), md5="8f4eceb4ccffa70c672198ea285246c6",
    url="https://zenodo.org/records/10519652/files/pneumoniamnist_64.npz?download=1",
)  # fmt: skip


class Part(NamedTuple):
    """uint8 (n, side, side[, 3]), int (n,), and whose each image is, (n,)."""

    images: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


class Pile(NamedTuple):
    """All images of a default, as in `Part`, the names of classes, where they come from, whether they are cropped."""

    images: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]
    source: datasets.Source
    cropped: bool = False

    def dealt(self, seed: int) -> dict[str, Part]:
        """Learn, calibrate and rest: no group in two of them. Raises DataProblem where a class has too few groups."""
        part = audit.split_by(self.groups, SHARES, labels=self.labels, seed=seed)
        return {name: Part(*(values[part == name] for values in self[:3])) for name in SHARES}


class Default(NamedTuple):
    """What a default reads, and how it is trained."""

    title: str
    pile: Callable[[], Pile]
    turns: bool
    images: int  # to learn from, at most
    epochs: int  # passes through so many


def chest_place() -> places.Place:
    """Children's films from the folder, else PneumoniaMNIST at 64 pixels, else the clinic's. May raise DataError."""
    for card in (CARDS["chest_xray"], MEDMNIST64):
        for place in places.found(card):
            return place
    try:
        return places.fetch(MEDMNIST64)
    except places.NotFetched as reason:
        return places.make(CARDS["chest_xray"], f"{places.nowhere(CARDS['chest_xray'])}, and {reason}.")


def chest() -> Pile:
    """Films of children from the front: of the folder `train`, or MedMNIST's train and val. Never of `test`."""
    place = chest_place()
    if place.card is MEDMNIST64:  # which keeps the middle square
        return _train_and_val(place.card.reader(place))._replace(cropped=True)
    return children(place, "train")


def children(place: places.Place, part: str) -> Pile:
    """One folder of the children's films. Numbers in their names begin anew with each kind, so a group is kind and
    number; that it is one child is likely and not proven."""
    found = datasets.folder(place.paths[0] / part, size=SIDE)
    groups = found.table["file"].str.extract(GROUP, expand=False).fillna(found.table["file"]).to_numpy(str)
    classes = tuple(name.lower() for name in found.classes)
    return Pile(found.images, found.labels, groups, classes, place.source(found.images, found.labels))


def skin() -> Pile:
    """DermaMNIST's train and val, by lesion where its tables are there. Never its test."""
    told, plain = datasets.load("dermamnist", metadata=True), datasets.load("dermamnist")
    return _train_and_val(plain if plain.source.is_real and not told.source.is_real else told)  # images without tables


def _train_and_val(pile: datasets.Images) -> Pile:
    images, labels = (np.concatenate([getattr(part, what) for part in (pile.train, pile.val)])
                      for what in ("images", "labels"))  # fmt: skip
    table = pd.concat([pile.train.table, pile.val.table], ignore_index=True)
    groups = table["lesion_id"].to_numpy(str) if "lesion_id" in table else np.arange(len(labels))
    return Pile(images, labels, groups, pile.classes, pile.source)


DEFAULTS = {"chest": Default("children's chest films from the front", chest, False, 2000, 8),
            "skin": Default("dermoscopic images of pigmented lesions", skin, True, 4000, 10)}  # fmt: skip


def network(
    images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], *, turns: bool, epochs: int, seed: int = 0,
    widths: tuple[int, ...] = (16, 32, 64),
) -> recipe.Trained:  # fmt: skip
    """The course's recipe at a quarter of its width, with plain labels. Images uint8 (n, side, side[, 3])."""
    flat = images.reshape(-1, images.shape[3] if images.ndim == 4 else 1)
    mean, std = flat.mean(0), flat.std(0) + 1e-6
    torch.manual_seed(seed)
    model = models.ResidualNetwork(len(classes), len(mean), widths=widths, stem=2)
    view = augment.turned_and_shifted if turns else augment.shifted
    fitted = training.fit(
        model, training.tensors(images, labels, mean=mean, std=std), epochs=epochs, seed=seed, average=True,
        optimiser=training.muon, schedule=training.one_cycle, augment=lambda x, y: (view(x), y), progress="",
    )  # fmt: skip
    return recipe.Trained(fitted.model, mean, std, classes, turns, fitted.history)


def train(name: str, pile: Pile, seed: int = 0) -> reader.Reader:
    """A default from its pile as dealt: classifier and gate from `learn`, everything else from `calibrate`."""
    how, parts = DEFAULTS[name], pile.dealt(seed)
    rows = np.random.default_rng(seed).permutation(len(parts["learn"].images))[: how.images]
    images, labels = parts["learn"].images[rows], parts["learn"].labels[rows]
    epochs = round(how.images * how.epochs / len(images))  # fewer images are gone through more often
    trained = network(images, labels, pile.classes, turns=how.turns, epochs=epochs, seed=seed)
    title = how.title + ", generated" * (not pile.source.is_real)
    return reader.build(trained, *parts["calibrate"], gate_images=images, title=title, source=str(pile.source),
                        seed=seed, accepts=files.ACCEPTS[name], cropped=pile.cropped)  # fmt: skip


def load(name: str) -> reader.Reader:
    """See `reader.default`. Raises ReaderError for another name, and DataError where there are no images."""
    if name not in DEFAULTS:
        raise reader.ReaderError(f"There is no default {name!r}: choose {' or '.join(DEFAULTS)}.")
    place, why = chest_place() if name == "chest" else places.obtain(CARDS["dermamnist"]), "is not there yet"
    file = KEPT / f"{name}-{place.card.name}-{place.made or 'real'}.pt"
    if file.exists():
        try:
            kept = reader.Reader.load(file)
            if kept.code == reader.code_hash():
                return kept
            why = "was made by other code"
        except reader.ReaderError:
            why = "is damaged"
    print(f"{file.name} {why}: the {name} reader is trained now, which takes about a minute.")
    made = train(name, DEFAULTS[name].pile())
    try:
        made.save(file)
    except reader.ReaderError as error:
        print(f"{error} So it will be trained again next time.")
    return made
