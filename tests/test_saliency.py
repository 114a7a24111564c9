"""Maps and their scores, held against captum, hand-worked tensors, and input that is no use."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from utils import models
from utils.evaluation import saliency

STAGES = ["features.2", "features.3", "features.4"]
MAPS = {
    "gradient": saliency.gradient,
    "integrated gradients": saliency.integrated_gradients,
    "Grad-CAM": saliency.grad_cam,
    "occlusion": saliency.occlusion,
    "SMOE Scale": lambda model, images, _: saliency.smoe_scale(model, images, STAGES),
}


@pytest.fixture(scope="module")
def model():
    """A network in 64 bits that is not at its start, where the last norms are zero."""
    torch.manual_seed(0)
    network = models.ResidualNetwork(3, 3, widths=(8, 8), blocks=(1, 1), stem=1).double()
    for weights in network.parameters():
        weights.data += 0.2 * torch.randn_like(weights)
    return network.eval()


@pytest.fixture
def images():
    return torch.randn(4, 3, 21, 18, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


CLASSES = torch.tensor([0, 2, 1, 1])


def captum(name):
    return getattr(pytest.importorskip("captum.attr", reason="captum is in the extra dev"), name)


def test_the_gradient_is_captums(model, images):
    theirs = captum("Saliency")(model).attribute(images.clone().requires_grad_(), target=CLASSES)
    assert np.array_equal(saliency.gradient(model, images, CLASSES), theirs.amax(1).numpy())


@pytest.mark.parametrize("start", [0.0, None])
def test_integrated_gradients_are_captums(model, images, start):
    begin = torch.zeros_like(images) if start == 0 else images.mean((2, 3), keepdim=True).expand_as(images)
    theirs = captum("IntegratedGradients")(model).attribute(
        images, begin, CLASSES, n_steps=24, method="riemann_middle"
    ).sum(1)  # fmt: skip
    ours = saliency.integrated_gradients(model, images, CLASSES, start=start)
    assert np.abs(ours - theirs.detach().numpy()).max() < 1e-9


def test_integrated_gradients_add_up_to_the_change_of_the_score(model, images):
    maps = saliency.integrated_gradients(model, images, CLASSES, steps=1500)
    flat = images.mean((2, 3), keepdim=True).expand_as(images)
    with torch.no_grad():
        change = (model(images) - model(flat)).gather(1, CLASSES[:, None])[:, 0]
    assert maps.sum((1, 2)) == pytest.approx(change.numpy(), abs=0.02)


def test_grad_cam_is_captums(model, images):
    tool = captum("LayerGradCam")
    theirs = tool(model, model.features).attribute(images, CLASSES, relu_attributions=True)
    large = captum("LayerAttribution").interpolate(theirs, (21, 18), "bilinear")[:, 0]
    assert np.array_equal(saliency.grad_cam(model, images, CLASSES), large.detach().numpy())


@pytest.mark.parametrize(("size", "step"), [(6, 3), (5, 2), (4, 4)])
def test_occlusion_is_captums_also_where_the_squares_do_not_fit(model, images, size, step):
    theirs = captum("Occlusion")(model).attribute(
        images, (3, size, size), (3, step, step), baselines=0.5, target=CLASSES
    )  # fmt: skip
    ours = saliency.occlusion(model, images, CLASSES, size, step, fill=0.5)
    assert ours == pytest.approx(theirs[:, 0].numpy(), abs=1e-8)  # theirs counts in float32


def test_occlusion_by_the_mean_colour_of_a_square_does_nothing_to_a_flat_image(model):
    flat = torch.full((1, 3, 12, 12), 0.3, dtype=torch.float64)
    assert np.abs(saliency.occlusion(model, flat, 0, 4, 2)).max() < 1e-12


def test_smoe_of_two_channels_by_hand():
    """Channels 1 and 4: m = 2.5, log₂ m = 1.3219, mean of log₂ = 1, so 2.5 · .3219; alike: 0; all in one: m · many."""
    x = torch.tensor([[[[1.0, 3.0, 0.0]], [[4.0, 3.0, 2.0]]]], dtype=torch.float64)
    (one, alike, alone), = saliency.smoe(x)[:, 0].tolist()
    assert one == pytest.approx(2.5 * (np.log2(2.5) - 1), abs=1e-6)
    assert alike == pytest.approx(0, abs=1e-12)
    assert alone == pytest.approx(0 - (1 + np.log2(1e-7)) / 2, abs=1e-5)  # m = 1


def test_smoe_scale_by_hand_and_the_same_for_every_class(model, images):
    class OneLayer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torch.nn.ReLU()

        def forward(self, x):
            return self.features(x).mean((2, 3))

    found = saliency.smoe(images.relu())
    standard = (found - found.mean((1, 2), keepdim=True)) / found.std((1, 2), keepdim=True)
    shares = 0.5 * (1 + torch.erf(standard / 2**0.5))
    ours = saliency.smoe_scale(OneLayer().eval(), images, ["features"])
    assert ours == pytest.approx(shares.detach().numpy(), abs=1e-12)
    every = saliency.smoe_scale(model, images, STAGES)
    assert every.shape == (4, 21, 18) and 0 < every.min() < every.max() < 1


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_of_its_image_alone_and_leaves_no_trace(model, images, name):
    before = images.clone()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    whole = MAPS[name](model, images, CLASSES)
    assert whole.shape == (4, 21, 18) and np.isfinite(whole).all()
    assert MAPS[name](model, images[1:2], 2) == pytest.approx(whole[1:2], abs=1e-10)
    assert torch.equal(images, before) and not images.requires_grad
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(weights.grad is None for weights in model.parameters())
    assert not any(part._forward_hooks for part in model.modules())


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x[0], "one or more"),
        (lambda x: x[:0], "one or more"),
        (lambda x: torch.where(x > 2, torch.nan, x), "NaN or infinity"),
        (lambda x: x / 0, "NaN or infinity"),
        (lambda x: x.float(), "float tensor of the model's type"),
        (lambda x: (50 * x.abs()).to(torch.uint8), "float tensor of the model's type"),
        (lambda x: (50 * x).long(), "float tensor of the model's type"),
        (lambda x: x.numpy(), "float tensor of the model's type"),
    ],
)
def test_images_that_cannot_be_asked(model, images, name, spoil, words):
    with pytest.raises(ValueError, match=words):
        MAPS[name](model, spoil(images), 1)


@pytest.mark.parametrize("wrong", [3, -1, 0.7, "sick", None, True, torch.tensor([0, 1]), CLASSES[:, None]])
@pytest.mark.parametrize("name", [name for name in MAPS if name != "SMOE Scale"])
def test_a_wrong_class_is_refused(model, images, name, wrong):
    with pytest.raises(ValueError, match="whole number from 0 to 2"):
        MAPS[name](model, images, wrong)


@pytest.mark.parametrize("name", MAPS)
def test_a_model_in_training_mode_is_refused(images, name):
    with pytest.raises(ValueError, match=r"model\.eval"):
        MAPS[name](models.ResidualNetwork(3).double(), images, 1)
    part = models.ResidualNetwork(3).double().eval()
    part.features[1].train()
    with pytest.raises(ValueError, match="Part of the model"):
        MAPS[name](part, images, 1)
    assert part.features[1].num_batches_tracked == 0


@pytest.mark.parametrize("frame", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", MAPS)
def test_maps_need_no_frame_for_gradients(model, images, name, frame):
    with frame():
        inside = MAPS[name](model, images, CLASSES)
    assert np.array_equal(inside, MAPS[name](model, images.requires_grad_(), CLASSES))


class Small(torch.nn.Module):
    """A ReLU in place, used twice, behind a layer that is asked for."""

    def __init__(self, give):
        super().__init__()
        self.features, self.relu, self.give = torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(inplace=True), give

    def forward(self, x):
        return self.give(self.relu(1 * self.relu(self.features(x))))


def test_a_layer_used_twice_is_refused_and_one_changed_in_place_is_kept(images):
    small = Small(lambda x: x.mean((2, 3))).double().eval()
    with pytest.raises(ValueError, match="used 2 times"):
        saliency.grad_cam(small, images, 1, "relu")
    activations = small.features(images).detach().requires_grad_()
    slopes = torch.autograd.grad(activations.relu().mean((2, 3))[:, 1].sum(), activations)[0]
    cam = (slopes.mean((2, 3), keepdim=True) * activations).sum(1, keepdim=True).relu()
    large = torch.nn.functional.interpolate(cam, images.shape[2:], mode="bilinear")[:, 0]
    assert saliency.grad_cam(small, images, 1) == pytest.approx(large.detach().numpy(), abs=1e-12)


@pytest.mark.parametrize(
    "give", [lambda x: x, lambda x: x.mean((1, 2, 3)), lambda x: (x.mean((2, 3)),), lambda x: x.mean((2, 3))[:1]]
)
def test_a_model_that_gives_no_scores_by_class(images, give):
    with pytest.raises(ValueError, match=r"gives scores \(n, classes\)"):
        saliency.gradient(Small(give).double().eval(), images, 0)


def test_layers_that_do_not_exist_or_give_no_maps(model, images):
    for layer in ("stage5", "features.9"):
        with pytest.raises(ValueError, match="no layer"):
            saliency.grad_cam(model, images, 0, layer)
    with pytest.raises(ValueError, match="give maps"):
        saliency.grad_cam(model, images, 0, "classify")
    for ask in (lambda: saliency.grad_cam(model, images, 0, ["features"]),
                lambda: saliency.smoe_scale(model, images, "features.2")):
        with pytest.raises(ValueError, match="by their names"):
            ask()
    with pytest.raises(ValueError, match="one layer at least"):
        saliency.smoe_scale(model, images, [])
    with pytest.raises(ValueError, match="no layer"):
        saliency.smoe_scale(model, images, ["features.2", "nowhere"])


def test_grey_images_are_fine_and_one_channel_of_activations_is_not():
    torch.manual_seed(0)
    grey = models.ResidualNetwork(2, 1, widths=(1, 4), blocks=(1, 1)).eval()
    x = torch.randn(2, 1, 16, 16)
    assert saliency.gradient(grey, x, 0).shape == (2, 16, 16)
    with pytest.raises(ValueError, match="two channels or more"):
        saliency.smoe_scale(grey, x, ["features.2"])
    with pytest.raises(ValueError, match="behind a ReLU"):
        saliency.smoe(torch.randn(2, 4, 3, 3))
    with pytest.raises(ValueError, match="two channels or more"):
        saliency.smoe(torch.ones(2, 1, 3, 3))
    for odd in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            saliency.smoe(torch.tensor([[[[1.0]], [[odd]]]]))
    for odd in (np.ones((1, 2, 3, 3)), torch.ones(2, 3, 3)):
        with pytest.raises(ValueError, match="takes a tensor"):
            saliency.smoe(odd)


def test_smoe_scale_by_weights(model, images):
    single = [saliency.smoe_scale(model, images, [name]) for name in STAGES]
    ours = saliency.smoe_scale(model, images, STAGES, weights=(1, 0, 3))
    assert ours == pytest.approx((single[0] + 3 * single[2]) / 4, abs=1e-12)
    for wrong in ((1, 2), (0, 0, 0), "abc"):
        with pytest.raises(ValueError, match="3 numbers"):
            saliency.smoe_scale(model, images, STAGES, weights=wrong)


def test_a_layer_that_is_alike_everywhere_gives_nan_and_not_zero(model):
    flat = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    dead = models.ResidualNetwork(2, 3, widths=(4, 4), blocks=(1, 1)).double().eval()
    assert np.isnan(saliency.smoe_scale(dead, flat, ["features.2"])).all()
    with pytest.raises(ValueError, match="without NaN"):
        saliency.pointing(saliency.smoe_scale(dead, flat, ["features.2"]), np.ones((1, 8, 8), bool))


@pytest.mark.parametrize(("size", "step"), [(22, 4), (4, 6)])
def test_squares_that_leave_gaps_or_do_not_fit(model, images, size, step):
    with pytest.raises(ValueError, match="overlap and fit"):
        saliency.occlusion(model, images, 0, size, step)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, 4.0, "4", None])
def test_sizes_and_steps_are_whole(model, images, wrong):
    for ask in (lambda: saliency.occlusion(model, images, 0, wrong, 2),
                lambda: saliency.occlusion(model, images, 0, 4, wrong),
                lambda: saliency.integrated_gradients(model, images, 0, wrong)):
        with pytest.raises(ValueError, match="is a whole number, at least 1"):
            ask()


@pytest.mark.parametrize(
    ("ask", "name"), [(saliency.integrated_gradients, "start"), (saliency.occlusion, "fill")]
)
def test_a_baseline_is_a_number_or_fits_the_images(model, images, ask, name):
    one = ask(model, images, 0, **{name: 0.5})
    for same in (torch.full((3, 1, 1), 0.5), np.full((1, 3, 21, 18), 0.5), torch.full((4, 3, 21, 18), 0.5)):
        assert ask(model, images, 0, **{name: same}) == pytest.approx(one)
    for wrong in (torch.zeros(8, 3, 21, 18), torch.zeros(17), "black"):
        with pytest.raises(ValueError, match="fits the images' shape"):
            ask(model, images, 0, **{name: wrong})
    with pytest.raises(ValueError, match="holds NaN"):
        ask(model, images, 0, **{name: torch.nan})


# ---------------------------------------------------------------------------- scores


def test_pointing_shares_ties_and_counts_no_empty_mask():
    maps = np.array([[[0, 1], [2, 3]], [[5, 5], [0, 0]], [[1, 1], [1, 1]], [[1, 2], [3, 4]]], float)
    masks = np.array([[[0, 0], [0, 1]], [[1, 0], [0, 0]], [[1, 0], [0, 0]], [[0, 0], [0, 0]]], bool)
    assert saliency.pointing(maps, masks)[:3].tolist() == [1, 0.5, 0.25]
    assert np.isnan(saliency.pointing(maps, masks)).tolist() == [False, False, False, True]
    assert saliency.pointing(maps, masks.astype(np.uint8))[:3].tolist() == [1, 0.5, 0.25]


def test_pixel_auc_is_scikit_learns_and_nan_without_two_kinds():
    rng = np.random.default_rng(0)
    maps, masks = rng.integers(6, size=(20, 7, 5)).astype(float), rng.random((20, 7, 5)) < 0.3
    theirs = [roc_auc_score(mask.ravel(), one.ravel()) for one, mask in zip(maps, masks, strict=True)]
    assert saliency.pixel_auc(maps, masks) == pytest.approx(theirs)
    assert saliency.pixel_auc(np.ones_like(maps), masks) == pytest.approx(0.5)
    masks[0], masks[1] = False, True
    assert np.isnan(saliency.pixel_auc(maps, masks)).sum() == 2


@pytest.mark.parametrize("score", [saliency.pointing, saliency.pixel_auc])
@pytest.mark.parametrize(
    ("maps", "masks"),
    [
        (np.full((1, 2, 2), np.nan), np.ones((1, 2, 2), bool)),
        (np.zeros((1, 2, 2)), np.ones((1, 2, 3), bool)),
        (np.zeros((2, 2)), np.ones((2, 2), bool)),
        (np.zeros((1, 2, 2)), np.full((1, 2, 2), 255)),
        (np.zeros((1, 2, 2)), np.full((1, 2, 2), 0.4)),
        (np.zeros((1, 2, 2)), np.full((1, 2, 2), np.nan)),
    ],
)
def test_maps_and_masks_that_cannot_be_scored(score, maps, masks):
    with pytest.raises(ValueError, match="of one size"):
        score(maps, masks)


def small(dtype=torch.float32):
    torch.manual_seed(2)
    layers = [torch.nn.Conv2d(3, 4, 1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers).to(dtype).eval()


@pytest.mark.parametrize("side", [8, 16, 23, 32, 64])
@pytest.mark.parametrize("grey", [0.1, 0.5, 0.7])
def test_a_layer_that_is_alike_but_for_rounding_gives_nan(side, grey):
    assert np.isnan(saliency.smoe_scale(small(), torch.full((2, 3, side, side), grey), ["1"])).all()


def test_maps_of_a_model_in_half_precision_are_arrays():
    network, images = small(torch.bfloat16), torch.rand(2, 3, 12, 12).bfloat16()
    for ask in (saliency.gradient, saliency.integrated_gradients, saliency.occlusion):
        assert np.isfinite(ask(network, images, 1)).all()
    assert np.isfinite(saliency.grad_cam(network, images, 1, "1")).all()


def test_scores_that_do_not_come_from_the_images_have_no_slope():
    class Deaf(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.heard, self.unheard = torch.nn.Conv2d(3, 2, 1), torch.nn.Conv2d(3, 2, 1)

        def forward(self, x):
            self.unheard(x)
            return self.heard(x).mean((2, 3)).detach() if self.deaf else self.heard(x).mean((2, 3))

    network, images = Deaf().eval(), torch.rand(2, 3, 6, 6)
    for deaf, ask, more in ((True, saliency.gradient, ()), (True, saliency.integrated_gradients, ()),
                            (False, saliency.grad_cam, ("unheard",))):
        network.deaf = deaf
        with pytest.raises(ValueError, match="no slope"):
            ask(network, images, 0, *more)


@pytest.mark.parametrize("ask", [saliency.gradient, saliency.integrated_gradients, saliency.occlusion])
def test_scores_that_are_no_numbers_are_refused(ask):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 2)).eval()
    network[1].bias.data[:] = torch.nan
    with pytest.raises(ValueError, match="scores hold NaN"):
        ask(network, torch.rand(2, 3, 8, 8), 0)


@pytest.mark.parametrize("of", [lambda x: x[::-1], lambda x: x.astype(object), lambda x: x.astype(np.uint16)])
def test_classes_may_come_as_any_array_of_whole_numbers(model, images, of):
    numbers = CLASSES.numpy()
    wanted = saliency.gradient(model, images, torch.as_tensor(np.ascontiguousarray(of(numbers)).astype(np.int64)))
    assert np.array_equal(saliency.gradient(model, images, of(numbers)), wanted)


def test_layers_are_a_list(model, images):
    for wrong in ((name for name in STAGES), None, 3, "features.2"):
        with pytest.raises(ValueError, match="`layers` a list"):
            saliency.smoe_scale(model, images, wrong)


@pytest.mark.parametrize("score", [saliency.pointing, saliency.pixel_auc])
def test_maps_may_be_tensors_and_none_at_all_are_refused(score):
    maps, masks = torch.rand(2, 5, 6), torch.zeros(2, 5, 6, dtype=torch.bool)
    masks[:, 1:3, 2:4] = True
    assert np.array_equal(score(maps.requires_grad_(), masks), score(maps.detach().numpy(), masks.numpy()))
    with pytest.raises(ValueError, match="1 or more"):
        score(np.zeros((0, 5, 6)), np.zeros((0, 5, 6), bool))
