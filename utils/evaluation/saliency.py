"""Maps (n, rows, columns) of what a network minds, and two scores for maps; lesson 4.4 puts them to the test."""
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import interpolate


def _refuse(wrong: Any, sentence: str) -> None:
    if wrong:
        raise ValueError(sentence)


def _ask(model: nn.Module, images: Tensor, classes: Any, layers: Any = ()) -> tuple[Tensor, Tensor, list]:
    """Images (n, channels, rows, columns) as seen, the score (n,) of a class, what left layers; or ValueError."""
    known, kept = dict(model.named_modules()), []
    _refuse(images.ndim != 4 or not images.isfinite().all(), "Images are (n, channels, rows, columns), without NaN.")
    _refuse(model.training, "The model is in training mode, where images see each other: call model.eval() first.")
    _refuse(set(layers) - set(known), f"The model has no layer {layers}: dict(model.named_modules()) names them.")
    images = images.detach().clone().requires_grad_(torch.is_grad_enabled())
    with ExitStack() as hooks:
        for name in layers:
            hooks.enter_context(known[name].register_forward_hook(lambda *given: kept.append(given[2])))
        scores, which = model(images), torch.as_tensor(classes, device=images.device)
    whole = not which.is_floating_point() and which.shape in ((), images.shape[:1])
    _refuse(not whole or not 0 <= which.min() <= which.max() < scores.shape[1],
            f"A class is a whole number from 0 to {scores.shape[1] - 1}: one for all images, or one an image.")
    _refuse(any(out.ndim != 4 for out in kept), f"Not all of {layers} give maps (n, channels, rows, columns).")
    return images, scores.gather(1, which.long().expand(len(images))[:, None])[:, 0], kept


def gradient(model: nn.Module, images: Tensor, classes: Any) -> np.ndarray:
    """The size of the score's slope, summed over channels (Simonyan et al. 2013)."""
    seen, score, _ = _ask(model, images, classes)
    return torch.autograd.grad(score.sum(), seen)[0].abs().sum(1).cpu().numpy()


def integrated_gradients(model: nn.Module, images: Tensor, classes: Any, steps: int = 24, start: Any = None) -> Any:
    """Way from `start` (None: each image's mean colour) times the mean slope on it (Sundararajan et al. 2017)."""
    _refuse(images.ndim != 4 or steps < 1, "Images are (n, channels, rows, columns), with at least one step.")
    way = images - (images.mean((2, 3), keepdim=True) if start is None else start)
    asked = (_ask(model, images - (step + 0.5) / steps * way, classes) for step in range(steps))
    total = sum(torch.autograd.grad(score.sum(), seen)[0] for seen, score, _ in asked)
    return (way * total / steps).sum(1).cpu().numpy()


def grad_cam(model: nn.Module, images: Tensor, classes: Any, layer: str = "features") -> np.ndarray:
    """A layer's maps, weighted by their mean slopes, summed; 0 where that is negative (Selvaraju et al. 2017)."""
    _, score, (maps,) = _ask(model, images, classes, [layer])
    weights = torch.autograd.grad(score.sum(), maps)[0].mean((2, 3), keepdim=True)  # (n, channels, 1, 1)
    found = (weights * maps).sum(1, keepdim=True).relu().detach()  # (n, 1, rows, columns) of the layer
    return interpolate(found, images.shape[2:], mode="bilinear")[:, 0].cpu().numpy()


@torch.no_grad()
def occlusion(model: nn.Module, images: Tensor, classes: Any, size: int = 8, step: int = 4, fill: Any = None) -> Any:
    """How far the score falls under a square of `fill` (None: of its own mean colour), signed (Zeiler, Fergus 2014)."""
    images, before, _ = _ask(model, images, classes)
    fall, count, sides = 0 * images[:, 0], 0 * images[0, 0], images.shape[2:]
    _refuse(not 0 < step <= size <= min(sides), "Squares must overlap and fit: step ≤ size ≤ each side.")
    for top in range(0, sides[0] - size + step, step):
        for left in range(0, sides[1] - size + step, step):
            covered, place = images.clone(), (slice(top, top + size), slice(left, left + size))
            covered[:, :, *place] = covered[:, :, *place].mean((2, 3), True) if fill is None else fill
            fall[:, *place] += (before - _ask(model, covered, classes)[1])[:, None, None]
            count[place] += 1
    return (fall / count).cpu().numpy()


def smoe(activations: Tensor, tiny: float = 1e-7) -> Tensor:
    """How unevenly channels are active at a place: m (log₂ m − mean log₂), m their mean (Mundhenk et al. 2019)."""
    sound = activations.ndim == 4 and activations.shape[1] > 1 and (activations >= 0).all()
    _refuse(not sound, "SMOE takes (n, channels, …), two channels or more, all from behind a ReLU and without NaN.")
    mean = (activations + tiny).mean(1)  # (n, rows, columns)
    return mean * (mean.log2() - (activations + tiny).log2().mean(1))


def smoe_scale(model: nn.Module, images: Tensor, layers: list[str]) -> np.ndarray:
    """`smoe` of layers, each as shares of a normal distribution, averaged; NaN where a layer is alike everywhere."""
    found = [smoe(maps.detach())[:, None] for maps in _ask(model, images, 0, layers)[2]]
    shares = [torch.special.ndtr((one - one.mean((2, 3), True)) / one.std((2, 3), keepdim=True)) for one in found]
    large = [interpolate(share, images.shape[2:], mode="bilinear")[:, 0] for share in shares]
    return torch.stack(large).mean(0).cpu().numpy()


def _pairs(maps: Any, masks: Any) -> tuple[np.ndarray, np.ndarray]:
    maps, masks = np.asarray(maps, float), np.asarray(masks)
    sound = maps.ndim == 3 and maps.shape == masks.shape and not np.isnan(maps).any() and np.isin(masks, (0, 1)).all()
    _refuse(not sound, "Maps and masks are (n, rows, columns) of one size, the maps without NaN, the masks 0 and 1.")
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
