"""Random changes to a whole batch of images at once, drawn for each image, on whatever device the batch is.

torchvision's transforms draw once a batch or work image by image; these take milliseconds for a batch. All of them
take and return float (n, channels, rows, columns) and draw from torch's own random numbers.
"""
from __future__ import annotations

import math

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
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror * stretch, -sine, _between(-2, 2, n, images) * shift / columns], 1),
            torch.stack([sine * mirror * stretch, cosine, _between(-2, 2, n, images) * shift / rows], 1),
        ],
        1,
    )
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
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
