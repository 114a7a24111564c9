"""Checks for the exercises of Episode 2. Hints and solutions stand in the notebooks."""
from __future__ import annotations

import numpy as np

from utils.lesson import Hint, exercise

# ------------------------------------------------------------ 2.1 What does a pixel measure?


@exercise("Exercise 1", "a window that treats every scan alike")
def to_unit_range(answer):
    rng = np.random.default_rng(0)
    for centre, width in ((40, 400), (-600, 1500), (400, 1800)):
        hu = rng.integers(-1024, 3072, (20, 30)).astype(np.int16)
        kept = hu.copy()
        got, truth = np.asarray(answer(hu, centre, width)), np.clip((kept - (centre - width / 2)) / width, 0, 1)
        if (hu != kept).any():
            raise Hint("you change the array you are given; make a new one")
        if got.shape != truth.shape:
            raise Hint(f"an array of shape {truth.shape} goes in and {got.shape} comes out: return one number a voxel")
        if np.allclose(got, truth, atol=0.003):  # LINEAR instead of a straight line is accepted
            continue
        if np.allclose(got, 1 - truth, atol=0.003):
            raise Hint("you have it the other way round: the upper edge of the window is 1")
        if got.max() > 2 and np.allclose(got / 255, truth, atol=0.003):
            raise Hint("your range is 0 to 255; this exercise wants 0 to 1, without rounding")
        if np.allclose(got, (kept - (centre - width / 2)) / width, atol=0.003):
            raise Hint(f"your values run from {got.min():.1f} to {got.max():.1f}: below the window all is 0, above 1")
        if np.allclose(got, np.clip((kept - (centre - width)) / (2 * width), 0, 1), atol=0.003):
            raise Hint("your window is twice too wide: the width is the whole width, half of it on each side")
        if np.allclose(got, np.clip((kept - centre) / width, 0, 1), atol=0.003):
            raise Hint("your window begins at its centre; it begins at centre − width/2")
        if np.allclose(got, (kept.astype(float) - kept.min()) / np.ptp(kept.astype(float)), atol=0.003):
            raise Hint("you scale by the extremes of this image and ignore the window")
        value = int(kept.flat[0])
        raise Hint(f"with centre {centre} and width {width}, {value} HU should give {truth.flat[0]:.3f}, "
                   f"you give {float(got.flat[0]):.3f}")  # fmt: skip


@exercise("Exercise 2", "one line for all scans, so a tissue means the same in each")
def keep_order(answer):
    rng = np.random.default_rng(0)
    scan = rng.integers(-1000, 1001, (64, 48)).astype(np.float32)
    ladder = np.arange(-1000, 1001, 20, dtype=np.float32)
    scan[0, : len(ladder[:48])] = ladder[:48]
    kept = scan.copy()
    got = np.asarray(answer(scan))
    if (scan != kept).any():
        raise Hint("you change the array you are given; make a new one")
    if got.shape != scan.shape:
        raise Hint(f"an array of shape {scan.shape} goes in and {got.shape} comes out: return one number a voxel")
    if got.min() < -1e-6 or got.max() > 1 + 1e-6:
        raise Hint(f"you return values from {got.min():.2f} to {got.max():.2f}: they should lie between 0 and 1")
    metal = kept.copy()
    metal[-1, -1] = 3071
    if abs(np.asarray(answer(metal))[:-1] - got[:-1]).max() > 0.01:
        raise Hint("one voxel of metal changes the values of all other voxels: take your limits from the unit, not "
                   "from the scan")  # fmt: skip
    filled = np.where(np.arange(48) < 40, kept, np.float32(-2048))
    air = np.where(np.arange(48) < 40, kept, np.float32(-1000))
    for other, what in ((filled, "filled with −2048"), (air, "replaced by air")):
        after = np.asarray(answer(other.copy()))
        if after.min() < -1e-6 or after.max() > 1 + 1e-6:
            raise Hint(f"with a border {what} you return {after.min():.2f}: clip to 0 to 1")
        if abs(after[:, :40] - got[:, :40]).max() > 0.01:
            raise Hint(f"when the border of the scan is {what}, tissue gets other values: mean, percentiles and ranks "
                       "depend on what else is in the picture")  # fmt: skip
    steps = np.array([np.asarray(answer(np.full((4, 4), value, np.float32))).mean() for value in ladder])
    if not np.isfinite(steps).all():
        raise Hint("a scan with one value everywhere gives no number: you divide by the range of the scan")
    if (np.diff(steps) < 0).any():
        raise Hint("denser must become larger, and somewhere it becomes smaller with you")
    if (np.diff(steps) == 0).any():
        first = int(ladder[:-1][np.diff(steps) == 0][0])
        raise Hint(f"{first} and {first + 20} HU get the same value: your limits leave out a part of −1000 to 1000 HU")


@exercise("Exercise 3", "the same tumour has the same number whoever weighs more and waits longer")
def suv(answer):
    def tags(weight, dose, start, scan, correction, half_life=6586.2):
        return {"PatientWeight": weight, "RadionuclideTotalDose": dose, "RadionuclideHalfLife": half_life,
                "RadiopharmaceuticalStartTime": start, "SeriesTime": scan, "DecayCorrection": correction}  # fmt: skip

    cases = [  # the tags, and the seconds from injection to scan
        (tags(80.0, 3.0e8, "090000", "090000", "START"), 0),
        (tags(62.0, 2.5e8, "091500", "101000", "START"), 3300),
        (tags(95.0, 3.4e8, "113050", "131520", "START", 1223.4), 6270),
        (tags(71.0, 2.2e8, "080500", "093000", "ADMIN"), 5100),
    ]
    rng = np.random.default_rng(0)
    for facts, waited in cases:
        activity = rng.uniform(0, 40_000, (6, 5))
        half_life, started = facts["RadionuclideHalfLife"], facts["DecayCorrection"] == "START"
        full = activity * 1000 * facts["PatientWeight"] / facts["RadionuclideTotalDose"]
        truth = full * 2 ** (waited / half_life) if started else full
        got = np.asarray(answer(activity.copy(), dict(facts)), float)
        if got.shape != activity.shape:
            raise Hint(f"activity of shape {activity.shape} gives {got.shape}: return one SUV a voxel")
        if np.allclose(got, truth, rtol=1e-3):
            continue
        if np.allclose(got * 1000, truth, rtol=1e-3):
            raise Hint("you are a thousand times too low: SUV wants the weight in grams")
        if not started:
            if np.allclose(got, full * 2 ** (waited / half_life), rtol=1e-3):
                raise Hint("with ADMIN the voxels are already corrected to the injection; let nothing decay")
        elif waited:
            if np.allclose(got, full, rtol=1e-3):
                raise Hint("you use the dose as it was injected; until the scan starts a part of it has decayed")
            if np.allclose(got, full / 2 ** (waited / half_life), rtol=1e-3):
                raise Hint("you correct in the wrong direction: less activity is left, so the SUV goes up")
            if np.allclose(got, full * np.exp(waited / half_life), rtol=1e-3):
                raise Hint("you use exp(−t / half-life); after one half-life one half is left: 0.5 ** (t / half-life)")
            naive = int(facts["SeriesTime"]) - int(facts["RadiopharmaceuticalStartTime"])
            if np.allclose(got, full * 2.0 ** (naive / half_life), rtol=1e-3):
                raise Hint("you subtract the times as if they were numbers; 091500 is hours, minutes, seconds")
        elif np.allclose(got * facts["PatientWeight"] ** 2, truth, rtol=1e-3):
            raise Hint("you divide by the weight; the same activity in a heavier body means a higher SUV")
        raise Hint(f"{activity[0, 0]:.0f} Bq/mL with {facts} should give {truth[0, 0]:.3f}, you give {got[0, 0]:.3f}")
    try:
        answer(activity.copy(), tags(71.0, 2.2e8, "080500", "093000", "NONE"))
    except Exception:  # any refusal will do
        return
    raise Hint("with NONE the voxels were never corrected, and you give a number all the same: raise a ValueError")


# ------------------------------------------------------------ 2.2 Where is a pixel?


def _turned(rng, spacing):
    """Three axes at right angles, turned at random, as the columns of a matrix, each as long as its spacing."""
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return turn * np.linalg.det(turn) * spacing


@exercise("Exercise 1", "a number that can be compared between scanners")
def volume_ml(answer):
    rng = np.random.default_rng(0)
    for spacing, dtype in (((0.8, 0.8, 5.0), bool), ((1.2, 0.7, 3.0), bool), ((2.0, 1.5, 0.5), np.uint8)):
        inside = rng.random((9, 8, 7)) < 0.3
        mask = inside * np.uint8(255) if dtype is np.uint8 else inside
        count, cube = int(inside.sum()), float(np.prod(spacing))
        got, truth = float(answer(mask, spacing)), count * cube / 1000
        if np.isclose(got, truth):
            continue
        if dtype is np.uint8 and np.isclose(got, 255 * truth):
            raise Hint("you add up the values of the mask; some masks hold 0 and 255: count what is not zero")
        if dtype is np.uint8 and np.isclose(got, (mask.astype(int) == 1).sum() * cube / 1000):
            raise Hint("you count only the ones; some masks hold 0 and 255: count what is not zero")
        if np.isclose(got, count) or np.isclose(got, count / 1000):
            raise Hint("that is a number of voxels: multiply by the volume of one voxel, in mm³")
        if np.isclose(got, truth * 1000):
            raise Hint("that is in mm³: a millilitre is 1,000 of them")
        if np.isclose(got, truth * 100):
            raise Hint("a millilitre is 1,000 mm³ (10 × 10 × 10), not 10")
        if np.isclose(got, count * spacing[0] * spacing[1] / 1000):
            raise Hint("you use two of the three spacings: that is an area, and the slices are not 1 mm apart")
        if np.isclose(got, count * spacing[0] ** 3 / 1000) or np.isclose(got, count * spacing[2] ** 3 / 1000):
            raise Hint("you take the voxel for a cube: multiply the three spacings")
        if np.isclose(got, count * np.sum(spacing) / 1000):
            raise Hint("you add the spacings; the volume of a box is their product")
        box = " × ".join(map(str, spacing))
        raise Hint(f"{count} voxels of {box} mm are {truth:.4f} mL, you say {got:.4f}")


@exercise("Exercise 2", "sixteen numbers, and left stays left")
def nifti_affine(answer):
    rng = np.random.default_rng(1)
    for shape in ((24, 16, 11), (10, 20, 30)):
        spacing = rng.uniform(0.5, 0.9, 3) * [1, 1.7, 4]  # between columns, rows, slices
        steps, first = _turned(rng, spacing), rng.uniform(-90, 90, 3)
        orientation, pixel_spacing = (steps / spacing)[:, :2].T.ravel(), (spacing[1], spacing[0])
        last, count = first + (shape[2] - 1) * steps[:, 2], shape[2]
        lps = np.eye(4)
        lps[:3, :3], lps[:3, 3] = steps, first
        truth = np.diag([-1.0, -1, 1, 1]) @ lps
        given = [list(map(float, part)) for part in (first, last, orientation, pixel_spacing)]
        got = np.asarray(answer(given[0], given[1], count, given[2], given[3]), dtype=float)
        if got.shape != (4, 4):
            raise Hint(f"an affine has 4 rows and 4 columns; yours has shape {got.shape}")
        corners = np.vstack([np.indices((2, 2, 2)).reshape(3, 8) * (np.array(shape)[:, None] - 1), np.ones(8)])

        def apart(matrix, got=got, corners=corners):
            return np.abs((got - matrix) @ corners).max()

        if apart(truth) < 1e-3:
            continue
        swapped, exchanged, long, ordered = truth.copy(), truth.copy(), truth.copy(), truth[:, [2, 1, 0, 3]]
        swapped[:, 0] *= spacing[1] / spacing[0]
        swapped[:, 1] *= spacing[0] / spacing[1]
        exchanged[:, 0], exchanged[:, 1] = truth[:, 1] * spacing[0] / spacing[1], truth[:, 0] * spacing[1] / spacing[0]
        long[:, 2] *= (count - 1) / count
        if apart(lps) < 1e-3:
            raise Hint("this is still LPS: negate x and y, that is the first two rows, the origin included")
        if np.allclose(got[:3, :3], truth[:3, :3]) and np.allclose(got[:3, 3], first):
            raise Hint("the steps are RAS and the origin is still LPS: negate the first two rows to the end")
        if apart(lps @ np.diag([-1.0, -1, 1, 1])) < 1e-3:
            raise Hint("you negate two columns: that turns the array's axes round; negate the first two rows")
        if apart(swapped) < 1e-3:
            raise Hint("PixelSpacing gives first the distance between rows, so it belongs to the second arrow")
        if apart(exchanged) < 1e-3 or apart(truth[:, [1, 0, 2, 3]]) < 1e-3:
            raise Hint("the first three cosines point along a row, the way the column index grows: first column")
        if apart(long) < 1e-3:
            raise Hint("between the first and the last of n slices lie n − 1 steps, not n")
        if apart(ordered) < 1e-3 or apart(truth[:, [2, 0, 1, 3]]) < 1e-3:
            raise Hint("the columns of the matrix follow the indices: here column, row, slice")
        if apart(truth.T) < 1e-3 or (got[3] != [0, 0, 0, 1]).any():
            raise Hint("the steps are the columns of the matrix, and its last row is 0, 0, 0, 1")
        raise Hint(f"a corner of the volume lands {apart(truth):.1f} mm from where it is: check each column")


@exercise("Exercise 3", "every label on the new grid is one that somebody drew")
def resample_labels(answer):
    rng = np.random.default_rng(2)
    for turned in (False, True):
        labels = np.kron(rng.choice([0, 1, 2, 7], (5, 4, 4)), np.ones((4, 4, 4))).astype(np.uint8)
        affine, new_affine, new_shape = np.eye(4), np.eye(4), (26, 21, 17)
        affine[:3, :3], affine[:3, 3] = np.diag([1.5, 1.5, 4.0]), (-20, 30, 5)
        centre = affine @ [*(np.array(labels.shape) - 1) / 2, 1]
        steps = _turned(rng, [1.3, 1.9, 2.1]) if turned else np.diag([1.3, 1.9, 2.1])
        new_affine[:3, :3], new_affine[:3, 3] = steps, centre[:3] - steps @ (np.array(new_shape) - 1) / 2
        grid = np.indices(new_shape).reshape(3, -1)
        index = (np.linalg.inv(affine) @ new_affine @ np.vstack([grid, np.ones(grid.shape[1])]))[:3]
        end = np.array(labels.shape)[:, None] - 1
        inside, outside = ((index >= 0) & (index <= end)).all(0), ((index < -0.51) | (index > end + 0.51)).any(0)
        clear = (np.abs(index - np.floor(index) - 0.5) > 1e-3).all(0)  # no tie between two voxels
        near = labels[tuple(np.clip(np.rint(index), 0, end).astype(int))]
        got = np.asarray(answer(labels.copy(), affine.copy(), new_affine.copy(), new_shape))
        if got.shape != new_shape:
            raise Hint(f"the new grid has shape {new_shape}, your answer {got.shape}")
        flat = got.reshape(-1)
        if not np.isin(flat, [0, 1, 2, 7]).all():
            raise Hint(f"the labels are 0, 1, 2 and 7, and you return {flat[~np.isin(flat, [0, 1, 2, 7])][0]:g} too: "
                       "take the nearest voxel (order=0), do not mix")  # fmt: skip
        if got.dtype != labels.dtype:
            raise Hint(f"labels came as {labels.dtype} and leave as {got.dtype}: keep their data type")
        if (flat != near)[inside & clear].any():
            wrong = np.mean((flat != near)[inside & clear])
            raise Hint(f"{wrong:.0%} of the voxels inside the old grid differ from their nearest neighbour: "
                       "new index to mm by new_affine, then mm to old index by the inverse of affine")  # fmt: skip
        if flat[outside].any():
            raise Hint("outside the old grid nobody drew anything: the label there is 0")


# ------------------------------------------------------------ 2.3 How do you move big images?


@exercise("Exercise 1", "pixels to bytes, bytes to bits, bits to seconds")
def transfer_seconds(answer):
    cases = [((350, 512, 512), 16, 10.0, 1.0), ((350, 512, 512), 12, 1000.0, 1.0), ((1, 2500, 2048), 10, 10.0, 0.4),
             ((4, 100, 300), 8, 3.0, 0.25)]  # fmt: skip
    for shape, stored, megabits, share in cases:
        pixels, bits = shape[0] * shape[1] * shape[2], 8 if stored == 8 else 16
        truth = pixels * bits * share / (megabits * 1e6)
        got = float(answer(shape, stored, megabits, share))
        wrong = {
            "you divide bytes by bits: a byte is eight bits": truth / 8,
            "you multiply bits by eight: bits_stored is in bits already": truth * 8,
            f"{stored} bits fill two whole bytes: round up before you multiply": truth * stored / bits,
            "you count one byte a pixel; more than 8 bits need two": truth * 8 / bits,
            "you count two bytes a pixel; 8 bits need only one": truth * 16 / bits,
            "lines are sold in powers of ten: a megabit is a million bits": truth * 1e6 / 2**20,
            "megabits, not bits: a megabit is a million bits": truth * 1e6,
            "you leave the share out: compressed files are smaller": truth / share,
            "divided by the share the file grows; multiply": truth / share**2,
            "you count one image only; shape[0] is how many there are": truth / shape[0],
        }
        if np.isclose(got, truth):
            continue
        for message, value in wrong.items():
            if np.isclose(got, value):
                raise Hint(message)
        raise Hint(f"{shape} pixels of {stored} bits at {megabits:g} Mbit/s and a share of {share:g} take "
                   f"{truth:.3g} s, you say {got:.3g}")  # fmt: skip
    if not np.isclose(float(answer((2, 10, 10), 16, 1.0)), 3.2e-3):
        raise Hint("without a share the files are uncompressed: keep share=1.0 in the signature")


@exercise("Exercise 2", "the same settings, the same folder; anything else, another")
def cache_key(answer):
    settings = {"size": 12, "crop": 8, "window": {"centre": 40, "width": 400}, "steps": ["read", "scale"]}
    key = answer(dict(settings), "1.0")
    if not isinstance(key, str) or not 0 < len(key) <= 64 or not (key.isascii() and key.isalnum()):
        raise Hint(f"the key names a folder: letters and digits only, at most 64; yours is {str(key)[:30]!r}…")
    if "hash" in getattr(getattr(answer, "__code__", None), "co_names", ()):
        raise Hint("hash() of a text is another number each time Python starts: use hashlib")
    if answer(dict(settings), "1.0") != key:
        raise Hint("two calls with equal settings give two keys: leave out time, random numbers and addresses")
    if answer(dict(reversed(settings.items())), "1.0") != key:
        raise Hint("the same settings in another order give another key: sort them")
    inside = settings | {"window": {"width": 400, "centre": 40}}
    if answer(inside, "1.0") != key:
        raise Hint("the order inside a nested dictionary changes your key: sort there, too (json.dumps does)")
    if answer(dict(settings), "1.1") == key:
        raise Hint("new code, old key: version has to go in")
    if answer(settings | {"size": 13}, "1.0") == key:
        raise Hint("another size, same key: the settings' values have to go in")
    if answer(settings | {"window": {"centre": 40, "width": 401}}, "1.0") == key:
        raise Hint("a change inside a nested dictionary leaves your key as it is")
    if answer(settings | {"steps": ["scale", "read"]}, "1.0") == key:
        raise Hint("steps in another order do something else; only the order of a dictionary's names is free")
    if answer(settings | {"size": 8, "crop": 12}, "1.0") == key:
        raise Hint("size 12 and crop 8 get the key of size 8 and crop 12: names and values belong together")
    if answer({"size": "1", "crop": 28}, "1.0") == answer({"size": "12", "crop": 8}, "1.0"):
        raise Hint("1 and 28 run together like 12 and 8: keep a separator between the values")


@exercise("Exercise 3", "now you know which half to mend")
def bottleneck(answer):
    cases = [
        (0.010, 0.050, 0.051, "data", "the loader alone is slower than the network"),
        (0.010, 0.050, 0.060, "data", "the loader alone is slower than the network; that they take turns comes second"),
        (0.050, 0.040, 0.091, "overlap", "the loader is fast enough alone, yet together takes much longer"),
        (0.050, 0.040, 0.053, "network", "together is hardly slower than the network alone"),
        (0.050, 0.001, 0.051, "network", "together is hardly slower than the network alone"),
        (0.100, 0.030, 0.125, "overlap", "together takes more than 1.2 times the network alone"),
        (0.010, 0.011, 0.0115, "network", "together is hardly slower than the network alone, so nothing starves"),
    ]
    for preloaded, loader, together, truth, why in cases:
        got = answer(preloaded, loader, together)
        if got not in ("data", "overlap", "network"):
            raise Hint(f'return "data", "overlap" or "network", not {got!r}')
        if got != truth:
            raise Hint(f'network {preloaded} s, loader {loader} s, together {together} s is "{truth}" '
                       f'and not "{got}": {why}')  # fmt: skip


# ------------------------------------------------------------ 2.4 What do the experts say?


@exercise("Exercise 1", "agreement beyond what two habits would give on their own")
def kappa_by_hand(answer):
    rng = np.random.default_rng(0)
    for names, odds in ((["no", "yes"], (0.7, 0.3)), (["mild", "moderate", "severe"], (0.2, 0.5, 0.3)),
                        ([0, 1, 4, 7], (0.4, 0.3, 0.2, 0.1))):  # fmt: skip
        first = rng.choice(names, 90, p=odds)
        second = np.where(rng.random(90) < 0.5, first, rng.choice(names, 90, p=odds[::-1]))
        if len(names) == 4:  # the second reader has a label of their own, the first another
            first, second = np.where(first == 7, 0, first), np.where(second == 4, 1, second)
        labels = np.union1d(first, second)
        shares = np.array([[(reader == label).mean() for label in labels] for reader in (first, second)])
        observed, expected = (first == second).mean(), (shares[0] * shares[1]).sum()
        truth, pooled = (observed - expected) / (1 - expected), (shares.mean(0) ** 2).sum()
        got = float(answer(first.copy(), second.copy()))
        if np.isclose(got, truth):
            continue
        if np.isclose(got, observed):
            raise Hint("that is the observed agreement; take away what chance gives, and divide by what it leaves")
        if np.isclose(got, observed - expected):
            raise Hint("divide by what was left to gain, 1 − chance agreement, so that perfect agreement gives 1")
        if any(np.isclose(got, (observed - 1 / k) / (1 - 1 / k)) for k in {2, len(labels)}):
            raise Hint("chance is not one in the number of labels: multiply how often each reader uses each label")
        if np.isclose(got, (observed - pooled) / (1 - pooled)):
            raise Hint("you pool the two readers' habits (that is Scott's pi): multiply each reader's own shares")
        if any(np.isclose(got, (observed - each) / (1 - each)) for each in shares[0] * shares[1]):
            raise Hint("two readers can agree by chance on every label, not on one only: sum over the labels")
        raise Hint(f"for {len(labels)} labels, observed agreement {observed:.3f} and chance agreement {expected:.3f}, "
                   f"kappa is {truth:.3f}, you give {got:.3f}")  # fmt: skip
    with np.errstate(all="ignore"):
        undefined = float(answer(np.array(["no"] * 9), np.array(["no"] * 9)))
    if not np.isnan(undefined):
        raise Hint(f"two readers who only ever say no leave nothing to measure: return np.nan, not {undefined:g}")


@exercise("Exercise 2", "the rule for nothing against nothing is now yours to state")
def dice_by_rule(answer):
    square = np.zeros((12, 15), bool)
    square[2:8, 3:9] = True
    moved, small, empty = np.roll(square, 2, axis=1), square & (np.arange(15) < 5), np.zeros_like(square)
    apart = np.zeros_like(square)
    apart[10:, 12:] = True
    for first, second, truth in ((square, moved, 2 / 3), (square, small, 0.5), (square, square, 1), (square, apart, 0)):
        got = float(answer(first.copy(), second.copy(), 0.25))
        common, either, total = (first & second).sum(), (first | second).sum(), first.sum() + second.sum()
        if np.isclose(got, truth):
            continue
        if np.isclose(got, common / either):
            raise Hint("that is intersection over union; Dice is twice the overlap over the sum of the two sizes")
        if np.isclose(got, common / total):
            raise Hint("you forget the 2: a mask with itself should give 1")
        if np.isclose(got, 2 * common / either):
            raise Hint("for boolean masks a + b means or, so you divide by the union: count each mask, then add")
        if abs(got - truth) < 0.05:
            raise Hint(f"you give {got:.4f} where {truth:.4f} is right: a small constant in the fraction is a rule of "
                       "its own, and a hidden one; leave it out")  # fmt: skip
        raise Hint(f"masks of {first.sum()} and {second.sum()} pixels with {common} in common have a Dice of "
                   f"{truth:.3f}, you give {got:.3f}")  # fmt: skip
    for rule in (0.0, 1.0, 0.25):
        with np.errstate(all="ignore"):
            both, one = (float(answer(a.copy(), empty.copy(), rule)) for a in (empty, square))
        if np.isnan(both):
            raise Hint("two empty masks give you 0/0, which is nan: return both_empty there")
        if not np.isclose(both, rule):
            raise Hint(f"with both_empty={rule:g}, two empty masks should give {rule:g}, you give {both:g}")
        if not np.isclose(one, 0):
            raise Hint(f"a mask against an empty one has no overlap and gives 0, you give {one:g}: the rule is for two "
                       "empty masks")  # fmt: skip


@exercise("Exercise 3", "nobody is outvoted, and whoever drew nothing is heard")
def soft_consensus(answer):
    rng = np.random.default_rng(0)
    for readers in (4, 5):
        outlines = rng.random((readers, 7, 9)) < 0.5
        outlines[1] = False  # was asked, drew nothing
        asked = np.ones(readers, bool)
        asked[-1] = outlines[-1, 0, 0] = False
        for empty_unasked in (True, False):
            if empty_unasked:
                outlines[-1] = False
            truth = outlines[asked].mean(axis=0)
            given = outlines.copy()
            got = np.asarray(answer(given, asked.copy()))
            if (given != outlines).any():
                raise Hint("your function changes the outlines it is given: make a new array")
            if got.shape != truth.shape:
                raise Hint(f"return one number a pixel, of shape {truth.shape}; yours has shape {got.shape}")
            got = got.astype(float)
            if np.allclose(got, truth):
                continue
            if np.isin(got, (0, 1)).all():
                raise Hint("you return only 0 and 1: that is a vote; keep the share")
            if np.allclose(got, outlines[asked].sum(axis=0)):
                raise Hint("you count the readers; divide by how many were asked")
            if np.allclose(got, outlines.mean(axis=0)) or np.allclose(got, outlines[asked].sum(axis=0) / readers):
                raise Hint("a reader who was not asked counts as a no with you: leave them out, also of the divisor")
            drew = outlines.any(axis=(1, 2))
            if any(np.allclose(got, outlines[some].mean(axis=0)) for some in (drew, drew & asked)):
                raise Hint("you leave out the reader who was asked and drew nothing; that is a no in every pixel")
            raise Hint(f"with {asked.sum()} of {readers} readers asked you are off by {abs(got - truth).max():.2f}")
