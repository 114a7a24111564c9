"""Networks, the training loop, and what can go wrong with them."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from utils import augment, models, recipe, training
from utils.training import TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")


def bright_or_dark(n=96, classes=2, seed=0):
    """Images whose class is their brightness, so that a few steps suffice."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    pixels = 60 + 130 * labels[:, None, None, None] / max(1, classes - 1) + rng.normal(0, 25, (n, 8, 8, 3))
    return training.tensors(pixels.clip(0, 255).astype(np.uint8), labels)


def network(seed=0, classes=2, norm="batch"):
    torch.manual_seed(seed)
    return models.ResidualNetwork(classes, widths=(8, 16), blocks=(1, 1), norm=norm)


def fit(model, train, val=None, **more):
    usual = {"epochs": 3, "batch_size": 16, "precision": torch.float32, "progress": ""}
    return training.fit(model, train, val, **{**usual, **more})


def _turned(images, targets):
    return augment.affine(images), targets


def _coloured(images, targets):
    return augment.colour(images), targets


def weights(result):
    return torch.cat([p.detach().flatten() for p in result.model.parameters()])


# ---------------------------------------------------------------------------- networks


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_shapes_of_the_network(norm):
    model = models.ResidualNetwork(7, widths=(8, 16, 24), blocks=(1, 2, 1), norm=norm)
    assert model(torch.zeros(2, 3, 28, 28)).shape == (2, 7)
    assert model.features(torch.zeros(2, 3, 28, 28)).shape == (2, 24, 7, 7)
    assert models.ResidualNetwork(2, channels=1)(torch.zeros(2, 1, 30, 28)).shape == (2, 2)
    coarse = models.ResidualNetwork(7, widths=(8, 16, 24), norm=norm, stem=2)
    assert coarse.features(torch.zeros(2, 3, 28, 28)).shape == (2, 24, 4, 4)


def test_a_new_block_passes_its_input_on():
    x = torch.rand(2, 8, 6, 6)
    assert torch.allclose(models.ResidualBlock(8, 8)(x), x)


def test_group_norm_makes_an_image_independent_of_its_batch():
    x = torch.randn(4, 3, 16, 16)
    for norm, same in (("group", True), ("batch", False)):
        model = network(norm=norm).train()
        for block in model.modules():  # leave the start at zero, which would hide the difference
            if isinstance(block, models.ResidualBlock):
                nn.init.ones_(block.path[-1].weight)
        assert torch.allclose(model(x)[:2], model(x[:2]), atol=1e-5) is same


def test_wrong_settings_of_a_network_are_named():
    with pytest.raises(ValueError, match="batch.*group"):
        models.norm_layer("layer")
    with pytest.raises(ValueError, match="stem is 1 or 2"):
        models.ResidualNetwork(2, stem=4)
    with pytest.raises(ValueError, match="as many"):
        models.ResidualNetwork(2, widths=(8, 16), blocks=(1,))


# ---------------------------------------------------------------------------- the loop


def test_it_learns_and_writes_down_how():
    data, val = bright_or_dark(), bright_or_dark(seed=1)
    result = fit(network(), data, val, epochs=6, schedule=training.one_cycle)
    assert list(result.history["epoch"]) == [1, 2, 3, 4, 5, 6] and result.epoch == 6
    assert result.history["train_loss"].iloc[-1] < result.history["train_loss"].iloc[0] / 2
    assert result.history["val_accuracy"].iloc[-1] > 0.9
    assert result.history["seconds"].is_monotonic_increasing
    found = training.predict(result.model, val[0])
    assert found.shape == (96, 2) and np.allclose(found.sum(1), 1, atol=1e-5)
    assert not result.model.training


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    data = bright_or_dark()
    runs = [weights(fit(network(), data, seed=seed, augment=_turned)) for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_the_best_epoch_is_kept_and_patience_ends_the_run():
    data, val = bright_or_dark(), bright_or_dark(seed=1)
    torn = (val[0], 1 - val[1])  # validation that gets worse the more is learnt
    result = fit(network(), data, torn, epochs=12, keep="best", patience=2)
    assert result.epoch == result.history["val_loss"].idxmin() + 1
    assert len(result.history) == result.epoch + 2 < 12
    found = training.predict(result.model, torn[0], precision=torch.float32)
    loss = -np.log(found[np.arange(96), torn[1].numpy()]).mean()
    assert loss == pytest.approx(result.history["val_loss"].min(), abs=1e-4)


def test_the_average_of_weights_lags_behind_the_weights():
    data = bright_or_dark()
    start, last = weights(fit(network(), data, average=False, epochs=1)), None
    averaged = weights(fit(network(), data, average=True, epochs=4))
    last = weights(fit(network(), data, average=False, epochs=4))
    assert not torch.equal(averaged, last)
    assert (averaged - last).norm() > 0.01 and (averaged - start).norm() < (last - start).norm()


def test_bfloat16_ends_near_float32():
    data = bright_or_dark()
    exact, quick = (fit(network(), data, epochs=6, precision=p) for p in (torch.float32, torch.bfloat16))
    assert quick.history["train_loss"].iloc[-1] == pytest.approx(exact.history["train_loss"].iloc[-1], abs=0.1)


def test_eight_views_are_the_eight_of_the_square():
    image = torch.arange(9.0).view(1, 1, 3, 3)
    views = augment.eight_views(image)
    assert len({tuple(v.flatten().tolist()) for v in views}) == 8
    model = network()
    found = training.predict(model, torch.rand(5, 3, 8, 8), views=augment.eight_views)
    assert found.shape == (5, 2) and np.allclose(found.sum(1), 1, atol=1e-5)


def test_muon_steps_have_one_length_in_every_direction_and_adamw_does_the_rest():
    model = network()
    optimiser = training.muon(model, kernel_rate=0.1, decay=0.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    x, y = bright_or_dark()
    nn.functional.cross_entropy(model(x), y).backward()
    grads = {name: p.grad.clone() for name, p in model.named_parameters()}
    optimiser.step()
    kernel = "features.4.shortcut.1.weight"  # 16 channels of 8: a tall matrix, whose step is √2 times as long
    step = (before[kernel] - dict(model.named_parameters())[kernel].detach()).flatten(1) / 0.1 / 2**0.5
    singular, grad = torch.linalg.svdvals(step), grads[kernel].flatten(1)
    assert singular.median() > 0.5 and singular.max() < 1.4, "Newton and Schulz come near 1, not to it"
    assert (step * grad).sum() > 0.5 * torch.linalg.svdvals(grad).sum() > 0, "downhill as far as such a step can"
    theirs = torch.optim.AdamW([nn.Parameter(before["classify.weight"].clone())], 4e-3, weight_decay=0.0)
    theirs.param_groups[0]["params"][0].grad = grads["classify.weight"]
    theirs.step()
    assert torch.allclose(theirs.param_groups[0]["params"][0], model.classify.weight)


# ---------------------------------------------------------------------------- killed and resumed


@pytest.mark.parametrize("optimiser", [training.adamw, training.muon])
def test_a_resumed_run_ends_where_an_unbroken_one_ends(tmp_path, optimiser):
    data, val = bright_or_dark(), bright_or_dark(seed=1)
    settings = {"epochs": 4, "schedule": training.one_cycle, "average": True, "keep": "best", "augment": _coloured,
                "optimiser": optimiser}  # fmt: skip
    whole = fit(network(), data, val, **settings)
    file = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        fit(network(), data, val, checkpoint=file, **{**settings, "augment": _stops_after(15)})
    assert len(torch.load(file, weights_only=True)["history"]) == 2
    resumed = fit(network(seed=9), data, val, checkpoint=file, **settings)
    assert torch.equal(weights(whole), weights(resumed)) and whole.epoch == resumed.epoch
    assert np.allclose(whole.history["val_loss"], resumed.history["val_loss"])


def _stops_after(batches):
    left = [batches]

    def stop(images, targets):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return _coloured(images, targets)

    return stop


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_run_killed_in_mid_epoch_goes_on_from_its_last_epoch(tmp_path):
    script = textwrap.dedent("""
        import os, signal, sys
        from test_training import bright_or_dark, network, fit, weights
        left = [int(sys.argv[2])]
        def watch(images, targets):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return images, targets
        result = fit(network(), bright_or_dark(), checkpoint=sys.argv[1], augment=watch)
        print(repr(float(weights(result).double().sum())))
    """)
    here = os.path.dirname(__file__)

    def run(file, steps):
        command = [sys.executable, "-c", script, str(tmp_path / file), str(steps)]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=120)

    unbroken, killed = run("a.pt", 10_000), run("b.pt", 9)  # six batches an epoch: in the middle of the second
    assert killed.returncode == -signal.SIGKILL and killed.stdout == ""
    assert run("b.pt", 10_000).stdout == unbroken.stdout != ""
    assert [p.name for p in sorted(tmp_path.iterdir()) if p.suffix == ".pt"] == ["a.pt", "b.pt"]


# ---------------------------------------------------------------------------- what can go wrong


def test_a_class_without_images_is_named():
    images, labels = bright_or_dark()
    with pytest.raises(TrainingError, match="No training image has class 1, 3"):
        fit(network(classes=4), (images, labels * 2))
    with pytest.raises(TrainingError, match="labels up to 2.*2 scores"):
        fit(network(), (images, labels * 2))


def test_a_batch_of_one():
    images, labels = bright_or_dark(n=4)
    with pytest.raises(TrainingError, match="BatchNorm"):
        fit(network(), (images, labels), batch_size=1)
    assert len(fit(network(norm="group"), (images, labels), batch_size=1).history) == 3
    with pytest.raises(TrainingError, match="nothing to train on"):
        fit(network(), (images[:0], labels[:0]))


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_checkpoint(tmp_path):
    file, calls = tmp_path / "run.pt", [0]

    def loss(scores, labels):
        calls[0] += 1
        return nn.functional.cross_entropy(scores, labels) * (1 if calls[0] < 10 else float("nan"))

    with pytest.raises(TrainingError, match="no number any more in epoch 2.*checkpoint of epoch 1"):
        fit(network(), bright_or_dark(), loss=loss, checkpoint=file)
    assert len(torch.load(file, weights_only=True)["history"]) == 1


def test_pixels_and_labels_that_cannot_be_used():
    images = np.zeros((3, 8, 8, 3))
    for wrong, labels, words in ((images * np.nan, [0, 1, 0], "NaN"), (images, [0, 1], "3 images came with labels"),
                                 (images, [0, -1, 1], "negative")):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            training.tensors(wrong, np.array(labels))


def test_a_checkpoint_of_another_model_run_or_kind_of_file(tmp_path):
    file, data = tmp_path / "run.pt", bright_or_dark()
    fit(network(), data, checkpoint=file)
    before = file.read_bytes()
    other = models.ResidualNetwork(2, widths=(8, 24), blocks=(1, 1))
    for model, settings, words in ((other, {}, "another model"), (network(), {"seed": 5}, "seed 0, now 5"),
                                   (network(), {"epochs": 9}, "epochs 3, now 9"),
                                   (network(), {"average": True}, "another model"), (network(), {"tag": "b"}, "now b"),
                                   (network(), {"optimiser": _faster}, "rates"),
                                   (network(), {"val": data, "keep": "best"}, "keep last, now best"),
                                   (network(), {"optimiser": _sgd}, "another model or optimiser")):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            fit(model, data, checkpoint=file, **settings)
        assert file.read_bytes() == before
    for damage in (before[: len(before) // 2], b"", b"not a checkpoint"):
        file.write_bytes(damage)
        with pytest.raises(TrainingError, match="damaged"):
            fit(network(), data, checkpoint=file)


def _faster(model):
    return training.adamw(model, rate=0.1)


def _sgd(model):
    return torch.optim.SGD([{"params": [p]} for p in list(model.parameters())[:2]], 3e-3, momentum=0.9)


def test_a_full_disk_spares_the_last_good_checkpoint(tmp_path, monkeypatch):
    file, saves, true_save = tmp_path / "run.pt", [0], torch.save

    def full_after_the_second(state, target):
        saves[0] += 1
        if saves[0] > 2:
            with open(target, "wb") as part:
                part.write(b"half of it")
            raise OSError(28, "No space left on device")
        true_save(state, target)

    monkeypatch.setattr(torch, "save", full_after_the_second)
    with pytest.raises(TrainingError, match="No space left on device.*unharmed"):
        fit(network(), bright_or_dark(), checkpoint=file)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    assert len(torch.load(file, weights_only=True)["history"]) == 2
    assert len(fit(network(), bright_or_dark(), checkpoint=file).history) == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_torch_itself_reports_a_full_device(monkeypatch):
    """What a full disk really raises in torch is among what `fit` catches."""
    with pytest.raises((OSError, RuntimeError)):
        torch.save({"weights": torch.zeros(10**6)}, "/dev/full")


def test_settings_that_contradict_each_other():
    for settings, words in (({"keep": "best"}, "give val="), ({"patience": 3}, "give val="), ({"keep": "1"}, "not '1")):
        with pytest.raises(TrainingError, match=words):
            fit(network(), bright_or_dark(), **settings)


# ---------------------------------------------------------------------------- targets of any kind


def convolution(out, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, out, 3, padding=1))


def test_it_learns_masks_of_classes_and_measures_what_you_ask_for():
    images, _ = bright_or_dark()
    masks = (images.mean(1) > 0).long()  # (n, rows, columns)

    def share_right(scores, targets):
        return (scores.argmax(1) == targets).float().mean()

    result = fit(convolution(2), (images, masks), (images, masks), epochs=12, measures={"right": share_right})
    assert "val_accuracy" not in result.history and result.history["right"].iloc[-1] > 0.9
    found = training.predict(result.model, images)
    assert found.shape == (96, 2, 8, 8) and np.allclose(found.sum(1), 1, atol=1e-5)


def test_it_learns_numbers_and_keeps_the_best_epoch():
    images, _ = bright_or_dark()
    brightness = images.mean((1, 2, 3))  # (n,)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 1))
    result = fit(model, (images, brightness), (images, brightness), epochs=20, keep="best",
                 optimiser=lambda m: training.adamw(m, rate=1e-3))  # fmt: skip
    assert result.history["val_loss"].min() < 0.1 * brightness.var()
    assert training.scores(result.model, images).shape == (96, 1)


def test_it_learns_from_lists_such_as_boxes():
    images, labels = bright_or_dark()
    boxes = [torch.full((int(label) + 1, 4), float(label)) for label in labels]  # one or two boxes an image

    def loss(scores, boxes):
        wanted = torch.stack([b.mean() for b in boxes])
        return ((scores.mean((1, 2, 3)) - wanted) ** 2).mean()

    result = fit(convolution(1), (images, boxes), (images, boxes), epochs=10, loss=loss)
    assert result.history["val_loss"].iloc[-1] < result.history["val_loss"].iloc[0] / 2
    with pytest.raises(TrainingError, match="loss"):
        fit(convolution(1), (images, boxes))


def test_volumes_are_taken():
    torch.manual_seed(0)
    volumes, labels = torch.randn(8, 1, 4, 6, 6), torch.arange(8) % 2
    model = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2))
    assert len(fit(model, (volumes, labels), (volumes, labels), batch_size=4).history) == 3


def test_augmentation_changes_images_and_targets_together():
    images, _ = bright_or_dark()
    masks = (images.mean(1) > 0).long()
    seen = []

    def mirror(images, targets):
        seen.append(torch.equal((images.mean(1) > 0).long(), targets))
        return images.flip(3), targets.flip(2)

    fit(convolution(2), (images, masks), augment=mirror, epochs=1)
    assert seen == [True] * 6


def test_the_loop_fits_on_a_screen():
    """Lessons show it whole."""
    import inspect

    lines = inspect.getsource(training.epoch).split('"""')[2].strip().splitlines()
    assert len(lines) <= 25 and max(map(len, lines)) <= 100


# ---------------------------------------------------------------------------- what cannot be trained


def test_targets_and_images_that_do_not_fit_are_answered_in_a_sentence():
    x, y = bright_or_dark()
    wrong = {
        "labels (n, 1)": ((x, y[:, None]), "classes are int64"),
        "labels float": ((x, y.float()), "loss cannot compare"),
        "labels float (n, 1)": ((x, y.float()[:, None]), "loss cannot compare"),
        "labels one-hot": ((x, nn.functional.one_hot(y)), "classes are int64"),
        "labels int32": ((x, y.int()), "int64"),
        "labels negative": ((x, y - 1), "negative"),
        "labels beyond": ((x, y + 1), "labels up to 2"),
        "labels numpy": ((x, y.numpy()), "numpy|labels|targets"),
        "fewer labels": ((x, y[:-1]), "95 labels"),
        "images float64": ((x.double(), y), "float64.*float32"),
        "images uint8": ((x.byte(), y), "uint8.*float32"),
        "images numpy": ((x.numpy(), y), "float32.*tensor"),
        "images without channel": ((x[:, 0], y), "shape"),
        "other channels": ((x[:, :2], y), "does not take training images of \\(2, 8, 8\\)"),
        "images NaN": ((x * float("nan"), y), "NaN"),
    }
    for name, (data, words) in wrong.items():
        with pytest.raises(TrainingError, match=words):
            fit(network(), data)
        if name != "labels numpy":
            with pytest.raises(TrainingError):
                fit(network(), (x, y), data)


def test_validation_data_is_checked_before_the_first_epoch():
    x, y = bright_or_dark()
    steps = []

    def count(images, targets):
        steps.append(1)
        return images, targets

    for val, words in (((x, y + 1), "labels up to 2 in the validation"), ((x[:0], y[:0]), "validation images"),
                       ((x, y[:, None]), "validation"), ((x, y.float()), "validation")):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            fit(network(), (x, y), val, augment=count, keep="best")
    assert not steps


def test_a_validation_loss_that_is_no_number_stops_the_run():
    x, y = bright_or_dark()
    with pytest.raises(TrainingError, match="no number"):
        fit(convolution(1), (x, [*y]), (x, [*y]), loss=_nan_for_many)


def _nan_for_many(scores, targets):
    return scores.sum() * (float("nan") if len(targets) == 96 else 0.0)  # a batch has 16, validation 96


def test_what_predict_is_given():
    images, _ = bright_or_dark()
    for wrong, words in ((images.numpy(), "float32"), (images.double(), "float64"), (images[0], "shape"),
                         (images * float("inf"), "NaN or infinite")):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            training.predict(network(), wrong)


# ---------------------------------------------------------------------------- threads


def test_threads_are_as_many_as_cores_are_free(monkeypatch):
    torch.set_num_threads(2)
    used = iter([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.01, 1.03, 0.01], [2.0, 3.0, 2.0], [3.0, 7.0, 2.5]])
    monkeypatch.setattr(training._Threads, "_used", lambda self: np.array(next(used)))
    monkeypatch.setattr(training.os, "cpu_count", lambda: 2)
    with training._Threads() as threads:
        assert torch.get_num_threads() == 1  # others use a core
        threads.adapt()
        assert torch.get_num_threads() == 1  # too short to tell
        threads.adapt()
        assert torch.get_num_threads() == 2  # both seconds were our own
        threads.adapt()
        assert torch.get_num_threads() == 1  # never none
    assert torch.get_num_threads() == 2


def test_the_last_rate_is_that_of_the_last_step():
    history = fit(network(), bright_or_dark(), epochs=4, schedule=training.one_cycle).history
    assert history["rate"].iloc[-1] == pytest.approx(3e-3 / 25 / 1e3) and history["rate"].idxmax() == 0


# ---------------------------------------------------------------------------- augmentation


def test_augmentation_keeps_shape_and_differs_between_images_of_a_batch():
    torch.manual_seed(0)
    batch = torch.rand(1, 3, 28, 28).expand(6, -1, -1, -1)
    for change in (augment.affine, augment.colour):
        out = change(batch)
        assert out.shape == batch.shape and torch.isfinite(out).all()
        assert len({tuple(image.flatten()[::7].tolist()) for image in out}) == 6, change.__name__


def test_no_change_is_no_change_and_a_half_turn_is_one():
    torch.manual_seed(0)
    batch = torch.rand(4, 1, 9, 9)
    still = augment.affine(batch, degrees=0, scale=1, aspect=1, shift=0, flip=False)
    assert torch.allclose(still, batch, atol=1e-5)
    assert torch.allclose(augment.colour(batch, 0.0), batch, atol=1e-6)
    mirrored = augment.affine(batch, degrees=0, scale=1, aspect=1, shift=0)
    for a, b in zip(mirrored, batch, strict=True):
        assert torch.allclose(a, b, atol=1e-5) or torch.allclose(a, b.flip(2), atol=1e-5)


def test_shift_moves_by_pixels_at_most():
    torch.manual_seed(1)
    dot = torch.zeros(64, 1, 29, 29)
    dot[:, :, 14, 14] = 1
    moved = augment.affine(dot, degrees=0, scale=1, aspect=1, shift=3, flip=False)
    where = moved.flatten(1).argmax(1)
    away = torch.stack([where // 29, where % 29]).sub(14).abs().max()
    assert 2 <= away <= 3


# ---------------------------------------------------------------------------- found by a reader who tried


def test_a_checkpoint_belongs_to_its_pixels_and_targets(tmp_path):
    x, y = bright_or_dark()
    file = tmp_path / "run.pt"
    fit(network(), (x, y), (x, y), epochs=2, checkpoint=file)
    data, others = (x, y), [(x, 1 - y), (-x, y)]
    for train, val in [*((other, data) for other in others), *((data, other) for other in others), (data, None)]:
        with pytest.raises(TrainingError, match="belongs to another run .*data"):
            fit(network(), train, val, epochs=2, checkpoint=file)
    assert len(fit(network(), (x, y), (x, y), epochs=2, checkpoint=file).history) == 2


def test_the_history_holds_the_rate_of_the_last_step_of_each_epoch():
    used = []

    class Spy(torch.optim.SGD):
        def step(self, closure=None):
            used.append(self.param_groups[0]["lr"])
            return super().step(closure)

    data = bright_or_dark()
    fitted = fit(network(), data, epochs=3, batch_size=len(data[0]) // 4, optimiser=lambda m: Spy(m.parameters(), 0.1),
                 schedule=training.one_cycle)  # fmt: skip
    assert fitted.history["rate"].tolist() == used[3::4]


@pytest.mark.parametrize("epochs", [0, -1, 2.5, None])
def test_a_run_has_epochs(epochs):
    with pytest.raises(TrainingError, match="whole number from 1"):
        fit(network(), bright_or_dark(), epochs=epochs)


def test_numbers_need_the_shape_of_the_scores():
    scores = torch.tensor([[1.0], [2.0], [3.0]])
    assert training.usual_loss(scores, torch.tensor([1.0, 2.0, 3.0])) == 0
    for targets in (torch.ones(1, 3), torch.ones(2), torch.ones(3, 3)):
        with pytest.raises(TrainingError, match="both need one shape"):
            training.usual_loss(scores, targets)


def test_probabilities_need_two_scores():
    x, _ = bright_or_dark()
    with pytest.raises(TrainingError, match="probabilities need two"):
        training.predict(network(classes=1), x)
    with pytest.raises(TrainingError, match="one class only"):
        recipe.fast(np.zeros((8, 28, 28, 3), np.uint8), np.zeros(8, int), epochs=1)


def test_muon_leaves_frozen_kernels_alone_and_needs_one():
    model = network()
    first = next(p for p in model.parameters() if p.ndim > 2)
    first.requires_grad = False
    before = first.detach().clone()
    fit(model, bright_or_dark(), epochs=1, optimiser=training.muon)
    assert torch.equal(first.cpu(), before)
    with pytest.raises(TrainingError, match="take adamw"):
        training.muon(torch.nn.Linear(3, 2))


@pytest.mark.parametrize("change", [lambda x: x / 255.0, lambda x: x.astype(np.uint16) * 256, lambda x: x > 100])
def test_a_trained_network_refuses_images_of_another_kind(change):
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 3)).astype(np.uint8)
    trained = recipe.fast(images, np.arange(8) % 2, epochs=1, progress="")
    assert trained.predict(images).shape == (8, 2)
    with pytest.raises(TrainingError, match="learnt from images of uint8"):
        trained.predict(change(images))


def test_turning_an_oblong_image_keeps_its_shapes(monkeypatch):
    bar = torch.zeros(1, 1, 40, 80)
    bar[..., 18:22, 30:50] = 1  # 4 rows, 20 columns
    fixed = {90: 90.0}  # turned as far as allowed, nothing else
    monkeypatch.setattr(augment, "_between", lambda low, high, n, images: torch.full((n,), fixed.get(high, 0.0)))
    turned = augment.affine(bar, degrees=90, flip=False)[0, 0, :, 20:60] > 0.5  # further out it is mirrored
    rows, columns = turned.any(1).sum(), turned.any(0).sum()
    assert abs(int(rows) - 20) <= 1 and abs(int(columns) - 4) <= 1


def test_shifting_a_tiny_image_moves_it_as_far_as_it_can():
    assert augment.shifted(torch.rand(2, 1, 2, 2)).shape == (2, 1, 2, 2)
