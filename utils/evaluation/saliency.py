"""Maps (n, rows, columns) of what a network minds, and two scores for maps; lesson 4.4 puts them to the test."""
from contextlib import ExitStack
from numbers import Integral
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import interpolate

from utils.evaluation.shift import plain

FLOATS = "Images are a float tensor of the model's type."


def _refuse(wrong: Any, sentence: str) -> None:
    if wrong:
        raise ValueError(sentence)


def _whole(value: Any, name: str) -> None:
    _refuse(not isinstance(value, Integral) or value < 1, f"`{name}` is a whole number, at least 1.")


def _like(images: Any, value: Any, name: str) -> Tensor:
    """A number or a tensor as large as the images."""
    _refuse(not isinstance(images, Tensor) or not images.is_floating_point(), FLOATS)
    try:
        value = torch.as_tensor(value, dtype=images.dtype, device=images.device).detach().expand(images.shape)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"`{name}` is a number, or a tensor that fits the images' shape.") from None
    _refuse(not value.isfinite().all(), f"`{name}` holds NaN or infinity.")
    return value


def _sound(model: nn.Module, images: Any, layers: Any) -> None:
    """Whether this model can be asked about these images; or ValueError."""
    kinds = {weights.dtype for weights in model.parameters()}
    _refuse(not isinstance(images, Tensor) or not images.is_floating_point(), FLOATS)
    _refuse(len(kinds) == 1 and images.dtype not in kinds, FLOATS)
    _refuse(images.ndim != 4 or not len(images), "Images are (n, channels, rows, columns), one or more.")
    _refuse(not images.isfinite().all(), "Images hold NaN or infinity.")
    training = any(part.training for part in model.modules())
    _refuse(training, "Part of the model is in training mode, where images see each other or units drop out: call "
            "model.eval() first.")  # fmt: skip
    names = isinstance(layers, (list, tuple)) and all(isinstance(name, str) for name in layers)
    _refuse(not names, "Layers go by their names: `layer` is one, `layers` a list.")
    strange = sorted(set(layers) - set(dict(model.named_modules())))
    _refuse(strange, f"The model has no layer {strange}: dict(model.named_modules()) names them.")


def _score(scores: Any, classes: Any, images: Tensor) -> Tensor:
    """The scores (n,) of a class; or ValueError."""
    shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    _refuse(len(shape) != 2 or shape[0] != len(images), f"A model gives scores (n, classes); this one gives {shape}.")
    _refuse(not scores.isfinite().all(), "The model's scores hold NaN or infinity.")
    try:
        which = torch.as_tensor(getattr(classes, "tolist", lambda: classes)(), device=images.device)
    except (TypeError, ValueError, RuntimeError):
        which = torch.tensor(torch.nan)
    whole = not which.is_floating_point() and not which.is_complex() and which.dtype != torch.bool
    _refuse(not whole or which.shape not in ((), images.shape[:1]) or not 0 <= which.min() <= which.max() < shape[1],
            f"A class is a whole number from 0 to {shape[1] - 1}: one for all images, or one an image.")
    return scores.gather(1, which.long().expand(len(images))[:, None])[:, 0]


def _ask(model: nn.Module, images: Any, classes: Any, layers: Any = ()) -> tuple[Tensor, Tensor, list]:
    """Images (n, channels, rows, columns) as seen, the score (n,) of a class, what left layers; or ValueError."""
    _sound(model, images, layers)
    known, kept = dict(model.named_modules()), {name: [] for name in layers}
    images = images.detach().clone().requires_grad_(torch.is_grad_enabled())

    def keep(name: str) -> Any:
        def hook(_: Any, __: Any, out: Any) -> Any:
            kept[name].append(out)  # what follows gets a copy, which it may change in place
            return out.clone() if isinstance(out, Tensor) else out

        return hook

    with ExitStack() as hooks:
        for name in kept:
            hooks.enter_context(known[name].register_forward_hook(keep(name)))
        score = _score(model(images), classes, images)
    for name, outs in kept.items():
        _refuse(len(outs) != 1, f"Layer {name!r} is used {len(outs)} times in one pass: name one that is used once.")
        _refuse(getattr(outs[0], "ndim", 0) != 4, f"Layer {name!r} does not give maps (n, channels, rows, columns).")
    return images, score, [kept[name][0] for name in layers]


def _slope(score: Tensor, of: Tensor) -> Tensor:
    """The slope of the scores' sum; or ValueError where they do not come by way of `of`."""
    found = None
    if score.requires_grad and of.requires_grad:
        found = torch.autograd.grad(score.sum(), of, allow_unused=True)[0]
    _refuse(found is None, "The scores do not depend on the images, or not by way of this layer: no slope.")
    return found


@torch.inference_mode(False)
@torch.enable_grad()
def gradient(model: nn.Module, images: Tensor, classes: Any) -> np.ndarray:
    """The size of the score's slope, the largest over channels (Simonyan et al. 2013)."""
    seen, score, _ = _ask(model, images, classes)
    return plain(_slope(score, seen).abs().amax(1))


@torch.inference_mode(False)
@torch.enable_grad()
def integrated_gradients(model: nn.Module, images: Tensor, classes: Any, steps: int = 24, start: Any = None) -> Any:
    """Way from `start` (None: each image's mean colour) times the mean slope on it (Sundararajan et al. 2017)."""
    _whole(steps, "steps")
    _sound(model, images, ())
    images = images.detach()
    way = images - (images.mean((2, 3), keepdim=True) if start is None else _like(images, start, "start"))
    asked = (_ask(model, images - (step + 0.5) / steps * way, classes) for step in range(steps))
    total = sum(_slope(score, seen) for seen, score, _ in asked)
    return plain((way * total / steps).sum(1))


@torch.inference_mode(False)
@torch.enable_grad()
def grad_cam(model: nn.Module, images: Tensor, classes: Any, layer: str = "features") -> np.ndarray:
    """A layer's maps, weighted by their mean slopes, summed; 0 where that is negative (Selvaraju et al. 2017)."""
    _, score, (maps,) = _ask(model, images, classes, [layer])
    weights = _slope(score, maps).mean((2, 3), keepdim=True)  # (n, channels, 1, 1)
    found = (weights * maps).sum(1, keepdim=True).relu().detach()  # (n, 1, rows, columns) of the layer
    return plain(interpolate(found, images.shape[2:], mode="bilinear")[:, 0])


@torch.no_grad()
def occlusion(model: nn.Module, images: Tensor, classes: Any, size: int = 8, step: int = 4, fill: Any = None) -> Any:
    """How far the score falls under a square of `fill` (None: of its own mean colour), signed (Zeiler, Fergus 2014)."""
    _whole(size, "size")
    _whole(step, "step")
    images, before, _ = _ask(model, images, classes)
    fill = fill if fill is None else _like(images, fill, "fill")
    fall, count, sides = 0 * images[:, 0], 0 * images[0, 0], images.shape[2:]
    _refuse(not step <= size <= min(sides), "Squares must overlap and fit: step ≤ size ≤ each side.")
    for top in range(0, sides[0] - size + step, step):
        for left in range(0, sides[1] - size + step, step):
            covered, place = images.clone(), (slice(top, top + size), slice(left, left + size))
            mean = covered[:, :, *place].mean((2, 3), True)
            covered[:, :, *place] = mean if fill is None else fill[:, :, *place]
            fall[:, *place] += (before - _ask(model, covered, classes)[1])[:, None, None]
            count[place] += 1
    return plain(fall / count)


def smoe(activations: Tensor, tiny: float = 1e-7) -> Tensor:
    """How unevenly channels are active at a place: m (log₂ m − mean log₂), m their mean (Mundhenk et al. 2019)."""
    _refuse(not isinstance(activations, Tensor) or activations.ndim != 4, "SMOE takes a tensor (n, channels, …).")
    _refuse(activations.shape[1] < 2, "SMOE compares channels: it takes two channels or more.")
    _refuse(not activations.isfinite().all(), "Activations hold NaN or infinity.")
    _refuse(not tiny > 0, "`tiny` is a small number above 0.")
    _refuse((activations < 0).any(), "SMOE takes logarithms: give it a layer from behind a ReLU.")
    mean = (activations + tiny).mean(1)  # (n, rows, columns)
    return mean * (mean.log2() - (activations + tiny).log2().mean(1))


@torch.no_grad()
def smoe_scale(model: nn.Module, images: Tensor, layers: list[str], weights: Any = None) -> np.ndarray:
    """`smoe` of layers, each as shares of a normal distribution, averaged; NaN where a layer is alike everywhere.

    Args:
        layers: names, each of a layer behind a ReLU.
        weights: one number a layer; None: all count alike.
    """
    found = [smoe(maps)[:, None] for maps in _ask(model, images, 0, layers)[2]]
    _refuse(not found, "Name one layer at least.")
    shares = []
    for one in found:
        even = one.amax((2, 3), True) - one.amin((2, 3), True) <= 1e-6 * one.abs().amax((2, 3), True)  # rounding
        spread = one.std((2, 3), keepdim=True).masked_fill(even, torch.nan)
        shares.append(torch.special.ndtr((one - one.mean((2, 3), True)) / spread))
    large = [interpolate(share, images.shape[2:], mode="bilinear")[:, 0] for share in shares]
    try:
        _refuse(weights is not None and not np.isfinite(weights).all(), "not numbers")
        return np.average(plain(torch.stack(large)), axis=0, weights=weights)
    except (TypeError, ValueError, ZeroDivisionError):
        raise ValueError(f"`weights` are {len(found)} numbers, one a layer, that do not add up to 0.") from None


def _pairs(maps: Any, masks: Any) -> tuple[np.ndarray, np.ndarray]:
    maps, masks = np.asarray(plain(maps), float), np.asarray(plain(masks))
    sound = maps.ndim == 3 and maps.size and maps.shape == masks.shape
    sound = sound and not np.isnan(maps).any() and np.isin(masks, (0, 1)).all()
    _refuse(not sound, "Maps and masks are (1 or more, rows, columns) of one size, maps without NaN, masks 0 and 1.")
    return maps.reshape(len(maps), -1), masks.reshape(len(masks), -1).astype(bool)


def pointing(maps: Any, masks: Any) -> np.ndarray:
    """Whether the highest place lies in the mask, (n,); places that tie share it; NaN where a mask is empty."""
    maps, masks = _pairs(maps, masks)
    top = maps == maps.max(1, keepdims=True)
    return np.where(masks.any(1), (top & masks).sum(1) / top.sum(1), np.nan)


def pixel_auc(maps: Any, masks: Any) -> np.ndarray:
    """How often a place in the mask is higher than one outside, ties one half, (n,); NaN where it is empty or full."""
    maps, masks = _pairs(maps, masks)
    inside, pairs = masks.sum(1), masks.sum(1) * (~masks).sum(1)
    above = (rankdata(maps, axis=1) * masks).sum(1) - inside * (inside + 1) / 2
    return np.where(pairs > 0, above / np.maximum(pairs, 1), np.nan)
