"""Random changes to a whole batch of images at once, on whatever device the batch is.

torchvision's transforms draw once a batch or work image by image; `affine` and `colour` draw for each image and take
milliseconds for a batch. All of them take and return float (n, channels, rows, columns) and draw from torch's own
random numbers. `Mixup` changes the labels, too, as `training.fit` expects of its `augment`.
"""
from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def _between(low: float, high: float, n: int, like: Tensor) -> Tensor:
    return low + (high - low) * torch.rand(n, device=like.device)


def affine(
    images: Tensor,
    *,
    degrees: float = 180.0,
    scale: float = 1.2,
    aspect: float = 1.1,
    shift: float = 2.0,
    flip: bool = True,
) -> Tensor:
    """Turn, mirror, zoom, stretch and move each image; what comes into view is mirrored at the edge.

    Values between pixels are interpolated, so the images become a little blurred (lesson 3.2 measures it).

    Args:
        degrees: turned by up to so much either way; 180 means any direction.
        scale: zoomed by a factor between 1 / scale and scale.
        aspect: stretched along one axis by a factor between 1 / aspect and aspect.
        shift: moved by up to so many pixels along rows and columns.
        flip: mirror half of the images. Right for skin, wrong where left and right mean something.
    """
    n, _, rows, columns = images.shape
    angle = _between(-degrees, degrees, n, images) * math.pi / 180
    zoom = torch.exp(_between(-1, 1, n, images) * math.log(scale))
    stretch = torch.exp(_between(-1, 1, n, images) * math.log(aspect))
    mirror = torch.where(_between(0, 1, n, images) < 0.5, -1.0, 1.0) if flip else torch.ones(n, device=images.device)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    right = _between(-2, 2, n, images) * shift / columns
    down = _between(-2, 2, n, images) * shift / rows
    wide, high = rows / columns, columns / rows  # the grid runs from -1 to 1 along either side
    first = torch.stack([cosine * mirror * stretch, -sine * wide, right], 1)
    second = torch.stack([sine * mirror * stretch * high, cosine, down], 1)
    grid = F.affine_grid(torch.stack([first, second], 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def colour(images: Tensor, strength: float = 0.1) -> Tensor:
    """Change contrast, brightness and the balance of the channels of each image, as light and camera do.

    Args:
        strength: contrast is scaled by up to this share, brightness moved by up to this much, each channel scaled by
            up to half of it about the darkest value -1. Meant for images standardised to about unit spread.
    """
    n, channels = images.shape[:2]
    contrast = 1 + _between(-strength, strength, n, images).view(n, 1, 1, 1)
    light = _between(-strength, strength, n, images).view(n, 1, 1, 1)
    tint = 1 + _between(-strength / 2, strength / 2, n * channels, images).view(n, channels, 1, 1)
    mean = images.mean((2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + 1) * tint - 1 + light


def shifted(images: Tensor, most: int = 2) -> Tensor:
    """The batch moved by up to `most` pixels along rows and columns; what comes into view is mirrored at the edge."""
    rows, columns = images.shape[2:]
    most = min(most, rows - 1, columns - 1)  # what is mirrored lies inside
    down, right = torch.randint(0, 2 * most + 1, (2,)).tolist()
    padded = F.pad(images, (most,) * 4, mode="reflect")
    return padded[:, :, down : down + rows, right : right + columns]


def turned_and_shifted(images: Tensor) -> Tensor:
    """The batch in one of its eight views, drawn at random, and `shifted`. One draw a batch makes it cheap."""
    quarter, mirror = torch.randint(0, 4, ()).item(), torch.randint(0, 2, ()).item()
    return shifted(torch.rot90(images.flip(3) if mirror else images, quarter, (2, 3)))


def eight_views(images: Tensor) -> list[Tensor]:
    """The eight ways to lay a square picture down: four quarter turns, each also mirrored."""
    turned = [torch.rot90(images, k, (2, 3)) for k in range(4)]
    return turned + [view.flip(3) for view in turned]


class Mixup:
    """Blend each image of a batch with another, and ask for both labels in the same shares.

    Zhang et al. 2018, arXiv 1710.09412, as torchvision builds it: one share a batch, from Beta(alpha, alpha). Called
    with images (n, channels, rows, columns) and labels int64 (n,), it returns images and soft labels (n, classes).

    Args:
        classes: number of classes.
        alpha: near 0 hardly blends, 1 blends by any share.
        before: changes the images first.
    """

    def __init__(self, classes: int, alpha: float = 0.3, before: Callable[[Tensor], Tensor] | None = None):
        from torchvision.transforms import v2

        self.before, self.blend = before, v2.MixUp(alpha=alpha, num_classes=classes)

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return self.blend(self.before(images) if self.before else images, labels)
