"""The U-Net: shapes, skips that change nothing but what they carry, and a mask it can learn."""
from __future__ import annotations

import pytest
import torch

from utils import models, training


@pytest.mark.parametrize("norm", ["batch", "group", "instance"])
@pytest.mark.parametrize("shape", [(2, 1, 32, 48), (2, 1, 13, 9), (2, 1, 8, 11, 16)])
def test_what_goes_in_and_comes_out_has_the_same_sides(shape, norm):
    network = models.UNet(3, widths=(8, 16, 24), dimensions=len(shape) - 2, norm=norm)
    assert network(torch.randn(shape)).shape == (2, 3, *shape[2:])


def test_without_skips_it_has_the_same_parameters_and_another_answer():
    torch.manual_seed(0)
    both = models.UNet(2), models.UNet(2, skips=False)
    both[1].load_state_dict(both[0].state_dict())
    assert len({models.count_parameters(network) for network in both}) == 1
    x = torch.randn(2, 1, 32, 32)
    assert not torch.allclose(both[0].eval()(x), both[1].eval()(x))


def test_the_coarse_levels_alone_cannot_tell_neighbouring_pixels_apart():
    """Where the finest level reaches the answer only across the skips, a checkerboard is seen only with them."""
    board = torch.zeros(8, 1, 16, 16)
    board[:4, :, ::2, ::2] = board[:4, :, 1::2, 1::2] = 1
    board[4:, :, 1::2, ::2] = board[4:, :, ::2, 1::2] = 1
    dice = {}
    for skips in (True, False):
        torch.manual_seed(0)
        network = models.UNet(2, widths=(8, 16, 16), skips=skips)
        training.fit(network, (board, board[:, 0].long()), epochs=30, batch_size=8, seed=0, progress="")
        found = training.predict(network, board).argmax(1)
        dice[skips] = float((found == board[:, 0].numpy()).mean())
    assert dice[True] > 0.99 > dice[False]


def test_instance_norm_loses_the_scale_of_an_image_and_batch_norm_does_not():
    x = torch.randn(2, 1, 16, 16)
    for norm, same in (("instance", True), ("batch", False)):
        torch.manual_seed(0)
        found = models.UNet(2, norm=norm).train()(torch.cat([x, 3 * x]))
        assert torch.allclose(found[:2], found[2:], atol=1e-3) == same, norm
