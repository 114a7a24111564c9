"""Small networks that more than one lesson trains. Images go in as float (n, channels, rows, columns)."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def norm_layer(kind: str) -> Callable[[int], nn.Module]:
    """A function that makes the normalisation for a number of channels.

    Args:
        kind: "batch" (Ioffe, Szegedy 2015; statistics of the batch, so images of a batch see each other) or
            "group" (Wu, He 2018; statistics of each image alone, 8 channels a group).

    Raises:
        ValueError: another word.
    """
    if kind == "batch":
        return nn.BatchNorm2d
    if kind == "group":
        return lambda channels: nn.GroupNorm(max(1, channels // 8), channels)
    raise ValueError(f'norm is "batch" or "group", not {kind!r}')


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


def count_parameters(model: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
