"""Scores that rise with an image's strangeness, and films for a gate. What cannot be judged is a ValueError."""
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage


def plain(values: Any) -> Any:
    """A tensor, wherever it lies and whatever hangs on it, as an array; anything else as it is."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    return (values.float() if "bfloat16" in str(values.dtype) else values).numpy()


def _table(values: Any, what: str, least: int = 1) -> np.ndarray:
    table = np.asarray(plain(values), dtype=np.float64)
    if table.ndim != 2 or len(table) < 1 or table.shape[1] < least:
        raise ValueError(f"{what} need the shape (images, {least} or more), with an image in it, not {table.shape}.")
    if strange := int((~np.isfinite(table)).any(1).sum()):
        raise ValueError(f"{strange} of {len(table)} rows of {what} hold what is not a number: leave them out.")
    return table


def _fitting(known: Any, asked: Any, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    known, asked = _table(known, "known features", least), _table(asked, "asked features", least)
    if known.shape[1] != asked.shape[1]:
        raise ValueError(f"Known images have {known.shape[1]} features, asked ones {asked.shape[1]}: use one network.")
    return known, asked


def features(stages: Any, images: Any) -> list[np.ndarray]:
    """What leaves each of a network's stages (modules, run in turn), averaged over place: one (n, channels) a stage.

    The stages run in evaluation mode and are left in the mode in which they came.
    """
    import torch

    stages = list(stages) if np.iterable(stages) else []
    modules = all(isinstance(stage, torch.nn.Module) for stage in stages)
    weights = [one for stage in stages for one in stage.parameters() if one.ndim > 1] if modules else []
    if not weights:
        raise ValueError("Stages are modules with weights, one at least: give network.features.")
    if not isinstance(images, torch.Tensor):
        raise ValueError(f"Images are a tensor, as training.tensors makes it, not {type(images).__name__}.")
    channels, shape = weights[0].shape[1], tuple(images.shape)
    if len(shape) != 4 or not len(images) or shape[1] != channels or not torch.isfinite(images).all():
        raise ValueError(f"Images need the shape (n, {channels}, rows, columns), not {shape}, and finite values.")
    if images.dtype != weights[0].dtype:
        raise ValueError(f"Images are {images.dtype}, the weights {weights[0].dtype}: make them one type.")
    found, modes = [], [(module, module.training) for stage in stages for module in stage.modules()]
    try:
        with torch.inference_mode():
            for stage in stages:
                stage.eval()
                images = torch.cat([stage(part) for part in images.split(256)])
                found.append(images.float().mean((2, 3)).cpu().numpy())
    finally:
        for module, mode in modes:
            module.training = mode
    return found


def max_softmax(logits: Any) -> np.ndarray:
    """1 minus the highest probability, (n,): how unsure the network is (Hendrycks, Gimpel, ICLR 2017)."""
    logits = _table(logits, "logits", 2)
    return 1 - np.exp(logits.max(1) - np.logaddexp.reduce(logits, axis=1))


def energy(logits: Any) -> np.ndarray:
    """Minus the logarithm of the sum of exponentials, (n,): high where no class speaks up (Liu et al. 2020)."""
    return -np.logaddexp.reduce(_table(logits, "logits", 2), axis=1)


def mahalanobis(known: Any, labels: Any, asked: Any, ridge: float = 1e-6) -> np.ndarray:
    """Squared distance to the nearest class mean, in units of the spread within classes, (n,) (Lee et al. 2018).

    One Gaussian for all features given: stages stacked side by side share one spread, whereas Lee et al. measure
    one distance a stage and weigh them. `ridge` is added to each variance, as a share of the mean variance.
    """
    (known, asked), labels = _fitting(known, asked), np.asarray(plain(labels))
    labels = np.asarray(labels.tolist()) if labels.dtype == object else labels
    unknown = pd.isna(labels) | (~((labels >= 0) & (labels < np.inf)) if labels.dtype.kind in "if" else False)
    if unknown.any():
        raise ValueError(f"{int(unknown.sum())} of {labels.size} labels are missing or below 0: leave them out.")
    if not (isinstance(ridge, Real) and 0 <= ridge < np.inf):
        raise ValueError(f"The ridge is 0 or a small positive number, not {ridge}.")
    names, number = np.unique(labels, return_inverse=True)
    if number.shape != (len(known),) or len(known) < known.shape[1] + len(names):
        raise ValueError(f"{len(known)} known images, {number.size} labels: too few, or not one each.")
    means = np.stack([known[number == k].mean(0) for k in range(len(names))])
    rest = known - means[number]
    if np.abs(rest).max() <= 1e-9 * np.abs(known).max():
        raise ValueError("Known images of a class all have the same features: there is no spread to measure by.")
    spread = rest.T @ rest / len(rest)
    spread += ridge * spread.trace() / len(spread) * np.eye(len(spread))
    if np.linalg.cond(spread) > 1e14:
        raise ValueError(f"The spread within classes has no inverse with the ridge {ridge}: raise it.")
    inverse = np.linalg.inv(spread)
    return np.min([((asked - mean) @ inverse * (asked - mean)).sum(1) for mean in means], axis=0)


def nearest(known: Any, asked: Any, k: int = 10) -> np.ndarray:
    """Distance to the k-th nearest known image, (n,), features scaled to length 1 (Sun et al., ICML 2022)."""
    known, asked = (x / np.maximum(np.linalg.norm(x, axis=1)[:, None], 1e-12) for x in _fitting(known, asked, 2))
    if not known.any():
        raise ValueError("Known features are all 0: there is no direction to compare.")
    if not isinstance(k, Integral) or not 1 <= k <= len(known):
        raise ValueError(f"k is a whole number from 1 to {len(known)}, the known images, not {k}.")
    return np.sqrt(np.maximum(2 - 2 * np.partition(asked @ known.T, -k, axis=1)[:, -k], 0))


def standardised(films: Any) -> np.ndarray:
    """Grey films (n, side, side), each less its own mean and divided by its own spread (plus 4): float32."""
    films = np.asarray(plain(films), dtype=np.float32)
    if films.ndim != 3 or films.shape[1] != films.shape[2] or films.shape[1] % 4 or not films.size:
        raise ValueError(f"Films are grey and square, a multiple of 4 wide: (n, side, side), not {films.shape}.")
    flat = films.max((1, 2)) == films.min((1, 2))
    if wrong := int((flat | ~np.isfinite(films).all((1, 2))).sum()):
        raise ValueError(f"{wrong} of {len(films)} films have one grey value, or hold NaN or ∞: decline them.")
    return (films - films.mean((1, 2), keepdims=True)) / (films.std((1, 2), keepdims=True) + 4)


def appear(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A uint8 film as another hospital might show it: window, gamma, pose, blur, noise, shutter, stamp."""
    side, turn, (black, white) = len(film), np.radians(rng.normal(0, 5)), rng.uniform((0, 0.85), (0.12, 1.1))
    x = np.clip((film / 255 - black) / (white - black), 0, 1) ** np.exp(rng.normal(0, 0.3))
    matrix = rng.uniform(0.88, 1.08) * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (side - 1) / 2 * (1 - matrix.sum(1)) + rng.normal(0, 0.04 * side, 2)
    x = ndimage.affine_transform(x, matrix, moved, order=1, mode=str(rng.choice(["constant", "nearest"])))
    blurred, noisy, shut, stamped = rng.random(4) < (0.5, 0.5, 0.4, 0.4)
    x = ndimage.gaussian_filter(x, blurred * rng.uniform(0, 0.02) * side) + noisy * rng.normal(0, 0.03, x.shape)
    (top, left, low, right), shade = shut * rng.integers(0, side // 9, 4), rng.choice([0, 0, 1]) * rng.random()
    for edge in np.s_[:top], np.s_[side - low :], np.s_[:, :left], np.s_[:, side - right :]:
        x[edge] = shade
    high, wide = rng.integers((side // 20, side // 16), (side // 9, side // 2))
    row, column = rng.choice([1, side - high - 1]), rng.integers(0, side - wide)
    x[row : row + high, column : column + wide] += stamped * (rng.random((high, wide)) < 0.6)
    return (255 * np.clip(x, 0, 1)).astype(np.uint8)


def spoil(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A wrong image: inverted, turned, upside down, shuffled (of quarters, 1 in 24 is not), enlarged, or noise."""
    side, kind, parts = len(film), rng.integers(6), rng.choice([2, 4])
    if kind < 3:
        return (255 - film, np.rot90(film, rng.integers(1, 4)), film[::-1])[kind].copy()
    if kind == 3:
        tiles = [tile for strip in np.split(film, parts) for tile in np.split(strip, parts, 1)]
        return np.block([[tiles[k] for k in row] for row in rng.permutation(parts**2).reshape(parts, parts)])
    if kind == 4:
        piece = rng.integers(side // 5, side // 2)
        row, column = rng.integers(0, side - piece, 2)
        return ndimage.zoom(film[row : row + piece, column : column + piece], side / piece, order=1)
    x = ndimage.gaussian_filter(rng.normal(size=(side, side)), rng.choice([0, 0.01, 0.03, 0.06, 0.12]) * side)
    return (255 * (x - x.min()) / np.ptp(x)).astype(np.uint8)


def gate_films(films: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`count` of the films in random appearance (label 0) and as many spoiled (1): uint8, int64, 2 · count of each."""
    if not isinstance(count, Integral) or count < 1 or np.shape(films)[-1:] < (12,):
        raise ValueError(f"Films are 12 pixels wide or more, `count` is a whole number above 0, not {count}.")
    if np.asarray(films).dtype != np.uint8:
        raise ValueError(f"Films are uint8, 0 to 255, not {np.asarray(films).dtype}: convert them beforehand.")
    standardised(films)  # refuses what is no film
    shown = [_drawn(appear, films[row % len(films)], rng) for row in range(2 * count)]
    spoiled = [_drawn(spoil, film, rng) for film in shown[count:]]
    return np.stack(shown[:count] + spoiled), np.repeat([0, 1], count)


def _drawn(change: Any, film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    for _ in range(100):  # a draw may leave one grey value, which `standardised` would refuse
        if np.ptp(shown := change(film, rng)):
            return shown
    raise ValueError("A film stays one grey value in a hundred appearances: it holds too little to learn from.")
