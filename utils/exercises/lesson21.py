"""Lesson 2.1, What does a pixel measure?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import Hint, exercise

NEW_ARRAY = "you change the array you are given; make a new one"
ONE_A_VOXEL = "an array of shape {shape} goes in and {got} comes out: return one number a voxel"
HALF_UNIT = 0.003  # DICOM's LINEAR window, half a unit off the straight line, is accepted


@exercise("Task: dose", "half the side and half the noise: sixteen times the dose")
def dose_factor(answer):
    expect_number(answer, 16, {
        "that pays for one of the two: a smaller pixel catches fewer photons, and less noise needs more of them": 4,
        "half the side is a quarter of the area, not half of it": 8,
        "noise relative to signal falls with the root of the photons, and the area with the square of the side": 2,
        "the dose rises; you say by which factor it would fall": 1 / 16,
    }, "count the photons of one pixel: how many does the smaller one catch, how many do you need? You say {got:g}")


BLOOD, BRAIN, SHARE = (60, 90), (20, 40), 8  # HU, and one part in so many of the greys between the two


def _pair(got, sentence):
    """Two numbers, or what to write."""
    expect_type(got, (tuple, list, np.ndarray), sentence)
    refuse(len(got) != 2, sentence)
    return [number(value, sentence) for value in got]


@exercise("Task: window", "fresh blood is brighter than brain, and you will see it")
def blood_window(answer):
    centre, width = _pair(answer, "write two numbers, such as (40, 400): centre and width")
    low, high = centre - width / 2, centre + width / 2
    refuse(width <= 0, "a window {:g} HU wide shows nothing: first the centre, then the width", width)
    edges = (centre, width) == (BRAIN[0], BLOOD[1])
    refuse(edges, "these are the lower and the upper edge; write centre and width")
    wide = low <= BRAIN[0] and high >= BLOOD[1]
    clipped = "brain" if low > BRAIN[0] else "blood"
    refuse(not wide, "your window runs from {:g} to {:g} HU, so it clips {}: hold 20 to 90", low, high, clipped)
    between = BLOOD[0] - BRAIN[1]
    greys = 256 * between / width
    refuse(width > SHARE * between, "of 256 greys only {:.0f} lie between 40 and 60 HU: narrower", greys)


SERIES = {"lines": "A", "calcium": "B", "liver": "D"}
WHY_NOT = {
    ("lines", "B"): "lines: 3 mm and a soft kernel blur what is finer than they are",
    ("lines", "C"): "lines: 3 mm and a soft kernel blur what is finer than they are",
    ("lines", "D"): "lines: 3 mm and a soft kernel blur what is finer than they are",
    ("lines", "E"): "lines: 10 mm average a fine line with the lung around it",
    ("calcium", "A"): "calcium: a sharp kernel makes edges overshoot and noise cross the threshold",
    ("calcium", "C"): "calcium: with iodine in the arteries, blood is as bright as calcium",
    ("calcium", "D"): "calcium: there is still iodine in the blood, so it hides calcium",
    ("calcium", "E"): "calcium: there is still iodine in the blood, and 10 mm average small calcium away",
    ("liver", "A"): "liver: without contrast agent many metastases have the HU of the liver, and sharp means noisy",
    ("liver", "B"): "liver: without contrast agent many metastases have the HU of the liver",
    ("liver", "C"): "liver: in the arterial phase the liver itself has hardly brightened; the vein's blood comes later",
    ("liver", "E"): "liver: the phase is right, but 10 mm average a small metastasis away",
}


@exercise("Task: series", "three questions, three series of one visit: none of them is 'the' CT")
def series_for(answer):
    expect_type(answer, dict, 'give a dictionary such as {{"lines": "E", "calcium": "E", "liver": "E"}}, not {kind}')
    missing = [question for question in SERIES if question not in answer]
    refuse(missing, "name a letter for {} as well", " and ".join(missing))
    for question, right in SERIES.items():
        given = str(answer[question]).strip().upper()
        refuse(given not in tuple("ABCDE"), "{}: give one letter from A to E, not {!r}", question, answer[question])
        refuse(given != right, WHY_NOT.get((question, given)))


@exercise("Exercise 1", "a window that treats every scan alike", spoilt=NEW_ARRAY)
def to_unit_range(answer):
    rng = np.random.default_rng(0)
    for centre, width in ((40, 400), (-600, 1500), (400, 1800)):
        hu = rng.integers(-1024, 3072, (20, 30)).astype(np.int16)
        got = expect_shape(answer(hu, centre, width), hu.shape, ONE_A_VOXEL)
        value, low = hu.astype(float), centre - width / 2
        truth = np.clip((value - low) / width, 0, 1)
        mistakes = {
            "you have it the other way round: the upper edge of the window is 1": 1 - truth,
            "your values run from {least:.1f} to {most:.1f}: below the window all is 0, above 1":
                (value - low) / width,
            "your window is twice too wide: the width is the whole width, half of it on each side":
                np.clip((value - low + width / 2) / (2 * width), 0, 1),
            "your window begins at its centre; it begins at centre − width/2":
                np.clip((value - centre) / width, 0, 1),
            "you scale by the extremes of this image and ignore the window":
                (value - value.min()) / np.ptp(value),
        }
        refuse(got.max() > 2 and np.allclose(got / 255, truth, atol=HALF_UNIT), "your range is 0 "
               "to 255; this exercise wants 0 to 1, without rounding")
        worst = abs(got - truth).argmax()
        expect_array(got, truth, mistakes, "with centre {centre} and width {width}, {hu} HU should "
                     "give {right:.3f}, you give {yours:.3f}", atol=HALF_UNIT, centre=centre,
                     width=width, least=got.min(), most=got.max(), hu=hu.flat[worst],
                     right=truth.flat[worst], yours=float(got.flat[worst]))


SAME_TISSUE = 0.01  # of the range: what the same tissue may differ between two scans
ROUNDING = 1e-6  # of single precision, at 0 and at 1


def _outside(values):
    return values.min() < -ROUNDING or values.max() > 1 + ROUNDING


@exercise("Exercise 2", "one line for all scans, so a tissue means the same in each", spoilt=NEW_ARRAY)
def keep_order(answer):
    rng = np.random.default_rng(0)
    scan = rng.integers(-1000, 1001, (64, 48)).astype(np.float32)
    ladder = np.arange(-1000, 1001, 20, dtype=np.float32)
    scan[0] = ladder[:48]
    got = expect_shape(answer(scan), scan.shape, ONE_A_VOXEL)
    refuse(_outside(got), "you return values from {:.2f} to {:.2f}: they should lie between 0 and "
           "1", got.min(), got.max())
    metal = scan.copy()
    metal[-1, -1] = 3071
    refuse(abs(np.asarray(answer(metal)) - got)[:-1].max() > SAME_TISSUE, "one voxel of metal "
           "changes the values of all other voxels: take your limits from the unit, not from the "
           "scan")
    for border, what in ((-2048, "filled with −2048"), (-1000, "replaced by air")):
        other = scan.copy()
        other[:, 40:] = border
        after = np.asarray(answer(other))
        refuse(_outside(after), "with a border {} you return {:.2f}: clip to 0 to 1", what,
               after.min())
        refuse(abs(after - got)[:, :40].max() > SAME_TISSUE, "when the border of the scan is {}, "
               "tissue gets other values: mean, percentiles and ranks depend on what else is in "
               "the picture", what)
    flat = [answer(np.full((4, 4), value, np.float32)) for value in ladder]
    steps = np.diff([np.mean(values) for values in flat])
    refuse(not np.isfinite(steps).all(), "a scan with one value everywhere gives no number: you "
           "divide by the range of the scan")
    refuse((steps < 0).any(), "denser must become larger, and somewhere it becomes smaller with you")
    first = int(ladder[steps.argmin()])
    refuse((steps == 0).any(), "{} and {} HU get the same value: your limits leave out a part of "
           "−1000 to 1000 HU", first, first + 20)
    whole = np.arange(-1000, 1001, dtype=np.float32)
    same = np.flatnonzero(np.diff(np.asarray(answer(whole), float)) <= 0)
    refuse(same.size, "{hu:.0f} and {next:.0f} HU get the same value: you round, and one HU denser must stay larger",
           hu=whole[same[:1]].sum(), next=whole[same[:1]].sum() + 1)


@exercise("Task: scale", "the head sets the line, and the air has no say")
def scaled(answer, wide, head):
    got = expect_shape(answer, wide.shape, "give a number for each voxel of wide: its shape is {shape}, yours {got}")
    inside = wide[head]
    mistakes = {
        "your mean and deviation are those of the whole scan: take them from wide[in_head(wide)]":
            (wide - wide.mean()) / wide.std(),
        "the mean is the head's, the deviation is the whole scan's: take both from the head":
            (wide - inside.mean()) / wide.std(),
        "the deviation is the head's, the mean is the whole scan's: take both from the head":
            (wide - wide.mean()) / inside.std(),
        "you subtract the mean and forget to divide by the standard deviation": wide - inside.mean(),
        "you divide and forget to subtract the mean first": wide / inside.std(),
        "divide by the standard deviation, not by the variance": (wide - inside.mean()) / inside.var(),
        "the head is right; the air goes along on the same line, so do not blank it":
            np.where(head, (wide - inside.mean()) / inside.std(), 0),
    }
    expect_array(got, (wide - inside.mean()) / inside.std(), mistakes, "inside the head the mean should be 0 and the "
                 "standard deviation 1; yours are {mean:.2f} and {spread:.2f}", rtol=1e-2, atol=1e-2,
                 mean=got[head].mean(), spread=got[head].std())


FLUID, GREY, WHITE = np.array([(1.0, 4500, 2200), (0.8, 950, 100), (0.7, 600, 80)])  # density, T1 and T2 in ms


def _echo(tissue, tr, te):
    density, t1, t2 = tissue
    return density * -np.expm1(-tr / t1) * np.exp(-te / t2)


@exercise("Task: weighting", "a long TR and a long TE: T2-weighted")
def t2_weighted(answer):
    tr, te = _pair(answer, "write two numbers in ms, such as (500, 10): TR and TE")
    refuse(tr <= 0 or te <= 0, "both times are larger than 0 ms")
    refuse(te >= tr, "the echo comes before the next pulse: TE ({:g} ms) must be shorter than TR ({:g} ms)", te, tr)
    fluid, grey, white = (_echo(tissue, tr, te) for tissue in (FLUID, GREY, WHITE))
    for name, ratio, wanted in (("fluid to grey", fluid / grey, 1.8), ("grey to white", grey / white, 1.3)):
        where = "fluid, whose T1 is long, has had no time to grow back: a longer TR"
        if _echo(FLUID, 10 * tr, te) / _echo(GREY, 10 * tr, te) < 1.8:
            where = "little has faded, so T2 has no say: a longer TE"
        refuse(ratio <= wanted, "{}: {:.2f} to 1, and more than {} is asked; {}", name, ratio, wanted, where)
    refuse(grey < 0.01, "the order is right, but grey matter has {:.1%} of the signal left, which noise would "
           "bury: a shorter TE", grey)


def _tags(weight, dose, start, scan, correction, half_life=6586.2):
    return {"PatientWeight": weight, "RadionuclideTotalDose": dose, "RadionuclideHalfLife": half_life,
            "RadiopharmaceuticalStartTime": start, "SeriesTime": scan, "DecayCorrection": correction}


@exercise("Exercise 3", "the same tumour has the same number whoever weighs more and waits longer")
def suv(answer):
    cases = [  # the tags, and the seconds from injection to scan
        (_tags(80.0, 3.0e8, "090000", "090000", "START"), 0),
        (_tags(62.0, 2.5e8, "091500", "101000", "START"), 3300),
        (_tags(95.0, 3.4e8, "113050", "131520", "START", 1223.4), 6270),
        (_tags(71.0, 2.2e8, "080500", "093000", "ADMIN"), 5100),
    ]
    rng = np.random.default_rng(0)
    for tags, waited in cases:
        activity = rng.uniform(0, 40_000, (6, 5))
        got = expect_shape(np.asarray(answer(activity, tags), float), activity.shape, "activity of "
                           "shape {shape} gives {got}: return one SUV a voxel")
        started = tags["DecayCorrection"] == "START"
        lives = waited / tags["RadionuclideHalfLife"]
        naive = int(tags["SeriesTime"]) - int(tags["RadiopharmaceuticalStartTime"])
        weight = tags["PatientWeight"]
        full = activity * 1000 * weight / tags["RadionuclideTotalDose"]
        truth = full * 2**lives if started else full
        mistakes = {
            "you are a thousand times too low: SUV wants the weight in grams": truth / 1000,
            "with ADMIN the voxels are already corrected to the injection; let nothing decay": full * 2**lives,
            "you use the dose as it was injected; until the scan starts a part of it has decayed": full,
            "you correct in the wrong direction: less activity is left, so the SUV goes up": full / 2**lives,
            "you use exp(−t / half-life); after one half-life one half is left: 0.5 ** (t / half-life)":
                full * np.exp(lives),
            "you subtract the times as if they were numbers; 091500 is hours, minutes, seconds":
                full * 2.0 ** (naive / tags["RadionuclideHalfLife"]),
            "you divide by the weight; the same activity in a heavier body means a higher SUV":
                truth / weight**2,
        }
        expect_array(
            got, truth, mistakes,
            "{activity:.0f} Bq/mL with {tags} should give {right:.3f}, you give {yours:.3f}",
            rtol=1e-3,  # times in whole seconds, and half-lives as others print them
            activity=activity[0, 0], tags=tags, right=truth[0, 0], yours=got[0, 0],
        )
    for correction in ("NONE", "SOMETHING"):
        try:
            answer(activity, _tags(71.0, 2.2e8, "080500", "093000", correction))
        except ValueError:
            continue
        except Hint:  # it went through and returned nothing
            pass
        except (NameError, AttributeError, ImportError) as typo:
            raise Hint(f"your function stumbles instead of refusing ({typo}): look for a typo") from None
        except Exception as other:
            name = type(other).__name__
            raise Hint(f"with {correction} you raise {name}; who calls you expects a ValueError") from None
        raise Hint(f"with {correction} nothing says to which moment the voxels were corrected, and you give a "
                   "number all the same: raise a ValueError")
