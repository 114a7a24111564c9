"""The course's two readers: whence their images come, how they are dealt and learnt from, and where they are kept."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from assistant import files, reader
from utils import audit, augment, datasets, models, recipe, training
from utils.datasets import places
from utils.datasets.cards import CARDS

SIDE, FILMS = 64, 2000  # pixels of a film; films to learn from, at most
WIDTHS = (16, 32, 64)
GROUP = r"((?:NORMAL2-)?IM-\d+|person\d+_[a-z]+)"  # who a child is, as far as a file's name tells; see `children`
SHARES = {"learn": 0.5, "calibrate": 0.3, "rest": 0.2}  # of the groups; `rest` is for judging
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


@dataclass(frozen=True)
class Pile:
    """Images of a default with their groups; `key` names the set in the file's name."""

    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    groups: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    source: datasets.Source

    def dealt(self, seed: int) -> dict[str, Part]:
        """Learn, calibrate and rest: no group in two of them."""
        part = audit.split_by(self.groups, SHARES, labels=self.labels, seed=seed)
        rows = {name: np.flatnonzero(part == name) for name in SHARES}
        return {name: Part(self.images[row], self.labels[row], self.groups[row]) for name, row in rows.items()}


# ---------------------------------------------------------------------------- where the images come from


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
    if place.card is MEDMNIST64:
        pile = place.card.reader(place)
        images, labels = (np.concatenate([getattr(part, what) for part in (pile.train, pile.val)])
                          for what in ("images", "labels"))  # fmt: skip
        return Pile(images, labels, np.arange(len(labels)), pile.classes, pile.source)
    return children(place, "train")


def children(place: places.Place, part: str) -> Pile:
    """One folder of the children's films. Their names carry numbers that restart with each kind, so kind and number
    together stand for a child; neither is proven to be one."""
    found = datasets.folder(place.paths[0] / part, size=SIDE)
    groups = found.table["file"].str.extract(GROUP, expand=False).fillna(found.table["file"]).to_numpy(str)
    classes = tuple(name.lower() for name in found.classes)
    return Pile(found.images, found.labels, groups, classes, place.source(found.images, found.labels))


def skin() -> Pile:
    """DermaMNIST's train and val, by lesion where its tables are there. Never its test."""
    pile, plain = datasets.load("dermamnist", metadata=True), datasets.load("dermamnist")
    pile = plain if plain.source.is_real and not pile.source.is_real else pile  # images, but no tables to them
    images, labels = (np.concatenate([getattr(part, what) for part in (pile.train, pile.val)])
                      for what in ("images", "labels"))  # fmt: skip
    table = pd.concat([pile.train.table, pile.val.table], ignore_index=True)
    groups = table["lesion_id"].to_numpy(str) if "lesion_id" in table else np.arange(len(labels))
    return Pile(images, labels, groups, pile.classes, pile.source)


# ---------------------------------------------------------------------------- how they are learnt from


class Default(NamedTuple):
    """What a default reads, and how it is trained."""

    title: str
    pile: Any
    turns: bool
    epochs: int


DEFAULTS = {"chest": Default("children's chest films from the front", chest, False, 8),
            "skin": Default("dermoscopic images of pigmented lesions", skin, True, 10)}  # fmt: skip


def network(images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], *, turns: bool, epochs: int, seed: int = 0,
            widths: tuple[int, ...] = WIDTHS) -> recipe.Trained:  # fmt: skip
    """A small residual network by Muon with one cycle: a third of the course's recipe in width, and no mixup."""
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


def train(name: str, parts: dict[str, Part], classes: tuple[str, ...], source: str, seed: int = 0) -> reader.Reader:
    """A default from its parts: classifier and gate from `learn`, everything else from `calibrate`."""
    how, learn = DEFAULTS[name], parts["learn"]
    rows = np.random.default_rng(seed).permutation(len(learn.images))[: FILMS if name == "chest" else None]
    images, labels = learn.images[rows], learn.labels[rows]
    trained = network(images, labels, classes, turns=how.turns, epochs=how.epochs, seed=seed)
    return reader.build(trained, *parts["calibrate"], gate_images=images, title=how.title, source=source, seed=seed,
                        accepts=files.ACCEPTS[name])  # fmt: skip


def load(name: str) -> reader.Reader:
    """See `reader.default`. Raises ReaderError for another name, and DataError where there are no images."""
    if name not in DEFAULTS:
        raise reader.ReaderError(f"There is no default {name!r}: choose {' or '.join(DEFAULTS)}.")
    place = chest_place() if name == "chest" else places.obtain(CARDS["dermamnist"])
    file = places.DATA / "assistant" / f"{name}-{place.card.name}-{place.made or 'real'}.pt"
    why = "There is none in data/ yet"
    if file.exists():
        try:
            kept = reader.Reader.load(file)
            if kept.code == reader.code_hash():
                return kept
            why = f"{file.name} was made by other code"
        except reader.ReaderError:
            why = f"{file.name} is damaged"
    print(f"{why}: training the {name} reader, about a minute.")
    pile = DEFAULTS[name].pile()
    made = train(name, pile.dealt(0), pile.classes, str(pile.source))
    try:
        made.save(file)
    except reader.ReaderError as error:
        print(f"{error} It will be trained anew next time.")
    return made
