"""Lesson 3.1b, What does a network gain from a template that slides?: its checks."""
import numpy as np
import pandas as pd

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import exercise


@exercise("Task: one place", "multiply, add up, move on")
def place(lower_left, places):
    expect_number(lower_left, 1, {
        "right column less left column: you have it the other way round": -1,
        "that is the upper left corner: the lower left one is rows 1 to 3": 0,
        "that is further to the right: take columns 0 to 2": (11, 12),
        "you add up all nine pixels; the template takes the left column away and leaves out the middle one": 9,
    }, "rows 1 to 3, columns 0 to 2: right column less left column; you give {got:g}")  # fmt: skip
    expect_number(places, 6, {
        "that is how many pixels there are: near the right and the lower edge the template does not fit": 20,
        "that is how many weights the template has": 9,
        "a template of three fits twice below each other, and three times side by side: multiply": 5,
    }, "count the patches of 3 × 3 in 4 × 5 pixels, overlapping ones too; you give {got:g}")  # fmt: skip


@exercise("Task: sides", "rounded down, both times")
def sides(first, second):
    one = "give one side, a number: the map has as many rows as columns"
    first, second = number(first, one), number(second, one)
    expect_number(first, 14, {
        "first: 13.5 is rounded down before 1 is added": (14.5, 15),
        "first: add 1 in the end, for the place at the start": (13, 13.5),
        "first: the frame is on both sides, so add twice the padding": (13, 12, 12.5),
        "first: you leave out the stride": 28,
    }, "first: (28 + 2 · 2 − 5) / 2, down, + 1; you give {got:g}")  # fmt: skip
    expect_number(second, 6, {
        "second: 7 comes from rounding up, or from a padding that is not there": 7,
        "second: 5.5 is rounded down before 1 is added": 6.5,
        "second: add 1 in the end": (5, 5.5),
        "second: you leave out the stride": 12,
    }, "second: (14 − 3) / 2, down, + 1; you give {got:g}")  # fmt: skip


def _convolve(film, template, stride, padding, mode="constant"):
    film, size = np.pad(film, padding, mode=mode), len(template)
    patches = np.lib.stride_tricks.sliding_window_view(film, (size, size))[::stride, ::stride]
    return (patches * template).sum((2, 3))


@exercise("Exercise 1", "your convolution has the right size, and the right answer at each place")
def convolve(answer):
    rng = np.random.default_rng(0)
    settings = [((6, 8), 3, 1, 0), ((6, 8), 3, 2, 0), ((6, 8), 3, 1, 1), ((7, 10), 5, 2, 2), ((9, 6), 1, 3, 0),
                ((8, 5), 2, 2, 1)]  # fmt: skip
    for shape, size, stride, padding in settings:
        film, template = rng.normal(size=shape) + 1, rng.normal(size=(size, size))
        truth = _convolve(film, template, stride, padding)
        got = np.asarray(answer(film, template, stride, padding))
        facts = {"film": shape, "size": size, "stride": stride, "padding": padding, "shape": truth.shape,
                 "got": got.shape}  # fmt: skip
        case = "for a film of {film}, size {size}, stride {stride}, padding {padding}"
        once = _convolve(film, template, 1, padding).shape
        refuse(got.shape == truth.shape[::-1] != truth.shape, f"{case}: rows and columns are the wrong way round",
               **facts)  # fmt: skip
        refuse(stride > 1 and got.shape == once, f"{case}: your map has the size that stride 1 gives", **facts)
        bare = _convolve(film, template, stride, 0).shape if padding else None
        refuse(got.shape == bare != truth.shape, f"{case}: your map has the size that no padding gives", **facts)
        expect_shape(got, truth.shape, f"{case} the map has the shape {{shape}}, yours has {{got}}", **{
            k: v for k, v in facts.items() if k not in ("shape", "got")})  # fmt: skip
        turned = _convolve(film, template[::-1, ::-1], stride, padding)
        mistakes = {
            f"{case}: you turn the template by half a turn, as mathematicians do; here it lies as it is": turned,
            f"{case}: the template is transposed": _convolve(film, template.T, stride, padding),
            f"{case}: you take the mean of the nine products; add them": truth / size**2,
        }
        if padding:
            mistakes[f"{case}: the frame holds zeros, not pixels of the edge"] = (
                _convolve(film, template, stride, padding, "edge"))  # fmt: skip
        if stride > 1:
            film_padded = np.pad(film, padding)
            patches = np.lib.stride_tricks.sliding_window_view(film_padded, (size, size))
            first = patches[: truth.shape[0], : truth.shape[1]]
            mistakes[f"{case}: at row r of the map the patch begins at row r · stride"] = (first * template).sum((2, 3))
        named = {k: v for k, v in facts.items() if k != "got"}
        expect_array(got, truth, mistakes, f"{case} your map is off by up to {{off:.3g}}", **named)


@exercise("Exercise 2", "a size that is rounded down, and weights that do not ask how large the film is")
def layer(answer):
    cases = [(28, 28, 1, 8, 5, 1, 2), (28, 28, 3, 32, 3, 2, 1), (14, 20, 8, 4, 5, 2, 2), (9, 12, 2, 3, 1, 1, 0),
             (64, 48, 16, 7, 3, 3, 0)]  # fmt: skip
    for rows, columns, channels, templates, size, stride, padding in cases:
        got = answer(rows, columns, channels, templates, size, stride, padding)
        two = "return two things: the shape of what comes out, and the number of weights"
        expect_type(got, (tuple, list), two)
        refuse(len(got) != 2, two)
        shape, weights = tuple(np.ravel(got[0]).tolist()), number(got[1], "the number of weights is one number")
        down = tuple((side + 2 * padding - size) // stride + 1 for side in (rows, columns))
        case = f"for {rows} × {columns}, size {size}, stride {stride}, padding {padding}"
        up = tuple(-((side + 2 * padding - size) // -stride) + 1 for side in (rows, columns))
        refuse(len(shape) != 3, "the shape has three numbers: templates, rows, columns")
        refuse(shape[0] == channels != templates, "what comes out has a channel for each template, not for each "
               "channel of what goes in")  # fmt: skip
        refuse(shape == (*down, templates), "the shape is (templates, rows, columns), in this order")
        refuse(shape[1:] == up != down, f"{case}: round down, before you add 1")
        refuse(shape[1:] == tuple(side - 1 for side in down), f"{case}: add 1, for the place at the start")
        once = tuple((side + padding - size) // stride + 1 for side in (rows, columns))
        refuse(shape[1:] == once != down, f"{case}: the frame is on both sides: twice the padding")
        refuse(shape != (templates, *down), f"{case}, {templates} templates: the shape is {(templates, *down)}, not "
               f"{shape}")  # fmt: skip
        truth = templates * (channels * size**2 + 1)
        case = f"for {channels} channels and {templates} templates of size {size}"
        expect_number(weights, truth, {
            f"{case}: each template has a bias: you leave them out": templates * channels * size**2,
            f"{case}: a template has nine weights for each channel, you count one channel": templates * (size**2 + 1),
            f"{case}: one bias a template, not one for each channel, too": templates * channels * (size**2 + 1),
            f"{case}: each template has a bias; you count one for all": templates * channels * size**2 + 1,
            f"{case}: that is one template; multiply by how many there are": channels * size**2 + 1,
            f"{case}: a template is size × size": templates * (channels * size + 1),
            f"{case}: weights are shared: do not count them again for each place": truth * down[0] * down[1],
        }, f"{case} there are {truth} weights, not {{got:g}}")  # fmt: skip


@exercise("Task: shared weight", "a fork: every place has its say")
def shared(answer):
    expect_number(answer, 0.6, {
        "slopes of a fork add, each multiplied with its own pixel first; you leave the pixels out, or take a mean": 0.2,
        "one of the slopes is negative: 2 · (−0.2)": 1.4,
        "that is the last place alone: every place has its say": 0.9,
        "you multiply sums; multiply at each place, then add": 1.2,
    }, "pixel × slope at each place, then add: you give {got:g}")  # fmt: skip


@exercise("Task: what is lost", "the mean of five, for each of six")
def lost(answer, runs):
    """The answer comes with the lesson's table of runs: variant, seed, middle, aside."""
    kind = "give one number for each variant, by its name: a Series or a dictionary, not {kind}"
    expect_type(answer, (dict, pd.Series, pd.DataFrame), kind)
    if isinstance(answer, pd.DataFrame):
        refuse(answer.shape[1] != 1, "that is a table of {} columns: one number for each variant", answer.shape[1])
        answer = answer.iloc[:, 0]
    means = runs.groupby("variant")[["middle", "aside"]].mean()
    refuse(len(answer) == len(runs) > len(means), "that is a number for each run: group by runs[\"variant\"], and take "
           "the mean")  # fmt: skip
    missing = [name for name in means.index if name not in answer]
    refuse(missing, "a number is missing for {}", ", ".join(missing))
    got = np.array([number(answer[name]) for name in means.index])
    truth = (means["middle"] - means["aside"]).to_numpy()
    expect_array(got, truth, {
        "the other way round: middle less aside": -truth,
        "that is what is left; ask what is lost: middle less aside": means["aside"],
        "that is the AUC in the middle: take away the one aside": means["middle"],
        "you add the five seeds; take their mean": truth * runs["seed"].nunique(),
        "that is one seed's: take the mean over all five":
            tuple((one.set_index("variant")["middle"] - one.set_index("variant")["aside"])[means.index]
                  for _, one in runs.groupby("seed")),
        "you divide by what was there in the middle; ask for the plain difference": truth / means["middle"],
    }, "your numbers are off by up to {off:.3g}", rtol=1e-3, atol=6e-4)  # fmt: skip


FAULTS = ("rate", "start", "twice")


@exercise("Task: who is who", "one minute each, before an hour of training")
def faults(answer):
    expect_type(answer, dict, 'give a dictionary such as {{"A": "rate", "B": "start", "C": "twice"}}, not {kind}')
    missing = [name for name in "ABC" if answer.get(name) is None or answer[name] is ...]
    refuse(missing, "name a fault for {} as well", " and ".join(missing))
    said = {name: str(answer[name]).strip().lower() for name in "ABC"}
    for name, word in said.items():
        refuse(word not in FAULTS, '{}: "rate", "start" or "twice", not {!r}', name, answer[name])
    refuse(said["B"] != "rate", "B: its steps are a hundred-thousandth of the weights, and its loss stays where it "
           "began: which fault is that?")  # fmt: skip
    refuse(said["C"] != "start", "C: its loss begins far above ln 2: which fault is that?")
    refuse(said["A"] != "twice", "A: it begins at chance and its steps are fine, but twenty films do not get below "
           "0.31")  # fmt: skip
