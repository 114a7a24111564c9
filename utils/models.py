"""Small networks that more than one lesson trains. Images go in as float (n, channels, rows, columns)."""
from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

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


def count_parameters(model: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
