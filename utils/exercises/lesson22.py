"""Lesson 2.2, Where is a pixel?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, refuse
from utils.lesson import exercise


@exercise("Task: aspect", "a row of the picture is as high as it is in the patient")
def aspect(answer):
    slices, rows, columns = 4, 0.9, 0.6  # mm
    expect_number(answer, slices / rows, {
        "the other way round: row spacing divided by column spacing": rows / slices,
        "the column index is fixed at 100, so 0.6 mm is not in this picture; its columns are rows of the array":
            (slices / columns, columns / slices),
        "that is the aspect of an axial picture; here the slices are the picture's rows":
            (rows / columns, columns / rows),
        "imshow takes every voxel for a square then": 1,
    }, "one row of the picture is {slices} mm high, one column {rows} mm wide; you say {got:.3g}",
       rtol=0.012, slices=slices, rows=rows)  # two digits are enough


def _turned(rng, spacing):
    """Three axes at right angles, turned at random, as the columns of a matrix, each as long as its spacing."""
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return turn * np.linalg.det(turn) * spacing


@exercise("Exercise 1", "a number that can be compared between scanners")
def volume_ml(answer):
    rng = np.random.default_rng(0)
    cases = [((0.8, 0.8, 5.0), 1), ((1.2, 0.7, 3.0), 1), ((2.0, 1.5, 0.5), 255)]
    for spacing, label in cases:
        mask = rng.random((9, 8, 7)) < 0.3
        count = int(mask.sum())
        if label == 255:
            mask = mask * np.uint8(255)
        truth = count * np.prod(spacing) / 1000
        expect_number(answer(mask, spacing), truth, {
            "you add up the values of the mask; some masks hold 0 and 255: count what is not zero":
                truth * label,
            "you count only the ones; some masks hold 0 and 255: count what is not zero":
                truth * (label == 1),
            "that is a number of voxels: multiply by the volume of one voxel, in mm³":
                (count, count / 1000),
            "that is in mm³: a millilitre is 1,000 of them": truth * 1000,
            "a millilitre is 1,000 mm³ (10 × 10 × 10), not 10": truth * 100,
            "you use two of the three spacings: that is an area, and the slices are not 1 mm apart":
                count * spacing[0] * spacing[1] / 1000,
            "you take the voxel for a cube: multiply the three spacings":
                (count * spacing[0] ** 3 / 1000, count * spacing[2] ** 3 / 1000),
            "you add the spacings; the volume of a box is their product":
                count * sum(spacing) / 1000,
        }, "{count} voxels of {box} mm are {truth:.4f} mL, you say {got:.4f}", count=count,
           box=" × ".join(map(str, spacing)))


NEAR = 1e-3  # mm: headers round their numbers, and no scanner knows more


@exercise("Exercise 2", "sixteen numbers, and left stays left")
def nifti_affine(answer):
    rng = np.random.default_rng(1)
    for shape, way in (((24, 16, 11), 1), ((10, 20, 30), -1)):  # along the arrows' normal, and against it
        spacing = rng.uniform(0.5, 0.9, 3) * [1, 1.7, 4]  # between columns, rows, slices
        steps, first = _turned(rng, spacing) * [1, 1, way], rng.uniform(-90, 90, 3)
        count = shape[2]
        last = first + (count - 1) * steps[:, 2]
        orientation = (steps / spacing)[:, :2].T.ravel()
        lists = [part.tolist() for part in (first, last, orientation, spacing[1::-1])]
        got = expect_shape(np.asarray(answer(*lists[:2], count, *lists[2:]), float), (4, 4), "an "
                           "affine has 4 rows and 4 columns; yours has shape {got}")
        lps = np.eye(4)
        lps[:3, :3], lps[:3, 3] = steps, first
        flip = np.diag([-1.0, -1, 1, 1])
        truth = flip @ lps
        half = truth.copy()
        half[:3, 3] = first
        ratio = spacing[1] / spacing[0]
        exchange = truth[:, [1, 0, 2, 3]]
        mistakes = {
            "that is section 2's affine (slice, row, column, LPS): reorder its columns, then negate two rows":
                lps[:, [2, 1, 0, 3]],
            "this is still LPS: negate x and y, that is the first two rows, the origin included": lps,
            "the steps are RAS and the origin is still LPS: negate the first two rows to the end": half,
            "you negate two columns: that turns the array's axes round; negate the first two rows": lps @ flip,
            "PixelSpacing gives first the distance between rows, so it belongs to the second arrow":
                truth * [ratio, 1 / ratio, 1, 1],
            "the first three cosines point along a row, the way the column index grows: first column":
                (exchange * [1 / ratio, ratio, 1, 1], exchange),
            "this stack runs against the arrows' cross product: take the slice step from last − first":
                truth * [1, 1, -1, 1],
            "between the first and the last of n slices lie n − 1 steps, not n":
                truth * [1, 1, (count - 1) / count, 1],
            "the columns of the matrix follow the indices: here column, row, slice":
                (truth[:, [2, 1, 0, 3]], truth[:, [2, 0, 1, 3]]),
        }
        refuse(not np.allclose(got[3], [0, 0, 0, 1]), "the steps are the columns of the matrix, "
               "and its last row is 0, 0, 0, 1")
        corners = np.indices((2, 2, 2)).reshape(3, 8) * (np.array([shape]).T - 1)
        corners = np.vstack([corners, np.ones(8)])  # (4, 8)
        expect_array(got @ corners, truth @ corners,
                     {what: tuple(np.reshape(wrong, (-1, 4, 4)) @ corners) for what, wrong in mistakes.items()},
                     "a corner of the volume lands {off:.1f} mm from where it is: check each "
                     "column", rtol=0, atol=NEAR)


@exercise("Exercise 3", "every label on the new grid is one that somebody drew")
def resample_labels(answer):
    rng = np.random.default_rng(2)
    known = [0, 1, 2, 7]
    for turned in (False, True):
        labels = np.kron(rng.choice(known, (5, 4, 4)), np.ones((4, 4, 4))).astype(np.uint8)
        affine, new_affine, new_shape = np.eye(4), np.eye(4), (26, 21, 17)
        affine[:3, :3], affine[:3, 3] = np.diag([1.5, 1.5, 4.0]), (-20, 30, 5)
        steps = _turned(rng, [1.3, 1.9, 2.1]) if turned else np.diag([1.3, 1.9, 2.1])
        end = np.array([labels.shape]).T - 1
        middle = affine[:3, :3] @ end[:, 0] / 2 + affine[:3, 3]
        new_affine[:3, :3] = steps
        new_affine[:3, 3] = middle - steps @ (np.array(new_shape) - 1) / 2
        grid = np.indices(new_shape).reshape(3, -1)
        grid = np.vstack([grid, np.ones(grid.shape[1])])
        index = (np.linalg.inv(affine) @ new_affine @ grid)[:3]  # (3, voxels), on the old grid
        clear = (np.abs(index - np.floor(index) - 0.5) > 1e-3).all(0)  # no tie between two voxels
        inside = ((index >= 0) & (index <= end)).all(0) & clear
        outside = ((index < -0.51) | (index > end + 0.51)).any(0)
        near = labels[tuple(np.clip(np.rint(index), 0, end).astype(int))]
        got = expect_shape(answer(labels, affine, new_affine, new_shape), new_shape, "the new grid "
                           "has shape {shape}, your answer {got}")
        flat = got.ravel()
        strange = flat[~np.isin(flat, known)]
        refuse(strange.size, "the labels are 0, 1, 2 and 7, and you return {first[0]:g} too: take "
               "the nearest voxel (order=0), do not mix", first=strange)
        refuse(got.dtype != labels.dtype, "labels came as {} and leave as {}: keep their data type",
               labels.dtype, got.dtype)
        wrong = (flat != near)[inside].mean()
        refuse(wrong, "{:.0%} of the voxels inside the old grid differ from their nearest "
               "neighbour: new index to mm by new_affine, then mm to old index by the inverse of "
               "affine", wrong)
        refuse(flat[outside].any(), "outside the old grid nobody drew anything: the label there is 0")


FINE, COARSE, GRID, FWHM = 2.0, 4.0, 0.8, 2.354820  # mm, and the FWHM of a Gaussian in standard deviations


@exercise("Task: resolution", "two scanners, one resolution; the header has not changed")
def sigma(answer):
    width = (COARSE**2 - FINE**2) ** 0.5
    expect_number(answer, width / FWHM / GRID, {
        "widths do not subtract; their squares do: the missing blur is √(4² − 2²) mm":
            ((COARSE - FINE) / FWHM / GRID, (COARSE - FINE) / GRID, (COARSE - FINE) / FWHM),
        "that would blur A by all of B's width; A has 2 mm already": (COARSE / FWHM / GRID, COARSE / FWHM),
        "that is in mm; gaussian_filter counts in voxels of 0.8 mm": width / FWHM,
        "that is a FWHM in voxels; sigma is a standard deviation: divide by 2.355": width / GRID,
        "that is a FWHM in mm; sigma is a standard deviation, in voxels": width,
        "mm to voxels: divide by the spacing": width / FWHM * GRID,
        "to go from FWHM to a standard deviation, divide by 2.355": width * FWHM / GRID,
        "the widths add up as squares; take the root": width**2 / FWHM / GRID,
    }, "the missing blur is √(4² − 2²) mm wide: as a standard deviation, and in voxels, that is not {got:.3g}",
       rtol=0.01)


PLACED = "ACEF"
WHY = {
    "A": "A: slices thicker than their distance overlap, and that is allowed; gaps count",
    "B": "B: between 6 and 12 a slice is missing, so one step does not fit all",
    "C": "C: names and numbers do not count; positions put them in order",
    "D": "D: two frames of reference share no origin, so their millimetres cannot be compared",
    "E": "E: the positions contradict the attribute, and positions are what was measured",
    "F": "F: one code that is not 0 is enough: its affine was given, not made up",
    "G": "G: all slices at one place: nobody knows where they were",
}


@exercise("Task: refuse", "four with a place, three without")
def reliable(answer):
    if isinstance(answer, (list, tuple, set)):
        answer = "".join(map(str, answer))
    expect_type(answer, str, 'give the letters as one text, such as "AB", not {kind}')
    given = set(answer.upper()) - set(" ,;·")
    refuse(given - set(WHY), "only letters from A to G, not {!r}", "".join(sorted(given - set(WHY))))
    wrong = sorted(given ^ set(PLACED))
    refuse(wrong, "{} ({} to look at)", WHY[wrong[0]] if wrong else "", len(wrong))


@exercise("Task: lean", "so far off, and every slice looks fine by itself")
def astray(answer, stack):
    slices, gap, tilt = len(stack.array), stack.spacing[0], np.radians(stack.tilt)
    steps = slices - 1
    expect_number(answer, steps * gap * np.tan(tilt), {
        "between the first and the last of n slices lie n − 1 steps": slices * gap * np.tan(tilt),
        "spacing[0] is measured across the slices, so it is the side beside the angle: tangent, not sine":
            steps * gap * np.sin(tilt),
        "np.tan takes radians, and tilt is in degrees": steps * gap * np.tan(stack.tilt),
        "that is from one slice to the next; the last is n − 1 steps away": gap * np.tan(tilt),
        "that is how long the stack is across its slices; how far does it lean?": steps * gap,
        "that is how long the stack is along the table; how far does it lean?": steps * gap / np.cos(tilt),
    }, "each step leans by spacing × tan(tilt); after {steps} of them you say {got:.1f} mm", rtol=1e-3, steps=steps)
