"""One plain training loop, and prediction. Images are tensors in memory, on the device when they fit.

`epoch` is the loop; `fit` looks after the rest. What is random in an epoch is drawn from (seed, epoch), so a run that
was killed and resumed ends where an unbroken one ends, up to the last bits, which depend on the number of threads.
"""
from __future__ import annotations

import contextlib
import copy
import hashlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel

from utils import audit, lesson

Targets = Tensor | list[Any]  # one an image: a class, a mask, a number, or anything else in a list
Data = tuple[Tensor, Targets]  # images float32 (n, channels, rows, columns), and what they show


class TrainingError(Exception):
    """Training cannot start or go on; one sentence that says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"TrainingError: {self}"]


@dataclass(frozen=True)
class Fit:
    """What `fit` returns: the model in evaluation mode, the history, and the epoch (from 1) whose weights were kept.

    `history` has one row an epoch: `epoch, seconds` (since the start, with validation), `train_loss` (as optimised),
    `rate` (of the last step), and with validation data `val_loss`, for classes `val_accuracy`, and the `measures`.
    """

    model: nn.Module
    history: pd.DataFrame
    epoch: int


# ---------------------------------------------------------------------------- data and precision


def sound(images: Any, labels: Any = None, **more: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels as `audit.check_data` lets them through; its sentence as a TrainingError."""
    try:
        return audit.check_data(images, labels, **more)
    except audit.DataProblem as problem:
        raise TrainingError(str(problem)) from None


def tensors(images: np.ndarray, labels: np.ndarray | None = None, *, mean: Any = 127.5, std: Any = 127.5) -> Data:
    """Images and classes as tensors, on the device if they fill less than half of its free memory.

    Args:
        images: uint8 or float (n, rows, columns) or (n, rows, columns, channels).
        labels: whole numbers (n,) or (n, 1); zeros if left out.
        mean, std: subtracted from, then divided into, each value; one number or one a channel.

    Returns:
        images float32 (n, channels, rows, columns) and labels int64 (n,). Raises TrainingError.

    >>> x, y = tensors(np.zeros((2, 28, 28, 3), np.uint8), np.array([0, 1]))
    >>> x.shape, float(x.min())
    (torch.Size([2, 3, 28, 28]), -1.0)
    """
    images, labels = sound(images, labels)
    x = torch.from_numpy(np.asarray(images, dtype=np.float32))
    x = x[..., None] if x.ndim == 3 else x
    x = ((x - torch.as_tensor(mean)) / torch.as_tensor(std)).permute(0, 3, 1, 2).contiguous().float()
    y = torch.zeros(len(x), dtype=torch.int64) if labels is None else torch.from_numpy(labels)
    if lesson.device() == "cuda":
        fits = x.nbytes < torch.cuda.mem_get_info()[0] / 2
        return (x.cuda(), y.cuda()) if fits else (x.pin_memory(), y.pin_memory())
    return x, y


def fast_precision(device: str | None = None) -> torch.dtype:
    """bfloat16 where the processor multiplies in it (GPUs since Ampere, recent server CPUs), else float32.

    Weights stay in float32 either way; only convolutions and matrix products run in the type returned.
    """
    if (device or lesson.device()) == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float32
    capable = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if capable and torch.cpu._is_avx512_bf16_supported() else torch.float32


def forward(model: nn.Module, images: Tensor, precision: torch.dtype) -> Tensor:
    """The model's scores for a batch in float32, computed on its device in the precision given."""
    device = next(model.parameters()).device
    images = images.to(device, non_blocking=True)
    if images.ndim == 4:
        images = images.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        return model(images).float()


@dataclass
class Batches:
    """Images and targets in a new random order each time you go through them; an incomplete last batch is left out."""

    images: Tensor
    targets: Targets
    size: int
    device: str

    def __len__(self) -> int:
        return max(1, len(self.images) // self.size)

    def __iter__(self) -> Iterator[Data]:
        order = torch.randperm(len(self.images))[: len(self) * self.size]
        for rows in order.chunk(len(self)):
            yield self._moved(self.images, rows), self._moved(self.targets, rows)

    def _moved(self, values: Targets, rows: Tensor) -> Any:
        if isinstance(values, list):
            return [values[row] for row in rows.tolist()]
        return values[rows.to(values.device)].to(self.device, non_blocking=True)


# ---------------------------------------------------------------------------- the loop


def adamw(model: nn.Module, rate: float = 3e-3, decay: float = 0.05) -> Optimizer:
    """AdamW (Loshchilov, Hutter 2019), with weight decay on matrices and kernels but not on biases and norms."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, rate)


class Muon(torch.optim.AdamW):
    """Steps for kernels that have the same length in every direction; AdamW for the rest.

    The momentum of a kernel, as a matrix (channels out, everything else), is replaced by the nearest matrix whose
    singular values are all about 1, by five rounds of a polynomial (Newton–Schulz). Jordan et al. 2024,
    kellerjordan.github.io/posts/muon, whose coefficients these are. Groups with `straight=True` are stepped like this.
    """

    ROUNDS, COEFFICIENTS, MOMENTUM = 5, (3.4445, -4.7750, 2.0315), 0.9

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for kernel in group["params"] if group.get("straight") else []:
                state = self.state[kernel]
                if not state:  # AdamW looks for a step in whatever is loaded
                    state.update(step=torch.zeros(()), momentum=torch.zeros_like(kernel))
                momentum = state["momentum"].lerp_(kernel.grad, 1 - self.MOMENTUM)
                ahead = kernel.grad.lerp(momentum, self.MOMENTUM).flatten(1)  # (channels out, the rest)
                longer = max(1, ahead.shape[0] / ahead.shape[1]) ** 0.5
                kernel.mul_(1 - group["lr"] * group["weight_decay"])
                kernel.sub_(self._straight(ahead).view_as(kernel), alpha=group["lr"] * longer)
                kernel.grad = None  # so that AdamW leaves it alone
        super().step()

    def _straight(self, matrix: Tensor) -> Tensor:
        a, b, c = self.COEFFICIENTS
        tall = matrix.shape[0] > matrix.shape[1]
        x = (matrix.T if tall else matrix).bfloat16()
        x = x / (x.norm() + 1e-7)  # a gradient of zero has no direction
        for _ in range(self.ROUNDS):
            square = x @ x.T
            x = a * x + (b * square + c * square @ square) @ x
        return (x.T if tall else x).float()


def muon(model: nn.Module, rate: float = 4e-3, kernel_rate: float = 0.02, decay: float = 0.05) -> Optimizer:
    """Muon for all kernels but the first, which sees pixels; AdamW as in `adamw` for everything else."""
    free = [p for p in model.parameters() if p.requires_grad]
    if not any(p.ndim > 2 for p in free):
        raise TrainingError("Muon steps the kernels of convolutions, and this model has none to train: take adamw.")
    first, *kernels = [p for p in free if p.ndim > 2]
    others = [p for p in free if p.ndim == 2]
    small = [p for p in free if p.ndim < 2]
    groups = [{"params": kernels, "lr": kernel_rate, "weight_decay": decay, "straight": True},
              {"params": [first, *others], "weight_decay": decay}, {"params": small, "weight_decay": 0.0}]  # fmt: skip
    return Muon(groups, rate)


def one_cycle(optimiser: Optimizer, steps: int, warm: float = 0.2) -> LRScheduler:
    """Learning rate up over the first fifth of all steps, then down to nearly zero (Smith, Topin 2018)."""
    peaks = [group["lr"] for group in optimiser.param_groups]
    return OneCycleLR(optimiser, peaks, steps, pct_start=warm, final_div_factor=1e3, cycle_momentum=False)


def usual_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy for classes and masks of classes (int64), mean squared error for numbers (float).

    Numbers come in the shape of the scores, or without their last axis of one. Raises TrainingError.
    """
    if targets.is_floating_point():
        if scores.shape == (*targets.shape, 1):
            scores = scores[..., 0]
        if scores.shape != targets.shape:
            shapes = f"{tuple(scores.shape)}, and its targets {tuple(targets.shape)}"
            raise TrainingError(f"The model gives numbers of shape {shapes}: both need one shape.")
        return F.mse_loss(scores, targets)
    return F.cross_entropy(scores, targets)


def epoch(
    model: nn.Module,
    batches: Batches,
    optimiser: Optimizer,
    loss: Callable[[Tensor, Targets], Tensor],
    augment: Callable[[Tensor, Targets], Data] | None = None,
    precision: torch.dtype = torch.float32,
    after_step: Callable[[], None] = lambda: None,
) -> float:
    """Go through all batches once, a step each; the mean loss."""
    model.train()
    total = 0.0
    for images, targets in batches:  # (batch, channels, rows, columns) and (batch, …)
        if augment:
            images, targets = augment(images, targets)
        scores = forward(model, images, precision)  # (batch, classes)
        error = loss(scores, targets)
        optimiser.zero_grad()
        error.backward()  # the slope of the error for each weight
        optimiser.step()
        after_step()
        total += error.detach()  # no float() here: a GPU would have to stop for it
    return float(total) / len(batches)


def fit(
    model: nn.Module,
    train: Data,
    val: Data | None = None,
    *,
    epochs: int,
    batch_size: int = 128,
    optimiser: Callable[[nn.Module], Optimizer] = adamw,
    schedule: Callable[[Optimizer, int], LRScheduler] | None = None,
    loss: Callable[[Tensor, Targets], Tensor] = usual_loss,
    augment: Callable[[Tensor, Targets], Data] | None = None,
    average: bool = False,
    keep: str = "last",
    patience: int | None = None,
    measures: dict[str, Callable[[Tensor, Targets], float]] | None = None,
    precision: torch.dtype | None = None,
    checkpoint: str | Path | None = None,
    tag: str = "",
    seed: int = 0,
    progress: str = "training",
) -> Fit:
    """Train a model, `epoch` after `epoch`; after each, look at validation and save.

    The weights that `model` comes with are the start: seed before you build it.

    Args:
        train, val: images float32 (n, channels, rows, columns), volumes with slices before the rows; and a target each:
            int64 (n,) classes, see `tensors`, or (n, rows, columns) masks of classes; float numbers in the shape that
            the model gives; or a list of n of anything, boxes for instance, for which `loss` must be given.
        optimiser, schedule: make the optimiser for the model, and the learning rates for it and a number of steps.
        loss: (scores, targets) of a batch to one number. Validation is judged by it for numbers and lists, else by
            plain cross-entropy.
        augment: changes a batch at random: (images, targets) to (images, targets).
        average: validate and return a moving average of the weights, whose decay after n steps is (1 + n) / (10 + n):
            it reaches back a tenth of the run on average (polynomial decay; Shamir, Zhang, ICML 2013).
        keep: "last" weights, or the "best" by validation loss.
        patience: stop after so many epochs without a better validation loss.
        measures: more columns of the history, each a function of (scores, targets) of all validation images.
        precision: see `fast_precision`, which decides if you do not.
        checkpoint: a file to save to after each epoch, and to go on from if it is there. It belongs to one run: other
            settings, targets or another `tag`, which names what cannot be compared (loss, augmentation), are refused.
        seed: of the order of images, the augmentation, and dropout.
        progress: what the progress bar says; "" for none.

    Raises:
        TrainingError: unusable data or settings, a loss that is no number, a checkpoint that cannot be written or is
            not of this run. The last good checkpoint stays.
    """
    device, started = lesson.device(), time.perf_counter()
    precision = precision or fast_precision(device)
    model = model.to(device)
    _check(model, train, val, epochs, batch_size, loss, keep, patience, precision)
    model = model.to(memory_format=torch.channels_last) if train[0].ndim == 4 else model
    batches, optimise = Batches(*train, batch_size, device), optimiser(model)
    steps, rates = epochs * len(batches), [group["lr"] for group in optimise.param_groups]
    advance = schedule(optimise, steps) if schedule else None
    averaged = AveragedModel(model, avg_fn=_moving, use_buffers=True) if average else None
    judged = averaged.module if averaged else model
    parts = {"model": model, "optimiser": optimise, "schedule": advance, "average": averaged}
    run = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "keep": keep, "average": average, "rates": rates,
           "precision": str(precision), "tag": tag}  # fmt: skip
    if checkpoint:
        run["training data"], run["validation data"] = _digest(train), _digest(val)
    state = _State({name: part for name, part in parts.items() if part is not None}, run, checkpoint)
    spent = state.history[-1]["seconds"] if state.history else 0.0
    bar, used = _bar(progress, steps, len(state.history) * len(batches)), 0.0

    def after_step() -> None:
        nonlocal used
        used = optimise.param_groups[0]["lr"]
        if advance and advance.last_epoch + 1 < steps:  # there is nothing to advance to after the last step
            advance.step()
        if averaged:
            averaged.update_parameters(model)
        bar.update()

    with bar, _Threads() as threads:
        for number in range(len(state.history) + 1, epochs + 1):
            if patience is not None and state.history and number - 1 - state.best["epoch"] >= patience:
                break
            torch.manual_seed(seed * 100_003 + number)
            row = {"epoch": number, "seconds": 0.0}
            row["train_loss"] = epoch(model, batches, optimise, loss, augment, precision, after_step)
            row["rate"] = used
            if val is not None:
                row |= _validate(judged, val, loss, measures or {}, precision)
            row["seconds"] = spent + time.perf_counter() - started
            state.add(row, judged if keep == "best" else None)
            threads.adapt()
    if keep == "best":
        judged.load_state_dict(state.best["weights"])
    kept = state.best["epoch"] if keep == "best" else len(state.history)
    return Fit(judged.eval(), pd.DataFrame(state.history), kept)


def _moving(before: Tensor, now: Tensor, steps: Tensor) -> Tensor:
    return before.lerp(now, 9 / (10 + int(steps))) if before.is_floating_point() else now  # counts are not averaged


def _validate(model: nn.Module, val: Data, loss: Callable, measures: dict, precision: torch.dtype) -> dict[str, float]:
    """The columns of the history that tell how a model does on validation data."""
    found, targets = scores(model, val[0], precision=precision), val[1]
    targets = targets.cpu() if isinstance(targets, Tensor) else targets
    plain = usual_loss if _kind(targets) in ("classes", "masks") else loss
    row = {"val_loss": float(plain(found, targets))}
    if _kind(targets) == "classes":
        row["val_accuracy"] = float((found.argmax(1) == targets).float().mean())
    return row | {name: float(measure(found, targets)) for name, measure in measures.items()}


def scores(model: nn.Module, images: Tensor, *, batch_size: int = 512, precision: torch.dtype | None = None) -> Tensor:
    """What the model says of images in evaluation mode: float32 on the CPU, (n, …) as the model gives it."""
    precision = precision or fast_precision(next(model.parameters()).device.type)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        found = [forward(model, batch, precision).cpu() for batch in images.split(batch_size)]
    model.train(was_training)
    return torch.cat(found)


def predict(
    model: nn.Module,
    images: Tensor,
    *,
    views: Callable[[Tensor], list[Tensor]] | None = None,
    precision: torch.dtype | None = None,
) -> np.ndarray:
    """Class probabilities in evaluation mode, float32 (n, classes), or (n, classes, rows, columns) for masks.

    Args:
        images: float32 (n, channels, rows, columns). Raises TrainingError for others.
        views: makes several versions of a batch, whose log-probabilities are averaged (test-time augmentation);
            see `augment.eight_views`.
    """
    _check_images(images, "images")
    if (width := scores(model, images[:1], precision=precision).shape[1]) < 2:
        raise TrainingError(f"The model gives {width} score an image, and probabilities need two: take `scores`.")
    found = []
    for batch in images.split(512):  # images, so that the views of many do not fill the memory
        seen = views(batch) if views else [batch]
        found.append(torch.stack([scores(model, view, precision=precision).log_softmax(1) for view in seen]).mean(0))
    return torch.cat(found).softmax(1).numpy()


class _Threads:
    """As many threads as cores are free, looked up before training and after each epoch; the old number comes back.

    Threads that wait for a core hold each other up: two on busy cores are several times slower than one. What others
    use is the machine's time less our own, over at least `LONG` seconds: clocks of processes tick slowly.
    """

    LONG = 0.1

    def __enter__(self) -> _Threads:
        self.most, self.seen = torch.get_num_threads(), self._used()
        if self.most > 1:
            time.sleep(self.LONG)
            self.adapt()
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.most)

    def _used(self) -> np.ndarray:
        """Seconds: of the clock, of all processes, of this one."""
        import psutil

        every, own = psutil.cpu_times(), psutil.Process().cpu_times()
        busy = every.user + every.system + getattr(every, "nice", 0.0)
        return np.array([time.perf_counter(), busy, own.user + own.system])

    def adapt(self) -> None:
        now = self._used()
        passed, busy, own = now - self.seen
        if passed < self.LONG:
            return
        self.seen = now
        free = (os.cpu_count() or 1) - max(0.0, busy - own) / passed
        torch.set_num_threads(int(np.clip(round(free), 1, self.most)))


# ---------------------------------------------------------------------------- what can go wrong


def _kind(targets: Targets) -> str:
    if not isinstance(targets, Tensor):
        return "list"
    return "numbers" if targets.is_floating_point() else "classes" if targets.ndim == 1 else "masks"


def _digest(data: Data | None) -> str:
    """What a checkpoint remembers of its data: a hash of all pixels and targets; of a list of targets its length."""
    sha = hashlib.sha256()
    for values in data or ():
        sha.update(values.cpu().numpy().tobytes() if isinstance(values, Tensor) else str(len(values)).encode())
    return sha.hexdigest()[:12]


def _check(model: nn.Module, train: Data, val: Data | None, epochs: int, batch_size: int, loss: Callable, keep: str,
           patience: int | None, precision: torch.dtype) -> None:  # fmt: skip
    """Raise TrainingError where training would fail, or would learn something else than was meant."""
    if not isinstance(epochs, int) or epochs < 1:
        raise TrainingError(f"epochs is a whole number from 1, not {epochs!r}.")
    if keep not in ("best", "last"):
        raise TrainingError(f'keep is "best" or "last", not {keep!r}.')
    if (keep == "best" or patience is not None) and val is None:
        raise TrainingError('keep="best" and patience judge by validation data: give val=.')
    if batch_size < 1 or len(train[0]) == 0:
        raise TrainingError(f"There is nothing to train on: {len(train[0])} images in batches of {batch_size}.")
    norms = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())
    if norms and min(batch_size, len(train[0])) == 1:
        raise TrainingError("A batch of one image gives BatchNorm nothing to compare: take at least 2, or GroupNorm.")
    _check_pair(model, train, "training images", loss, precision)
    if val is not None:
        _check_pair(model, val, "validation images", loss, precision)
        if _kind(val[1]) != _kind(train[1]):
            raise TrainingError(f"Training images come with {_kind(train[1])}, validation images with {_kind(val[1])}: "
                                "give both the same kind of target.")  # fmt: skip


def _check_images(images: Any, what: str) -> np.ndarray:
    if not isinstance(images, Tensor) or images.dtype != torch.float32:
        found = getattr(images, "dtype", type(images).__name__)
        raise TrainingError(f"The {what} are {found}, not a tensor of float32: `training.tensors` makes one.")
    volumes = images.ndim == 5
    return sound(images.flatten(2, 3) if volumes else images, what=what, channels="first")[0]


def _check_pair(model: nn.Module, data: Data, what: str, loss: Callable, precision: torch.dtype) -> None:
    """Check images and targets by themselves, and the model and the loss on two of them."""
    images, targets = data
    pixels, kind = _check_images(images, what), _kind(targets)
    if len(images) != len(targets):
        raise TrainingError(f"{len(images)} {what} came with {len(targets)} labels or targets: each needs one.")
    try:
        answer = scores(model, images[:2], precision=precision)
    except Exception as error:  # whatever a model of yours may raise
        raise TrainingError(f"The model does not take {what} of {tuple(images.shape[1:])}: {_first(error)}.") from None
    if kind == "classes" and answer.ndim == 2 and targets.dtype == torch.int64:
        _check_classes(pixels, targets, answer.shape[1], what)
    elif kind == "masks" and answer.ndim > 2 and not 0 <= targets.min() <= targets.max() < answer.shape[1]:
        raise TrainingError(f"The masks of the {what} hold {targets.min()} to {targets.max()}, and the model knows "
                            f"the classes 0 to {answer.shape[1] - 1}.")  # fmt: skip
    elif kind == "numbers" and not torch.isfinite(targets).all():
        raise TrainingError(f"Some targets of the {what} are NaN or infinite: leave those images out.")
    try:
        few = targets[:2] if kind == "list" else targets[:2].to(next(model.parameters()).device)
        loss(answer.to(next(model.parameters()).device), few)
    except Exception as error:  # of torch, or of a loss of yours
        shape = f"{targets.dtype} {tuple(targets.shape)}" if isinstance(targets, Tensor) else "a list"
        raise TrainingError(f"The loss cannot compare answers {tuple(answer.shape)} for two {what} with targets that "
                            f"are {shape}; classes are int64 (n,): {_first(error)}.") from None  # fmt: skip


def _check_classes(pixels: np.ndarray, labels: Tensor, classes: int, what: str) -> None:
    sound(pixels, labels, what=what, channels="first")
    counts = torch.bincount(labels.cpu(), minlength=classes)
    if len(counts) > classes:
        raise TrainingError(f"There are labels up to {len(counts) - 1} in the {what}, and the model gives {classes} "
                            f"scores: build it for {len(counts)} classes.")  # fmt: skip
    absent = torch.nonzero(counts == 0).flatten().tolist()
    if absent and what == "training images":
        raise TrainingError(f"No training image has class {', '.join(map(str, absent))}: mend the split, or leave it "
                            "out of the model.")  # fmt: skip


def _first(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


def _bar(title: str, total: int, done: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, initial=done, desc=title or None, delay=3, mininterval=0.5, leave=False, unit="step",
                file=sys.stdout, disable=not title)  # fmt: skip


# ---------------------------------------------------------------------------- a run on disk


class _State:
    """Where a run stands: its parts, its history, its best epoch, and the file that holds all of it."""

    def __init__(self, parts: dict[str, Any], run: dict[str, Any], checkpoint: str | Path | None):
        self.parts, self.run, self.file = parts, run, Path(checkpoint) if checkpoint else None
        self.best: dict[str, Any] = {"loss": math.inf, "epoch": 0, "weights": None}
        self.history: list[dict] = []
        if self.file and self.file.exists():
            self._resume(self.file)

    def add(self, row: dict[str, float], model: nn.Module | None) -> None:
        """One more epoch: refuse it if a loss is no number, keep the weights of `model` if it is the best, save."""
        number = row["epoch"]
        if not all(math.isfinite(row.get(loss, 0.0)) for loss in ("train_loss", "val_loss")):
            kept = f"; the checkpoint of epoch {number - 1} is unharmed" if self.file and number > 1 else ""
            raise TrainingError(f"The loss is no number any more in epoch {number}: lower the learning rate{kept}.")
        if row.get("val_loss", math.inf) < self.best["loss"]:
            weights = copy.deepcopy(model.state_dict()) if model else None
            self.best = {"loss": row["val_loss"], "epoch": number, "weights": weights}
        self.history.append(row)
        if self.file is None:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        try:
            save_whole(self.file, {**state, "run": self.run, "best": self.best, "history": self.history})
        except OSError as error:
            left = "the one of the epoch before is unharmed" if self.file.exists() else "none was saved yet"
            raise TrainingError(f"The checkpoint {self.file.name} cannot be saved ({error.strerror or error}): "
                                f"make room; {left}.") from None  # fmt: skip

    def _resume(self, file: Path) -> None:
        advice = "delete it, or name another"
        other = f"{file.name} is a checkpoint of another model or optimiser: {advice}."
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            before, self.best, self.history = (state.pop(name) for name in ("run", "best", "history"))
            shapes = _shapes(state["model"])
        except Exception:  # of torch, pickle, zipfile: damaged bytes make them raise nearly anything
            raise TrainingError(f"{file.name} is not a checkpoint of this course, or is damaged: {advice}.") from None
        if shapes != _shapes(self.parts["model"].state_dict()) or self.parts.keys() != state.keys():
            raise TrainingError(other)
        changed = [f"{key} {before.get(key)}, now {now}" for key, now in self.run.items() if before.get(key) != now]
        if changed:
            raise TrainingError(f"{file.name} belongs to another run ({', '.join(changed)}): {advice}.")
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
        except (ValueError, KeyError, RuntimeError):
            raise TrainingError(other) from None


def _shapes(state: dict[str, Tensor]) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in state.items()}


def save_whole(file: Path, content: dict[str, Any]) -> None:
    """`torch.save` to a file that is either whole or not there; what was there stays until then. Raises OSError."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        torch.save(content, part)
        os.replace(part, file)
    except RuntimeError as error:  # torch wraps the disk's errors
        raise OSError(_first(error)) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
