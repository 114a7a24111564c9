"""The U-Net and the pyramid: shapes, skips that change nothing but what they carry, and what they can learn."""
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


def test_a_pyramid_gives_a_map_at_an_eighth_of_the_resolution_and_learns_where():
    assert models.Pyramid(5, channels=3)(torch.zeros(2, 3, 64, 96)).shape == (2, 5, 8, 12)
    torch.manual_seed(0)
    films, place = torch.zeros(64, 1, 64, 64), torch.randint(0, 64, (64,))
    targets = torch.zeros(64, 64)
    for film, cell, target in zip(films, place.tolist(), targets, strict=True):
        row, column = divmod(cell, 8)
        film[0, 8 * row + 2 : 8 * row + 6, 8 * column + 2 : 8 * column + 6] = 1
        target[cell] = 1

    def loss(maps, targets):
        return torch.nn.functional.binary_cross_entropy_with_logits(maps.flatten(1), targets)

    network = training.fit(models.Pyramid(1), (films, targets), epochs=25, batch_size=16, loss=loss, seed=0,
                           progress="").model  # fmt: skip
    assert float((training.scores(network, films).flatten(1).argmax(1) == place).float().mean()) > 0.9
