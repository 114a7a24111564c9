"""One plain training loop, and prediction. Images are tensors in memory, on the device when they fit.

What is random in an epoch is drawn from (seed, epoch), so a run that was killed and resumed ends where an unbroken
one ends.
"""
from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils import lesson
from utils.datasets.places import save_whole

Data = tuple[Tensor, Tensor]  # images float (n, channels, rows, columns), labels int64 (n,)


class TrainingError(Exception):
    """Training cannot start or go on; one sentence that says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"TrainingError: {self}"]


@dataclass(frozen=True)
class Fit:
    """What `fit` returns.

    Attributes:
        model: with the weights that were kept, in evaluation mode.
        history: one row an epoch: `epoch, seconds` (since the start, validation included), `rate` (learning rate at
            its end), `train_loss` (as optimised), and with validation data `val_loss` (plain cross-entropy) and
            `val_accuracy`.
        epoch: the epoch whose weights were kept, counted from 1.
    """

    model: nn.Module
    history: pd.DataFrame
    epoch: int


# ---------------------------------------------------------------------------- data and precision


def tensors(images: np.ndarray, labels: np.ndarray | None = None, *, mean: Any = 127.5, std: Any = 127.5) -> Data:
    """Images and labels as tensors, on the device if they fill less than half of its free memory.

    Args:
        images: uint8 or float (n, rows, columns) or (n, rows, columns, channels).
        labels: whole numbers (n,); zeros if left out.
        mean, std: subtracted from, then divided into, each value; one number or one a channel.

    Returns:
        images float32 (n, channels, rows, columns) and labels int64 (n,).

    Raises:
        TrainingError: numbers of images and labels differ, a pixel is no number, a label is negative.
    """
    x = torch.from_numpy(np.asarray(images, dtype=np.float32))
    x = x[..., None] if x.ndim == 3 else x
    x = ((x - torch.as_tensor(mean)) / torch.as_tensor(std)).permute(0, 3, 1, 2).contiguous().float()
    y = torch.from_numpy(np.zeros(len(x), np.int64) if labels is None else np.asarray(labels).astype(np.int64))
    if len(x) != len(y) or y.ndim != 1:
        raise TrainingError(f"{len(x)} images need {len(x)} labels in one row, not an array of shape {tuple(y.shape)}.")
    if not torch.isfinite(x).all():
        raise TrainingError("Some pixels are NaN or infinite: replace them, or leave those images out.")
    if len(y) and y.min() < 0:
        raise TrainingError("Some labels are negative: number the classes 0, 1, 2, … and leave unlabelled images out.")
    if lesson.device() == "cuda":
        free, _ = torch.cuda.mem_get_info()
        if x.nbytes < free / 2:
            return x.cuda(), y.cuda()
        return x.pin_memory(), y.pin_memory()
    return x, y


def fast_precision(device: str | None = None) -> torch.dtype:
    """bfloat16 where the processor multiplies in it (GPUs since Ampere, recent server CPUs), else float32.

    Weights stay in float32 either way; only convolutions and matrix products run in the type returned.
    """
    if (device or lesson.device()) == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float32
    capable = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if capable and torch.cpu._is_avx512_bf16_supported() else torch.float32


def _scores(model: nn.Module, images: Tensor, precision: torch.dtype) -> Tensor:
    """The model's scores in float32, computed on its device."""
    device = next(model.parameters()).device
    images = images.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        return model(images).float()


# ---------------------------------------------------------------------------- the loop


def adamw(model: nn.Module, rate: float = 3e-3, decay: float = 0.05) -> torch.optim.Optimizer:
    """AdamW (Loshchilov, Hutter 2019), with weight decay on matrices and kernels but not on biases and norms."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, rate)


def one_cycle(optimiser: torch.optim.Optimizer, steps: int, warm: float = 0.2) -> torch.optim.lr_scheduler.LRScheduler:
    """Learning rate up over the first fifth of all steps, then down to nearly zero (Smith, Topin 2018)."""
    peaks = [group["lr"] for group in optimiser.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, peaks, total_steps=steps, pct_start=warm,
                                               final_div_factor=1e3, cycle_momentum=False)  # fmt: skip


def fit(
    model: nn.Module,
    train: Data,
    val: Data | None = None,
    *,
    epochs: int,
    batch_size: int = 128,
    optimiser: Callable[[nn.Module], torch.optim.Optimizer] = adamw,
    schedule: Callable[[torch.optim.Optimizer, int], Any] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    augment: Callable[[Tensor], Tensor] | None = None,
    average: float | None = None,
    keep: str = "last",
    patience: int | None = None,
    precision: torch.dtype | None = None,
    checkpoint: str | Path | None = None,
    tag: str = "",
    seed: int = 0,
    progress: str = "training",
) -> Fit:
    """Train a model: shuffle, take batches, step; after each epoch look at validation and save.

    The weights that `model` comes with are the start: seed before you build it. An incomplete last batch is left out.

    Args:
        train, val: images float (n, channels, rows, columns) and labels int64 (n,), see `tensors`.
        epochs: passes through the training images, at most.
        optimiser: makes the optimiser for the model.
        schedule: makes a learning-rate schedule from the optimiser and the number of steps of the whole run;
            it is advanced after each step.
        loss: (scores (b, classes), labels (b,)) to one number.
        augment: changes a batch of images (b, channels, rows, columns) at random.
        average: decay a step of an exponential moving average of the weights, which is then what is validated and
            kept (Polyak, Juditsky 1992). After n steps it is at most (1 + n) / (10 + n), so the average never reaches
            back further than about a ninth of the run; 0.998 limits it after 4,490 steps. None: no average.
        keep: "last" weights, or the "best" by validation loss.
        patience: stop after so many epochs without a better validation loss.
        precision: see `fast_precision`, which decides if you do not.
        checkpoint: a file to save to after each epoch, and to go on from if it is there. It belongs to one run: other
            epochs, batches, seeds, rates, averages, precision or class counts are refused.
        tag: names what cannot be compared (loss, augmentation); a checkpoint with another tag is refused, too.
        seed: of the order of images, the augmentation, and dropout.
        progress: what the progress bar says; "" for none.

    Raises:
        TrainingError: unusable data or settings, a loss that is no number, a checkpoint that cannot be written or is
            not of this run. The last good checkpoint stays.
    """
    x, y = train
    _check(model, x, y, batch_size, val, keep, patience)
    device, started = lesson.device(), time.perf_counter()
    precision = precision or fast_precision(device)
    model = model.to(device, memory_format=torch.channels_last)
    optimise = optimiser(model)
    rates = [group["lr"] for group in optimise.param_groups]
    batches = max(1, len(x) // batch_size)
    advance = schedule(optimise, epochs * batches) if schedule else None
    averaged = None
    if average is not None:
        averaged = torch.optim.swa_utils.AveragedModel(model, avg_fn=_moving(average), use_buffers=True)
    judged = averaged.module if averaged else model

    parts = {"model": model, "optimiser": optimise, "schedule": advance, "average": averaged}
    parts = {name: part for name, part in parts.items() if part is not None}
    run = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "keep": keep, "average": average, "rates": rates,
           "precision": str(precision), "classes": torch.bincount(y.cpu()).tolist(), "tag": tag}  # fmt: skip
    best, history, spent = {"loss": math.inf, "epoch": 0, "weights": None}, [], 0.0
    if checkpoint and Path(checkpoint).exists():
        best, history = _resume(Path(checkpoint), parts, run)
        spent = history[-1]["seconds"]

    bar = _bar(progress, epochs * batches, len(history) * batches)
    for epoch in range(len(history) + 1, epochs + 1):
        if patience is not None and history and history[-1]["epoch"] - best["epoch"] >= patience:
            break
        torch.manual_seed(seed * 100_003 + epoch)
        model.train()
        total = torch.zeros((), device=device)
        for rows in torch.randperm(len(x))[: batches * batch_size].chunk(batches):
            rows = rows.to(x.device)
            images, labels = x[rows].to(device, non_blocking=True), y[rows].to(device, non_blocking=True)
            step_loss = loss(_scores(model, augment(images) if augment else images, precision), labels)
            optimise.zero_grad()
            step_loss.backward()
            optimise.step()
            if advance:
                advance.step()
            if averaged:
                averaged.update_parameters(model)
            total += step_loss.detach()
            bar.update()
        row = {"epoch": epoch, "seconds": 0.0, "rate": optimise.param_groups[0]["lr"]}
        row["train_loss"] = float(total) / batches
        if not math.isfinite(row["train_loss"]):
            bar.close()
            kept = f"; the checkpoint of epoch {epoch - 1} is unharmed" if checkpoint and epoch > 1 else ""
            raise TrainingError(f"The loss is no number any more in epoch {epoch}: lower the learning rate{kept}.")
        if val is not None:
            found = predict(judged, val[0], precision=precision)
            truth = val[1].cpu().numpy()
            likelihood = found[np.arange(len(truth)), truth]
            row |= {"val_loss": float(-np.log(likelihood.clip(1e-12)).mean()),
                    "val_accuracy": float((found.argmax(1) == truth).mean())}  # fmt: skip
            if row["val_loss"] < best["loss"]:
                weights = copy.deepcopy(judged.state_dict()) if keep == "best" else None
                best = {"loss": row["val_loss"], "epoch": epoch, "weights": weights}
        history.append(row | {"seconds": spent + time.perf_counter() - started})
        if checkpoint:
            _save(Path(checkpoint), parts, run, best, history)
    bar.close()
    if keep == "best" and best["weights"]:
        judged.load_state_dict(best["weights"])
    epoch = best["epoch"] if keep == "best" else history[-1]["epoch"]
    return Fit(judged.eval(), pd.DataFrame(history), epoch)


def _moving(decay: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def average(before: Tensor, now: Tensor, steps: Tensor) -> Tensor:
        if not before.is_floating_point():
            return now
        return before.lerp(now, 1 - min(decay, (1 + int(steps)) / (10 + int(steps))))

    return average


def predict(
    model: nn.Module,
    images: Tensor,
    *,
    views: Callable[[Tensor], list[Tensor]] | None = None,
    batch_size: int = 512,
    precision: torch.dtype | None = None,
) -> np.ndarray:
    """Class probabilities, float32 (n, classes), in evaluation mode.

    Args:
        images: float (n, channels, rows, columns).
        views: makes several versions of a batch, whose log-probabilities are averaged (test-time augmentation);
            see `eight_views`.
    """
    precision = precision or fast_precision(next(model.parameters()).device.type)
    was_training = model.training
    model.eval()
    found = []
    with torch.inference_mode():
        for batch in images.split(batch_size):
            seen = views(batch) if views else [batch]
            found.append(torch.stack([_scores(model, view, precision).log_softmax(1) for view in seen]).mean(0))
    model.train(was_training)
    return torch.cat(found).softmax(1).cpu().numpy()


def eight_views(images: Tensor) -> list[Tensor]:
    """The eight ways to lay a square picture down: four quarter turns, each also mirrored."""
    turned = [torch.rot90(images, k, (2, 3)) for k in range(4)]
    return turned + [view.flip(3) for view in turned]


# ---------------------------------------------------------------------------- what can go wrong


def _check(model: nn.Module, x: Tensor, y: Tensor, batch_size: int, val: Data | None, keep: str, patience: Any) -> None:
    norms = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())
    if batch_size < 1 or len(x) == 0:
        raise TrainingError(f"There is nothing to train on: {len(x)} images in batches of {batch_size}.")
    if norms and min(batch_size, len(x)) == 1:
        raise TrainingError("A batch of one image gives BatchNorm nothing to compare: take at least 2, or GroupNorm.")
    if (keep == "best" or patience is not None) and val is None:
        raise TrainingError('keep="best" and patience judge by validation data: give val=.')
    if keep not in ("best", "last"):
        raise TrainingError(f'keep is "best" or "last", not {keep!r}.')
    first = next(model.parameters())
    with torch.inference_mode():
        was_training = model.training
        classes = model.eval()(x[:1].to(first.device)).shape[1]
        model.train(was_training)
    counts = torch.bincount(y.cpu(), minlength=classes)
    if len(counts) > classes:
        raise TrainingError(f"There are labels up to {len(counts) - 1}, and the model gives {classes} scores: "
                            f"build it for {len(counts)} classes.")  # fmt: skip
    if (counts == 0).any():
        absent = ", ".join(str(c) for c in torch.nonzero(counts == 0).flatten().tolist())
        raise TrainingError(f"No training image has class {absent}: mend the split, or leave it out of the model.")


def _bar(title: str, total: int, done: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, initial=done, desc=title or None, delay=3, mininterval=0.5, leave=False, unit="step",
                file=sys.stdout, disable=not title)  # fmt: skip


def _shapes(state: dict[str, Tensor]) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in state.items()}


def _save(path: Path, parts: dict[str, Any], run: dict[str, Any], best: dict[str, Any], history: list[dict]) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    try:
        whole = {**state, "run": run, "best": best, "history": history}
        save_whole(path, lambda part: torch.save(whole, part), is_good=lambda _: False)
    except (OSError, RuntimeError) as error:  # torch wraps the disk's errors in RuntimeError
        why = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
        left = "the one of the epoch before is unharmed" if path.exists() else "none was saved yet"
        raise TrainingError(f"The checkpoint {path.name} cannot be saved ({why}): make room; {left}.") from None


def _resume(path: Path, parts: dict[str, Any], run: dict[str, Any]) -> tuple[dict[str, Any], list[dict]]:
    advice = "delete it, or name another"
    other = f"{path.name} is a checkpoint of another model or optimiser: {advice}."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        before, shapes = state["run"], _shapes(state["model"])
    except Exception:  # of torch, pickle, zipfile: damaged bytes make them raise nearly anything
        raise TrainingError(f"{path.name} is not a checkpoint of this course, or is damaged: {advice}.") from None
    if shapes != _shapes(parts["model"].state_dict()) or not parts.keys() == state.keys() - {"run", "best", "history"}:
        raise TrainingError(other)
    if before != run:
        changed = [f"{name} {before.get(name)}, now {now}" for name, now in run.items() if before.get(name) != now]
        raise TrainingError(f"{path.name} belongs to another run ({', '.join(changed)}): {advice}.")
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (ValueError, KeyError, RuntimeError):
        raise TrainingError(other) from None
    return state["best"], state["history"]
