"""Lesson 3.5, How much of it is ill: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import exercise


@exercise("Task 1", "voxels times the size of one; a doctor reads millilitres, not voxels")
def volume(answer, mask, spacing):
    """The answer comes with what the lesson has: mask bool (i, j, k) and spacing in mm."""
    count, size = float(mask.sum()), np.prod(spacing)
    expect_number(
        answer, count * size / 1000,
        {
            "that is in cubic millimetres: a millilitre has 1000 of them": count * size,
            "that is the number of voxels; each is {i:g} × {j:g} × {k:g} mm large": (count, count / 1000),
            "that is the whole scan; count the voxels of the mask only": mask.size * size / 1000,
            "a millilitre has 1000 mm³, for 10 × 10 × 10 mm make a cubic centimetre": (
                count * size / 100, count * size / 10),
            "you take the sum of the three sides; a voxel's volume is their product": count * np.sum(spacing) / 1000,
            "that is an area: the third side of the voxel is missing": (
                count * spacing[0] * spacing[1] / 1000, count * spacing[0] * spacing[2] / 1000),
        },
        "you give {got:.1f}; multiply the voxels of the mask by the three sides, and divide by 1000",
        i=spacing[0], j=spacing[1], k=spacing[2],
    )  # fmt: skip


def _turned(angle, tilt=0.0, flip=1.0):
    """An affine of 2 × 3 × 5 mm voxels, turned about one axis, sheared by a tilted gantry, perhaps mirrored."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    shear = np.array([[1, 0, 0], [0, 1, np.tan(tilt)], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ shear @ np.diag([2 * flip, 3, 5])
    affine[:3, 3] = 40.0, -120.0, 7.0
    return affine


@exercise("Exercise 1", "the determinant knows every voxel: straight, oblique, mirrored or sheared")
def millilitres(answer):
    rng = np.random.default_rng(0)
    mask = rng.random((6, 7, 8)) < 0.3
    for affine in (_turned(0.0), _turned(0.5), _turned(0.0, flip=-1.0), _turned(0.4, tilt=0.35, flip=-1.0)):
        inner, count = affine[:3, :3], float(mask.sum())
        signed = np.linalg.det(inner)
        got = answer(mask, affine)
        columns, rows = (np.prod(np.linalg.norm(inner, axis=axis)) for axis in (0, 1))
        expect_number(
            got, count * abs(signed) / 1000,
            {
                "the determinant of a mirrored affine is negative, and a volume is not: take its size, abs()": (
                    count * signed / 1000),
                "that is in cubic millimetres: divide by 1000": (count * abs(signed), count * signed),
                "the diagonal holds the sides of a voxel only while the scan lies straight: take the determinant": (
                    count * np.abs(np.prod(np.diag(inner))) / 1000, count * np.prod(np.diag(inner)) / 1000),
                "columns' lengths give the sides, but a sheared voxel is no box: take the determinant": (
                    count * columns / 1000),
                "that multiplies the lengths of the rows; the sides of a voxel are columns, and the determinant is "
                "safe": count * rows / 1000,
                "you count every voxel; count those of the mask": mask.size * abs(signed) / 1000,
                "you return voxels; multiply by the volume of one": (count, count / 1000),
            },
            "you give {got:.4g} mL where {truth:.4g} is right",
        )  # fmt: skip
    refuse(number(answer(np.zeros((3, 3, 3), bool), _turned(0.2))) != 0, "an empty mask holds 0 mL; yours holds more")
    labels = (mask * 1).astype(np.uint8)
    truth = mask.sum() * 0.03
    refuse(not np.isclose(number(answer(labels, _turned(0.1))), truth), "for a mask of 0 and 1, as files hold it, your "
           "answer is another than for False and True")  # fmt: skip


@exercise("Exercise 2", "a Dice with a rule for nothing at all")
def dice(answer):
    rng = np.random.default_rng(1)
    one, other = rng.random((5, 6, 4)) < 0.4, rng.random((5, 6, 4)) < 0.6
    nothing, few = np.zeros((5, 6, 4), bool), rng.random((5, 6, 4)) < 0.1
    for a, b in ((one, other), (few, other), (one, one), (one, ~one), (one, nothing), (nothing, few)):
        shared, both, either = float((a & b).sum()), float(a.sum() + b.sum()), float((a | b).sum())
        expect_number(
            answer(a.copy(), b.copy()), 2 * shared / both,
            {
                "that is the intersection over the union; Dice is twice the intersection over both sizes": (
                    shared / either),
                "the 2 is missing: a mask has Dice 1 with itself": shared / both,
                "that is the share of equal voxels; background makes it large, so Dice leaves it out": (a == b).mean(),
                "that is the share of the first mask that is met; what the second holds besides must cost": (
                    shared / max(a.sum(), 1)),
                "that is the share of the second mask that is met; what the first holds besides must cost": (
                    shared / max(b.sum(), 1)),
            },
            "you give {got:.3f} where {truth:.3f} is right",
        )  # fmt: skip
    got = number(answer(nothing.copy(), nothing.copy()))
    refuse(np.isnan(got), "two empty masks give 0/0, which is NaN: return 1.0 for them, since they agree")
    refuse(got == 0, "two empty masks agree completely: return 1.0 for them, not 0")
    refuse(got != 1, "two empty masks agree completely: return 1.0; you return {got:g}", got=got)


class _Random(np.random.Generator):
    """A generator whose copies begin anew; to draw from it is not to change what one is given."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(seed))
        self.seed = seed

    def __reduce__(self):
        return _Random, (self.seed,)


@exercise("Exercise 3", "the nodule is somewhere, image and mask agree, and the crop stays inside")
def jittered_crop(answer):
    rows, columns, size, reach = 50, 60, 16, 5
    picture = np.arange(rows * columns, dtype=float).reshape(rows, columns)  # a pixel's value tells its place
    mask = np.random.default_rng(2).random((rows, columns)) < 0.5
    names = "picture", "mask"

    def ask(centre, seed):
        got = answer(picture.copy(), mask.copy(), centre, size, reach, _Random(seed))
        expect_type(got, (tuple, list), "return two crops, image and mask; you return {kind}")
        refuse(len(got) != 2, "return two crops, image and mask")
        for crop, name in zip(got, names, strict=True):
            expect_shape(crop, (size, size), "the crop of the {name} is {got} at the centre {centre}, and should be "
                         "{shape}: near an edge move the window inward", name=name, centre=centre)  # fmt: skip
        start = divmod(int(np.asarray(got[0])[0, 0]), columns)
        where = slice(start[0], start[0] + size), slice(start[1], start[1] + size)
        refuse(not np.array_equal(got[0], picture[where]), "the picture is not cut out as it is: no turning, no gaps")
        refuse(not np.array_equal(got[1], mask[where]), "the mask is cut elsewhere than its picture: draw "
               "once, cut both")  # fmt: skip
        return np.array(start)

    middle = (25, 30)
    starts = np.array([ask(middle, seed) for seed in range(300)]) - np.array(middle) + size // 2  # −reach … reach
    refuse(np.ptp(starts) == 0, "the nodule always lies in the same place: move the window by rng")
    again = [ask(middle, 7) for _ in range(3)]
    refuse(np.ptp(again, axis=0).any(), "the same rng gives another crop each time: draw from the rng you are given")
    refuse((starts[:, 0] == starts[:, 1]).all(), "rows and columns move by the same step: draw two")
    refuse(np.abs(starts).max() > reach, "the window moves by up to {far} pixels; reach is {reach}",
           far=np.abs(starts).max(), reach=reach)  # fmt: skip
    refuse(starts.min() >= 0 or starts.max() <= 0, "the window moves one way only: from -reach to reach")
    refuse(starts.max() == reach - 1, "reach itself never comes: the end of rng.integers is left out, so add 1")
    expect_array([starts.min(), starts.max()], [-reach, reach], {}, "the window moves from {got[0]} to {got[1]} pixels "
                 "where -{reach} to {reach} is asked for", reach=reach)  # fmt: skip
    for centre in ((0, 0), (rows - 1, columns - 1), (3, columns - 2)):
        for seed in range(20):
            ask(centre, seed)


@exercise("Task 2", "six scores are gone, and they are the ones of the people who have nothing")
def counted(answer, ill, healthy):
    """The answer comes with the numbers of CTs whose true mask holds something, and of those with an empty one."""
    expect_number(
        answer, ill,
        {
            "that counts the healthy, too: with an empty true mask the default gives NaN, which is left out": (
                ill + healthy),
            "those are the ones that are left out": healthy,
            "that is how many are left out of each side of the sum; how many stay?": ill - healthy,
        },
        "you give {got:g}; an empty true mask gives NaN, and NaN stays out of the mean",
    )  # fmt: skip
